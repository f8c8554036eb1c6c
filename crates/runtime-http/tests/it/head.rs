//! Bedrock's `InvokeModel`, which counts its tokens in the head of its reply.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use runtime_http::{Ask, Framing, Meter};
use runtime_usage::{ReportedUsage, UsageSnapshot};
use serde_json::{Value, json};

/// The usage of a whole answer of a model with this body, and these counts in its head.
fn usage(model: &str, body: &Value, counts: &[(&str, &str)]) -> ReportedUsage {
    let uri = format!("https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}/invoke");
    let uri = uri.parse().expect("it is a URL");
    let ask = Ask::of(&Method::POST, &uri, br#"{"prompt":"hello"}"#).expect("it is a call");
    let head: HeaderMap = counts
        .iter()
        .map(|(name, count)| {
            let name = format!("X-Amzn-Bedrock-{name}-Token-Count");
            let name: HeaderName = name.parse().expect("it is a name");
            (name, count.parse().expect("it is a value"))
        })
        .collect();
    let mut meter = Meter::new(&ask, Framing::of(&head), UNIX_EPOCH);
    meter.head(&head);
    meter.push(&Bytes::from(body.to_string()));
    meter.finish();
    assert!(meter.has_ended() && meter.error().is_none(), "{meter:?}");
    meter.usage().expect("it has a usage")
}

const COUNTS: [(&str, &str); 2] = [("Input", "13"), ("Output", "34")];

#[test]
fn body_without_counts_has_those_of_its_head() {
    let answer = json!({"outputs": [{"text": "Hello", "stop_reason": "stop"}]});
    let told = usage("mistral.mistral-7b-instruct-v0:2", &answer, &COUNTS);
    assert_eq!((told.tokens, told.estimated), (UsageSnapshot::new(13, 34), false));

    let estimate = usage("mistral.mistral-7b-instruct-v0:2", &answer, &[("Input", "many")]);
    assert!(estimate.estimated, "{estimate:?}");
}

#[test]
fn cached_tokens_are_beside_the_others() {
    let answer = json!({"outputs": [{"text": "Hello"}]});
    let cached = [COUNTS[0], COUNTS[1], ("Cache-Read-Input", "5"), ("Cache-Write-Input", "7")];
    let told = usage("mistral.mistral-7b-instruct-v0:2", &answer, &cached).tokens;
    let parts = (told.input_tokens, told.cache_read_tokens, told.cache_write_tokens);
    assert_eq!((parts, told.output_tokens), ((13, 5, 7), 34));
}

#[test]
fn counts_of_the_body_come_first() {
    let claude = json!({"type": "message", "content": [], "usage": {"input_tokens": 25, "output_tokens": 15}});
    let told = usage("anthropic.claude-3-haiku-20240307-v1:0", &claude, &COUNTS);
    assert_eq!(told.tokens, UsageSnapshot::new(25, 15));
}
