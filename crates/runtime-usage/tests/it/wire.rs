//! Usage as each provider reports it. A comment computes each cost by hand.

use runtime_usage::{ReportedUsage, ServiceTier, UsageFormat, UsageSnapshot, Usd};
use serde_json::{Value, json};

use crate::support::{payload, prices};

const ALL: [(&str, UsageFormat); 7] = [
    ("OpenAI chat", UsageFormat::OpenAiChat),
    ("OpenAI responses", UsageFormat::OpenAiResponses),
    ("Anthropic", UsageFormat::Anthropic),
    ("Gemini", UsageFormat::Gemini),
    ("Bedrock", UsageFormat::Bedrock),
    ("Ollama", UsageFormat::Ollama),
    ("OpenRouter", UsageFormat::OpenRouter),
];

fn total(tokens: &UsageSnapshot) -> u64 {
    tokens.total_input_tokens() + tokens.total_output_tokens()
}

/// Asserts the counts of a body, and of its usage object alone.
fn read(format: UsageFormat, body: &Value, tokens: UsageSnapshot) -> ReportedUsage {
    let usage = format.read(body).expect("the counts agree");
    assert_eq!(usage.tokens, tokens);
    assert!(!usage.estimated);
    if let Some(alone) = body.get("usage").or_else(|| body.get("usageMetadata")) {
        let alone = format.read(alone).expect("the counts agree");
        assert_eq!((alone.tokens, &alone.missing), (tokens, &usage.missing));
        assert_eq!((alone.model, alone.cost), (None, usage.cost));
    }
    usage
}

#[test]
fn openai_cached_input_is_subtracted_from_the_prompt() {
    let tokens = UsageSnapshot::new(86, 300).cache_read(1_920).reasoning(128);
    let usage = read(UsageFormat::OpenAiChat, &payload!("openai_chat_cached"), tokens);
    assert_eq!(usage.model.as_deref(), Some("gpt-5-2026-05-14"));
    assert_eq!((usage.tier, usage.cost), (Some(ServiceTier::Standard), None));
    assert_eq!(usage.missing, [""; 0]);
    // 86 × 1.25 $ + 1,920 × 0.13 $ + 300 × 10 $, per million: 107.5 + 249.6 + 3,000 µ$.
    assert_eq!(prices(125, 1_000, 0, 13).cost(&tokens), Usd::from_nanos(3_357_100));
}

#[test]
fn openai_cache_writes_are_subtracted_from_the_prompt() {
    let tokens = UsageSnapshot::new(200, 50).cache_read(2_000).cache_write(400);
    let usage = read(UsageFormat::OpenAiChat, &payload!("openai_chat_cache_write"), tokens);
    assert_eq!(usage.tier, Some(ServiceTier::Flex));
    // 200 × 2 $ + 50 × 16 $ + 400 × 2.50 $ + 2,000 × 0.20 $: 400 + 800 + 1,000 + 400 µ$.
    assert_eq!(prices(200, 1_600, 250, 20).cost(&tokens), Usd::from_nanos(2_600_000));
}

#[test]
fn openai_audio_is_not_counted_as_text() {
    let tokens = UsageSnapshot::new(180, 60).input_audio(320).output_audio(150);
    let usage = read(UsageFormat::OpenAiChat, &payload!("openai_chat_audio"), tokens);
    assert_eq!(total(&usage.tokens), 710);
    // Without prices of its own, audio costs the same as text: 500 × 2 $ + 210 × 8 $: 1,000 + 1,680 µ$.
    assert_eq!(prices(200, 800, 0, 0).cost(&tokens), Usd::from_nanos(2_680_000));
}

#[test]
fn openai_audio_beyond_uncached_input_counts_as_cached() {
    // Of 500 input tokens 400 are cached, so at most 100 of the 320 audio tokens are not.
    let tokens = UsageSnapshot::new(0, 60).cache_read(400).input_audio(100);
    let body = payload!("openai_chat_audio_cached");
    let usage = read(UsageFormat::OpenAiChat, &body, tokens);
    assert_eq!(usage.tokens.total_input_tokens(), 500);
    // 100 × 2 $ + 400 × 1 $ + 60 × 8 $: 200 + 400 + 480 µ$.
    assert_eq!(prices(200, 800, 0, 100).cost(&tokens), Usd::from_nanos(1_080_000));

    let mut told = body;
    told["usage"]["prompt_tokens_details"]["cached_tokens_details"] = json!({"audio_tokens": 300});
    let tokens = UsageSnapshot::new(80, 60).cache_read(400).input_audio(20);
    read(UsageFormat::OpenAiChat, &told, tokens);
}

