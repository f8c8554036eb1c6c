//! Bedrock's binary event stream: usage, exceptions, bytes that pass.
//!
//! The messages are encoded here, by the layout of *Amazon Event Stream* in the Smithy specification.
//! Names and payloads: `ConverseStreamOutput` and `ResponseStream`, Amazon Bedrock API reference.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use futures_util::future::{Ready, ready};
use futures_util::stream;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use runtime_events::ManualClock;
use runtime_http::{Ask, Framing, Meter, Turns};
use runtime_orchestrator::{Orchestrator, RecoveryConfig};
use runtime_resilience::RetryBudget;
use runtime_usage::UsageSnapshot;
use serde_json::{Value, json};
use tower_service::Service;

/// A message: lengths, checksums, headers that are texts, and a payload.
pub(crate) fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut told = Vec::new();
    for (name, value) in headers {
        told.push(u8::try_from(name.len()).expect("it is short"));
        told.extend_from_slice(name.as_bytes());
        told.push(7);
        told.extend_from_slice(&u16::try_from(value.len()).expect("it is short").to_be_bytes());
        told.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).expect("it is short").to_be_bytes();
    let mut message = Vec::new();
    message.extend_from_slice(&length(16 + told.len() + payload.len()));
    message.extend_from_slice(&length(told.len()));
    message.extend_from_slice(&checksum(&message));
    message.extend_from_slice(&told);
    message.extend_from_slice(payload.as_bytes());
    message.extend_from_slice(&checksum(&message));
    message
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

fn event(name: &str, payload: &Value) -> Vec<u8> {
    let headers =
        [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, &payload.to_string())
}

fn exception(name: &str, said: &str) -> Vec<u8> {
    let headers = [
        (":exception-type", name),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    message(&headers, &json!({ "message": said }).to_string())
}

/// An answer of `ConverseStream`: 12 tokens in, of which none is cached, and 3 out.
pub(crate) fn conversation() -> Vec<u8> {
    [
        event("messageStart", &json!({"role": "assistant", "p": "abcd"})),
        event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": "Grüße 🌍"}})),
        event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        event("messageStop", &json!({"stopReason": "end_turn"})),
        event(
            "metadata",
            &json!({"usage": {"inputTokens": 12, "outputTokens": 3, "totalTokens": 15},
                "metrics": {"latencyMs": 400}}),
        ),
    ]
    .concat()
}

/// An answer of `InvokeModelWithResponseStream`, in the form of the model's maker.
pub(crate) fn invocation(parts: &[Value]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|part| event("chunk", &json!({"bytes": base64(part), "p": "ab"})))
        .collect()
}

/// Of Anthropic: 25 tokens in, 15 out, which Amazon's counts say again.
pub(crate) fn claude() -> Vec<u8> {
    invocation(&[
        json!({"type": "message_start", "message": {"role": "assistant",
            "usage": {"input_tokens": 25, "output_tokens": 1}}}),
        json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 15}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics":
            {"inputTokenCount": 25, "outputTokenCount": 15, "invocationLatency": 900}}),
    ])
}

/// Of Meta: 13 tokens in, 34 out.
pub(crate) fn llama() -> Vec<u8> {
    invocation(&[
        json!({"generation": "Hel", "prompt_token_count": 13, "stop_reason": null}),
        json!({"generation": "lo", "prompt_token_count": null, "stop_reason": null}),
        json!({"generation": "", "prompt_token_count": null, "stop_reason": "stop",
            "amazon-bedrock-invocationMetrics": {"inputTokenCount": 13, "outputTokenCount": 34}}),
    ])
}

pub(crate) fn throttled() -> Vec<u8> {
    exception("throttlingException", "Too many requests, please wait before trying again.")
}

fn base64(part: &Value) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = part.to_string();
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for digit in 0..4 {
            let digit =
                if digit <= three.len() { DIGITS[(bits >> (18 - 6 * digit)) & 63] } else { b'=' };
            encoded.push(char::from(digit));
        }
    }
    encoded
}

const CONVERSE: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream";

