//! Replies that nobody should send.

use std::time::Duration;

use runtime_resilience::{Fault, FaultDetails, FaultError, FaultKind, NoRetry, Provider};
use serde_json::{Value, json};

use super::{now, read};

#[test]
fn body_without_json_leaves_the_status() {
    for body in ["", "\u{0}", "<html>", "{\"error\":", "null", "3", "\"text\"", "[]", "[[]]"] {
        assert_eq!(read(Provider::Gemini, 429, &[], body).kind, FaultKind::RateLimit, "{body}");
    }
    let fault = Fault::from_response(Provider::OpenAi, 503, &(), b"\xff\xfe", now());
    assert_eq!(fault.kind, FaultKind::Overload);
}

#[test]
fn endlessly_nested_body_is_not_read() {
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    assert_eq!(read(Provider::Anthropic, 529, &[], &deep).kind, FaultKind::Overload);
    let deep = r#"{"error":"#.repeat(5_000) + "1" + &"}".repeat(5_000);
    assert_eq!(read(Provider::Anthropic, 429, &[], &deep).kind, FaultKind::RateLimit);
}

#[test]
fn long_body_is_not_read() {
    let body = |size| {
        let filler = "x".repeat(size);
        json!({"error": {"code": "insufficient_quota", "filler": filler}}).to_string()
    };
    let kind =
        |size| Fault::from_response(Provider::OpenAi, 429, &(), body(size).as_bytes(), now()).kind;
    assert_eq!(kind(60_000), FaultKind::Quota);
    assert_eq!(kind(70_000), FaultKind::RateLimit);
}

