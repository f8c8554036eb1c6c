//! `OpenAI`, Azure, and those who speak like them.

use std::time::Duration;

use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_resilience::{Fault, FaultKind, FaultScope, Provider};
use serde_json::json;

use super::{
    AUTH, CONFLICT, CONTEXT, NO_MODEL, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER, TIMEOUT, at,
    facts, now, read,
};

fn body(kind: &str, code: &str, message: &str) -> String {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
}

#[test]
fn rate_429_is_retried_after_its_wait_and_rests_the_model() {
    let text = "Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, \
                Requested 2000. Please try again in 634ms.";
    let headers = [
        ("x-request-id", "req_8d1e"),
        ("retry-after-ms", "634"),
        ("retry-after", "1"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    let fault = read(Provider::OpenAi, 429, &headers, &body("tokens", "rate_limit_exceeded", text));
    assert_eq!(facts(&fault), RATE);
    assert_eq!(fault.asked, Some(Duration::from_millis(634)));
    assert_eq!(fault.status, Some(429));
    assert_eq!(fault.scenario(), FailureScenario::LlmError);
    assert_eq!(fault.failure_class(), AgentFailureClass::RateLimit);
}

#[test]
fn a_429_that_says_slow_down_is_retried() {
    let body = body("rate_limit_error", "slow_down", "Slow down");
    assert_eq!(facts(&read(Provider::OpenAi, 429, &[], &body)), RATE);
    assert_eq!(facts(&read(Provider::OpenAi, 503, &[], &body)), RATE);
}

#[test]
fn quota_429_is_never_retried_here_despite_headers() {
    let headers = [("retry-after", "20"), ("x-should-retry", "true")];
    for code in [
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    ] {
        let text = "You exceeded your current quota, please check your plan and billing details.";
        let fault = read(Provider::OpenAi, 429, &headers, &body("billing", code, text));
        assert_eq!(facts(&fault), QUOTA, "{code}");
        assert_eq!(fault.asked, Some(Duration::from_secs(20)), "{code}");
        assert_eq!(fault.scenario(), FailureScenario::ProviderFailure);
    }
    let by_type = read(Provider::OpenAi, 429, &[], r#"{"error":{"type":"insufficient_quota"}}"#);
    assert_eq!(facts(&by_type), QUOTA);
}

#[test]
fn request_beyond_a_minutes_tokens_is_too_large() {
    let text = "Request too large for gpt-5 in organization org-x on tokens per min (TPM): Limit 30000, Requested 41000.";
    let body = body("tokens", "rate_limit_exceeded", text);
    assert_eq!(facts(&read(Provider::OpenAi, 429, &[], &body)), CONTEXT);
}

#[test]
fn too_long_context_is_not_retried_and_does_not_count() {
    let text = "This model's maximum context length is 128000 tokens.";
    let by_code = body("invalid_request_error", "context_length_exceeded", text);
    let fault = read(Provider::OpenAi, 400, &[], &by_code);
    assert_eq!(facts(&fault), CONTEXT);
    assert_eq!(fault.scenario(), FailureScenario::ContextOverflow);
    let by_text = body("BadRequestError", "", text);
    assert_eq!(facts(&read(Provider::Other, 400, &[], &by_text)), CONTEXT);
}

#[test]
fn statuses_without_a_known_name_mean_what_http_says() {
    for (status, expected) in [
        (400, REQUEST),
        (401, AUTH),
        (402, QUOTA),
        (403, AUTH),
        (404, NO_MODEL),
        (408, TIMEOUT),
        (409, CONFLICT),
        (413, CONTEXT),
        (418, REQUEST),
        (422, REQUEST),
        (429, RATE),
        (500, SERVER),
        (502, SERVER),
        (503, OVERLOAD),
        (504, TIMEOUT),
        (529, OVERLOAD),
        (599, SERVER),
    ] {
        for body in ["", "<html>429 401 insufficient_quota</html>", r#"{"error":null}"#, "{}"] {
            let fault = read(Provider::OpenAi, status, &[], body);
            assert_eq!(facts(&fault), expected, "{status} {body}");
        }
    }
}

#[test]
fn unknown_key_or_model_is_tried_elsewhere_only() {
    let text = "Incorrect API key provided: sk-abc. You can find your API key at https://platform.openai.com.";
    let wrong_key = body("invalid_request_error", "invalid_api_key", text);
    assert_eq!(facts(&read(Provider::OpenAi, 401, &[], &wrong_key)), AUTH);
    let no_model =
        body("invalid_request_error", "model_not_found", "The model `gpt-9` does not exist");
    assert_eq!(facts(&read(Provider::OpenAi, 404, &[], &no_model)), NO_MODEL);
}

#[test]
fn busy_server_counts_and_is_a_provider_failure() {
    let body = body("service_unavailable_error", "server_is_overloaded", "Our servers are busy.");
    let fault = read(Provider::OpenAi, 503, &[("retry-after", "3")], &body);
    assert_eq!(facts(&fault), OVERLOAD);
    assert_eq!(fault.asked, Some(Duration::from_secs(3)));
    assert_eq!(fault.scenario(), FailureScenario::ProviderFailure);
    // As in `classify_text` for the same statuses.
    assert_eq!(read(Provider::Other, 502, &[], "").scenario(), FailureScenario::ProviderFailure);
    assert_eq!(read(Provider::Other, 500, &[], "").scenario(), FailureScenario::LlmError);
}

#[test]
fn x_should_retry_is_obeyed_where_a_retry_can_help() {
    let no = [("X-Should-Retry", "false")];
    assert!(!read(Provider::OpenAi, 500, &no, "").retry);
    let yes = [("X-Should-Retry", "true")];
    assert!(read(Provider::OpenAi, 400, &yes, "").retry);
    for status in [401, 402, 403, 413] {
        assert!(!read(Provider::OpenAi, status, &yes, "").retry, "{status}");
    }
}

#[test]
fn stream_errors_are_read_under_any_status() {
    let fault = |event| Fault::from_stream_error(Provider::OpenAi, &event, now());
    let responses = json!({
        "type": "error", "code": "rate_limit_exceeded", "message": "Rate limit reached",
        "param": null, "sequence_number": 3,
    });
    assert_eq!(facts(&fault(responses)), RATE);
    let failed = json!({
        "type": "response.failed",
        "response": {"id": "resp_1", "error": {"code": "server_error", "message": "It failed."}},
    });
    assert_eq!(facts(&fault(failed)), SERVER);
    let chat = json!({"error": {"type": "server_error", "code": null, "message": "The server had an error"}});
    assert_eq!(facts(&fault(chat)), SERVER);
    let quota = json!({"error": {"type": "insufficient_quota", "code": "insufficient_quota"}});
    assert_eq!(facts(&fault(quota)), QUOTA);
    let filtered = json!({"choices": [{"index": 0, "finish_reason": "content_filter"}]});
    assert_eq!(facts(&fault(filtered)), POLICY);
}

#[test]
fn azure_filters_content_and_names_deployments() {
    let filtered = r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type":null,"param":"prompt","code":"content_filter","status":400,
        "innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true}}}}}"#;
    let fault = read(Provider::Azure, 400, &[], filtered);
    assert_eq!(facts(&fault), POLICY);
    assert_eq!(fault.failure_class(), AgentFailureClass::PromptRejection);
    let rate = r#"{"error":{"code":"429","message":"Requests have exceeded call rate limit. Please retry after 6 seconds."}}"#;
    let fault =
        read(Provider::Azure, 429, &[("retry-after-ms", "6001"), ("Retry-After", "6")], rate);
    assert_eq!(facts(&fault), RATE);
    assert_eq!(fault.asked, Some(Duration::from_millis(6_001)));
    let missing =
        r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment does not exist."}}"#;
    assert_eq!(facts(&read(Provider::Azure, 404, &[], missing)), NO_MODEL);
    assert_eq!(read(Provider::Azure, 429, &[], rate).kind, FaultKind::RateLimit);
    assert_eq!(facts(&read(Provider::Azure, 500, &[], "")), at(SERVER, FaultScope::Provider));
}
