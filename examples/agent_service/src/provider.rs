//! The model: a script behind chat completions, at two addresses. The first one is often overloaded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use techrevati_runtime::BoxError;
use tokio::net::TcpListener;

use crate::client::{Client, PROVIDERS};

pub(crate) const MODEL: &str = "script-1";

/// Starts both providers, and returns a client of them. They end with the process.
///
/// # Errors
///
/// If no loopback port is available.
pub(crate) async fn start(thought: Duration) -> Result<Client, BoxError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let client = Client::new(format!("http://{}", listener.local_addr()?))?;
    let [primary, fallback] = PROVIDERS.map(|provider| format!("/{provider}/v1/chat/completions"));
    let script = Arc::new(Script { thought, calls: AtomicU64::new(0) });
    let app = Router::new()
        .route(&primary, post(overloaded))
        .route(&fallback, post(answer))
        .with_state(script);
    tokio::spawn(axum::serve(listener, app).into_future());
    Ok(client)
}

struct Script {
    /// How long a reply takes.
    thought: Duration,
    /// Calls of the first provider.
    calls: AtomicU64,
}

/// Refuses every other call, from the first one on.
async fn overloaded(script: State<Arc<Script>>, request: Json<Value>) -> Response {
    // Relaxed: the number guards no other memory.
    if script.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
        let error = json!({ "error": { "message": "too many requests at once" } });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response();
    }
    answer(script, request).await.into_response()
}

async fn answer(State(script): State<Arc<Script>>, Json(request): Json<Value>) -> Json<Value> {
    tokio::time::sleep(script.thought).await;
    let (said, sent) = (say(&request["messages"]), request.to_string().len());
    let usage =
        json!({ "prompt_tokens": sent / 4, "completion_tokens": said.to_string().len() / 4 });
    Json(json!({ "model": MODEL, "choices": [{ "message": said }], "usage": usage }))
}

/// Looks the order up, refunds it if that was asked for, and tells what came of it.
fn say(messages: &Value) -> Value {
    let question = messages[0]["content"].as_str().unwrap_or_default();
    let words = question.split(|char: char| !(char.is_alphanumeric() || char == '-'));
    let order = words.into_iter().find(|word| word.starts_with("A-")).unwrap_or("A-1");
    let results = messages.as_array().into_iter().flatten().filter(|it| it["role"] == "tool");
    let results: Vec<&str> = results.filter_map(|result| result["content"].as_str()).collect();
    match *results {
        [] => call("look_up", &json!({ "order": order })),
        [_] if question.contains("refund") => {
            call("refund", &json!({ "order": order, "cents": 250 }))
        }
        [.., last] => json!({ "role": "assistant", "content": format!("I see: {last}.") }),
    }
}

fn call(tool: &str, arguments: &Value) -> Value {
    let function = json!({ "name": tool, "arguments": arguments.to_string() });
    let call = json!({ "id": format!("call_{tool}"), "type": "function", "function": function });
    json!({ "role": "assistant", "content": null, "tool_calls": [call] })
}
