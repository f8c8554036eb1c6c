//! Usage of imitators and gateways, and what they charge for beside the tokens.

use runtime_usage::{ReportedUsage, ServiceTier, UsageFormat, UsageSnapshot, Usd};
use serde_json::{Value, json};

use UsageFormat::{Anthropic, Bedrock, Gemini, OpenAiChat, OpenAiResponses};

fn read(format: UsageFormat, body: &Value) -> ReportedUsage {
    format.read(body).expect("the counts are numbers")
}

#[test]
fn reasoning_and_cache_are_found_at_the_top_level() {
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 60, "total_tokens": 160,
                       "reasoning_tokens": 30, "cached_input_tokens": 40});
    let usage = read(OpenAiChat, &usage);
    assert_eq!(usage.tokens, UsageSnapshot::new(60, 60).cache_read(40).reasoning(30));
    assert_eq!(usage.missing, [""; 0]);
    // The details are more exact.
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 60, "reasoning_tokens": 0,
                       "completion_tokens_details": {"reasoning_tokens": 30}});
    assert_eq!(read(OpenAiChat, &usage).tokens.reasoning_tokens, 30);
    // More than the completion is beside it, as in Perplexity's research.
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 60, "total_tokens": 70, "reasoning_tokens": 700});
    let usage = read(OpenAiChat, &usage);
    assert_eq!(usage.tokens, UsageSnapshot::new(10, 760).reasoning(700));
    assert!(!usage.missing.is_empty());
}

