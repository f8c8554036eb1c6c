//! What texts say: names, statuses and waits in the errors of clients and gateways, and replies inside replies.

use std::io;
use std::time::Duration;

use runtime_resilience::{
    Fault, FaultDetails, FaultKind, FaultRule, FaultRules, FaultScope, Provider,
};
use runtime_resilience::{FaultBasis, ReplyField, TimeoutPhase};
use serde_json::json;

use super::{
    AUTH, CONTEXT, NO_MODEL, OVERLOAD, QUOTA, RATE, REQUEST, SERVER, at, facts, now, read,
};

/// In a stream, as text.
fn text(text: &str) -> Fault {
    Fault::from_stream_error(Provider::Other, &text.into(), now())
}

#[test]
fn status_is_read_wherever_clients_and_gateways_write_it() {
    for (words, status) in [
        ("Error: 404 status code (no body)", 404),
        ("422 status code (no body)", 422),
        ("API Error: 402 no words", 402),
        ("Groq API error 400: max_tokens must be between 1 and 4096", 400),
        ("internal error 429 - {}", 429),
        ("google.api_core.exceptions.InvalidArgument: 400 Request contains it", 400),
        ("com.example.NonTransientAiException: 503 - {}", 503),
        ("[503] unavailable", 503),
        ("[vertex/gemini-3.1] [400]: {}", 400),
        ("403 <html>", 403),
        ("Request failed: Bad request (400): no", 400),
        ("Not Found: {\"result\":null}", 404),
        ("APIError: Forbidden: request was blocked by a gateway", 403),
        ("Error in the call (attempt 1/3): 400 Provider returned error", 400),
        ("failed to connect: HTTP error: 426 Upgrade Required", 426),
        ("Error: <html><head><title>413 Request Entity Too Large</title>", 413),
        ("Bad request - please check your parameters", 400),
    ] {
        assert_eq!(text(words).status, Some(status), "{words}");
    }
    for words in [
        "[404, 500] are primes of nobody",
        "the ids [404] and [500] are taken",
        "line 404 of the file",
        "403 others wait",
        "not found: nothing of it",
        "Forbidden words - a list of them",
        "failed to connect to 10.0.0.1, port 426",
        "a terror of 500 years",
        "the limit: 500 Requests",
        "payload: <TransferEncodingError: 400, message='x'>",
    ] {
        assert_eq!(text(words).status, None, "{words}");
    }
}

#[test]
fn status_goes_before_a_broad_name_in_a_text() {
    let wrapped = "Upstream provider returned HTTP 404.\nCategory: api_error\nUpstream error: {}";
    assert_eq!(facts(&text(wrapped)), NO_MODEL);
    assert_eq!(text("Category: api_error").kind, FaultKind::Server);
}

#[test]
fn first_row_of_any_name_in_a_text_decides() {
    let bucket = "sdk.core.DatabricksError: None REQUEST_LIMIT_EXCEEDED: token bucket limit has been exceeded.";
    assert_eq!(facts(&text(bucket)), RATE);
    assert_eq!(facts(&text("DashScopeException: [InvalidParameter] url error")), REQUEST);
    // A row of the caller's own goes before all of them.
    let own = FaultRule::new(Provider::Other, FaultKind::Overload)
        .mentions(ReplyField::Message, &["token bucket"]);
    let rules = FaultRules::default().row(own);
    let fault = rules.of_stream_error(Provider::Other, &bucket.into(), now());
    assert!(matches!(fault.basis, FaultBasis::OwnRow(0)), "{fault:?}");
}

#[test]
fn error_of_rust_keeps_its_large_letters() {
    let fault = |words: &str| Fault::from_error(&io::Error::other(words.to_owned()), now());
    assert_eq!(fault("400 Unsupported value: 'temperature'").status, Some(400));
    assert_eq!(fault("litellm.AuthenticationError: no such key").kind, FaultKind::Auth);
    assert_eq!(fault("RATE LIMIT of the house").kind, FaultKind::RateLimit);
}

