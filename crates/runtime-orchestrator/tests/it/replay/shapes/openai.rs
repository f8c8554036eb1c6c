//! `OpenAI`, and Azure with the same protocol.

use runtime_resilience::Provider;
use serde_json::{Value, json};

use super::super::reply::Reply;
use super::{
    AUTH, CONFLICT, CONTEXT, Expected, NO_MODEL, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER,
    Shape, Shapes, TIMEOUT,
};

pub(super) fn shapes() -> Vec<Shape> {
    [by_name(), by_status(), by_header(), in_streams(), azure()].concat()
}

fn error(kind: &str, code: &str, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

fn by_name() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::OpenAi);
    let slow = "Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000, Used 29000.";
    let large =
        "Request too large for gpt-5 on tokens per min (TPM): Limit 30000, Requested 41000.";
    let long = "This model's maximum context length is 128000 tokens.";
    let money = "You exceeded your current quota, please check your plan and billing details.";
    let cases: [(u16, &str, &str, &str, Expected); 15] = [
        (429, "tokens", "rate_limit_exceeded", slow, RATE),
        (429, "rate_limit_error", "slow_down", "Slow down.", RATE),
        (503, "rate_limit_error", "slow_down", "Slow down.", RATE),
        (503, "service_unavailable_error", "server_is_overloaded", "Servers are busy.", OVERLOAD),
        (429, "insufficient_quota", "insufficient_quota", money, QUOTA),
        (429, "billing", "credit_balance_exhausted", money, QUOTA),
        (429, "billing", "organization_spend_limit_exceeded", money, QUOTA),
        (429, "billing", "project_spend_limit_exceeded", money, QUOTA),
        (429, "billing", "organization_usage_limit_exceeded", money, QUOTA),
        (400, "invalid_request_error", "context_length_exceeded", long, CONTEXT),
        (400, "invalid_request_error", "invalid_value", "Invalid value: 'x'.", REQUEST),
        (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.", AUTH),
        (404, "invalid_request_error", "model_not_found", "It does not exist.", NO_MODEL),
        (400, "invalid_request_error", "content_policy_violation", "It was rejected.", POLICY),
        (500, "server_error", "server_error", "The server had an error.", SERVER),
    ];
    for (status, kind, code, message, fault) in cases {
        let headers = [("x-request-id", "req_8d1e")];
        let reply = Reply::status(status, &headers, error(kind, code, message));
        shapes.add(&format!("{status}-{code}"), reply, fault);
    }
    let reply = Reply::status(429, &[], error("tokens", "rate_limit_exceeded", large));
    shapes.add("429-request-too-large", reply, CONTEXT);
    shapes.shapes
}

fn by_status() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::OpenAi);
    for (status, fault) in [
        (401, AUTH),
        (403, AUTH),
        (404, NO_MODEL),
        (408, TIMEOUT),
        (409, CONFLICT),
        (422, REQUEST),
        (429, RATE),
        (500, SERVER),
        (502, SERVER),
        (503, OVERLOAD),
        (504, TIMEOUT),
        (520, SERVER),
    ] {
        // A reply of a gateway in between.
        let html = format!("<html><body>{status}</body></html>");
        shapes.add(&format!("{status}"), Reply::status(status, &[], html), fault);
    }
    shapes.shapes
}

