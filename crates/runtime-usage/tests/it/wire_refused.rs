//! Invalid counts, and usage that contradicts itself.

use runtime_usage::{ReportedUsageErrorKind, UsageFormat, UsageSnapshot, Usd};
use serde_json::{Value, json};

#[track_caller]
fn refused(format: UsageFormat, usage: &Value, text: &str) {
    let error = format.read(usage).expect_err("it is invalid");
    assert_eq!(error.to_string(), format!("reported usage: {text}"));
    let body = json!({"usage": usage, "usageMetadata": usage});
    if usage.is_object() && usage.get("eval_count").is_none() {
        assert_eq!(format.read(&body), Err(error), "the body is read otherwise");
    }
}

#[test]
fn counts_that_are_not_whole_numbers_are_refused() {
    let chat = UsageFormat::OpenAiChat;
    let not_whole = "not a whole number of tokens";
    for (value, shown) in [
        (json!(-5), "-5"),
        (json!(1.5), "1.5"),
        (json!("12"), "\"12\""),
        (json!(true), "true"),
        (json!(1e300), "1e+300"),
        (json!([1]), "[1]"),
    ] {
        let text = format!("`prompt_tokens` is {shown}, {not_whole}");
        refused(chat, &json!({"prompt_tokens": value}), &text);
    }
    let details = json!({"input_tokens_details": {"cached_tokens": -1}});
    let text = format!("`input_tokens_details.cached_tokens` is -1, {not_whole}");
    refused(UsageFormat::OpenAiResponses, &details, &text);
    let text = format!("`eval_count` is -0.5, {not_whole}");
    refused(UsageFormat::Ollama, &json!({"eval_count": -0.5}), &text);
    let audio = json!({"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": -3}]});
    let text = format!("`promptTokensDetails[modality=AUDIO].tokenCount` is -3, {not_whole}");
    refused(UsageFormat::Gemini, &audio, &text);
}

#[test]
fn whole_floats_are_accepted_as_counts() {
    let usage = json!({"prompt_tokens": 12.0, "completion_tokens": -0.0});
    assert_eq!(UsageFormat::OpenAiChat.read(&usage).unwrap().tokens, UsageSnapshot::new(12, 0));
    let usage = json!({"prompt_tokens": 18_446_744_073_709_551_616.0});
    assert!(UsageFormat::OpenAiChat.read(&usage).is_err(), "2⁶⁴ is one too many");
}

#[test]
fn fields_of_the_wrong_type_are_refused() {
    let chat = UsageFormat::OpenAiChat;
    refused(chat, &json!([1, 2]), "`.` is [1,2], not an object");
    refused(
        chat,
        &json!({"prompt_tokens_details": 7}),
        "`prompt_tokens_details` is 7, not an object",
    );
    refused(
        UsageFormat::Gemini,
        &json!({"cacheTokensDetails": "many"}),
        "`cacheTokensDetails` is \"many\", not an array",
    );
    let error = chat.read(&json!({"usage": "x".repeat(500)})).unwrap_err();
    assert_eq!((error.field.as_str(), error.value.chars().count()), ("usage", 80));
}

/// Asserts that the dearer reading counts, and that these fields are told.
#[track_caller]
fn dearer(format: UsageFormat, usage: &Value, tokens: UsageSnapshot, odd: &[&str]) {
    let read = format.read(usage).expect("a contradiction is not an error");
    assert_eq!(read.tokens, tokens, "{usage}");
    for field in odd {
        assert!(read.missing.contains(field), "{field} is not among {:?}", read.missing);
    }
}