#[test]
fn closed_websocket_says_why() {
    let closed = |words: &str| facts(&text(&format!("received {words}; then sent {words}")));
    assert_eq!(closed("1007 (invalid frame payload data) no"), REQUEST);
    assert_eq!(closed("1009 (message too big)"), CONTEXT);
    assert_eq!(closed("1011 (internal error) no"), SERVER);
    assert_eq!(closed("1013 (try again later)"), OVERLOAD);
    assert_eq!(text("received 1001 (going away)").kind, FaultKind::Network);
    assert_eq!(text("no close frame received or sent").kind, FaultKind::Network);
    // Names say more.
    assert_eq!(closed("1011 (internal error) generic::resource_exhausted: x"), RATE);
}

#[test]
fn wait_in_vain_goes_before_what_it_ended() {
    let kind = |words: &str| text(words).kind;
    let late = FaultKind::Timeout(TimeoutPhase::Unknown);
    assert_eq!(kind("error decoding response body: operation timed out"), late);
    assert_eq!(kind("error sending request for url (https://x): operation timed out"), late);
    assert_eq!(kind("TypeError: fetch failed: Headers Timeout Error"), late);
    assert_eq!(kind("error decoding response body"), FaultKind::Malformed);
    assert_eq!(kind("error sending request for url (https://x)"), FaultKind::Network);
    assert_eq!(kind("TypeError: Failed to fetch"), FaultKind::Network);
    // A server that could not fetch something else is reached.
    assert_eq!(kind("failed to fetch the image"), FaultKind::Unknown);
}

#[test]
fn error_inside_an_error_is_found() {
    let inner = json!({"message": "It failed.", "detail": "Bad request: Error code: 400 - {}"});
    let wrapped = json!({"error": {"error": inner, "run_id": "1"}});
    assert_eq!(facts(&Fault::from_stream_error(Provider::Other, &wrapped, now())), REQUEST);
    assert_eq!(FaultDetails::from_json(&(), &wrapped).message.as_deref(), Some("It failed."));
    // Words of its own go first.
    let told = json!({"error": {"message": "insufficient balance", "error": {"message": "no"}}});
    assert_eq!(facts(&Fault::from_stream_error(Provider::Other, &told, now())), QUOTA);
}

#[test]
fn error_that_a_gateway_keeps_aside_is_read_if_its_own_says_nothing() {
    let aside = |message: &str, name: &str| {
        let body = json!({
            "error": {"message": message, "type": "invalid_request_error"},
            name: {"error": {"message": "context_length_exceeded"}},
        });
        facts(&read(Provider::Other, 400, &[], &body.to_string()))
    };
    assert_eq!(aside("Provider returned error", "upstream_details"), CONTEXT);
    assert_eq!(aside("Provider returned error", "request"), REQUEST);
    assert_eq!(aside("insufficient balance", "upstream_details"), QUOTA);
    // A row of the caller's own is the last word.
    let rules = FaultRules::default()
        .row(FaultRule::new(Provider::Other, FaultKind::Overload).status(400, 400));
    let body = json!({"upstream_details": {"error": {"message": "context_length_exceeded"}}});
    let fault = rules.of_json(Provider::Other, 400, &(), &body, now());
    assert_eq!(fault.kind, FaultKind::Overload);
}

#[test]
fn googles_form_is_read_by_googles_rows_whoever_passes_it_on() {
    let body = |id: &str| {
        json!([{"error": {
            "code": 429,
            "message": "You exceeded your current quota: ai.google.dev",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"violations": [{"quotaId": id}]}, {"retryDelay": "28s"}],
        }}])
        .to_string()
    };
    for provider in [Provider::OpenAi, Provider::Gemini, Provider::LiteLlm] {
        let day = read(provider, 429, &[], &body("GenerateRequestsPerDayPerProject"));
        assert_eq!(facts(&day), at(QUOTA, FaultScope::Model), "{provider}");
        let minute = read(provider, 429, &[], &body("GenerateRequestsPerMinutePerProject"));
        assert_eq!(facts(&minute), RATE, "{provider}");
        assert_eq!(minute.asked, Some(Duration::from_secs(28)));
    }
    // As Python prints it.
    let printed = "Error code: 429 - [{'error': {'status': 'RESOURCE_EXHAUSTED', 'details': [{'quotaId': 'GenerateRequestsPerDayPerProjectPerModel-FreeTier', 'quotaValue': '25'}]}}]";
    assert_eq!(text(printed).kind, FaultKind::Quota);
}

