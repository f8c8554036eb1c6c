//! Words and names that mean the same whoever uses them, and their neighbours, which do not.

use std::time::Duration;

use runtime_resilience::{Fault, FaultKind, FaultScope, Provider};
use serde_json::{Value, json};

use super::{
    AUTH, CONTEXT, Facts, NO_MODEL, OVERLOAD, POLICY, QUOTA, RATE, REQUEST, SERVER, TIMEOUT, at,
    facts, now, read,
};

fn says(status: u16, message: &str) -> Facts {
    let body = json!({"error": {"message": message}}).to_string();
    facts(&read(Provider::Other, status, &[], &body))
}

fn event(event: &Value) -> Facts {
    facts(&Fault::from_stream_error(Provider::Other, event, now()))
}

#[test]
fn money_is_told_under_any_status() {
    for (status, message) in [
        (400, "You're out of extra usage. Add more at claude.ai/settings/usage and keep going."),
        (403, "user quota is not enough (request id: 1)"),
        (403, "not enough balance"),
        (404, "Model 'x' requires available credits. Your account balance is too low."),
        (429, "you have used up your daily free allocation of 10,000 neurons"),
        (429, "Free allocated quota exceeded."),
        (429, "You exceeded your current quota, please check your plan and billing details."),
        (429, "Your prepayment credits are depleted."),
        (500, "insufficient balance (1008)"),
        (400, "Not enough funds on your account"),
        (401, "Your credit balance has run out of funds: it is depleted"),
        (403, "预扣费额度失败, 用户剩余额度: 0.10"),
        (429, "账户余额不足"),
        (429, "quota exceeded"),
        (403, "Out of call volume quota. Quota will be replenished in 22.14:18:12."),
    ] {
        assert_eq!(says(status, message), QUOTA, "{message}");
    }
    for name in [
        "insufficient_user_quota",
        "INSUFFICIENT_BALANCE",
        "usage_limit_reached",
        "AccountOverdueError",
        "billing_not_active",
    ] {
        assert_eq!(event(&json!({"error": {"code": name}})), QUOTA, "{name}");
        assert_eq!(event(&json!({"error": {"type": name}})), QUOTA, "{name}");
    }
}

#[test]
fn bill_of_a_request_is_no_lack_of_money() {
    assert_eq!(says(400, "unknown field `billing_address`"), REQUEST);
    assert_eq!(says(400, "`credits` must be a number"), REQUEST);
    assert_eq!(says(400, "`temperature` is too low"), REQUEST);
    assert_eq!(says(403, "Insufficient permissions to see the quota of this project"), AUTH);
    assert_eq!(says(429, "The quota of requests per minute is exhausted"), RATE);
    assert_eq!(says(500, "All retries are exhausted"), SERVER);
    assert_eq!(says(500, "查询余额失败"), SERVER);
    assert_eq!(says(429, "Resource has been exhausted (e.g. check quota)."), RATE);
    let minute = "You exceeded your current quota. Quota exceeded for metric: x, limit: 5";
    assert_eq!(says(429, minute), RATE);
    let vertex = "Quota exceeded for aiplatform.googleapis.com/requests with base model: x.";
    assert_eq!(says(429, vertex), RATE);
}

#[test]
fn money_is_told_by_names_that_stand_for_much_else() {
    let minimax = json!({"type": "error", "error": {"type": "api_error", "message": "insufficient balance (1008)"}});
    let spent = "Your project has exceeded its monthly spending cap.";
    let google = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": spent}});
    for (provider, status, body) in
        [(Provider::Anthropic, 500, minimax), (Provider::Gemini, 429, google)]
    {
        assert_eq!(facts(&read(provider, status, &[], &body.to_string())), QUOTA, "{body}");
    }
}

#[test]
fn limit_of_a_day_is_one_under_any_status() {
    let day = at(QUOTA, FaultScope::Model);
    for (status, message) in [
        (429, "request reached organization TPD rate limit, current: 1526210, limit: 1500000"),
        (200, "Open api daily request limit reached"),
        (500, "Token limit (500,000 per day) exceeded. Used: 508,311 tokens."),
        (429, "Rate limit exceeded: limit_rpd/google/gemini/x"),
    ] {
        assert_eq!(says(status, message), day, "{message}");
    }
    assert_eq!(says(400, "`schedule` is one of: per hour, per day"), REQUEST);
    assert_eq!(
        says(429, "request reached project TPM rate limit, current: 1410, limit: 100"),
        RATE
    );
}

