//! `OpenRouter`, which forwards errors of others, and Ollama, with few details.

use runtime_resilience::{FaultKind, FaultScope, Provider};
use serde_json::{Value, json};

use super::super::reply::Reply;
use super::{
    AUTH, CONTEXT, Expected, NETWORK, NO_MODEL, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER,
    Shape, Shapes, TIMEOUT,
};

pub(super) fn shapes() -> Vec<Shape> {
    [openrouter(), ollama()].concat()
}

/// Each as a reply, and in the middle of a stream, with the status in the error.
fn openrouter() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::OpenRouter);
    let none = || json!({});
    let cases: [(u16, &str, Value, Expected); 12] = [
        (400, "temperature: must be a number", none(), REQUEST),
        (400, "This endpoint's maximum context length is 128000 tokens", none(), CONTEXT),
        (401, "No auth credentials found", none(), AUTH),
        (402, "Insufficient credits", none(), QUOTA),
        (
            402,
            "In flight",
            json!({"limit_source": "openrouter_in_flight_budget"}),
            RATE.at(FaultScope::Key),
        ),
        (403, "Flagged", json!({"reasons": ["violence"], "flagged_input": "..."}), POLICY),
        (403, "Blocked by a guardrail", none(), POLICY),
        (408, "Timed out", none(), TIMEOUT),
        (429, "Rate limit exceeded: free-models-per-min", none(), RATE.at(FaultScope::Key)),
        (429, "Provider returned error", json!({"provider_name": "Chutes"}), RATE),
        (502, "Provider returned error", none(), SERVER.at(FaultScope::Model)),
        (503, "No provider meets your routing", none(), OVERLOAD.at(FaultScope::Model)),
    ];
    for (place, (status, message, metadata, fault)) in cases.into_iter().enumerate() {
        let error = json!({"error": {"code": status, "message": message, "metadata": metadata}});
        // `OpenRouter` sends a wait with these statuses.
        let told = [("Retry-After", "4")];
        let (headers, asked) = match status {
            402 if fault.kind == FaultKind::Quota => (&[][..], fault),
            402 | 429 | 503 => (&told[..], fault.after_ms(4_000)),
            _ => (&[][..], fault),
        };
        shapes.add(&format!("{status}-{place}"), Reply::status(status, headers, &error), asked);

        let mut event = error;
        event["choices"] = json!([{"delta": {"content": ""}, "finish_reason": "error"}]);
        let chunk = json!({"choices": [{"delta": {"content": "4"}}]});
        shapes.add(&format!("stream-{status}-{place}"), Reply::events([chunk, event]), fault);
    }
    let nameless = json!({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}]});
    shapes.add("stream-nameless", Reply::events([nameless]), SERVER);
    shapes.shapes
}

/// Retried only while it is busy.
fn ollama() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::Ollama);
    let broken = SERVER.not_here().at(FaultScope::Model);
    let cases: [(u16, &str, Expected); 8] = [
        (503, "server busy, please try again.  maximum pending requests exceeded", OVERLOAD),
        (429, "too many requests", RATE.at(FaultScope::Key)),
        (400, "the input length exceeds the context length", CONTEXT),
        (400, "invalid options", REQUEST),
        (404, "model 'llama9' not found", NO_MODEL),
        (408, "timed out", TIMEOUT.not_here()),
        (500, "llama runner process has terminated: exit status 2", broken),
        (502, "upstream failed", broken),
    ];
    for (place, (status, message, fault)) in cases.into_iter().enumerate() {
        let reply = Reply::status(status, &[], json!({"error": message}));
        shapes.add(&format!("{status}-{place}"), reply, fault);
    }
    // A stream only has a text, which is read.
    let part = json!({"message": {"content": "4"}, "done": false});
    let error = json!({"error": "an error was encountered: connection refused"});
    shapes.add("stream-text", Reply::lines([part, error]), NETWORK);
    shapes.shapes
}
