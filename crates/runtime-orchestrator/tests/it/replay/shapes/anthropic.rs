//! Anthropic.

use runtime_resilience::{FaultScope, Provider};
use serde_json::{Value, json};

use super::super::reply::Reply;
use super::{
    AUTH, CONFLICT, CONTEXT, Expected, NO_MODEL, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER,
    Shape, Shapes, TIMEOUT,
};

pub(super) fn shapes() -> Vec<Shape> {
    [by_name(), by_header(), answers()].concat()
}

fn error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011C"})
}

/// Each type, in a reply and in the middle of a stream.
fn by_name() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::Anthropic);
    let cases: [(u16, &str, &str, Expected); 15] = [
        (400, "invalid_request_error", "max_tokens: Field required", REQUEST),
        (401, "authentication_error", "invalid x-api-key", AUTH),
        (402, "billing_error", "Your credit has run out.", QUOTA),
        (403, "permission_error", "Your key may not use this model.", AUTH.at(FaultScope::Model)),
        (404, "not_found_error", "model: claude-9", NO_MODEL),
        (413, "request_too_large", "Request exceeds the maximum size", CONTEXT),
        (429, "rate_limit_error", "This would exceed your organization's rate limit.", RATE),
        (500, "api_error", "Internal server error", SERVER),
        (504, "timeout_error", "Request timed out", TIMEOUT),
        (529, "overloaded_error", "Overloaded", OVERLOAD),
        (429, "enforced_spend_limit_reached", "Spend limit", QUOTA),
        (429, "rate_limit_error", "enforced_spend_limit_reached: You have reached it.", QUOTA),
        (400, "invalid_request_error", "Your credit balance is too low to go on.", QUOTA),
        (400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000", CONTEXT),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit",
            CONTEXT,
        ),
    ];
    for (place, (status, kind, message, fault)) in cases.into_iter().enumerate() {
        let headers = [("request-id", "req_011C")];
        let name = format!("{status}-{kind}-{place}");
        shapes.add(&name, Reply::status(status, &headers, error(kind, message)), fault);
        let start = json!({"type": "message_start", "message": {"usage": {"input_tokens": 12}}});
        let delta = json!({"type": "content_block_delta", "delta": {"text": "4"}});
        let stream = Reply::events([start, delta, error(kind, message)]);
        shapes.add(&format!("stream-{kind}-{place}"), stream, fault);
    }
    for (status, fault) in [
        (408, TIMEOUT),
        (409, CONFLICT),
        (500, SERVER),
        (502, SERVER),
        (503, OVERLOAD),
        (529, OVERLOAD),
    ] {
        shapes.add(&format!("{status}"), Reply::status(status, &[], ""), fault);
    }
    shapes.shapes
}

fn by_header() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::Anthropic);
    let rate = || error("rate_limit_error", "This would exceed your organization's rate limit.");
    let limits = [
        ("anthropic-ratelimit-requests-remaining", "12"),
        ("anthropic-ratelimit-requests-reset", "2026-07-01T13:00:00Z"),
        ("anthropic-ratelimit-input-tokens-remaining", "0"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-07-01T12:00:20Z"),
        ("anthropic-ratelimit-output-tokens-remaining", "0"),
        ("anthropic-ratelimit-output-tokens-reset", "2026-07-01T12:00:45Z"),
    ];
    let mut told = limits.to_vec();
    told.push(("retry-after", "9"));
    shapes.add("429-reset", Reply::status(429, &limits, rate()), RATE.after_ms(45_000));
    shapes.add("429-told", Reply::status(429, &told, rate()), RATE.after_ms(9_000));
    // A failing server has no limit to wait for.
    let failed = error("api_error", "Internal server error");
    shapes.add("500-reset", Reply::status(500, &limits, failed), SERVER);
    let busy = || error("overloaded_error", "Overloaded");
    let seconds = [("retry-after", "2")];
    shapes.add("529-told", Reply::status(529, &seconds, busy()), OVERLOAD.after_ms(2_000));
    let no = [("x-should-retry", "false")];
    shapes.add("529-should-not", Reply::status(529, &no, busy()), OVERLOAD.not_here());
    let yes = [("x-should-retry", "true")];
    let bill = error("billing_error", "Your credit has run out.");
    shapes.add("402-should", Reply::status(402, &yes, bill), QUOTA);
    shapes.shapes
}

/// Replies under status 200 that are not answers.
fn answers() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::Anthropic);
    for (reason, fault) in [("model_context_window_exceeded", CONTEXT), ("refusal", POLICY)] {
        let answer =
            json!({"type": "message", "role": "assistant", "content": [], "stop_reason": reason});
        shapes.add(&format!("200-{reason}"), Reply::ok(answer), fault);
    }
    shapes.shapes
}
