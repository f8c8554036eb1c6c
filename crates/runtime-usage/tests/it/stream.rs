//! Usage of streams, whole and cut off.

use std::sync::Arc;

use runtime_usage::{ServiceTier, StreamUsage, UsageFormat, UsageSnapshot, Usd};
use serde_json::{Value, json};

use crate::support::{events, fed, prices};

/// Asserts the counts of a whole stream, and that a part of it is an estimate.
#[track_caller]
fn whole(stream: &StreamUsage, events: &[Value], tokens: UsageSnapshot) {
    let complete = fed(stream.clone(), events);
    assert!(complete.is_complete());
    let usage = complete.usage();
    assert!(!usage.estimated);
    assert_eq!(usage.tokens, tokens);
    assert_eq!(usage.missing, [""; 0]);
}

#[track_caller]
fn cut(stream: &StreamUsage, events: &[Value], tokens: UsageSnapshot) {
    let cut = fed(stream.clone().input_estimate(1_000), events);
    assert!(!cut.is_complete());
    let usage = cut.usage();
    assert!(usage.estimated);
    assert_eq!(usage.tokens, tokens);
}

#[test]
fn openai_chat_reports_in_the_last_chunk() {
    let (stream, events) = (StreamUsage::new(UsageFormat::OpenAiChat), events!("openai_chat"));
    let tokens = UsageSnapshot::new(86, 10).cache_read(1_920);
    whole(&stream, &events, tokens);
    // 86 × 1.25 $ + 10 × 10 $ + 1,920 × 0.13 $: 107.5 + 100 + 249.6 µ$.
    assert_eq!(prices(125, 1_000, 0, 13).cost(&tokens), Usd::from_nanos(457_100));
    let usage = fed(stream.clone(), &events).usage();
    assert_eq!(usage.model.as_deref(), Some("gpt-5-2026-05-14"));

    // 20 bytes are five tokens, 44 are eleven. The model had stopped, but usage was not reported.
    cut(&stream, &events[..2], UsageSnapshot::new(1_000, 5));
    cut(&stream, &events[..4], UsageSnapshot::new(1_000, 11));
}

#[test]
fn usage_in_every_chunk_completes_with_finish_reason() {
    let chunk = |text: &str, finish: Value, output: u64| {
        json!({"choices": [{"delta": {"content": text}, "finish_reason": finish}],
               "usage": {"prompt_tokens": 30, "completion_tokens": output,
                         "total_tokens": 30 + output,
                         "prompt_tokens_details": {"cached_tokens": 0},
                         "completion_tokens_details": {"reasoning_tokens": 0}}})
    };
    let events =
        [chunk("a", Value::Null, 1), chunk("b", Value::Null, 2), chunk("", json!("stop"), 3)];
    cut(&StreamUsage::new(UsageFormat::OpenAiChat), &events[..2], UsageSnapshot::new(30, 2));
    whole(&StreamUsage::new(UsageFormat::OpenAiChat), &events, UsageSnapshot::new(30, 3));
}

#[test]
fn answer_without_usage_ends_but_is_not_complete() {
    let chunk =
        |finish: Value| json!({"choices": [{"delta": {"content": "a"}, "finish_reason": finish}]});
    let mut stream = StreamUsage::new(UsageFormat::OpenAiChat);
    stream.push(&chunk(Value::Null)).unwrap();
    assert!(!stream.has_ended());
    stream.push(&chunk(json!("stop"))).unwrap();
    assert!(stream.has_ended() && !stream.is_complete());
}