#[test]
fn a_body_is_read_as_serde_json_parses_it() {
    let deep = |levels| {
        format!(
            r#"{{"error":{{"code":"invalid_api_key","x":{0}1{1}}}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let bodies = [
        r#"{"error":{"code":"invalid_api_key","code":"insufficient_quota"}}"#,
        r#"{"error":{"code":"insufficient_quota"},"error":{"code":"invalid_api_key"}}"#,
        r#"{"error":{"c\u006fde":"insufficient\u005fquota","message":"\"so\" \ud83d\ude00"}}"#,
        r#"{"error":{"code":"insufficient_quota","message":"\ud83d"}}"#,
        r#"{"error":{"code":"insufficient_quota","x":1e999}}"#,
        r#"{"error":{"code":"insufficient_quota","x":[01]}}"#,
        r#"{"error":{"code":"insufficient_quota"}} x"#,
        r#"{"ThrottlingException":{"message":"a"},"InternalServerException":{"message":"b"}}"#,
        r#"{"error":{"code":-0,"metadata":{"headers":{"Retry-After":7e0}}}}"#,
        r#"{"error":{"code":503.0,"resets_in_seconds":2.5}}"#,
        r#"{"error":{"details":[[],{"retryDelay":"3s"},{"reason":"QUOTA_EXHAUSTED"}],"status":"x"}}"#,
        r#"[[{"error":1}],{"error":{"code":"insufficient_quota"}}]"#,
        r#" [{"error":{"metadata":{"raw":{"error":{"code":"insufficient_quota"}}}}}] "#,
        "\"insufficient_quota\"",
        "null",
        "{}",
        "[]",
    ];
    // The deepest that is parsed, and one level more.
    let bodies = bodies.map(str::to_owned).into_iter().chain([deep(125), deep(126)]);
    for body in bodies {
        let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
        for (&provider, status) in Provider::ALL.iter().zip([200, 403, 429].into_iter().cycle()) {
            let (fault, details) = (
                Fault::from_json(provider, status, &(), &parsed, now()),
                FaultDetails::from_json(&(), &parsed),
            );
            let read = FaultError::from_response(provider, status, &(), body.as_bytes(), now());
            assert_eq!((read.fault, *read.details), (fault, details), "{provider}: {body}");
        }
    }
    let status = |levels| read(Provider::OpenAi, 500, &[], &deep(levels)).kind;
    assert_eq!([status(125), status(126)], [FaultKind::Auth, FaultKind::Server]);
}

#[test]
fn fields_of_the_wrong_type_are_ignored() {
    for body in [
        r#"{"error":{"code":1e300,"type":[],"status":{},"message":7,"details":"x","metadata":[]}}"#,
        r#"{"error":{"code":-429,"details":[1,null,{"violations":3},{"violations":[null]}]}}"#,
        r#"{"error":{"code":99999999999999999999}}"#,
        r#"{"error":[1,2]}"#,
        r#"{"error":false,"response":3}"#,
    ] {
        for &provider in Provider::ALL {
            assert_eq!(read(provider, 401, &[], body).kind, FaultKind::Auth, "{provider} {body}");
            assert_eq!(
                read(provider, 200, &[], body).kind,
                FaultKind::Unknown,
                "{provider} {body}"
            );
        }
    }
}

#[test]
fn status_in_the_body_does_not_override_the_reply() {
    let body = r#"{"error":{"code":429,"message":"x"}}"#;
    assert_eq!(read(Provider::OpenRouter, 401, &[], body).kind, FaultKind::Auth);
    assert_eq!(read(Provider::OpenRouter, 200, &[], body).kind, FaultKind::RateLimit);
}

#[test]
fn quoted_words_at_the_end_of_a_message_are_ignored() {
    let text = "bad value: ".to_owned() + &"é".repeat(600) + " prompt is too long";
    let body = json!({"error": {"type": "invalid_request_error", "message": text}}).to_string();
    assert_eq!(read(Provider::Anthropic, 400, &[], &body).kind, FaultKind::Request);
}

#[test]
fn a_wait_of_days_is_not_slept() {
    let [delay, cap] = [2, 120].map(Duration::from_secs);
    for text in
        ["277200", "99999999999999999999999999999999999999999999", "Sun, 05 Jul 2026 12:00:00 GMT"]
    {
        let fault = read(Provider::OpenAi, 429, &[("retry-after", text)], "");
        assert!(matches!(fault.wait(delay, cap, None), Err(NoRetry::TooLong { .. })), "{text}");
    }
}

#[test]
fn keys_are_never_copied_and_texts_are_cut() {
    for (text, clean) in [
        ("sk-proj-abcDEF123", "[redacted]"),
        ("AIzaSyA-1234567890", "[redacted]"),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
        ("https://example.com/v1?key=abc123", "https://example.com/v1?key=[redacted]"),
        (r#"{"api_key":"sk-ant-api03-xyz"}"#, r#"{"api_key":"[redacted]"}"#),
        ("eyJhbGciOiJIUzI1NiJ9.e30.abc", "[redacted]"),
        ("postgres://host?password=hunter2", "postgres://host?password=[redacted]"),
        ("client_secret=hunter2", "client_secret=[redacted]"),
    ] {
        let body = json!({"error": {
            "message": format!("Wrong key {text}, try again"), "type": text, "code": text,
        }});
        let details = FaultDetails::from_json(&[("x-request-id", text)], &body);
        let message = format!("Wrong key {clean}, try again");
        assert_eq!(details.message.as_deref(), Some(message.as_str()));
        for name in [details.error_type, details.code, details.request_id] {
            assert_eq!(name.as_deref(), Some(clean));
        }
    }
    // What only looks random is a key where the text says so, and an id elsewhere.
    let random = "0123456789abcdef0123456789abcdef0123456789abcdef";
    let body = json!({"error": {"message": format!("Wrong key {random}")}});
    let details = FaultDetails::from_json(&[("x-request-id", random)], &body);
    assert_eq!(details.message.as_deref(), Some("Wrong key [redacted]"));
    assert_eq!(details.request_id.as_deref(), Some(random));

    let bearer = json!({"error": {"message": "not accepted: Bearer abc123 by us"}});
    let message = FaultDetails::from_json(&(), &bearer).message;
    assert_eq!(message.as_deref(), Some("not accepted: Bearer [redacted] by us"));

    let long = json!({"error": {"message": "wörd ".repeat(10_000)}});
    let message = FaultDetails::from_json(&(), &long).message.unwrap();
    assert!(message.chars().count() <= 500 && message.ends_with("wörd"), "{message}");
    // The cut leaves no half of a key.
    let cut = "x ".repeat(248) + "sk-abc123def456";
    let message = FaultDetails::from_json(&(), &json!({"error": cut})).message.unwrap();
    assert!(!message.contains("sk-"), "{message}");
}

#[test]
fn plain_words_are_left_as_they_are() {
    let text = "Quota exceeded for generativelanguage.googleapis.com/generate_content_free_tier_input_token_count, \
                GenerateContentInputTokensPerModelPerMinute-FreeTier, task-2, disk-full, model claude-sonnet-4-20250514";
    let details = FaultDetails::from_json(
        &(),
        &json!({"error": {"message": text, "code": 429, "status": "X"}}),
    );
    assert_eq!(details.message.as_deref(), Some(text));
    assert_eq!((details.code.as_deref(), details.error_type.as_deref()), (Some("429"), Some("X")));
    assert_eq!(FaultDetails::from_json(&(), &Value::Null), FaultDetails::default());
}

#[test]
fn request_id_is_found_in_headers_and_body() {
    for name in ["x-request-id", "Request-Id", "x-amzn-RequestId", "apim-request-id"] {
        let details = FaultDetails::from_response(&[(name, "req_7")], b"");
        assert_eq!(details.request_id.as_deref(), Some("req_7"), "{name}");
    }
    let body = br#"{"type":"error","error":{"type":"api_error"},"request_id":"req_8"}"#;
    assert_eq!(FaultDetails::from_response(&(), body).request_id.as_deref(), Some("req_8"));
    let aws = [("x-amzn-ErrorType", "ThrottlingException:http://x")];
    let details = FaultDetails::from_response(&aws, br#"{"message":"Slow down"}"#);
    assert_eq!(details.error_type.as_deref(), Some("ThrottlingException"));
    assert_eq!(details.message.as_deref(), Some("Slow down"));
}