#[test]
fn openai_predictions_are_output_and_null_is_zero() {
    let tokens = UsageSnapshot::new(120, 80);
    let usage = read(UsageFormat::OpenAiChat, &payload!("openai_chat_predicted"), tokens);
    assert_eq!(usage.tier, Some(ServiceTier::Priority));
    assert_eq!(usage.missing, [""; 0]);
    // 120 × 2 $ + 80 × 8 $: 240 + 640 µ$.
    assert_eq!(prices(200, 800, 0, 50).cost(&tokens), Usd::from_nanos(880_000));
}

#[test]
fn openai_response_is_read_like_a_chat_completion() {
    let tokens = UsageSnapshot::new(200, 1_035).cache_read(2_000).cache_write(400).reasoning(832);
    let usage = read(UsageFormat::OpenAiResponses, &payload!("openai_responses"), tokens);
    assert_eq!(usage.model.as_deref(), Some("gpt-5-2026-05-14"));
    assert_eq!(usage.missing, [""; 0]);
    // 200 × 2 $ + 1,035 × 16 $ + 400 × 2.50 $ + 2,000 × 0.20 $: 400 + 16,560 + 1,000 + 400 µ$.
    assert_eq!(prices(200, 1_600, 250, 20).cost(&tokens), Usd::from_nanos(18_360_000));
}

#[test]
fn anthropic_cache_tokens_are_separate_from_input() {
    let tokens = UsageSnapshot::new(21, 393)
        .cache_read(188_086)
        .cache_write(456)
        .cache_write_1h(1_044)
        .reasoning(200);
    let usage = read(UsageFormat::Anthropic, &payload!("anthropic_cached"), tokens);
    assert_eq!(usage.model.as_deref(), Some("claude-sonnet-4-5-20250929"));
    assert_eq!(usage.tier, Some(ServiceTier::Standard));
    // The searches and the region are charged beside the tokens.
    assert_eq!(usage.missing, ["server_tool_use.web_search_requests", "inference_geo"]);
    // Nothing is counted twice: 21 + 456 + 1,044 + 188,086 in, 393 out.
    assert_eq!(total(&usage.tokens), 190_000);
    // 21 × 3 $ + 393 × 15 $ + 188,086 × 0.30 $ + 456 × 3.75 $:
    // 63 + 5,895 + 56,425.8 + 1,710 µ$. An hour in the cache has its own price.
    let minutes_only = tokens.cache_write_1h(0);
    assert_eq!(prices(300, 1_500, 375, 30).cost(&minutes_only), Usd::from_nanos(64_093_800));
}

#[test]
fn anthropic_cache_writes_default_to_minutes() {
    let tokens = UsageSnapshot::new(21, 393).cache_write(1_500);
    let usage = read(UsageFormat::Anthropic, &payload!("anthropic_unsplit"), tokens);
    assert_eq!(usage.tier, Some(ServiceTier::Batch));
    // 21 × 3 $ + 393 × 15 $ + 1,500 × 3.75 $: 63 + 5,895 + 5,625 µ$.
    assert_eq!(prices(300, 1_500, 375, 30).cost(&tokens), Usd::from_nanos(11_583_000));
}

#[test]
fn anthropic_compaction_is_added_and_adviser_is_missing() {
    let tokens = UsageSnapshot::new(203_000, 4_500).cache_read(40).cache_write_1h(700);
    let usage = read(UsageFormat::Anthropic, &payload!("anthropic_compaction"), tokens);
    assert_eq!(usage.tier, Some(ServiceTier::Priority));
    assert_eq!(
        usage.missing,
        [
            "iterations[type=advisor_message].input_tokens",
            "iterations[type=advisor_message].output_tokens"
        ]
    );
    // 203,000 × 3 $ + 4,500 × 15 $ + 40 × 0.30 $: 609,000 + 67,500 + 12 µ$.
    let without_hour = tokens.cache_write_1h(0);
    assert_eq!(prices(300, 1_500, 375, 30).cost(&without_hour), Usd::from_nanos(676_512_000));
}

