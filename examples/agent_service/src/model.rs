//! The model: a script behind chat completions, at two addresses. The first one is often overloaded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use techrevati_runtime::prelude::*;
use tokio::net::TcpListener;

use crate::client::PROVIDERS;

pub(crate) const MODEL: &str = "script-1";

/// What the model costs.
pub fn price() -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(10), Usd::from_dollars(40))
}

/// A model behind both providers, which ends with the process.
#[derive(Debug)]
pub struct Model {
    url: String,
    script: Arc<Script>,
}

impl Model {
    /// Starts both providers. A reply takes `thought`.
    ///
    /// # Errors
    ///
    /// If no loopback port is available.
    pub async fn start(thought: Duration) -> Result<Self, BoxError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let [primary, fallback] =
            PROVIDERS.map(|provider| format!("/{provider}/v1/chat/completions"));
        let script =
            Arc::new(Script { thought, calls: AtomicU64::new(0), books: Mutex::default() });
        let app = Router::new()
            .route(&primary, post(overloaded))
            .route(&fallback, post(answer))
            .with_state(Arc::clone(&script));
        tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { url, script })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The provider's own books: how many calls it has answered, and what it will ask for them.
    pub fn billed(&self) -> (u64, Usd) {
        let books = self.script.books();
        (books.0, price().cost(&books.1))
    }
}

#[derive(Debug)]
struct Script {
    /// How long a reply takes.
    thought: Duration,
    /// Calls of the first provider.
    calls: AtomicU64,
    /// Answers, and their tokens.
    books: Mutex<(u64, UsageSnapshot)>,
}

impl Script {
    fn books(&self) -> MutexGuard<'_, (u64, UsageSnapshot)> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    let (sent, written) = (sent / 4, said.to_string().len() / 4);
    {
        let mut books = script.books();
        books.0 += 1;
        books.1.input_tokens += sent as u64;
        books.1.output_tokens += written as u64;
    }
    let usage = json!({ "prompt_tokens": sent, "completion_tokens": written });
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