#[test]
fn first_chunk_without_choices_does_not_complete() {
    let filtered =
        json!({"model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]});
    let stream = fed(StreamUsage::new(UsageFormat::OpenAiChat), std::slice::from_ref(&filtered));
    assert_eq!(stream.usage().model, None);
    cut(&StreamUsage::new(UsageFormat::OpenAiChat), &[filtered], UsageSnapshot::new(1_000, 0));
}

#[test]
fn openai_response_reports_at_every_kind_of_end() {
    let (stream, events) =
        (StreamUsage::new(UsageFormat::OpenAiResponses), events!("openai_responses"));
    whole(&stream, &events, UsageSnapshot::new(37, 11));
    assert_eq!(fed(stream.clone(), &events).usage().tier, Some(ServiceTier::Flex));
    // 30 bytes are eight tokens; `done` repeats them and is not counted.
    cut(&stream, &events[..4], UsageSnapshot::new(1_000, 8));

    for kind in ["response.incomplete", "response.failed"] {
        let mut events = events.clone();
        events[4]["type"] = json!(kind);
        whole(&stream, &events, UsageSnapshot::new(37, 11));
    }
    let mut without = events;
    without[4]["type"] = json!("response.failed");
    without[4]["response"]["usage"] = Value::Null;
    cut(&stream, &without, UsageSnapshot::new(1_000, 8));
}

#[test]
fn audio_chunks_are_not_counted_as_text() {
    let event = |kind: &str| json!({"type": kind, "delta": "UklGRiQAAABXQVZF"});
    let stream = StreamUsage::new(UsageFormat::OpenAiResponses);
    cut(&stream, &[event("response.audio.delta")], UsageSnapshot::new(1_000, 0));
    cut(&stream, &[event("response.refusal.delta")], UsageSnapshot::new(1_000, 4));
}

#[test]
fn anthropic_placeholder_is_replaced_and_input_kept() {
    let (stream, events) = (StreamUsage::new(UsageFormat::Anthropic), events!("anthropic"));
    let tokens = UsageSnapshot::new(25, 5).cache_read(4_000).cache_write(100).cache_write_1h(200);
    whole(&stream, &events, tokens);
    whole(&stream, &events[..7], tokens);
    // 25 × 3 $ + 5 × 15 $ + 4,000 × 0.30 $ + 100 × 3.75 $: 75 + 75 + 1,200 + 375 µ$.
    let minutes_only = tokens.cache_write_1h(0);
    assert_eq!(prices(300, 1_500, 375, 30).cost(&minutes_only), Usd::from_nanos(1_725_000));

    let observed = UsageSnapshot::new(25, 9).cache_read(4_000).cache_write(100).cache_write_1h(200);
    // The input was reported, so the estimate is not used. Nine were observed, two are estimated.
    cut(&stream, &events[..6], observed);
}

#[test]
fn anthropic_error_in_mid_stream_leaves_an_estimate() {
    let mut events = events!("anthropic")[..5].to_vec();
    let long = "x".repeat(401);
    events.push(json!({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": long}}));
    events.push(
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    );
    // 6 + 401 bytes.
    let tokens = UsageSnapshot::new(25, 102).cache_read(4_000).cache_write(100).cache_write_1h(200);
    cut(&StreamUsage::new(UsageFormat::Anthropic), &events, tokens);
}

#[test]
fn anthropic_totals_replace_earlier_totals() {
    let tokens = UsageSnapshot::new(10_682, 510).cache_write(250).cache_write_1h(200);
    let usage = fed(StreamUsage::new(UsageFormat::Anthropic), &events!("anthropic_server_tool"));
    assert!(usage.is_complete());
    assert_eq!(usage.usage().tokens, tokens);
    assert_eq!(usage.usage().missing, ["server_tool_use.web_search_requests"]);
}

#[test]
fn contradicting_cache_split_counts_all_and_is_told() {
    let usage = json!({"cache_creation_input_tokens": 150,
                       "cache_creation": {"ephemeral_5m_input_tokens": 100}});
    let event = json!({"type": "message_delta", "delta": {}, "usage": usage});
    let stream = fed(StreamUsage::new(UsageFormat::Anthropic), &[event.clone(), event]);
    let usage = stream.usage();
    assert_eq!(usage.tokens, UsageSnapshot::new(0, 0).cache_write(150));
    assert!(usage.missing.contains(&"cache_creation_input_tokens"), "{usage:?}");
}

#[test]
fn gemini_last_usage_counts() {
    let (stream, events) = (StreamUsage::new(UsageFormat::Gemini), events!("gemini"));
    let tokens = UsageSnapshot::new(10, 72).reasoning(63);
    whole(&stream, &events, tokens);
    // 10 × 0.30 $ + 72 × 2.50 $: 3 + 180 µ$.
    assert_eq!(prices(30, 250, 0, 3).cost(&tokens), Usd::from_nanos(183_000));
    cut(&stream, &events[..1], UsageSnapshot::new(10, 63).reasoning(63));
    cut(&stream, &events[..2], UsageSnapshot::new(10, 63).reasoning(63));
    cut(&stream, &events[..3], UsageSnapshot::new(10, 67).reasoning(63));
}

#[test]
fn total_refers_to_its_own_report() {
    let events = [
        json!({"usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 1,
                                 "totalTokenCount": 11}}),
        json!({"usageMetadata": {"candidatesTokenCount": 5},
               "candidates": [{"finishReason": "STOP"}]}),
    ];
    whole(&StreamUsage::new(UsageFormat::Gemini), &events, UsageSnapshot::new(10, 5));
}

#[test]
fn gemini_blocked_prompt_completes() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"},
                         "usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8}});
    let stream = fed(StreamUsage::new(UsageFormat::Gemini), &[blocked]);
    assert!(stream.is_complete());
    let usage = stream.usage();
    assert_eq!(usage.tokens, UsageSnapshot::new(8, 0));
    assert_eq!(usage.missing, ["candidatesTokenCount"]);
}

#[test]
fn bedrock_reports_in_one_event_wrapped_or_not() {
    let (stream, events) = (StreamUsage::new(UsageFormat::Bedrock), events!("bedrock"));
    let tokens = UsageSnapshot::new(43, 6).cache_read(1_000);
    whole(&stream, &events, tokens);
    assert_eq!(fed(stream.clone(), &events).usage().tier, Some(ServiceTier::Flex));
    // 43 × 3 $ + 6 × 15 $ + 1,000 × 0.30 $: 129 + 90 + 300 µ$.
    assert_eq!(prices(300, 1_500, 375, 30).cost(&tokens), Usd::from_nanos(519_000));
    cut(&stream, &events[..4], UsageSnapshot::new(1_000, 5));

    let unwrapped: Vec<Value> =
        events.iter().flat_map(|event| event.as_object().unwrap().values().cloned()).collect();
    whole(&stream, &unwrapped, tokens);
    cut(&stream, &unwrapped[..4], UsageSnapshot::new(1_000, 5));

    let mut broken = events[..2].to_vec();
    broken.push(json!({"modelStreamErrorException": {"message": "The model has gone"}}));
    cut(&stream, &broken, UsageSnapshot::new(1_000, 5));
}

#[test]
fn ollama_reports_on_its_done_line() {
    let (stream, events) = (StreamUsage::new(UsageFormat::Ollama), events!("ollama"));
    whole(&stream, &events, UsageSnapshot::new(26, 5));
    cut(&stream, &events[..2], UsageSnapshot::new(1_000, 4));

    let unknown = json!({"model": "llama3.2", "response": "", "done": true});
    let stream = fed(stream, &[unknown]);
    assert!(stream.is_complete(), "what is done will not say more");
    assert_eq!(stream.usage().missing, ["prompt_eval_count", "eval_count"]);
}

#[test]
fn openrouter_reports_cost_in_the_last_chunk() {
    let (stream, events) = (StreamUsage::new(UsageFormat::OpenRouter), events!("openrouter"));
    whole(&stream, &events, UsageSnapshot::new(94, 2).cache_write(100));
    assert_eq!(fed(stream.clone(), &events).usage().cost, Some(Usd::from_nanos(950_000)));
    cut(&stream, &events[..3], UsageSnapshot::new(1_000, 2));
}

#[test]
fn openrouter_error_in_mid_stream_does_not_complete() {
    let (stream, mut events) =
        (StreamUsage::new(UsageFormat::OpenRouter), events!("openrouter_error"));
    cut(&stream, &events, UsageSnapshot::new(1_000, 4));

    events[1]["usage"] = json!({"prompt_tokens": 12, "completion_tokens": 1, "cost": 0.001});
    cut(&stream, &events, UsageSnapshot::new(12, 4));
}

#[test]
fn tool_calls_count_as_output() {
    // The arguments come in pieces: `search`, `{"q":` and `"rust"}` are 18 bytes.
    let piece = |function: Value| json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": function}]}}]});
    let pieces = [
        piece(json!({"name": "search", "arguments": ""})),
        piece(json!({"arguments": r#"{"q":"#})),
        piece(json!({"arguments": r#""rust"}"#})),
    ];
    cut(&StreamUsage::new(UsageFormat::OpenAiChat), &pieces, UsageSnapshot::new(1_000, 5));

    // `search`, the key `q` and `rust`: 11 bytes.
    let part = json!({"functionCall": {"name": "search", "args": {"q": "rust"}}});
    let gemini = json!({"candidates": [{"content": {"parts": [part]}}]});
    cut(&StreamUsage::new(UsageFormat::Gemini), &[gemini], UsageSnapshot::new(1_000, 3));
    let call = json!({"function": {"name": "search", "arguments": {"q": "rust"}}});
    let ollama = json!({"message": {"content": "", "tool_calls": [call]}, "done": false});
    cut(&StreamUsage::new(UsageFormat::Ollama), &[ollama], UsageSnapshot::new(1_000, 3));
}

#[test]
fn invalid_chunk_is_refused_and_changes_nothing() {
    let mut stream = fed(StreamUsage::new(UsageFormat::Gemini), &events!("gemini")[..3]);
    let before = stream.usage();
    let bad = json!({"usageMetadata": {"promptTokenCount": 99, "candidatesTokenCount": -1},
                     "modelVersion": "other", "candidates": [{"finishReason": "STOP",
                     "content": {"parts": [{"text": "x".repeat(4_000)}]}}]});
    let error = stream.push(&bad).unwrap_err();
    assert_eq!(
        error.to_string(),
        "reported usage: `candidatesTokenCount` is -1, \
                not a whole number of tokens"
    );
    assert_eq!(stream.usage(), before);
    assert!(!stream.is_complete());
    assert!(stream.push(&json!([{}])).is_err(), "a list of chunks is not a chunk");
}

#[test]
fn empty_stream_is_an_estimate() {
    cut(&StreamUsage::new(UsageFormat::Anthropic), &[], UsageSnapshot::new(1_000, 0));
}

/// The compiler checks that the rest of the state owns no memory.
#[test]
fn model_name_is_allocated_once() {
    let (mut stream, events) = (StreamUsage::new(UsageFormat::OpenAiChat), events!("openai_chat"));
    stream.push(&events[0]).unwrap();
    let first = stream.usage().model.unwrap();
    for _ in 0..10_000 {
        stream.push(&events[1]).unwrap();
    }
    assert!(Arc::ptr_eq(&first, &stream.usage().model.unwrap()));
}

#[test]
fn zeros_at_the_end_take_no_input_back() {
    let start = json!({"type": "message_start", "message": {"usage": {
        "input_tokens": 25, "cache_read_input_tokens": 400, "cache_creation_input_tokens": 0, "output_tokens": 1}}});
    let end = |input: u64, read: u64| {
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {
            "input_tokens": input, "cache_read_input_tokens": read,
            "cache_creation_input_tokens": 0, "output_tokens": 42}})
    };
    let anthropic = StreamUsage::new(UsageFormat::Anthropic);
    whole(&anthropic, &[start.clone(), end(0, 0)], UsageSnapshot::new(25, 42).cache_read(400));
    // All of it was cached after all.
    whole(&anthropic, &[start, end(0, 425)], UsageSnapshot::new(0, 42).cache_read(425));
}

#[test]
fn transcript_of_another_model_is_told_and_not_counted() {
    let transcript = json!({"type": "conversation.item.input_audio_transcription.completed",
                            "usage": {"input_tokens": 17, "output_tokens": 9, "total_tokens": 26}});
    let answer = json!({"type": "response.done", "response": {
        "usage": {"input_tokens": 132, "output_tokens": 121, "total_tokens": 253}}});
    for events in [[&transcript, &answer], [&answer, &transcript]] {
        let mut stream = StreamUsage::new(UsageFormat::OpenAiResponses);
        events.into_iter().try_for_each(|event| stream.push(event)).expect("they are counts");
        let usage = stream.usage();
        assert_eq!(usage.tokens, UsageSnapshot::new(132, 121));
        assert_eq!((usage.missing, usage.estimated), (vec!["tools"], false));
    }
}
