//! Gemini, Bedrock, `OpenRouter`, Ollama.

use std::time::Duration;

use runtime_resilience::{Fault, FaultKind, FaultScope, Provider};
use serde_json::json;

use super::{
    AUTH, CONTEXT, Facts, NO_MODEL, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER, TIMEOUT, at,
    facts, not_here, now, read,
};

fn exhausted(quota_ids: &[&str], delay: &str) -> String {
    let violations: Vec<_> = quota_ids.iter().map(|id| json!({"quotaId": id})).collect();
    json!({"error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota, please check your plan",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations},
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
        ],
    }})
    .to_string()
}

#[test]
fn gemini_minute_quota_is_waited_for() {
    let body = exhausted(&["GenerateRequestsPerMinutePerProjectPerModel-FreeTier"], "31s");
    let fault = read(Provider::Gemini, 429, &[], &body);
    assert_eq!((facts(&fault), fault.asked), (RATE, Some(Duration::from_secs(31))));
}

#[test]
fn gemini_day_quota_is_not_waited_for_despite_its_delay() {
    let ids = [
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    ];
    let fault = read(Provider::Gemini, 429, &[], &exhausted(&ids, "20.5s"));
    assert_eq!(facts(&fault), at(QUOTA, FaultScope::Model));
    assert_eq!(fault.asked, Some(Duration::from_millis(20_500)));
    let free = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded for metric: x, limit: 0, model: gemini-3-pro"}}"#;
    assert_eq!(facts(&read(Provider::Gemini, 429, &[], free)), at(QUOTA, FaultScope::Model));
}

#[test]
fn gemini_names_its_errors_in_replies_and_in_streams() {
    let cases: [(u16, &str, &str, Facts); 11] = [
        (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", REQUEST),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            CONTEXT,
        ),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", AUTH),
        (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", AUTH),
        (402, "", "Payment required", QUOTA),
        (403, "PERMISSION_DENIED", "You do not have permission.", at(AUTH, FaultScope::Model)),
        (404, "NOT_FOUND", "models/gemini-9 is not found", NO_MODEL),
        (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", RATE),
        (500, "INTERNAL", "An internal error has occurred.", SERVER),
        (503, "UNAVAILABLE", "The model is overloaded.", at(OVERLOAD, FaultScope::Model)),
        (504, "DEADLINE_EXCEEDED", "Deadline expired", TIMEOUT),
    ];
    for (status, name, message, expected) in cases {
        let error = json!({"error": {"code": status, "status": name, "message": message}});
        let fault = read(Provider::Gemini, status, &[], &error.to_string());
        assert_eq!(facts(&fault), expected, "{name} {message}");
        let in_stream = Fault::from_stream_error(Provider::Gemini, &json!([error]), now());
        assert_eq!((facts(&in_stream), in_stream.status), (expected, Some(status)), "{name}");
    }
}

#[test]
fn gemini_names_the_errors_of_interactions_in_words() {
    let cases = [
        ("invalid_request", REQUEST),
        ("authentication", AUTH),
        ("rate_limit_exceeded", RATE),
        ("api_error", SERVER),
        ("service_unavailable", at(OVERLOAD, FaultScope::Model)),
    ];
    for (code, expected) in cases {
        let event = json!({"event_type": "error", "error": {"code": code, "message": "…"}});
        let fault = Fault::from_stream_error(Provider::Gemini, &event, now());
        assert_eq!((fault.kind, fault.retry), (expected.0, expected.1), "{code}");
    }
}

#[test]
fn gemini_reports_a_wrong_key_as_an_invalid_argument() {
    let body = r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid. Please pass a valid API key.",
        "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#;
    assert_eq!(facts(&read(Provider::Gemini, 400, &[], body)), AUTH);
}

#[test]
fn gemini_blocks_a_prompt_in_an_answer() {
    let answer = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 9}, "modelVersion": "gemini-2.5-pro"});
    let fault = read(Provider::Gemini, 200, &[], &answer.to_string());
    assert_eq!(facts(&fault), POLICY);
    assert!(fault.may_be_billed(), "it was read");
    assert_eq!(facts(&Fault::from_stream_error(Provider::Gemini, &answer, now())), POLICY);
    let streamed = json!([answer]);
    assert_eq!(facts(&Fault::from_stream_error(Provider::Gemini, &streamed, now())), POLICY);
    let rated = json!({"promptFeedback": {"safetyRatings": []}});
    let unknown = Fault::from_stream_error(Provider::Gemini, &rated, now());
    assert_eq!(unknown.kind, FaultKind::Unknown);
}