#[test]
fn part_larger_than_its_whole_counts_beside_it() {
    let chat = UsageFormat::OpenAiChat;
    let tokens = UsageSnapshot::new;
    let cached = "prompt_tokens_details.cached_tokens";
    dearer(
        chat,
        &json!({"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 120}}),
        tokens(100, 0).cache_read(120),
        &[cached],
    );
    dearer(
        chat,
        &json!({"prompt_tokens": 100,
               "prompt_tokens_details": {"cached_tokens": 70, "cache_write_tokens": 31}}),
        tokens(100, 0).cache_read(70).cache_write(31),
        &[cached, "prompt_tokens_details.cache_write_tokens"],
    );
    dearer(
        chat,
        &json!({"prompt_tokens": 100, "prompt_tokens_details": {"audio_tokens": 101}}),
        tokens(100, 0).input_audio(101),
        &["prompt_tokens_details.audio_tokens"],
    );
    dearer(
        chat,
        &json!({"completion_tokens": 5, "completion_tokens_details": {"audio_tokens": 6}}),
        tokens(0, 5).output_audio(6),
        &["completion_tokens_details.audio_tokens"],
    );
    dearer(
        UsageFormat::OpenRouter,
        &json!({"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}}),
        tokens(0, 11).reasoning(6),
        &["completion_tokens_details.reasoning_tokens"],
    );
    dearer(
        UsageFormat::OpenAiResponses,
        &json!({"output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 6}}),
        tokens(0, 11).reasoning(6),
        &["output_tokens_details.reasoning_tokens"],
    );
    dearer(
        UsageFormat::Anthropic,
        &json!({"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 6}}),
        tokens(0, 11).reasoning(6),
        &["output_tokens_details.thinking_tokens"],
    );
    dearer(
        UsageFormat::Gemini,
        &json!({"promptTokenCount": 5, "cachedContentTokenCount": 6}),
        tokens(5, 0).cache_read(6),
        &["cachedContentTokenCount"],
    );
    dearer(
        UsageFormat::Gemini,
        &json!({"candidatesTokenCount": 5,
               "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 6}]}),
        tokens(0, 5).output_audio(6),
        &["candidatesTokensDetails[modality=AUDIO].tokenCount"],
    );
}

#[test]
fn total_that_is_not_the_sum_is_told() {
    let tokens = UsageSnapshot::new;
    let chat = UsageFormat::OpenAiChat;
    let total = &["total_tokens"][..];
    // What a total has beyond its sum is output that was not itemized.
    let gap = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 20});
    dearer(chat, &gap, tokens(10, 10), total);
    let less = json!({"input_tokens": 10, "output_tokens": 5, "total_tokens": 14});
    dearer(UsageFormat::OpenAiResponses, &less, tokens(10, 5), total);
    dearer(chat, &json!({"prompt_tokens": 10, "total_tokens": 9}), tokens(10, 0), total);
    // Reasoning that is larger than the completion, by a total without it.
    let odd = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                     "completion_tokens_details": {"reasoning_tokens": 6}});
    let reasoning = "completion_tokens_details.reasoning_tokens";
    dearer(chat, &odd, tokens(10, 11).reasoning(6), &[reasoning]);
    dearer(
        UsageFormat::Gemini,
        &json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 3,
               "totalTokenCount": 17}),
        tokens(10, 8).reasoning(3),
        &["totalTokenCount"],
    );
    // By the total, thoughts are part of the candidates, but there are too many of them.
    dearer(
        UsageFormat::Gemini,
        &json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 6,
               "totalTokenCount": 15}),
        tokens(10, 11).reasoning(6),
        &["thoughtsTokenCount"],
    );
    dearer(
        UsageFormat::Bedrock,
        &json!({"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 7,
               "totalTokens": 21}),
        tokens(10, 5).cache_read(7),
        &["totalTokens"],
    );
}

#[test]
fn total_explains_a_missing_completion() {
    let usage = json!({"prompt_tokens": 10, "total_tokens": 30});
    let read = UsageFormat::OpenAiChat.read(&usage).unwrap();
    assert_eq!(read.tokens, UsageSnapshot::new(10, 20));
    assert_eq!(read.missing, ["completion_tokens"]);
}

#[test]
fn cache_writes_that_do_not_add_up_count_the_larger_sum() {
    let tokens = UsageSnapshot::new(0, 0);
    dearer(
        UsageFormat::Anthropic,
        &json!({"cache_creation_input_tokens": 150,
               "cache_creation": {"ephemeral_5m_input_tokens": 100,
                                  "ephemeral_1h_input_tokens": 20}}),
        tokens.cache_write(130).cache_write_1h(20),
        &["cache_creation_input_tokens"],
    );
    dearer(
        UsageFormat::Bedrock,
        &json!({"cacheWriteInputTokens": 10, "cacheDetails": [{"ttl": "1h", "inputTokens": 20}]}),
        tokens.cache_write_1h(20),
        &["cacheWriteInputTokens"],
    );
}

#[test]
fn cost_is_read_as_a_number_an_object_or_ticks() {
    let cost = |format: UsageFormat, usage: Value| format.read(&usage).unwrap().cost;
    let chat = UsageFormat::OpenAiChat;
    // Perplexity: the cost of tokens, requests and searches, and their sum.
    let object =
        json!({"cost": {"input_tokens_cost": 0.001, "request_cost": 0.005, "total_cost": 0.006}});
    assert_eq!(cost(chat, object), Some(Usd::from_nanos(6_000_000)));
    // xAI: a tick is a ten thousand millionth of a dollar.
    assert_eq!(
        cost(chat, json!({"cost_in_usd_ticks": 232_856_000})),
        Some(Usd::from_nanos(23_285_600))
    );
    assert_eq!(
        cost(UsageFormat::OpenRouter, json!({"cost": 0.5})),
        Some(Usd::from_nanos(500_000_000))
    );
    assert_eq!(cost(chat, json!({"prompt_tokens": 1})), None);
    assert_eq!(cost(UsageFormat::Bedrock, json!({"cost": 0.5})), None);
    // An imitator may mean something else by it.
    for usage in [json!({"cost_in_usd_ticks": -1}), json!({"cost": "0.1"}), json!({"cost": -1})] {
        let read = chat.read(&usage).unwrap();
        assert_eq!((read.cost, read.missing.contains(&"cost")), (None, true));
    }
}

#[test]
fn invalid_cost_is_refused() {
    for cost in [json!(-0.1), json!("0.1"), json!(1e30), json!([])] {
        let error = UsageFormat::OpenRouter.read(&json!({"cost": cost})).unwrap_err();
        assert_eq!(error.field, "cost");
        assert_eq!(error.value, cost.to_string());
        assert_eq!(error.kind, ReportedUsageErrorKind::NotACost);
    }
}

#[test]
fn sums_of_large_counts_saturate() {
    let usage = json!({"promptTokenCount": u64::MAX, "toolUsePromptTokenCount": u64::MAX,
                       "candidatesTokenCount": u64::MAX, "thoughtsTokenCount": u64::MAX});
    let tokens = UsageFormat::Gemini.read(&usage).unwrap().tokens;
    assert_eq!((tokens.input_tokens, tokens.output_tokens), (u64::MAX, u64::MAX));
    let usage = json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX,
                       "total_tokens": u64::MAX});
    let read = UsageFormat::OpenAiChat.read(&usage).unwrap();
    assert_eq!(read.tokens, UsageSnapshot::new(u64::MAX, u64::MAX));
    assert_eq!(read.missing, ["total_tokens"]);
}
