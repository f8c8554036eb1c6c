//! The texts of clients and of servers at home, alone or in a stream, and why answers ended.

use runtime_resilience::{Fault, FaultKind, FaultScope, Provider};
use serde_json::{Value, json};

use super::{
    AUTH, CONTEXT, Facts, NO_MODEL, OVERLOAD, POLICY, QUOTA, REQUEST, SERVER, TIMEOUT, at, facts,
    not_here, now, read,
};

/// In a stream, as text.
fn text(text: &str) -> Fault {
    Fault::from_stream_error(Provider::Other, &text.into(), now())
}

/// An answer, whole and in a stream.
#[track_caller]
fn ended(provider: Provider, answer: &Value) -> Facts {
    let whole = Fault::from_json(provider, 200, &(), answer, now());
    let streamed = Fault::from_stream_error(provider, answer, now());
    assert_eq!(facts(&whole), facts(&streamed), "{answer}");
    assert!(whole.may_be_billed(), "{answer}");
    facts(&whole)
}

#[test]
fn status_in_the_text_of_a_client_is_read() {
    let python =
        "Error code: 400 - {'type': 'error', 'error': {'message': 'messages: at least one'}}";
    assert_eq!(facts(&text(python)), REQUEST);
    assert_eq!(text(python).status, Some(400));
    assert_eq!(text("Error code: 529 - {'error': {'message': 'x'}}").kind, FaultKind::Overload);
    let node = "400 Unsupported value: 'temperature' does not support 0.2 with this model.";
    assert_eq!((facts(&text(node)), text(node).status), (REQUEST, Some(400)));
    assert_eq!(facts(&text(r#"401 {"error":"x"}"#)), AUTH);
    let boto =
        "An error occurred (AccessDeniedException) when calling the InvokeModel operation: no";
    assert_eq!(facts(&text(boto)), at(AUTH, FaultScope::Model));
    // In an error object, too.
    let wrapped = json!({"error": {"message": python}});
    assert_eq!(facts(&Fault::from_stream_error(Provider::Other, &wrapped, now())), REQUEST);
    // A number that counts is none.
    for counts in ["400 tokens are left", "read 404 bytes", "500 ms", "wait, 429 others do"] {
        assert_eq!(text(counts).status, None, "{counts}");
    }
    // The status of a reply goes first, but a gateway's failure may be about a refusal behind it.
    assert_eq!(facts(&read(Provider::Other, 500, &[], &wrapped.to_string())), REQUEST);
    let late = json!({"error": {"message": "Error code: 529 - {'error': {'message': 'x'}}"}});
    assert_eq!(facts(&read(Provider::Other, 500, &[], &late.to_string())), SERVER);
}

#[test]
fn connection_that_was_not_made_is_told_by_each_client() {
    for words in [
        "getaddrinfo ENOTFOUND api.openai.com",
        "getaddrinfo EAI_AGAIN api.anthropic.com",
        "dial tcp 127.0.0.1:11434: connect: connection refused",
        "dial tcp: lookup api.openai.com: no such host",
        "java.net.UnknownHostException: api.openai.com: Name or service not known",
        "No connection could be made because the target machine actively refused it.",
        "client error (Connect): dns error: failed to lookup address information",
        "cURL error 6: Could not resolve host: api.openai.com",
        "Cannot connect to host api.openai.com:443 ssl:default [None]",
        "TypeError: terminated: SocketError: other side closed (UND_ERR_SOCKET)",
        "http2: server sent GOAWAY and closed the connection; LastStreamID=1999",
        "okhttp3.internal.http2.StreamResetException: stream was reset: INTERNAL_ERROR",
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer",
        "x509: failed to verify certificate: unknown authority",
        "invalid peer certificate: UnknownIssuer",
        "The SSL connection could not be established, see inner exception.",
        "reason: self-signed certificate in certificate chain",
    ] {
        assert_eq!(text(words).kind, FaultKind::Network, "{words}");
    }
    assert_eq!(text("the certificate of completion is attached").kind, FaultKind::Unknown);
    assert_eq!(text("the host of the show").kind, FaultKind::Unknown);
    // A gateway that says it is a server that fails.
    let behind = r#"{"error":{"message":"getaddrinfo ENOTFOUND api.example.com"}}"#;
    assert_eq!(read(Provider::Other, 502, &[], behind).kind, FaultKind::Server);
}

#[test]
fn codes_of_grpc_are_read() {
    let grpc = |code: &str| facts(&text(&format!("rpc error: code = {code} desc = x")));
    assert_eq!(grpc("Unavailable"), OVERLOAD);
    assert_eq!(grpc("DeadlineExceeded"), TIMEOUT);
    assert_eq!(grpc("Unauthenticated"), AUTH);
    assert_eq!(grpc("PermissionDenied"), AUTH);
    assert_eq!(grpc("InvalidArgument"), REQUEST);
    assert_eq!(grpc("DataLoss").0, FaultKind::Unknown);
}

#[test]
fn model_that_has_no_room_is_served_elsewhere() {
    let says = |status, message: &str| {
        facts(&read(Provider::LmStudio, status, &[], &json!({ "error": message }).to_string()))
    };
    let full = not_here(at(SERVER, FaultScope::Model));
    let stopped = "Failed to load model \"q\". Error: Model loading was stopped due to insufficient system resources.";
    assert_eq!(says(400, stopped), full);
    assert_eq!(says(500, "Command buffer execution failed: Insufficient Memory"), full);
    // The next call loads it again.
    assert_eq!(says(400, "Model unloaded."), at(OVERLOAD, FaultScope::Model));
    assert_eq!(says(400, "`memory` must be a number"), REQUEST);
    let server = r#"{"error":{"code":501,"message":"This server does not support embeddings.","type":"not_supported_error"}}"#;
    assert_eq!(facts(&read(Provider::LlamaCpp, 501, &[], server)), NO_MODEL);
    let blind = r#"{"error":{"code":500,"message":"image input is not supported - hint: you may need the mmproj"}}"#;
    assert_eq!(facts(&read(Provider::LlamaCpp, 500, &[], blind)), NO_MODEL);
}

#[test]
fn images_are_refused_or_unusable() {
    let failed = |code: &str| {
        let event = json!({"type": "response.failed", "response": {"status": "failed",
                           "error": {"code": code, "message": "…"}}});
        facts(&Fault::from_stream_error(Provider::OpenAi, &event, now()))
    };
    assert_eq!(failed("image_content_policy_violation"), POLICY);
    for code in ["image_too_large", "failed_to_download_image", "invalid_base64_image"] {
        assert_eq!(failed(code), REQUEST, "{code}");
    }
    assert_eq!(failed("vector_store_timeout"), TIMEOUT);
    let says = |message: &str| {
        let body =
            json!({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}});
        facts(&read(Provider::Gemini, 400, &[], &body.to_string()))
    };
    assert_eq!(says("This prompt violates Google's Responsible AI practices."), POLICY);
    assert_eq!(says("`responsible` must be a boolean"), REQUEST);
}

#[test]
fn answers_end_in_the_words_of_their_provider() {
    let candidate = |why: &str| json!({"candidates": [{"finishReason": why, "index": 0}]});
    let empty = (FaultKind::Malformed, true, true, FaultScope::Call, false);
    for why in ["TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE", "NO_IMAGE", "OTHER"] {
        assert_eq!(ended(Provider::Gemini, &candidate(why)), empty, "{why}");
    }
    for why in ["LANGUAGE", "IMAGE_RECITATION"] {
        assert_eq!(ended(Provider::Gemini, &candidate(why)), POLICY, "{why}");
    }
    let unsigned = candidate("MISSING_THOUGHT_SIGNATURE");
    assert_eq!(ended(Provider::Gemini, &unsigned), REQUEST);

    let choice = |why: &str| json!({"choices": [{"index": 0, "finish_reason": why, "delta": {}}]});
    for why in ["sensitive", "refusal", "SAFETY", "guardrail_intervened"] {
        assert_eq!(ended(Provider::Other, &choice(why)), POLICY, "{why}");
    }
    for why in ["model_context_window_exceeded", "model_length"] {
        assert_eq!(ended(Provider::Other, &choice(why)), CONTEXT, "{why}");
    }
    assert_eq!(ended(Provider::Zai, &choice("network_error")).0, FaultKind::Network);
    assert_eq!(ended(Provider::Cohere, &json!({"finish_reason": "TIMEOUT"})), TIMEOUT);
    assert_eq!(ended(Provider::Other, &choice("stop")).0, FaultKind::Unknown);
}

#[test]
fn guardrails_of_gateways_refuse_the_content() {
    let body = |message: &str, kind: Value| {
        json!({"error": {"message": message, "type": kind}}).to_string()
    };
    let portkey = body("The guardrail checks defined in the config failed.", "hooks_failed".into());
    assert_eq!(facts(&read(Provider::Other, 446, &[], &portkey)), POLICY);
    let litellm = body("{'error': 'Violated guardrail policy'}", Value::Null);
    assert_eq!(facts(&read(Provider::LiteLlm, 400, &[], &litellm)), POLICY);
    let ark =
        r#"{"error":{"code":"InputTextSensitiveContentDetected.PolicyViolation","message":"…"}}"#;
    assert_eq!(facts(&read(Provider::Other, 400, &[], ark)), POLICY);
    assert_eq!(
        facts(&read(Provider::Other, 400, &[], &body("guardrail `x` is unknown", Value::Null))),
        REQUEST
    );
}

#[test]
fn rights_and_money_are_told_apart() {
    let says = |status, message: &str| {
        facts(&read(
            Provider::Other,
            status,
            &[],
            &json!({"error": {"message": message}}).to_string(),
        ))
    };
    let unverified = "Your organization must be verified to use the model `gpt-image-1`.";
    assert_eq!(says(403, unverified), at(AUTH, FaultScope::Model));
    assert_eq!(says(400, "`email` must be verified"), REQUEST);
    let groq = |code: &str| {
        let body = json!({"error": {"message": "…", "code": code}}).to_string();
        facts(&read(Provider::Groq, 403, &[], &body))
    };
    assert_eq!(groq("model_permission_blocked_project"), at(AUTH, FaultScope::Model));
    assert_eq!(groq("blocked_api_access"), QUOTA);
    assert_eq!(says(403, "Account is overdue"), QUOTA);
    assert_eq!(
        says(429, "Your account 1 has exhausted its free trial quota for the model x."),
        QUOTA
    );
    assert_eq!(says(400, "the task is not overdue"), REQUEST);
    assert_eq!(says(403, "You have reached your subscription quota limit"), QUOTA);
    assert_eq!(says(412, "Account suspended due to unpaid invoices"), QUOTA);
    assert_eq!(says(400, "('invalid_grant: Token has been expired or revoked.')"), AUTH);
    assert_eq!(says(400, "model \"gpt-5\" is not available on this endpoint"), NO_MODEL);
    assert_eq!(says(400, "There are no healthy deployments for this model."), NO_MODEL);
    assert_eq!(says(400, "the tool is not available"), REQUEST);
    assert_eq!(says(400, "Your input is too large for this model."), CONTEXT);
    assert_eq!(says(400, "the image is too large"), REQUEST);
    assert_eq!(facts(&read(Provider::Other, 407, &[], "")), at(AUTH, FaultScope::Provider));
    let legal = (FaultKind::Request, false, true, FaultScope::Call, false);
    assert_eq!(facts(&read(Provider::Other, 451, &[], "")), legal);
    assert_eq!(facts(&read(Provider::Other, 501, &[], "")), NO_MODEL);
}
