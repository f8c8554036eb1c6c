//! What a gateway hands on of the one behind it, as text or as it is.

use std::time::Duration;

use runtime_resilience::{
    Fault, FaultDetails, FaultKind, FaultRule, FaultRules, FaultScope, Provider, ReplyField,
};
use serde_json::{Value, json};

use super::{CONTEXT, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER, at, facts, now, read};

/// As `OpenRouter` answers.
fn raw(status: u16, raw: &Value) -> String {
    let metadata = json!({"raw": raw, "provider_name": "OpenAI"});
    json!({"error": {"message": "Provider returned error", "code": status, "metadata": metadata}})
        .to_string()
}

fn text(body: &Value) -> Value {
    Value::String(body.to_string())
}

#[test]
fn the_envelopes_of_clouds_and_frameworks_are_opened() {
    let told = "This model's maximum context length is 8192 tokens.";
    for body in [
        // FastAPI's `HTTPException` with an object.
        json!({"detail": {"message": told}}),
        json!({"detail": {"error": {"message": told, "type": "invalid_request_error"}}}),
        json!({"detail": {"error": told}}),
        // Details beside the message are not the message.
        json!({"message": told, "detail": {"message": "see the documentation", "request_id": "1"}}),
        // Tencent's cloud, and Volcengine's.
        json!({"Response": {"Error": {"Code": "InvalidParameter", "Message": told}, "RequestId": "1"}}),
        json!({"ResponseMetadata": {"RequestId": "1", "Error": {"Code": "InvalidParameter", "Message": told}}}),
        // Apigee.
        json!({"fault": {"faultstring": told, "detail": {"errorcode": "steps.raisefault.RaiseFault"}}}),
    ] {
        let fault = read(Provider::Other, 400, &[], &body.to_string());
        assert_eq!(facts(&fault), CONTEXT, "{body}");
    }
    let limited = json!({"Response": {"Error": {"Code": "RequestLimitExceeded", "Message": "…"}, "RequestId": "1"}});
    // Tencent's cloud answers with 200.
    assert_eq!(facts(&read(Provider::Other, 200, &[], &limited.to_string())), RATE);
    let spent = json!({"fault": {"faultstring": "Rate limit quota violation. Quota limit exceeded. Identifier : _default",
        "detail": {"errorcode": "policies.ratelimit.QuotaViolation"}}});
    // Apigee's gateways answer with 500 unless told otherwise.
    for status in [429, 500] {
        let kind = read(Provider::Other, status, &[], &spent.to_string()).kind;
        assert!(matches!(kind, FaultKind::RateLimit | FaultKind::Quota), "{kind}");
    }
}

#[test]
fn upstream_body_is_read_first() {
    let too_long = json!({"type": "error", "error": {
        "type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000"}});
    let quota = json!({"error": {"message": "…", "type": "insufficient_quota", "code": "insufficient_quota"}});
    let blocked = json!({"error": {"code": "content_policy_violation", "message": "…"}});
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let exhausted = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [
        {"retryDelay": "31s"}]}});
    for (status, body, expected) in [
        (400, &too_long, CONTEXT),
        (429, &quota, at(QUOTA, FaultScope::Model)),
        (400, &blocked, POLICY),
        (502, &overloaded, at(OVERLOAD, FaultScope::Model)),
        (429, &exhausted, RATE),
    ] {
        for body in [body.clone(), text(body)] {
            let fault = read(Provider::OpenRouter, status, &[], &raw(status, &body));
            assert_eq!(facts(&fault), expected, "{body}");
            assert_eq!(fault.status, Some(status));
        }
        // In place of the message, at an unknown gateway.
        let message = json!({"error": {"message": body.to_string(), "code": status}}).to_string();
        assert_eq!(facts(&read(Provider::Other, status, &[], &message)), expected, "{body}");
        let bare = json!({"error": body.to_string()}).to_string();
        assert_eq!(facts(&read(Provider::Other, status, &[], &bare)), expected, "{body}");
    }
    let asked = read(Provider::OpenRouter, 429, &[], &raw(429, &text(&exhausted))).asked;
    assert_eq!(asked, Some(Duration::from_secs(31)));
    let sooner = [("retry-after", "7")];
    let asked = read(Provider::OpenRouter, 429, &sooner, &raw(429, &text(&exhausted))).asked;
    assert_eq!(asked, Some(Duration::from_secs(7)), "the gateway's own header comes first");
}

