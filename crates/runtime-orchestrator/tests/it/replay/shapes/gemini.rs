//! The Gemini API and Vertex AI.

use runtime_resilience::{FaultScope, Provider};
use serde_json::{Value, json};

use super::super::reply::Reply;
use super::{
    AUTH, CONTEXT, Expected, NO_MODEL, OVERLOAD, QUOTA, RATE, REQUEST, SERVER, Shape, Shapes,
    TIMEOUT,
};

pub(super) fn shapes() -> Vec<Shape> {
    [by_name(), exhausted()].concat()
}

/// Each name, in a reply and in Gemini's stream, which is an array.
fn by_name() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::Gemini);
    let long = "The input token count (1200000) exceeds the maximum number of tokens allowed.";
    let cases: [(u16, &str, &str, Expected); 11] = [
        (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", REQUEST),
        (400, "INVALID_ARGUMENT", long, CONTEXT),
        (400, "FAILED_PRECONDITION", "User location is not supported.", AUTH),
        (401, "UNAUTHENTICATED", "Request had invalid credentials.", AUTH),
        (402, "", "Payment required", QUOTA),
        (403, "PERMISSION_DENIED", "You do not have permission.", AUTH.at(FaultScope::Model)),
        (404, "NOT_FOUND", "models/gemini-9 is not found", NO_MODEL),
        (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted.", RATE),
        (500, "INTERNAL", "An internal error has occurred.", SERVER),
        (503, "UNAVAILABLE", "The model is overloaded.", OVERLOAD.at(FaultScope::Model)),
        (504, "DEADLINE_EXCEEDED", "Deadline expired", TIMEOUT),
    ];
    for (place, (status, name, message, fault)) in cases.into_iter().enumerate() {
        let error = json!({"error": {"code": status, "status": name, "message": message}});
        let reply = Reply::status(status, &[], &error);
        shapes.add(&format!("{status}-{name}-{place}"), reply, fault);
        let chunk = json!({"candidates": [{"content": {"parts": [{"text": "4"}]}}]});
        let stream = Reply::events([chunk, json!([error])]);
        shapes.add(&format!("stream-{status}-{name}-{place}"), stream, fault);
    }
    for (status, fault) in
        [(408, TIMEOUT), (429, RATE), (500, SERVER), (502, SERVER), (503, OVERLOAD)]
    {
        shapes.add(&format!("{status}"), Reply::status(status, &[], ""), fault);
    }
    let key = json!({"error": {
        "code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid.",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    }});
    shapes.add("400-key", Reply::status(400, &[], key), AUTH);
    shapes.shapes
}

/// The details name the limit.
fn exhausted() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::Gemini);
    let minute = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
    let day = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
    let daily = QUOTA.at(FaultScope::Model);
    shapes.add("429-minute", limited(&[minute], "31s"), RATE.after_ms(31_000));
    shapes.add("429-day", limited(&[minute, day], "20.5s"), daily.after_ms(20_500));
    let none = json!({"error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded for metric: x, limit: 0, model: y",
    }});
    shapes.add("429-none", Reply::status(429, &[], none), daily);
    shapes.shapes
}

fn limited(quota_ids: &[&str], delay: &str) -> Reply {
    let violations: Vec<Value> = quota_ids.iter().map(|id| json!({"quotaId": id})).collect();
    let body = json!({"error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota.",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
        ],
    }});
    Reply::status(429, &[], body)
}