fn by_header() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::OpenAi);
    let rate = || error("tokens", "rate_limit_exceeded", "Rate limit reached.");
    let quota = || error("insufficient_quota", "insufficient_quota", "You exceeded your quota.");
    let server = || error("server_error", "server_error", "The server had an error.");

    let told = [("retry-after", "1"), ("retry-after-ms", "634")];
    shapes.add("429-ms", Reply::status(429, &told, rate()), RATE.after_ms(634));
    shapes.add(
        "429-seconds",
        Reply::status(429, &[("Retry-After", "20")], rate()),
        RATE.after_ms(20_000),
    );
    shapes.add(
        "429-fraction",
        Reply::status(429, &[("retry-after", "0.5")], rate()),
        RATE.after_ms(500),
    );
    let date = [
        ("date", "Wed, 01 Jul 2026 13:30:00 GMT"),
        ("retry-after", "Wed, 01 Jul 2026 13:30:10 GMT"),
    ];
    shapes.add("429-date", Reply::status(429, &date, rate()), RATE.after_ms(10_000));
    // A longer wait than either SDK accepts; the caller decides how much is too long.
    shapes.add(
        "429-hour",
        Reply::status(429, &[("retry-after", "3600")], rate()),
        RATE.after_ms(3_600_000),
    );
    let reset = [
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    shapes.add("429-reset", Reply::status(429, &reset, rate()), RATE.after_ms(360_000));
    let full = [("x-ratelimit-remaining-tokens", "29000"), ("x-ratelimit-reset-tokens", "6m0s")];
    shapes.add("429-not-used-up", Reply::status(429, &full, rate()), RATE);
    let told = [("retry-after", "20"), ("x-should-retry", "true")];
    shapes.add("429-quota-told", Reply::status(429, &told, quota()), QUOTA.after_ms(20_000));
    let no = [("x-should-retry", "false")];
    shapes.add("500-should-not", Reply::status(500, &no, server()), SERVER.not_here());
    shapes.add("429-should-not", Reply::status(429, &no, rate()), RATE.not_here());
    let yes = [("x-should-retry", "true")];
    shapes.add("400-should", Reply::status(400, &yes, ""), REQUEST.here());
    shapes.add("401-should", Reply::status(401, &yes, ""), AUTH);
    let busy = error("service_unavailable_error", "server_is_overloaded", "Servers are busy.");
    shapes.add(
        "503-told",
        Reply::status(503, &[("retry-after", "3")], busy),
        OVERLOAD.after_ms(3_000),
    );
    shapes.shapes
}

fn in_streams() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::OpenAi);
    let created = || json!({"type": "response.created", "response": {"id": "resp_1"}});
    let chunk = || json!({"choices": [{"index": 0, "delta": {"content": "4"}}]});
    let limited = json!({
        "type": "error", "code": "rate_limit_exceeded", "message": "Rate limit reached",
        "param": null, "sequence_number": 3,
    });
    let failed = json!({
        "type": "response.failed",
        "response": {"id": "resp_1", "error": {"code": "server_error", "message": "It failed."}},
    });
    let filtered = json!({"choices": [{"index": 0, "finish_reason": "content_filter"}]});
    shapes.add("stream-error", Reply::events([created(), limited]), RATE);
    shapes.add("stream-failed", Reply::events([created(), failed]), SERVER);
    let broken = error("server_error", "", "The server had an error.");
    shapes.add("stream-chat", Reply::events([chunk(), broken]), SERVER);
    let quota = error("insufficient_quota", "insufficient_quota", "You exceeded your quota.");
    shapes.add("stream-quota", Reply::events([chunk(), quota]), QUOTA);
    shapes.add("stream-filtered", Reply::events([chunk(), filtered]), POLICY);
    shapes.shapes
}

fn azure() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::Azure);
    let filtered = json!({"error": {
        "message": "The response was filtered due to the prompt triggering the content management policy.",
        "type": null, "param": "prompt", "code": "content_filter", "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation"},
    }});
    let rate = || {
        json!({"error": {
            "code": "429", "message": "Requests have exceeded call rate limit. Please retry after 6 seconds.",
        }})
    };
    let told = [("retry-after-ms", "6001"), ("Retry-After", "6")];
    let missing = json!({"error": {
        "code": "DeploymentNotFound", "message": "The API deployment does not exist.",
    }});
    let quota = error("insufficient_quota", "insufficient_quota", "You exceeded your quota.");
    let long = error("invalid_request_error", "context_length_exceeded", "It is too long.");
    shapes.add("400-content_filter", Reply::status(400, &[], filtered), POLICY);
    shapes.add("429-told", Reply::status(429, &told, rate()), RATE.after_ms(6_001));
    shapes.add("429", Reply::status(429, &[], rate()), RATE.after_ms(6_000));
    shapes.add("429-quota", Reply::status(429, &[], quota), QUOTA);
    shapes.add("400-long", Reply::status(400, &[], long), CONTEXT);
    shapes.add("404-deployment", Reply::status(404, &[], missing), NO_MODEL);
    for (status, fault) in
        [(401, AUTH), (408, TIMEOUT), (409, CONFLICT), (500, SERVER), (503, OVERLOAD)]
    {
        shapes.add(&format!("{status}"), Reply::status(status, &[], "{}"), fault);
    }
    shapes.shapes
}
