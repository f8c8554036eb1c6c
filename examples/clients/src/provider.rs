//! A provider on the loopback. The name of the model says how it behaves.

use std::io;
use std::net::Ipv4Addr;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Starts it. Returns the base URL of its API.
///
/// # Errors
///
/// If no port is free.
pub async fn start() -> io::Result<String> {
    let routes = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/responses", post(responses));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(url)
}

/// What the models that always fail say.
fn failure(model: &str) -> Option<Response> {
    let (status, kind) = match model {
        "limited" => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
        "down" => (StatusCode::SERVICE_UNAVAILABLE, "server_error"),
        _ => return None,
    };
    let error = json!({ "error": { "message": kind, "type": kind, "code": kind, "param": null } });
    Some((status, Json(error)).into_response())
}

async fn chat(Json(request): Json<Value>) -> Response {
    let model = request["model"].as_str().unwrap_or_default();
    if let Some(failure) = failure(model) {
        return failure;
    }
    if request["stream"] == true {
        return streamed(model);
    }
    let (reason, message) = if wants_a_tool(&request) {
        let function = json!({ "name": "count_words", "arguments": r#"{"text":"Hello, world"}"# });
        let call = json!({ "id": "call_1", "type": "function", "function": function });
        ("tool_calls", json!({ "role": "assistant", "content": null, "tool_calls": [call] }))
    } else {
        ("stop", json!({ "role": "assistant", "content": "Hello, world" }))
    };
    Json(json!({
        "id": "1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{ "index": 0, "finish_reason": reason, "message": message }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120 },
    }))
    .into_response()
}

/// Whether a request has tools, and no result of one yet.
fn wants_a_tool(request: &Value) -> bool {
    let messages = request["messages"].as_array().into_iter().flatten();
    request["tools"].is_array() && messages.into_iter().all(|message| message["role"] != "tool")
}

/// A stream. `overloaded` begins with an error, and `cut` breaks in its middle.
fn streamed(model: &str) -> Response {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let says = |delta: Value, finish: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "finish_reason": finish }]), Value::Null)
    };
    let mut events = match model {
        "overloaded" => {
            let error =
                json!({ "message": "Overloaded", "type": "overloaded_error", "code": null });
            vec![format!("data: {}\n\n", json!({ "error": error }))]
        }
        _ => vec![
            says(json!({ "role": "assistant", "content": "Hello, " }), Value::Null),
            says(json!({ "content": "world" }), Value::Null),
        ],
    };
    if !["cut", "overloaded"].contains(&model) {
        let usage = json!({ "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120 });
        events.push(says(json!({}), json!("stop")));
        events.push(chunk(json!([]), usage));
        events.push("data: [DONE]\n\n".to_owned());
    }
    let events =
        stream::iter(events.into_iter().map(|event| Ok::<_, io::Error>(Bytes::from(event))));
    let body = if model == "cut" {
        // What was sent before is on its way when the server has nothing else to do.
        let broken = stream::once(async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            Err(io::ErrorKind::ConnectionReset.into())
        });
        Body::from_stream(events.chain(broken))
    } else {
        Body::from_stream(events)
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn responses(Json(request): Json<Value>) -> Response {
    let model = request["model"].as_str().unwrap_or_default();
    if let Some(failure) = failure(model) {
        return failure;
    }
    let text = json!({ "type": "output_text", "text": "Hello, world", "annotations": [] });
    Json(json!({
        "id": "resp_1", "object": "response", "created_at": 1, "model": model, "status": "completed",
        "output": [{
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [text],
        }],
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "usage": {
            "input_tokens": 100, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": 20, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": 120,
        },
    }))
    .into_response()
}