#[test]
fn rate_is_told_under_any_status() {
    for (status, message) in [
        (400, "Upstream error from Alibaba: Request rate increased too quickly."),
        (403, "You have exceeded a secondary rate limit."),
        (500, "Too many requests"),
        (503, "Rate limit exceeded: limited to 8 requests per minute, due to high demand"),
        (500, "ThrottlingException: Too many tokens, please wait before trying again."),
        (400, "The provider said: Rate limit is exceeded. Try again in 2 seconds."),
        (200, "Tokens per minute limit exceeded - too many tokens processed."),
    ] {
        assert_eq!(says(status, message), RATE, "{message}");
    }
    for body in [
        json!({"code": "resource_exhausted"}),
        json!({"type": "error", "error": {"type": "too_many_requests"}}),
        json!({"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "…"}),
        json!({"error": {"message": "ResourceExhausted: Worker local total request limit reached (32/32)"}}),
        json!({"errorCode": 40407, "errorMsg": "访问过于频繁，请稍候再试"}),
    ] {
        assert_eq!(event(&body), RATE, "{body}");
    }
    assert_eq!(says(400, "unknown parameter `rate_limit`"), REQUEST);
    assert_eq!(says(400, "`interval` is a number of calls per minute"), REQUEST);
}

#[test]
fn overload_is_told_under_any_status() {
    let model = at(OVERLOAD, FaultScope::Model);
    for (status, message, expected) in [
        (500, "That model is currently overloaded with other requests.", model),
        (503, "server is overloaded.", OVERLOAD),
        (500, "当前分组上游负载已饱和，请稍后再试", OVERLOAD),
        (429, "Capacity temporarily exceeded, please try again.", OVERLOAD),
        (429, "The server is too busy, the request queue is full", OVERLOAD),
        (500, "Model busy, retry later", model),
        (503, "No instance is free: we are at maximum capacity", OVERLOAD),
    ] {
        assert_eq!(says(status, message), expected, "{message}");
    }
    let anthropic = r#"{"type":"error","error":{"type":"api_error","message":"Overloaded"}}"#;
    assert_eq!(facts(&read(Provider::Anthropic, 500, &[], anthropic)), OVERLOAD);
    assert_eq!(says(400, "`capacity` must be positive"), REQUEST);
    assert_eq!(says(500, "no overload of the function takes 2 arguments"), SERVER);
}

#[test]
fn key_that_is_none_may_come_under_400() {
    for message in [
        "API key not valid. Please pass a valid API key.",
        "API key expired. Please renew the API key.",
        "Incorrect API key provided: xa***.",
        "Access token is invalid or expired",
    ] {
        assert_eq!(says(400, message), AUTH, "{message}");
    }
    let google =
        r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}"#;
    assert_eq!(facts(&read(Provider::Gemini, 400, &[], google)), AUTH);
    assert_eq!(says(400, "`key` is not valid"), REQUEST);
}

#[test]
fn model_that_is_gone_or_cannot_do_it_has_others() {
    for (status, message) in [
        (400, "The model `x` has been decommissioned and is no longer supported."),
        (404, "This model models/x is no longer available to new users."),
        (410, "Model x has been retired."),
        (400, "Invalid model: x"),
        (400, "registry.ollama.ai/library/phi3:latest does not support tools"),
        (400, "This model is not supported by Responses API."),
        (400, "Unable to access non-serverless model x."),
    ] {
        assert_eq!(says(status, message), NO_MODEL, "{message}");
    }
    assert_eq!(event(&json!({"error": {"code": "model_decommissioned"}})), NO_MODEL);
    for message in [
        "The parameter `logit_bias` is no longer supported with this model",
        "The file is no longer available",
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
    ] {
        assert_eq!(says(400, message), REQUEST, "{message}");
    }
}

#[test]
fn content_is_flagged_and_accounts_are_too() {
    let cyber = "This content was flagged for possible cybersecurity risk.";
    assert_eq!(
        event(&json!({"error": {"message": cyber, "type": "invalid_request_error"}})),
        POLICY
    );
    assert_eq!(says(403, "Your account has been flagged. Please contact support."), AUTH);
    assert_eq!(event(&json!({"error": {"code": "cyber_policy", "message": cyber}})), POLICY);
    let other = json!({"error": {"code": "misalignment_policy_violation"}});
    assert_eq!(event(&other), POLICY);
}

#[test]
fn account_that_is_closed_has_no_key() {
    for message in [
        "This organization has been disabled.",
        "Your account has been deactivated, please contact us",
        "This workspace is suspended",
    ] {
        assert_eq!(says(400, message), AUTH, "{message}");
    }
    // Money opens it again.
    let owed = "Your account has been suspended due to insufficient balance, please recharge.";
    assert_eq!(says(429, owed), QUOTA);
    // A tool that speaks of accounts is no account.
    assert_eq!(says(500, "tool `account` has been disabled"), SERVER);
    assert_eq!(says(400, "the parameter `n` has been disabled"), REQUEST);
}

#[test]
fn window_and_cap_of_an_answer_differ() {
    for message in [
        "tokens in request more than max tokens allowed",
        "Prompt tokens (140000) exceeds context size (131072)",
        "length of prompt_tokens (98305) must be less than max_seq_len (32768).",
        "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 12328",
        "number of input tokens (204703) has exceeded max_prompt_tokens (202752) limit.",
    ] {
        assert_eq!(says(400, message), CONTEXT, "{message}");
    }
    for message in [
        "max_tokens is too large: 32768. This model supports at most 16384 completion tokens.",
        "The maximum tokens you requested exceeds the model limit of 32768",
    ] {
        assert_eq!(says(400, message), REQUEST, "{message}");
    }
}

#[test]
fn name_without_a_status_decides() {
    for (name, expected) in [
        ("authentication_error", AUTH),
        ("permission_error", at(AUTH, FaultScope::Model)),
        ("not_found_error", NO_MODEL),
        ("timeout_error", TIMEOUT),
        ("api_error", SERVER),
        ("internal_server_error", SERVER),
        ("bad_request_error", REQUEST),
    ] {
        assert_eq!(event(&json!({"error": {"type": name}})), expected, "{name}");
    }
    // With a status, a broad name does not.
    let body = r#"{"error":{"message":"…","type":"api_error"}}"#;
    assert_eq!(facts(&read(Provider::Other, 400, &[], body)), REQUEST);
}

#[test]
fn realtime_answer_fails_by_its_details() {
    let done =
        |details: Value| json!({"type": "response.done", "response": {"status_details": details}});
    let failed = done(json!({"type": "failed", "error": {"type": "server_error", "message": "…"}}));
    assert_eq!(event(&failed), SERVER);
    let blocked = done(json!({"type": "incomplete", "reason": "content_filter"}));
    assert_eq!(event(&blocked), POLICY);
    for code in ["session_expired", "websocket_connection_limit_reached"] {
        let error = json!({"type": "invalid_request_error", "code": code});
        let event = json!({"type": "error", "error": error});
        let over = Fault::from_stream_error(Provider::OpenAi, &event, now());
        assert!(over.retry && !over.counts, "{code}");
    }
}

#[test]
fn wait_stands_in_the_body_too() {
    let asked = |body: Value| read(Provider::Other, 429, &[], &body.to_string()).asked;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let codex = json!({"error": {"type": "usage_limit_reached", "resets_in_seconds": 602_705}});
    assert_eq!(asked(codex), seconds(602_705));
    assert_eq!(asked(json!({"detail": "…", "retry_after": 3})), seconds(3));
    let replicate = "Request was throttled. Your rate limit resets in ~30s.";
    assert_eq!(asked(json!({"detail": replicate})), seconds(30));
    let date = "Rate limited. Please retry after 2026-07-01T12:01:00Z.";
    assert_eq!(asked(json!({"error": {"message": date}})), seconds(60));
    for nothing in
        [json!({"retry_after": null}), json!({"retry_after": -1}), json!({"retry_after": 0})]
    {
        assert_eq!(asked(nothing.clone()), None, "{nothing}");
    }
}

#[test]
fn plan_without_long_requests_is_asked_shorter_ones() {
    let body = json!({"type": "error", "error": {
        "type": "rate_limit_error", "message": "Extra usage is required for long context requests."}});
    let fault = read(Provider::Anthropic, 429, &[], &body.to_string());
    assert_eq!(fault.kind, FaultKind::ContextLength);
}

#[test]
fn plain_text_is_a_message_and_a_page_is_none() {
    // It has no parsed form.
    let reply = |status, body: &str| {
        Fault::from_response(Provider::Other, status, &(), body.as_bytes(), now())
    };
    let plain = |status, body| facts(&reply(status, body));
    assert_eq!(plain(429, "quota exceeded\n"), QUOTA);
    assert_eq!(plain(500, " prompt is too long "), CONTEXT);
    assert_eq!(plain(502, "upstream connect error: quite busy"), SERVER);
    let asked = reply(429, "Please wait 71 minutes before trying again.").asked;
    assert_eq!(asked, Some(Duration::from_secs(71 * 60)));
    for no_text in ["<p>over budget</p>", "{\"x\": \"over budget", "[over budget"] {
        assert_eq!(plain(429, no_text), RATE, "{no_text}");
    }
}

#[test]
fn connection_behind_a_gateway_breaks_off() {
    let broken = "peer closed connection without sending complete message body";
    let fault =
        Fault::from_stream_error(Provider::Other, &json!({"error": {"message": broken}}), now());
    assert_eq!((fault.kind, fault.retry), (FaultKind::Network, true));
    // A status says more.
    assert_eq!(says(400, broken), REQUEST);
    assert_eq!(event(&json!({"error": {"code": "provider_disconnected"}})), SERVER);
    let upstream = json!({"error": {"code": "upstream_error", "message": "…"}}).to_string();
    assert_eq!(facts(&read(Provider::Other, 429, &[], &upstream)), RATE);
}
