//! Replies as the crate `http` has them.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response};
use runtime_resilience::{Fault, FaultKind, Headers, Provider, retry_after};
use serde_json::Value;

use super::now;

#[test]
fn a_header_map_is_read_like_any_headers() {
    let mut headers = HeaderMap::new();
    headers.insert("Retry-After", HeaderValue::from_static("7"));
    headers.append("retry-after", HeaderValue::from_static("9"));
    headers.insert("x-request-id", HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(headers.header("retry-after"), Some("7"), "the first");
    assert_eq!(headers.header("x-request-id"), None, "not text");
    assert_eq!(headers.header("not a name"), None);
    assert_eq!(retry_after(&headers, &Value::Null, now()), Some(Duration::from_secs(7)));
}

#[test]
fn http_reply_is_read_like_its_parts() {
    let body = r#"{"error":{"code":"insufficient_quota"}}"#;
    let reply =
        Response::builder().status(429).header("x-should-retry", "true").body(body).unwrap();
    let fault = Fault::from_http(Provider::OpenAi, &reply, now());
    assert_eq!(fault.kind, FaultKind::Quota);
    let headers = [("x-should-retry", "true")];
    let parts = Fault::from_response(Provider::OpenAi, 429, &headers, body.as_bytes(), now());
    assert_eq!(fault, parts);
    let bytes = reply.map(|body| body.as_bytes().to_vec());
    assert_eq!(Fault::from_http(Provider::OpenAi, &bytes, now()), parts);
}
