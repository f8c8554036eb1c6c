//! The meaning of a reply, from its status, headers and body. No peer reads all three.

use std::hint::black_box;

use chrono::DateTime;
use runtime_resilience::{Fault, Provider};
use serde_json::Value;

use crate::measure::Work;
use crate::suite::Suite;

pub(super) fn add(suite: &mut Suite) {
    suite.ours("Fault::from_json, a 429 and 14 headers", Work::alone(from_json()));
    // Parsing the body allocates.
    suite.case("Fault::from_response, a 429 and 14 headers", Work::alone(from_response()));
}

/// The headers of `OpenAI`.
const HEADERS: [(&str, &str); 14] = [
    ("date", "Wed, 01 Jul 2026 12:00:00 GMT"),
    ("content-type", "application/json; charset=utf-8"),
    ("content-length", "342"),
    ("openai-organization", "org-x"),
    ("openai-processing-ms", "14"),
    ("x-ratelimit-limit-requests", "500"),
    ("x-ratelimit-limit-tokens", "30000"),
    ("x-ratelimit-remaining-requests", "499"),
    ("x-ratelimit-remaining-tokens", "0"),
    ("x-ratelimit-reset-requests", "120ms"),
    ("x-ratelimit-reset-tokens", "634ms"),
    ("retry-after", "1"),
    ("retry-after-ms", "634"),
    ("x-request-id", "req_8d1e"),
];

const BODY: &[u8] =
    br#"{"error":{"message":"Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM)",
    "type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;

fn from_json() -> impl FnMut() -> Fault {
    let headers = HEADERS;
    let body: Value = serde_json::from_slice(BODY).unwrap_or_default();
    move || {
        Fault::from_json(
            black_box(Provider::OpenAi),
            black_box(429),
            black_box(&headers),
            black_box(&body),
            DateTime::UNIX_EPOCH,
        )
    }
}

fn from_response() -> impl FnMut() -> Fault {
    let headers = HEADERS;
    move || {
        Fault::from_response(
            black_box(Provider::OpenAi),
            black_box(429),
            black_box(&headers),
            black_box(BODY),
            DateTime::UNIX_EPOCH,
        )
    }
}