#[test]
fn writes_of_an_hour_are_told_apart_in_chat_completions() {
    let usage = |split: Value| {
        json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
               "prompt_tokens_details": {"cache_creation_tokens": 30, "cache_creation_token_details": split}})
    };
    let tokens = UsageSnapshot::new(70, 10);
    let split = json!({"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20});
    let read = |split: Value| read(OpenAiChat, &usage(split));
    assert_eq!(read(split).tokens, tokens.cache_write(10).cache_write_1h(20));
    assert_eq!(read(Value::Null).tokens, tokens.cache_write(30));
    // new-api and Qwen say it under other names.
    let usage = json!({"prompt_tokens": 3_000, "completion_tokens": 1, "prompt_tokens_details": {
        "cached_tokens": 2_000, "cached_creation_tokens": 500}});
    let tokens = UsageSnapshot::new(500, 1).cache_read(2_000);
    assert_eq!(OpenAiChat.read(&usage).unwrap().tokens, tokens.cache_write(500));
    let mut usage = usage;
    usage["prompt_tokens_details"]["cached_creation_5m_tokens"] = 200.into();
    usage["prompt_tokens_details"]["cached_creation_1h_tokens"] = 300.into();
    let split = tokens.cache_write(200).cache_write_1h(300);
    assert_eq!(OpenAiChat.read(&usage).unwrap().tokens, split);
    let usage = json!({"prompt_tokens": 2_000, "completion_tokens": 1, "prompt_tokens_details": {
        "cache_creation_input_tokens": 1_500, "cache_creation": {"ephemeral_5m_input_tokens": 1_500}}});
    assert_eq!(
        OpenAiChat.read(&usage).unwrap().tokens,
        UsageSnapshot::new(500, 1).cache_write(1_500)
    );
}

#[test]
fn total_alone_is_input_and_told() {
    let usage = read(OpenAiChat, &json!({"object": "list", "usage": {"total_tokens": 10}}));
    assert_eq!(usage.tokens, UsageSnapshot::new(10, 0));
    assert_eq!(usage.missing, ["prompt_tokens", "completion_tokens"]);
}

#[test]
fn transcription_has_its_audio_in_either_reader() {
    let body = json!({"text": "hi", "usage": {
        "type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
        "input_token_details": {"text_tokens": 4, "audio_tokens": 10}}});
    for format in [OpenAiChat, OpenAiResponses] {
        assert_eq!(read(format, &body).tokens, UsageSnapshot::new(4, 45).input_audio(10));
    }
}

#[test]
fn what_is_charged_beside_the_tokens_is_told() {
    let chat = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    let told = |format: UsageFormat, body: Value| read(format, &body).missing;
    let plain = json!({"usage": chat, "usage_breakdown": null, "web_search": [], "choices": [
        {"message": {"content": "a", "executed_tools": []}}]});
    assert_eq!(told(OpenAiChat, plain), [""; 0]);
    let searched =
        json!({"usage": chat, "choices": [{"message": {"executed_tools": [{"type": "search"}]}}]});
    assert_eq!(told(OpenAiChat, searched), ["choices[].message.executed_tools[]"]);
    let cited = |kind: &str| json!({"usage": chat, "choices": [{"message": {"annotations": [{"type": kind}]}}]});
    let told_of = ["choices[].message.annotations[type=url_citation]"];
    assert_eq!(told(OpenAiChat, cited("url_citation")), told_of);
    assert_eq!(told(OpenAiChat, cited("file_path")), [""; 0]);
    let compound = json!({"usage": chat, "usage_breakdown": {"models": [{"model": "a"}]}});
    assert_eq!(told(OpenAiChat, compound), ["usage_breakdown.models[]"]);
    let found = json!({"usage": chat, "web_search": [{"title": "t"}]});
    assert_eq!(told(OpenAiChat, found), ["web_search[]"]);

    let with = |name: &str, value: Value| {
        let mut usage = chat.clone();
        usage[name] = value;
        json!({ "usage": usage })
    };
    let plugin = |count: u64| with("plugins", json!({"search": {"count": count}}));
    assert_eq!(told(OpenAiChat, plugin(1)), ["plugins.search.count"]);
    assert_eq!(told(OpenAiChat, plugin(0)), [""; 0]);
    // Another shape of the same name is no error.
    assert_eq!(told(OpenAiChat, with("plugins", json!([{"name": "p"}]))), [""; 0]);
    let sized = with("search_context_size", json!("low"));
    assert_eq!(told(OpenAiChat, sized), ["search_context_size"]);

    let response =
        json!({"usage": {"input_tokens": 1, "output_tokens": 1, "tool_usage": {"web_search": 2}}});
    assert_eq!(told(OpenAiResponses, response), ["tool_usage.web_search"]);
    let maps = json!({
        "candidates": [{"groundingMetadata": {"groundingChunks": [{"maps": {"placeId": "p"}}, {"web": {}}]}}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}});
    assert_eq!(told(Gemini, maps), ["candidates[].groundingMetadata.groundingChunks[].maps"]);
    let usage = json!({"inputTokens": 1, "outputTokens": 1});
    for (latency, expected) in
        [("optimized", &["performanceConfig.latency"][..]), ("standard", &[])]
    {
        let body = json!({"usage": usage, "performanceConfig": {"latency": latency}});
        assert_eq!(told(Bedrock, body), expected);
    }
}

#[test]
fn reported_cost_has_all_charges_in_it() {
    let body = json!({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                                "search_context_size": "low", "cost": {"total_cost": 0.006}}});
    let usage = read(OpenAiChat, &body);
    assert_eq!((usage.cost, usage.missing), (Some(Usd::from_nanos(6_000_000)), vec![]));
    let body = json!({"usage": {"input_tokens": 100, "output_tokens": 20, "cost": 0.5, "speed": "fast",
                                "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}});
    let usage = read(Anthropic, &body);
    assert_eq!((usage.cost, usage.missing), (Some(Usd::from_nanos(500_000_000)), vec![]));
}

#[test]
fn gemini_names_its_tier_by_either_name() {
    let tier = |usage: Value| {
        let usage = read(Gemini, &json!({ "usageMetadata": usage }));
        (usage.tier, usage.missing.contains(&"serviceTier"))
    };
    assert_eq!(tier(json!({"serviceTier": "flex"})), (Some(ServiceTier::Flex), false));
    assert_eq!(tier(json!({"serviceTier": "unspecified"})), (Some(ServiceTier::Standard), false));
    let both = json!({"trafficType": "ON_DEMAND_PRIORITY", "serviceTier": "flex"});
    assert_eq!(tier(both), (Some(ServiceTier::Priority), false));
    assert_eq!(tier(json!({"serviceTier": "of tomorrow"})), (Some(ServiceTier::Standard), true));
}

#[test]
fn line_of_a_batch_of_gemini_is_told() {
    let line = json!({"key": "request_1", "response": {"usageMetadata": {
        "promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}}});
    let usage = read(Gemini, &line);
    assert_eq!((usage.tokens, usage.missing), (UsageSnapshot::new(10, 5), vec!["key"]));
}

#[test]
fn a_list_is_an_answer_in_parts() {
    let part = |output: u64| json!({"candidates": [], "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": output, "totalTokenCount": 8 + output}});
    let parts = json!([part(1), part(21), {"candidates": []}]);
    assert_eq!(read(Gemini, &parts).tokens, UsageSnapshot::new(8, 21));
    let nothing = read(Gemini, &json!([]));
    assert_eq!(nothing.missing, ["promptTokenCount", "candidatesTokenCount"]);
}

#[test]
fn an_answer_inside_another_is_read_and_told() {
    let answer = json!({"usage": {"prompt_tokens": 21, "completion_tokens": 9}});
    for (body, place) in [
        (json!({"result": answer, "success": true}), "result.usage"),
        (json!({"data": answer}), "data.usage"),
        (json!({"custom_id": "a", "response": {"body": answer}}), "custom_id"),
    ] {
        let usage = read(OpenAiChat, &body);
        assert_eq!((usage.tokens, usage.missing), (UsageSnapshot::new(21, 9), vec![place]));
    }
    let message =
        json!({"usage": {"input_tokens": 10, "output_tokens": 36, "service_tier": "batch"}});
    let line = json!({"custom_id": "a", "result": {"type": "succeeded", "message": message}});
    let usage = read(Anthropic, &line);
    assert_eq!((usage.tokens, usage.tier), (UsageSnapshot::new(10, 36), Some(ServiceTier::Batch)));
}

#[test]
fn cohere_bills_less_than_its_models_read() {
    let usage = json!({"billed_units": {"input_tokens": 17, "output_tokens": 12},
                       "tokens": {"input_tokens": 215, "output_tokens": 14}});
    for body in
        [json!({"usage": usage}), json!({"meta": usage}), json!({"delta": {"usage": usage}})]
    {
        let usage = read(OpenAiChat, &body);
        assert_eq!(usage.tokens, UsageSnapshot::new(17, 12), "{body}");
        assert_eq!(usage.missing, ["tokens.input_tokens"]);
    }
    let ranked = read(OpenAiChat, &json!({"meta": {"billed_units": {"search_units": 2}}}));
    assert!(ranked.missing.contains(&"billed_units.search_units"));
}

#[test]
fn what_a_guard_read_is_told_and_not_written() {
    let usage = json!({"prompt_tokens": 93, "completion_tokens": 402, "guardrails_tokens": 677, "total_tokens": 1_172});
    let usage = read(OpenAiChat, &usage);
    assert_eq!(
        (usage.tokens, usage.missing),
        (UsageSnapshot::new(93, 402), vec!["guardrails_tokens"])
    );
}

#[test]
fn the_total_tells_that_the_cache_is_beside_the_input() {
    let usage = |total: u64| json!({"prompt_tokens": 2_000, "completion_tokens": 80, "total_tokens": total, "cache_read_input_tokens": 1_528});
    let beside = read(OpenAiChat, &usage(3_608));
    assert_eq!(beside.tokens, UsageSnapshot::new(2_000, 80).cache_read(1_528));
    assert_eq!(beside.missing, [""; 0]);
    let inside = read(OpenAiChat, &usage(2_080));
    assert_eq!(inside.tokens, UsageSnapshot::new(472, 80).cache_read(1_528));
}

#[test]
fn counts_have_the_same_names_in_both_of_the_apis() {
    // Codex, LangChain, Pydantic AI and Perplexity's agents: each has the cache in the input.
    for cache in [
        json!({"cached_input_tokens": 60, "cache_write_input_tokens": 20}),
        json!({"input_token_details": {"cache_read": 60, "cache_creation": 20}}),
        json!({"cache_read_tokens": 60, "cache_write_tokens": 20}),
        json!({"input_tokens_details": {"cache_read_input_tokens": 60, "cache_creation_input_tokens": 20}}),
        json!({"prompt_tokens_details": {"cached_tokens": 60, "caching_tokens": 20}}),
    ] {
        let mut usage = json!({"input_tokens": 100, "output_tokens": 5});
        usage.as_object_mut().unwrap().extend(cache.as_object().unwrap().clone());
        let tokens = UsageSnapshot::new(20, 5).cache_read(60).cache_write(20);
        for format in [OpenAiChat, OpenAiResponses] {
            let read = read(format, &usage);
            assert_eq!((read.tokens, read.missing), (tokens, vec![]), "{usage}");
        }
    }
}

#[test]
fn tools_that_are_counted_under_any_name_are_told() {
    let told = |more: Value| {
        let mut usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
        usage.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(OpenAiChat, &usage).missing
    };
    assert_eq!(told(json!({"search_count": 1})), ["tools"]);
    assert_eq!(told(json!({"web_search_usage": {"tool_usage": 1, "page_usage": 10}})), ["tools"]);
    assert_eq!(told(json!({"connectors": {"web_search": 1}})), ["tools"]);
    // By its own name, once.
    assert_eq!(told(json!({"num_search_queries": 2})), ["num_search_queries"]);
    // None was used, it is a number of tokens, or the cost has it in it.
    assert_eq!(told(json!({"search_count": 0, "connectors": null})), [""; 0]);
    assert_eq!(told(json!({"tool_use_tokens": 3})), [""; 0]);
    assert_eq!(told(json!({"search_count": 1, "cost": 0.01})), [""; 0]);

    // What was asked for is no count of what was done.
    let asked =
        json!({"tools": [{"parameters": {"maximum": 5}}], "max_tool_calls": 3, "usage": null});
    assert_eq!(read(OpenAiResponses, &asked).missing, ["input_tokens", "output_tokens"]);
    assert_eq!(read(OpenAiChat, &asked).missing, ["prompt_tokens", "completion_tokens"]);
    let run = json!({"event": "thread.run.created", "data": asked});
    assert_eq!(read(OpenAiChat, &run).missing, ["prompt_tokens", "completion_tokens"]);
}

#[test]
fn tier_is_the_one_that_served_in_letters_of_any_case() {
    let tier = |body: Value| {
        let usage = read(OpenAiChat, &body);
        (usage.tier, usage.missing.into_iter().find(|name| name.contains("ti")))
    };
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 1});
    let body = json!({"service_tier": "auto", "service_tier_used": "priority", "usage": usage});
    assert_eq!(tier(body), (Some(ServiceTier::Priority), None));
    let body = json!({"service_tier": "FLEX", "usage": usage});
    assert_eq!(tier(body), (Some(ServiceTier::Flex), None));
    let body =
        json!({"service_tier": "default", "service_tier_used": "of tomorrow", "usage": usage});
    assert_eq!(tier(body), (Some(ServiceTier::Standard), Some("service_tier_used")));
}

#[test]
fn what_connectors_put_in_is_input() {
    let usage = json!({"prompt_tokens": 188, "completion_tokens": 55, "total_tokens": 7_355,
                       "connector_tokens": 7_112, "connectors": {"web_search": 1}});
    let usage = read(OpenAiChat, &usage);
    assert_eq!((usage.tokens, usage.missing), (UsageSnapshot::new(7_300, 55), vec!["tools"]));
}

#[test]
fn image_tokens_are_no_part_of_the_total() {
    let usage = json!({"input_tokens": 533, "output_tokens": 1_337, "total_tokens": 1_870,
                       "output_tokens_details": {"image_tokens": 1_120}});
    let usage = read(OpenAiResponses, &usage);
    assert_eq!(usage.missing, ["output_tokens_details.image_tokens"]);
}

#[test]
fn gemini_is_read_in_the_spelling_of_python() {
    let body = json!({"model_version": "gemini-2.5-flash", "usage_metadata": {
        "prompt_token_count": 100, "cached_content_token_count": 60, "candidates_token_count": 20,
        "thoughts_token_count": 7, "total_token_count": 127, "tool_use_prompt_token_count": null,
        "prompt_tokens_details": [{"modality": "AUDIO", "token_count": 30}, {"modality": "TEXT", "token_count": 70}],
    }});
    let usage = read(Gemini, &body);
    let tokens = UsageSnapshot::new(10, 27).cache_read(60).input_audio(30).reasoning(7);
    assert_eq!((usage.tokens, usage.missing), (tokens, vec![]));
    assert_eq!(usage.model.as_deref(), Some("gemini-2.5-flash"));
}

#[test]
fn tools_with_nothing_but_zeros_were_not_used() {
    let told = |used: u64| {
        let tools = json!({"image_gen": {"total_tokens": 0}, "web_search": {"num_requests": used}});
        let usage = json!({"input_tokens": 1, "output_tokens": 1});
        read(OpenAiResponses, &json!({"usage": usage, "tool_usage": tools})).missing
    };
    assert_eq!(told(0), [""; 0]);
    assert_eq!(told(1), ["tool_usage.web_search"]);
}

#[test]
fn audio_may_be_beside_the_prompt() {
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 248, "total_tokens": 632,
                       "prompt_audio_seconds": 3, "prompt_tokens_details": {"audio_tokens": 375}});
    let usage = read(OpenAiChat, &usage);
    assert_eq!(usage.tokens, UsageSnapshot::new(9, 248).input_audio(375));
    assert_eq!(usage.missing, ["prompt_audio_seconds"]);
}

#[test]
fn cost_of_no_ticks_is_none() {
    let cost = |ticks: u64| {
        let usage = json!({"prompt_tokens": 7, "completion_tokens": 8, "cost_in_usd_ticks": ticks});
        read(OpenAiChat, &usage).cost
    };
    assert_eq!((cost(0), cost(20)), (None, Some(Usd::from_nanos(2))));
}

#[test]
fn counts_in_the_body_are_read_and_told() {
    let kept = json!({"timings": {"cache_n": 50, "prompt_n": 100, "predicted_n": 35}});
    let usage = read(OpenAiChat, &kept);
    assert_eq!(usage.tokens, UsageSnapshot::new(100, 35).cache_read(50));
    assert_eq!(usage.missing, ["timings.predicted_n"]);
    // A usage beside them counts, and has the whole prompt.
    let both = json!({"timings": kept["timings"], "usage": {"prompt_tokens": 150, "completion_tokens": 35}});
    let usage = read(OpenAiChat, &both);
    assert_eq!((usage.tokens, usage.missing), (UsageSnapshot::new(150, 35), vec![]));
    // Something else of these names is neither read nor refused.
    let other = json!({"prompt_tokens": 1, "completion_tokens": 2, "details": {"reasoning": 1}, "tokens": [],
                       "results": "x", "stats": 3, "metrics": null});
    let usage = read(OpenAiChat, &other);
    assert_eq!((usage.tokens, usage.missing), (UsageSnapshot::new(1, 2), vec![]));
}