/// `LiteLLM` #9812 and Langfuse #12306: the same turn, reported beside the cache and with it. Both
/// were priced with the cached tokens at the price of input as well.
#[test]
fn turn_costs_the_same_for_inclusive_and_exclusive_counts() {
    let tokens = UsageSnapshot::new(5, 100).cache_read(30_000);
    read(UsageFormat::Anthropic, &payload!("litellm_9812"), tokens);
    read(UsageFormat::OpenAiChat, &payload!("langfuse_12306"), tokens);
    // 5 × 3 $ + 100 × 15 $ + 30,000 × 0.30 $: 15 + 1,500 + 9,000 µ$, and not 90,000 µ$ more.
    assert_eq!(prices(300, 1_500, 375, 30).cost(&tokens), Usd::from_nanos(10_515_000));
}

#[test]
fn gemini_thoughts_and_tool_prompts_are_added() {
    let tokens = UsageSnapshot::new(120, 603).reasoning(405);
    let body = payload!("gemini_thinking_tools");
    let usage = read(UsageFormat::Gemini, &body, tokens);
    assert_eq!(usage.model.as_deref(), Some("gemini-2.5-flash"));
    assert_eq!(usage.tier, Some(ServiceTier::Flex));
    assert_eq!(usage.missing, [""; 0]);
    // 120 × 0.30 $ + 603 × 2.50 $: 36 + 1,507.5 µ$.
    assert_eq!(prices(30, 250, 0, 3).cost(&tokens), Usd::from_nanos(1_543_500));

    let mut without_tools = body;
    without_tools["usageMetadata"]["totalTokenCount"] = json!(623);
    read(UsageFormat::Gemini, &without_tools, tokens);
}

#[test]
fn gemini_audio_and_cache_are_parts_of_the_prompt() {
    // 700 of 1,000 are audio, 500 of them cached, beside 100 of cached text.
    let tokens = UsageSnapshot::new(200, 10).cache_read(600).input_audio(200).output_audio(40);
    let usage = read(UsageFormat::Gemini, &payload!("gemini_audio_cached"), tokens);
    assert_eq!(usage.tier, Some(ServiceTier::Priority));
    assert_eq!(total(&usage.tokens), 1_050);
    // 400 × 0.30 $ + 50 × 2.50 $ + 600 × 0.03 $: 120 + 125 + 18 µ$.
    assert_eq!(prices(30, 250, 0, 3).cost(&tokens), Usd::from_nanos(263_000));
}

#[test]
fn gemini_thoughts_are_candidates_if_the_total_says_so() {
    let tokens = UsageSnapshot::new(57, 110).reasoning(60);
    let usage = read(UsageFormat::Gemini, &payload!("gemini_thoughts_inside"), tokens);
    assert_eq!(usage.tier, Some(ServiceTier::Standard));
    // 57 × 0.30 $ + 110 × 2.50 $: 17.1 + 275 µ$.
    assert_eq!(prices(30, 250, 0, 3).cost(&tokens), Usd::from_nanos(292_100));
}

#[test]
fn bedrock_cache_tokens_are_separate_from_input() {
    let tokens = UsageSnapshot::new(43, 44).cache_read(1_000).cache_write(200).cache_write_1h(101);
    let usage = read(UsageFormat::Bedrock, &payload!("bedrock_cached"), tokens);
    assert_eq!((usage.tier, usage.model), (Some(ServiceTier::Priority), None));
    assert_eq!(total(&usage.tokens), 1_388);
    // 43 × 3 $ + 44 × 15 $ + 1,000 × 0.30 $ + 200 × 3.75 $: 129 + 660 + 300 + 750 µ$.
    let minutes_only = tokens.cache_write_1h(0);
    assert_eq!(prices(300, 1_500, 375, 30).cost(&minutes_only), Usd::from_nanos(1_839_000));

    let mut without_cache = payload!("bedrock_cached");
    without_cache["usage"]["totalTokens"] = json!(87);
    read(UsageFormat::Bedrock, &without_cache, tokens);
}

#[test]
fn bedrock_without_a_cache_has_no_missing_counts() {
    let tokens = UsageSnapshot::new(15, 395);
    let usage = read(UsageFormat::Bedrock, &payload!("bedrock_plain"), tokens);
    assert_eq!(usage.missing, [""; 0]);
    // 15 × 3 $ + 395 × 15 $: 45 + 5,925 µ$.
    assert_eq!(prices(300, 1_500, 375, 30).cost(&tokens), Usd::from_nanos(5_970_000));
}