#[test]
fn bedrock_exceptions_are_read_from_header_body_and_stream() {
    let cases: [(u16, &str, &str, Facts); 16] = [
        (429, "ThrottlingException", "Too many requests, please wait before trying again.", RATE),
        (
            429,
            "ThrottlingException",
            "Too many tokens per day, please wait.",
            at(QUOTA, FaultScope::Model),
        ),
        (400, "ServiceQuotaExceededException", "Your quota is used up.", QUOTA),
        (429, "ModelNotReadyException", "The model is not ready.", at(OVERLOAD, FaultScope::Model)),
        (408, "ModelTimeoutException", "The model took too long.", TIMEOUT),
        (
            424,
            "ModelStreamErrorException",
            "An error while streaming.",
            at(SERVER, FaultScope::Model),
        ),
        (424, "ModelErrorException", "The model failed.", at(SERVER, FaultScope::Model)),
        (500, "InternalServerException", "Internal error.", SERVER),
        (
            503,
            "ServiceUnavailableException",
            "Bedrock is unable to process your request.",
            OVERLOAD,
        ),
        (400, "ValidationException", "Malformed input request", REQUEST),
        (400, "ValidationException", "Input is too long for requested model.", CONTEXT),
        (
            403,
            "AccessDeniedException",
            "You don't have access to the model.",
            at(AUTH, FaultScope::Model),
        ),
        (403, "UnrecognizedClientException", "The security token is invalid.", AUTH),
        (403, "ExpiredTokenException", "The security token has expired", AUTH),
        (404, "ResourceNotFoundException", "Could not resolve the model.", NO_MODEL),
        (429, "TooManyRequestsException", "Slow down", RATE),
    ];
    for (status, name, message, expected) in cases {
        let full = format!("{name}:http://internal.amazon.com/coral/com.amazon.bedrock/");
        let headers = [("x-amzn-ErrorType", full.as_str()), ("x-amzn-RequestId", "4b8a")];
        let body = json!({"message": message}).to_string();
        assert_eq!(facts(&read(Provider::Bedrock, status, &headers, &body)), expected, "{name}");

        let typed = json!({"__type": format!("com.amazonaws#{name}"), "message": message});
        let fault = read(Provider::Bedrock, status, &[], &typed.to_string());
        assert_eq!(facts(&fault), expected, "{name} in the body");

        let small = name[..1].to_lowercase() + &name[1..];
        let event = json!({small: {"message": message}});
        let fault = Fault::from_stream_error(Provider::Bedrock, &event, now());
        assert_eq!(facts(&fault), expected, "{name} in a stream");
    }
    assert_eq!(facts(&read(Provider::Bedrock, 424, &[], "")), at(SERVER, FaultScope::Model));
}

#[test]
fn openrouter_by_status_and_metadata() {
    let body = |status: u16, message: &str, metadata: serde_json::Value| json!({"error": {"code": status, "message": message, "metadata": metadata}});
    let none = || json!({});
    let cases: [(u16, serde_json::Value, Facts); 12] = [
        (400, body(400, "temperature: must be a number", none()), REQUEST),
        (
            400,
            body(400, "This endpoint's maximum context length is 128000 tokens", none()),
            CONTEXT,
        ),
        (401, body(401, "No auth credentials found", none()), AUTH),
        (402, body(402, "Insufficient credits", none()), QUOTA),
        (
            402,
            body(402, "In flight", json!({"limit_source": "openrouter_in_flight_budget"})),
            at(RATE, FaultScope::Key),
        ),
        (
            403,
            body(403, "Flagged", json!({"reasons": ["violence"], "flagged_input": "..."})),
            POLICY,
        ),
        (403, body(403, "Blocked by a guardrail", none()), POLICY),
        (408, body(408, "Timed out", none()), TIMEOUT),
        (
            429,
            body(429, "Rate limit exceeded: free-models-per-min", none()),
            at(RATE, FaultScope::Key),
        ),
        (429, body(429, "Provider returned error", json!({"provider_name": "Chutes"})), RATE),
        (502, body(502, "Provider returned error", none()), at(SERVER, FaultScope::Model)),
        (503, body(503, "No provider meets your routing", none()), at(OVERLOAD, FaultScope::Model)),
    ];
    for (status, body, expected) in cases {
        let fault = read(Provider::OpenRouter, status, &[("Retry-After", "4")], &body.to_string());
        assert_eq!(facts(&fault), expected, "{body}");
        assert_eq!(fault.asked, Some(Duration::from_secs(4)));
        // In the middle of a stream the same error comes under status 200.
        let mut event = body.clone();
        event["choices"] = json!([{"delta": {"content": ""}, "finish_reason": "error"}]);
        let fault = Fault::from_stream_error(Provider::OpenRouter, &event, now());
        assert_eq!((facts(&fault), fault.status), (expected, Some(status)), "{event}");
    }
    assert_eq!(facts(&read(Provider::OpenRouter, 403, &[], "")), AUTH);
    let nameless = json!({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}]});
    assert_eq!(facts(&Fault::from_stream_error(Provider::OpenRouter, &nameless, now())), SERVER);
    let named = json!({"error": {"code": "server_error", "message": "Provider disconnected"}});
    assert_eq!(facts(&Fault::from_stream_error(Provider::OpenRouter, &named, now())), SERVER);
}

#[test]
fn ollama_is_retried_only_while_it_is_busy() {
    let busy = r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#;
    assert_eq!(facts(&read(Provider::Ollama, 503, &[], busy)), OVERLOAD);
    assert_eq!(facts(&read(Provider::Ollama, 429, &[], "")), at(RATE, FaultScope::Key));
    let broken = r#"{"error":"llama runner process has terminated: exit status 2"}"#;
    let fault = read(Provider::Ollama, 500, &[], broken);
    assert_eq!(facts(&fault), not_here(at(SERVER, FaultScope::Model)));
    let missing = r#"{"error":"model 'llama9' not found"}"#;
    assert_eq!(facts(&read(Provider::Ollama, 404, &[], missing)), NO_MODEL);
    let long = r#"{"error":"the input length exceeds the context length"}"#;
    assert_eq!(facts(&read(Provider::Ollama, 400, &[], long)), CONTEXT);
    for status in (400..600).filter(|status| ![429, 498, 499, 503].contains(status)) {
        assert!(!read(Provider::Ollama, status, &[], "").retry, "{status}");
    }
    // A stream has only a text, which is read.
    let event = json!({"error": "an error was encountered: connection refused"});
    assert_eq!(Fault::from_stream_error(Provider::Ollama, &event, now()).kind, FaultKind::Network);
}