#[test]
fn model_that_is_named_first_is_not_served() {
    let says = |status, message: &str| {
        let body = json!({"error": {"message": message}}).to_string();
        facts(&read(Provider::OpenAi, status, &[], &body))
    };
    assert_eq!(says(401, "Model no-such-model is not supported"), NO_MODEL);
    assert_eq!(says(401, "Your key is not supported by model x"), AUTH);
    assert_eq!(says(400, "Parameter 'max_tokens' is not supported with this model"), REQUEST);
}

#[test]
fn wait_is_read_in_parts_and_in_chinese() {
    let asked = |message: &str| {
        let body = json!({"error": {"message": message}}).to_string();
        read(Provider::Other, 429, &[], &body).asked.map(|asked| asked.as_secs())
    };
    assert_eq!(asked("Weekly usage limit reached. Resets in 6hr 29min."), Some(23_340));
    assert_eq!(asked("usage limit reached, available in 42 minutes"), Some(2_520));
    assert_eq!(asked("Resets in 3h 12m"), Some(11_520));
    assert_eq!(asked("Please try again in 1m30s. 20 requests a minute"), Some(90));
    // `now()` is 20:00 there.
    assert_eq!(now().to_rfc3339(), "2026-07-01T12:00:00+00:00");
    assert_eq!(asked("使用上限。您的限额将在 2026-07-01 20:30:00 重置。"), Some(1_800));
    assert_eq!(asked("使用上限。您的限额将在 2026-07-01 19:30:00 重置。"), None);
}

#[test]
fn sentence_behind_a_name_is_read_as_one_at_the_start() {
    for words in [
        "ValueError: Model x is not supported for task y and provider z",
        "HTTPException: 400: Model 'x' is not supported",
        "{\"detail\": \"Model 'x' is not available\"",
    ] {
        assert_eq!(facts(&text(words)), NO_MODEL, "{words}");
    }
    for words in ["ValueError: this option of model x is not supported", "a model is deprecated"] {
        assert_eq!(text(words).kind, FaultKind::Unknown, "{words}");
    }
}

#[test]
fn status_and_words_of_a_text_go_before_the_class_of_its_error() {
    let late = "InvokeBadRequestError: Bad Request Error, The read operation timed out";
    assert_eq!(text(late).kind, FaultKind::Timeout(TimeoutPhase::Unknown));
    assert_eq!(facts(&text("InvokeBadRequestError: no such field")), REQUEST);
    let page = "invalid character '<' looking for beginning of value, status: 502 Bad Gateway";
    assert_eq!(text(page).kind, FaultKind::Server);
    let unreadable = "invalid character '<' looking for beginning of value";
    assert_eq!(text(unreadable).kind, FaultKind::Malformed);
    assert_eq!(
        text("failed to connect: HTTP error: 426 Upgrade Required").kind,
        FaultKind::Request
    );
    assert_eq!(text("failed to connect to 10.0.0.1, port 426").kind, FaultKind::Network);
}

#[test]
fn error_is_found_however_deep_it_lies_and_its_status_beside_it() {
    let error = json!({"message": "Insufficient user quota", "code": "insufficient_user_quota"});
    let nested = json!({"error": {"status": 403, "headers": {}, "error": {"error": error}}});
    let fault = Fault::from_stream_error(Provider::Other, &nested, now());
    assert_eq!(facts(&fault), QUOTA);
    let wordless = json!({"error": {"status": 403, "error": {"error": {"hint": "…"}}}});
    assert_eq!(Fault::from_stream_error(Provider::Other, &wordless, now()).kind, FaultKind::Auth);
    let beside = json!({"timestamp": 1, "status": 404, "error": "Not Found", "path": "/x"});
    assert_eq!(facts(&Fault::from_stream_error(Provider::Other, &beside, now())), NO_MODEL);
    let upstream = json!({"message": "Received an error", "upstream_status": 503});
    assert_eq!(
        Fault::from_stream_error(Provider::Other, &upstream, now()).kind,
        FaultKind::Overload
    );
    // A number that is no status.
    let other = json!({"timestamp": 404, "error": "Not so good"});
    assert_eq!(Fault::from_stream_error(Provider::Other, &other, now()).kind, FaultKind::Unknown);
}
