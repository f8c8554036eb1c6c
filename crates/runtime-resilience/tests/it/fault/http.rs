//! Headers as the crate `http` has them.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use runtime_resilience::{Headers, retry_after};
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
