//! What a text alone tells of a failure.

use std::time::Duration;

use runtime_events::FailureScenario::{self, LlmError};
use runtime_resilience::{Classifier, Failure, FaultKind};

use crate::fault::now;

/// Kind, retried here, counted against health, and the scenario.
fn by_text(text: &'static str) -> (FaultKind, bool, bool, FailureScenario) {
    let failure = Failure::classified(text, &Classifier::default(), now());
    let fault = failure.fault();
    (fault.kind, fault.retry, failure.counts(), fault.scenario())
}

#[test]
fn text_tells_a_bad_request_from_an_outage() {
    use FaultKind::{
        Auth, ContentPolicy, ContextLength, Overload, Quota, RateLimit, Request, Server,
    };
    for (text, expected) in [
        // As `async-openai`, `rig`, `reqwest` and the SDKs of Python write them.
        (
            "HTTP status client error (400 Bad Request) for url (http://x/)",
            (Request, false, false, LlmError),
        ),
        (
            "Error code: 400 - {'error': {'message': 'bad temperature'}}",
            (Request, false, false, LlmError),
        ),
        (
            "CompletionError: HttpError: Invalid status code 422 Unprocessable Entity with message: x",
            (Request, false, false, LlmError),
        ),
        (
            "invalid_request_error: Unsupported value: 'temperature' (param: temperature) (code: unsupported_value)",
            (Request, false, false, LlmError),
        ),
        ("status: 404, the model does not exist", (Request, false, false, LlmError)),
        ("HTTP/1.1 403", (Auth, false, false, LlmError)),
        (
            "insufficient_quota: You exceeded your current quota (code: insufficient_quota)",
            (Quota, false, false, LlmError),
        ),
        ("Your credit balance is too low to access the API", (Quota, false, false, LlmError)),
        (
            "prompt is too long: 210000 tokens > 200000 maximum",
            (ContextLength, false, false, LlmError),
        ),
        ("overloaded_error: Overloaded", (Overload, true, true, LlmError)),
        ("ThrottlingException: slow down", (RateLimit, true, true, LlmError)),
        ("RESOURCE_EXHAUSTED", (RateLimit, true, true, LlmError)),
        ("content_policy_violation", (ContentPolicy, false, false, LlmError)),
        ("429 Too Many Requests", (RateLimit, true, true, LlmError)),
        ("HTTP status 500", (Server, true, true, LlmError)),
        ("HTTP 418", (Request, false, false, LlmError)),
    ] {
        assert_eq!(by_text(text), expected, "{text}");
    }
}

#[test]
fn bare_number_in_a_text_is_no_status() {
    for text in
        ["read 404 bytes", "took 422 ms", "line 400, column 4", "room_404", "v1.400", "400k rows"]
    {
        assert_eq!(by_text(text), (FaultKind::Unknown, true, true, LlmError), "{text}");
    }
}

#[test]
fn wait_in_the_words_of_an_error_is_asked_for() {
    let error = "Rate limit reached for gpt-5. Please try again in 17s.";
    let fault = Failure::classified(error, &Classifier::default(), now()).fault();
    assert_eq!((fault.kind, fault.asked), (FaultKind::RateLimit, Some(Duration::from_secs(17))));
}