#[test]
fn ollama_lists_absent_counts_as_missing() {
    let tokens = UsageSnapshot::new(26, 298);
    let usage = read(UsageFormat::Ollama, &payload!("ollama"), tokens);
    assert_eq!(usage.model.as_deref(), Some("llama3.2"));
    assert_eq!(usage.missing, [""; 0]);
    // 26 × 0.10 $ + 298 × 0.20 $: 2.6 + 59.6 µ$.
    assert_eq!(prices(10, 20, 0, 0).cost(&tokens), Usd::from_nanos(62_200));

    let body = payload!("ollama_absent");
    let usage = read(UsageFormat::Ollama, &body, UsageSnapshot::new(0, 3));
    assert_eq!(usage.missing, ["prompt_eval_count"]);
}

#[test]
fn openrouter_reports_the_cost() {
    let tokens = UsageSnapshot::new(44, 42).cache_read(50).cache_write(100).reasoning(7);
    let usage = read(UsageFormat::OpenRouter, &payload!("openrouter"), tokens);
    assert_eq!(usage.model.as_deref(), Some("anthropic/claude-sonnet-4.5"));
    assert_eq!(usage.tier, Some(ServiceTier::Flex));
    // Without the caller's own key, the upstream cost is included and not added.
    assert_eq!(usage.cost, Some(Usd::from_nanos(1_440_000)));
    // A table would say 44 × 3 $ + 42 × 15 $ + 50 × 0.30 $ + 100 × 3.75 $: 132 + 630 + 15 + 375.
    assert_eq!(prices(300, 1_500, 375, 30).cost(&tokens), Usd::from_nanos(1_152_000));
}

#[test]
fn openrouter_own_key_adds_fee_and_upstream_cost() {
    let tokens = UsageSnapshot::new(9_171, 113).reasoning(55);
    let body = payload!("openrouter_byok");
    let usage = read(UsageFormat::OpenRouter, &body, tokens);
    // 0.0018 $ of fee + 0.0360795 $ upstream.
    assert_eq!(usage.cost, Some(Usd::from_nanos(37_879_500)));
    assert_eq!(usage.missing, [""; 0]);

    let mut fee_alone = body;
    fee_alone["usage"]["cost_details"] = Value::Null;
    let usage = read(UsageFormat::OpenRouter, &fee_alone, tokens);
    assert_eq!(usage.cost, None, "the fee is not what the turn cost");
    assert_eq!(usage.missing, ["cost_details.upstream_inference_cost"]);
}

#[test]
fn openrouter_lists_an_absent_cost_as_missing() {
    let mut body = payload!("openrouter");
    body["usage"]["cost"] = Value::Null;
    let usage = UsageFormat::OpenRouter.read(&body).unwrap();
    assert_eq!((usage.cost, usage.missing), (None, vec!["cost"]));
}

#[test]
fn absent_usage_lists_every_count_as_missing() {
    let bodies = [
        json!({"usage": null, "usageMetadata": null}),
        json!({"choices": [], "tokens_of_tomorrow": 5}),
        Value::Null,
    ];
    for (name, format) in ALL {
        for body in &bodies {
            let usage = format.read(body).unwrap();
            assert_eq!(usage.tokens, UsageSnapshot::default(), "{name}: {body}");
            assert!(usage.missing.len() >= 2, "{name}: {body} misses {:?}", usage.missing);
        }
    }
}

#[test]
fn tier_is_read_by_its_name() {
    use ServiceTier::{Batch, Flex, Priority, Standard};
    let tier = |format: UsageFormat, body: Value| format.read(&body).unwrap().tier.unwrap();
    for (name, expected) in [
        ("default", Standard),
        ("auto", Standard),
        ("scale", Standard),
        ("flex", Flex),
        ("priority", Priority),
        ("fast", Priority),
        ("tier of tomorrow", Standard),
    ] {
        let body = json!({"service_tier": name, "usage": {"prompt_tokens": 1}});
        assert_eq!(tier(UsageFormat::OpenAiChat, body.clone()), expected, "{name}");
        assert_eq!(tier(UsageFormat::OpenAiResponses, body), expected, "{name}");
    }
    let body = json!({"usage": {"service_tier": "batch"}});
    assert_eq!(tier(UsageFormat::Anthropic, body), Batch);
    let body = json!({"usage": {}, "serviceTier": {"type": "flex"}});
    assert_eq!(tier(UsageFormat::Bedrock, body), Flex);
    let body = json!({"usageMetadata": {"trafficType": "PROVISIONED_THROUGHPUT"}});
    assert_eq!(tier(UsageFormat::Gemini, body), Standard);
}

