//! Anthropic.

use std::time::Duration;

use runtime_resilience::{Fault, FaultScope, Provider};
use serde_json::json;

use super::{
    AUTH, CONFLICT, CONTEXT, Facts, NO_MODEL, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER,
    TIMEOUT, at, facts, now, read,
};

fn body(kind: &str, message: &str) -> String {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011C"})
        .to_string()
}

#[test]
fn each_type_means_the_same_in_a_reply_and_in_a_stream() {
    let cases: [(u16, &str, Facts); 10] = [
        (400, "invalid_request_error", REQUEST),
        (401, "authentication_error", AUTH),
        (402, "billing_error", QUOTA),
        (403, "permission_error", at(AUTH, FaultScope::Model)),
        (404, "not_found_error", NO_MODEL),
        (413, "request_too_large", CONTEXT),
        (429, "rate_limit_error", RATE),
        (500, "api_error", SERVER),
        (504, "timeout_error", TIMEOUT),
        (529, "overloaded_error", OVERLOAD),
    ];
    for (status, kind, expected) in cases {
        let body = body(kind, "It says so.");
        assert_eq!(facts(&read(Provider::Anthropic, status, &[], &body)), expected, "{kind}");
        assert_eq!(
            facts(&read(Provider::Anthropic, 200, &[], &body)),
            expected,
            "{kind} under 200"
        );
        let event = serde_json::from_str(&body).unwrap();
        let in_stream = Fault::from_stream_error(Provider::Anthropic, &event, now());
        assert_eq!(facts(&in_stream), expected, "{kind} in a stream");
        assert_eq!(in_stream.status, None);
    }
}

#[test]
fn a_conflict_and_a_timeout_are_retried() {
    assert_eq!(facts(&read(Provider::Anthropic, 408, &[], "")), TIMEOUT);
    assert_eq!(facts(&read(Provider::Anthropic, 409, &[], "")), CONFLICT);
}

#[test]
fn used_up_limit_asks_to_wait_for_its_reset() {
    let headers = [
        ("anthropic-ratelimit-requests-remaining", "12"),
        ("anthropic-ratelimit-requests-reset", "2026-07-01T13:00:00Z"),
        ("anthropic-ratelimit-input-tokens-remaining", "0"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-07-01T12:00:20Z"),
        ("anthropic-ratelimit-output-tokens-remaining", "0"),
        ("anthropic-ratelimit-output-tokens-reset", "2026-07-01T12:00:45Z"),
        ("request-id", "req_011C"),
    ];
    let body = body("rate_limit_error", "This request would exceed your organization's rate limit");
    let fault = read(Provider::Anthropic, 429, &headers, &body);
    assert_eq!((facts(&fault), fault.asked), (RATE, Some(Duration::from_secs(45))));

    let mut told = headers.to_vec();
    told.push(("retry-after", "9"));
    assert_eq!(read(Provider::Anthropic, 429, &told, &body).asked, Some(Duration::from_secs(9)));
    // A server that fails has no limit to wait for.
    assert_eq!(read(Provider::Anthropic, 500, &headers, "").asked, None);
}

#[test]
fn spent_money_is_never_retried_here_under_any_name() {
    let credit =
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.";
    assert_eq!(
        facts(&read(Provider::Anthropic, 400, &[], &body("invalid_request_error", credit))),
        QUOTA
    );
    let limit = "enforced_spend_limit_reached: You have reached your specified API usage limits.";
    assert_eq!(
        facts(&read(Provider::Anthropic, 429, &[], &body("rate_limit_error", limit))),
        QUOTA
    );
    let by_type = body("enforced_spend_limit_reached", "Spend limit");
    assert_eq!(facts(&read(Provider::Anthropic, 429, &[], &by_type)), QUOTA);
    let by_code = r#"{"error":{"type":"rate_limit_error","code":"enforced_spend_limit_reached"}}"#;
    assert_eq!(facts(&read(Provider::Anthropic, 429, &[], by_code)), QUOTA);
}

#[test]
fn too_long_prompt_is_not_just_a_bad_request() {
    for text in [
        "prompt is too long: 208310 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    ] {
        let body = body("invalid_request_error", text);
        assert_eq!(facts(&read(Provider::Anthropic, 400, &[], &body)), CONTEXT, "{text}");
    }
}

#[test]
fn stop_reasons_are_faults_of_their_own_kinds() {
    let overflow = r#"{"type":"message","role":"assistant","content":[],"stop_reason":"model_context_window_exceeded"}"#;
    assert_eq!(facts(&read(Provider::Anthropic, 200, &[], overflow)), CONTEXT);
    let refusal = r#"{"type":"message","role":"assistant","content":[],"stop_reason":"refusal"}"#;
    assert_eq!(facts(&read(Provider::Anthropic, 200, &[], refusal)), POLICY);
}