fn read(reply: &[u8]) -> Meter {
    let uri = CONVERSE.parse().expect("it is a URL");
    let ask = Ask::of(&Method::POST, &uri, br#"{"messages":[]}"#).expect("it is a call");
    let mut meter = Meter::new(&ask, Framing::Messages, UNIX_EPOCH);
    meter.push(&Bytes::copy_from_slice(reply));
    meter.finish();
    meter
}

#[test]
fn exceptions_of_both_streams_are_read_as_faults() {
    for (name, said, kind) in [
        ("internalServerException", "Retry your request.", "server"),
        ("modelStreamErrorException", "Retry your request.", "server"),
        ("modelTimeoutException", "Processing time exceeded the model timeout length.", "timeout"),
        ("serviceUnavailableException", "Try again later.", "overload"),
        ("throttlingException", "The number of requests exceeds the limit.", "rate_limit"),
        ("validationException", "Input is too long for requested model.", "context_length"),
        ("validationException", "Check your request parameters.", "request"),
    ] {
        let error = read(&exception(name, said)).error().cloned().expect("it is an error");
        assert_eq!(error.fault.kind.as_str(), kind, "{name}");
        assert_eq!(error.details.message.as_deref(), Some(said), "{name}");
    }
}

#[test]
fn what_the_service_could_not_describe_is_an_error() {
    let headers = [
        (":message-type", "error"),
        (":error-code", "InternalFailure"),
        (":error-message", "Something went wrong"),
    ];
    let error = read(&message(&headers, "")).error().cloned().expect("it is an error");
    assert_eq!(error.details.code.as_deref(), Some("InternalFailure"));
    assert_eq!(error.details.message.as_deref(), Some("Something went wrong"));
}

#[test]
fn exception_after_a_part_leaves_an_estimate() {
    let mut reply = event("contentBlockDelta", &json!({"delta": {"text": "12345678"}}));
    reply.extend(exception("modelStreamErrorException", "Retry your request."));
    let meter = read(&reply);
    assert!(meter.error().is_some_and(|error| error.fault.may_be_billed()), "{meter:?}");
    let usage = meter.usage().expect("a part has come");
    assert!(usage.estimated);
    assert_eq!(usage.tokens.output_tokens, 2);
}

#[test]
fn damaged_message_is_malformed() {
    let mut reply = conversation();
    *reply.last_mut().expect("it is not empty") ^= 1;
    let error = read(&reply).error().cloned().expect("it is an error");
    assert_eq!(error.fault.kind.as_str(), "malformed");
    // What is behind it is not read.
    let mut reply = vec![0; 12];
    reply.extend(conversation());
    let meter = read(&reply);
    assert_eq!(meter.error().expect("it is an error").fault.kind.as_str(), "malformed");
    assert_eq!(meter.usage(), None);
}

#[test]
fn unknown_messages_are_passed_over() {
    let mut reply = message(&[(":message-type", "event"), (":event-type", "chunk")], "{}");
    reply.extend(message(&[], ""));
    reply.extend(message(&[(":message-type", "initial-response")], "{}"));
    reply.extend(conversation());
    let meter = read(&reply);
    assert_eq!(meter.error(), None);
    assert_eq!(meter.usage().expect("it has usage").tokens, UsageSnapshot::new(12, 3));
}

/// Replies in order, each in pieces of seven bytes.
#[derive(Clone)]
struct Client(Arc<Mutex<Vec<Vec<u8>>>>);

type Body = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let reply = self.0.lock().expect("nobody panics").remove(0);
        let pieces = reply.chunks(7).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))));
        let body = StreamBody::new(stream::iter(pieces.collect::<Vec<_>>()));
        let reply =
            Response::builder().header("content-type", "application/vnd.amazon.eventstream");
        ready(Ok(reply.body(body).expect("the header is valid")))
    }
}

#[tokio::test]
async fn exception_before_any_part_is_recovered_from_and_the_bytes_pass_unchanged() {
    let recovery = RecoveryConfig::default().retry_budget(RetryBudget::percent(100));
    let writer = Orchestrator::new("writer", "draft").time(ManualClock::skipping());
    let session = writer.recovery(recovery).session().expect("it is open");
    let client = Client(Arc::new(Mutex::new(vec![throttled(), conversation()])));
    let body: Full<Bytes> = Full::from(r#"{"messages":[]}"#);
    let request = Request::post(CONVERSE).body(body);
    let mut client = Turns::of(&session).layer(client);
    let reply = client.call(request.expect("it is a request")).await.expect("it is answered");
    let seen = reply.into_body().collect().await.expect("it is whole").to_bytes();
    assert_eq!(seen, conversation());
    assert_eq!(session.tracker().totals().tokens, UsageSnapshot::new(12, 3));
    session.complete().expect("no turn is under way");
}
