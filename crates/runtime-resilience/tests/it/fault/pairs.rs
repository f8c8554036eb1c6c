//! Words by two, messages by two, and waits in fields and in words of any kind.

use std::time::Duration;

use runtime_resilience::{Fault, FaultKind, Provider};
use serde_json::json;

use super::{AUTH, CONTEXT, Facts, POLICY, QUOTA, RATE, REQUEST, SERVER, facts, now, read};

fn says(status: u16, message: &str) -> Facts {
    let body = json!({"error": {"message": message}}).to_string();
    facts(&read(Provider::Other, status, &[], &body))
}

#[test]
fn too_much_input_is_told_in_any_words() {
    for (status, message) in [
        (400, "Input prompt (35247 tokens) is too long and exceeds limit of 1000"),
        (422, "total tokens exceeds the model's maximum limit of 4096"),
        (500, "the prompt is larger than the cache"),
        (500, "超出最大上下文长度"),
        (400, "错误：上下文过长，请减少输入"),
        (
            400,
            "Invalid 'messages[0].content': string too long. Expected a string with maximum length 9",
        ),
    ] {
        assert_eq!(says(status, message), CONTEXT, "{message}");
    }
    // What the answer may have, a rate, and a key are other limits.
    for message in [
        "max_completion_tokens is too large: 9",
        "the access token is too long",
        "Invalid 'prompt_cache_key': string too long. Expected a string with maximum length 64",
        "Invalid 'messages[3].tool_calls[0].id': string too long.",
    ] {
        assert_eq!(says(400, message), REQUEST, "{message}");
    }
    assert_ne!(says(429, "too many tokens per minute exceeded"), CONTEXT);
}

#[test]
fn refused_content_is_told_in_any_words() {
    for (status, message) in [
        (400, "The response is blocked, as it may violate our policies."),
        (400, "Your request was rejected because it violates OpenAI's usage policies."),
        (403, "Your message was flagged by the content moderation system."),
        (422, "Sensitive content detected"),
    ] {
        assert_eq!(says(status, message), POLICY, "{message}");
    }
    assert_eq!(says(403, "an organization policy has to be enabled"), AUTH);
}

#[test]
fn both_messages_of_a_body_are_read() {
    let told = "prompt is too long: 9 tokens > 8 maximum";
    for body in [
        json!({"error": told, "message": "Bad Request"}),
        json!({"error": "Bad Request", "message": told}),
        json!({"error": "ERROR_PROVIDER_ERROR", "details": {"detail": told}}),
        json!({"detail": "Internal Server Error", "exception": told}),
    ] {
        assert_eq!(facts(&read(Provider::Other, 500, &[], &body.to_string())), CONTEXT, "{body}");
    }
    let named = json!({"error": "insufficient_quota", "message": "No more."}).to_string();
    assert_eq!(facts(&read(Provider::Other, 429, &[], &named)), QUOTA);
    let wait = json!({"error": "retry in 3 seconds", "message": "Too Many Requests"}).to_string();
    assert_eq!(read(Provider::Other, 429, &[], &wait).asked, Some(Duration::from_secs(3)));
}

#[test]
fn waits_are_read_from_fields_of_any_unit() {
    for (field, value, seconds) in [
        ("reset_seconds", json!(561_635), 561_635),
        ("retryAfter", json!("83"), 83),
        ("retry_after", json!("1m23s"), 83),
        ("retry_after_ms", json!(7_000), 7),
    ] {
        let body = json!({"error": {"message": "slow down", field: value}}).to_string();
        let fault = read(Provider::Other, 429, &[], &body);
        assert_eq!(fault.asked, Some(Duration::from_secs(seconds)), "{body}");
    }
}

#[test]
fn misshapen_answers_are_asked_for_again() {
    for reason in ["function_call_filter: MALFORMED_FUNCTION_CALL", "malformed_tool_use"] {
        let chunk = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
        let fault = Fault::from_stream_error(Provider::Gemini, &chunk, now());
        assert_eq!((fault.kind, fault.retry), (FaultKind::Malformed, true), "{reason}");
    }
    let safety = json!({"choices": [{"index": 0, "finish_reason": "content_filter: SAFETY"}]});
    let fault = Fault::from_stream_error(Provider::Other, &safety, now());
    assert_eq!(fault.kind, FaultKind::ContentPolicy);
}

#[test]
fn waits_are_told_in_other_words() {
    for (message, seconds) in [
        ("Out of call volume quota. Quota will be replenished in 22.14:18:12.", 1_952_292),
        ("Rate limit is exceeded, replenished in 00:41:15", 2_475),
        ("Too many requests. Wait 30 seconds.", 30),
        ("Please retry your request in 20s.", 20),
        ("rate limited, Retry-After: 30", 30),
        ("waiting is of no use; wait: 12 seconds", 12),
        ("请求过于频繁，请 30 秒后重试", 30),
        ("请求过于频繁，请5分钟后再试", 300),
    ] {
        let body = json!({"error": {"message": message}}).to_string();
        let fault = read(Provider::Other, 429, &[], &body);
        assert_eq!(fault.asked, Some(Duration::from_secs(seconds)), "{message}");
    }
    // A time of day is none.
    let body = json!({"error": {"message": "rate limit, resets at 21:31:39"}}).to_string();
    assert_eq!(read(Provider::Other, 429, &[], &body).asked, None);
}

#[test]
fn budget_of_money_is_an_allowance_and_one_of_time_is_none() {
    for message in [
        "Project budget exceeded for 'x'.",
        "You have exceeded your budget for this key",
        "This call exceeds the budget of the team",
    ] {
        assert_eq!(says(429, message), QUOTA, "{message}");
    }
    for message in ["The thinking budget exceeded 1024", "Latency budget exceeded: 45 s"] {
        assert_eq!(says(400, message), REQUEST, "{message}");
    }
}

#[test]
fn request_is_wrong_under_500_too() {
    for message in [
        "response_format type must be one of \"text\" or \"json_object\"",
        "Either \"json_schema\" or \"grammar\" can be specified, but not both",
        "This model only support stream mode",
    ] {
        assert_eq!(says(500, message), REQUEST, "{message}");
    }
    for message in ["one of the workers failed", "both workers failed", "the stream failed"] {
        assert_eq!(says(500, message), SERVER, "{message}");
    }
}

#[test]
fn what_waits_in_a_queue_and_what_an_answer_may_have_are_no_window() {
    let queue = "token_limit_exceeded: Enqueued token limit reached. Limit: 2,000 enqueued tokens.";
    assert_eq!(says(400, queue), RATE);
    let answer =
        "the maximum value for `max_tokens` is less than the `context_window` for this model";
    assert_eq!(says(400, answer), REQUEST);
    assert_eq!(says(400, "the prompt is larger than the `context_window` for this model"), CONTEXT);
    assert_eq!(says(500, "Received message larger than max (6104576 vs. 4194304)"), CONTEXT);
    assert_eq!(says(500, "the pool is larger than max"), SERVER);
}

#[test]
fn accounts_that_rest_are_waited_for() {
    let limited = "All accounts are currently limited. Please wait 84152s.";
    let body = json!({"error": {"message": limited}}).to_string();
    let fault = read(Provider::Other, 400, &[], &body);
    assert_eq!(fault.asked, Some(Duration::from_secs(84_152)));
    assert_eq!(says(503, "each profile is in cooldown"), RATE);
    assert_eq!(says(400, "`cooldown` must be positive"), REQUEST);
}