#[test]
fn gateways_own_reply_decides_if_upstream_is_unknown() {
    let unknown = json!({"error": {"type": "weird", "message": "at most 1 image per prompt"}});
    let no_json =
        Value::from("z-ai/glm is temporarily rate-limited upstream. Please retry shortly");
    for raw_body in [text(&unknown), no_json, Value::Null, json!([1]), json!("{not json")] {
        let body = raw(429, &raw_body);
        assert_eq!(facts(&read(Provider::OpenRouter, 429, &[], &body)), RATE, "{raw_body}");
    }
    assert_eq!(facts(&read(Provider::OpenRouter, 400, &[], &raw(400, &text(&unknown)))), REQUEST);
}

#[test]
fn one_level_is_read_and_no_more() {
    let quota = json!({"error": {"code": "insufficient_quota"}});
    let once = json!({"error": {"message": quota.to_string()}});
    let twice = json!({"error": {"message": once.to_string()}});
    assert_eq!(Fault::from_json(Provider::Other, 429, &(), &once, now()).kind, FaultKind::Quota);
    assert_eq!(
        Fault::from_json(Provider::Other, 429, &(), &twice, now()).kind,
        FaultKind::RateLimit
    );
}

#[test]
fn too_long_or_deep_upstream_body_is_not_read() {
    let quota =
        |padding: &str| format!("{{\"error\":{{\"code\":\"insufficient_quota\"}}{padding}}}");
    let long = json!({"error": {"message": quota(&" ".repeat(64 * 1024))}});
    let deep = json!({"error": {"message": format!("{{\"a\":{}", "[".repeat(60_000))}});
    for body in [long, deep] {
        assert_eq!(
            Fault::from_json(Provider::Other, 429, &(), &body, now()).kind,
            FaultKind::RateLimit
        );
    }
}

#[test]
fn own_rows_read_the_upstream_body() {
    let rules = FaultRules::default()
        .row(FaultRule::any(FaultKind::Overload).says(ReplyField::Code, &["all_gpus_busy"]));
    let body = json!({"error": {"message": "{\"error\":{\"code\":\"all_gpus_busy\"}}"}});
    let fault = rules.of_json(Provider::Other, 400, &(), &body, now());
    assert_eq!((fault.kind, fault.cools), (FaultKind::Overload, FaultScope::Model));
    // Rows without a text do not read the upstream body.
    let by_status = FaultRules::default().row(FaultRule::any(FaultKind::Local).status(500, 500));
    let body = json!({"error": {"message": "{\"error\":{\"code\":500}}"}});
    assert_eq!(
        by_status.of_json(Provider::Other, 429, &(), &body, now()).kind,
        FaultKind::RateLimit
    );
}

#[test]
fn details_come_from_the_upstream_body() {
    let inner = json!({"error": {"message": "Bad key sk-abc123", "type": "invalid_request_error", "code": null}});
    let body = raw(400, &text(&inner));
    let details = FaultDetails::from_response(&(), body.as_bytes());
    assert_eq!(details.message.as_deref(), Some("Bad key [redacted]"));
    assert_eq!(details.error_type.as_deref(), Some("invalid_request_error"));
    assert_eq!(details.code.as_deref(), Some("400"), "the gateway's, for want of another");

    let body = raw(429, &Value::from("temporarily rate-limited upstream"));
    let details = FaultDetails::from_response(&(), body.as_bytes());
    assert_eq!(details.message.as_deref(), Some("temporarily rate-limited upstream"));
}

#[test]
fn a_failure_that_names_a_refusal_behind_it_is_the_refusal() {
    for (message, wanted) in [
        ("provider failed: Error code: 400 - {}", REQUEST),
        ("upstream answered with status 429", RATE),
        ("upstream answered with status 503", SERVER),
        ("read 404 bytes", SERVER),
    ] {
        let body = json!({"error": {"message": message}}).to_string();
        let fault = read(Provider::Other, 500, &[], &body);
        assert_eq!(facts(&fault), wanted, "{message}");
        assert_eq!(fault.status, Some(500));
    }
    // The gateway's key at the other place rests no other model of the gateway.
    let body = json!({"error": {"message": "upstream answered with status 401"}}).to_string();
    let fault = read(Provider::Other, 502, &[], &body);
    assert_eq!((fault.kind, fault.cools), (FaultKind::Auth, FaultScope::Model));
}

#[test]
fn a_gateway_without_credentials_is_not_asked_again() {
    let told = "VertexAIException - 503 Getting metadata from plugin failed with error: Reauthentication is needed.";
    let body = json!({"error": {"message": told}}).to_string();
    let fault = read(Provider::Other, 503, &[], &body);
    assert_eq!((fault.kind, fault.retry, fault.elsewhere), (FaultKind::Auth, false, true));
}