#[test]
fn parts_of_a_missing_total_are_kept() {
    let usage = json!({"prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 5},
                       "completion_tokens_details": {"reasoning_tokens": 7}});
    let usage = UsageFormat::OpenAiChat.read(&usage).unwrap();
    let tokens = UsageSnapshot::new(0, 7).cache_read(100).input_audio(5).reasoning(7);
    assert_eq!(usage.tokens, tokens);
    assert_eq!(usage.missing, ["prompt_tokens", "completion_tokens"]);
}

#[test]
fn openai_realtime_has_names_of_its_own() {
    let body = json!({"type": "response.done", "response": {"usage": {
        "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
        "input_token_details": {
            "audio_tokens": 13, "cached_tokens": 64, "cached_tokens_details": {"audio_tokens": 0}},
        "output_token_details": {"audio_tokens": 91}}}});
    let tokens = UsageSnapshot::new(55, 30).cache_read(64).input_audio(13).output_audio(91);
    assert_eq!(UsageFormat::OpenAiResponses.read(&body).unwrap().tokens, tokens);
}

#[test]
fn gemini_live_answers_with_a_response() {
    let body = json!({"usageMetadata": {
        "promptTokenCount": 100, "responseTokenCount": 50, "totalTokenCount": 150,
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}]}});
    read(UsageFormat::Gemini, &body, UsageSnapshot::new(100, 10).output_audio(40));
}

#[test]
fn images_and_tools_are_told() {
    let told = |format: UsageFormat, body: Value| format.read(&body).unwrap().missing;
    let gemini = |modality: &str| {
        json!({"usageMetadata": {
        "promptTokenCount": 10, "candidatesTokenCount": 1_290, "totalTokenCount": 1_300,
        "candidatesTokensDetails": [{"modality": modality, "tokenCount": 1_290}]}})
    };
    let image = ["candidatesTokensDetails[modality=IMAGE|VIDEO].tokenCount"];
    assert_eq!(told(UsageFormat::Gemini, gemini("IMAGE")), image);
    assert_eq!(told(UsageFormat::Gemini, gemini("TEXT")), [""; 0]);

    let response = |output: Value| json!({"output": output, "usage": {"input_tokens": 10, "output_tokens": 5}});
    let search = response(json!([{"type": "web_search_call"}, {"type": "message"}]));
    assert_eq!(told(UsageFormat::OpenAiResponses, search), ["output[type=web_search_call]"]);
    // Your own tools cost nothing there.
    let own = response(json!([{"type": "function_call"}, {"type": "message"}]));
    assert_eq!(told(UsageFormat::OpenAiResponses, own), [""; 0]);

    let grounded = |queries: Value| {
        json!({
        "candidates": [{"groundingMetadata": {"webSearchQueries": queries}}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5}})
    };
    let queries = ["candidates[].groundingMetadata.webSearchQueries[]"];
    assert_eq!(told(UsageFormat::Gemini, grounded(json!(["a", "b"]))), queries);
    assert_eq!(told(UsageFormat::Gemini, grounded(json!([]))), [""; 0]);
}

#[test]
fn reasoning_that_alone_adds_up_is_the_output() {
    let usage = |reasoning: u64, total: u64| {
        json!({"usage": {
        "prompt_tokens": 951, "completion_tokens": 6_000, "total_tokens": total,
        "completion_tokens_details": {"reasoning_tokens": reasoning}}})
    };
    let out = |usage: Value| UsageFormat::OpenAiChat.read(&usage).unwrap();
    let kimi = out(usage(6_001, 6_952));
    assert_eq!(kimi.tokens, UsageSnapshot::new(951, 6_001).reasoning(6_001));
    assert_eq!(kimi.missing, [""; 0]);
    // A smaller reasoning cannot be all of the output.
    let odd = out(usage(5_000, 5_951));
    assert_eq!(odd.tokens, UsageSnapshot::new(951, 6_000).reasoning(5_000));
    assert_eq!(odd.missing, ["total_tokens"]);
}
