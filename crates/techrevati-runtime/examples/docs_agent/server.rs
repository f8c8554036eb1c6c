//! A provider on a loopback port: the extractive model behind `/v1/chat/completions`.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::net::TcpListener;

use crate::faults::{Fault, Met, Plan};
use crate::model;
use crate::wire::{ChatReply, ChatRequest, Chunk, ChunkChoice, Delta};

/// The pause between the parts of a streamed reply, so that progress is visible.
const PIECE_PAUSE: Duration = Duration::from_millis(5);
/// Results of tools with more bytes than this can be shortened.
const LONG: usize = 2_000;
/// The number of words in a part.
const PIECE_WORDS: usize = 6;

/// The providers of the server, each at its own base address.
pub(crate) const PROVIDERS: [&str; 2] = ["primary", "fallback"];

/// Starts the server and returns the base addresses of its providers. It ends with the process.
///
/// `silence` is the delay of a reply that is meant to time out.
///
/// # Errors
///
/// If no loopback port is available.
pub(crate) async fn start(seed: u64, silence: Duration, met: &Met) -> io::Result<[String; 2]> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared { state: Mutex::new(State::new(seed, met)), silence });
    let app = PROVIDERS.iter().fold(Router::new(), |app, provider| {
        app.route(&format!("/{provider}/v1/chat/completions"), post(chat))
    });
    let serve = axum::serve(listener, app.with_state(shared));
    tokio::spawn(serve.into_future());
    Ok(PROVIDERS.map(|provider| format!("http://{address}/{provider}/v1")))
}

struct Shared {
    state: Mutex<State>,
    silence: Duration,
}

struct State {
    plan: Plan,
    /// The limit in tokens that the last call exceeded, and that the next one has to keep.
    limit: Option<u64>,
}

impl State {
    fn new(seed: u64, met: &Met) -> Self {
        Self { plan: Plan::new(seed).after(met), limit: None }
    }

    /// The fault of a request with this number of tokens.
    fn fault(&mut self, request: &ChatRequest, tokens: u64) -> Option<Fault> {
        if self.limit.is_some_and(|limit| tokens > limit) {
            return Some(Fault::TooLong);
        }
        self.limit = None;
        if request.stream {
            return self.plan.streamed();
        }
        let results = request.messages.iter().filter(|message| message.tool_call_id.is_some());
        let fault =
            self.plan.plain(results.map(|result| result.text().len()).sum::<usize>() > LONG);
        if fault == Some(Fault::TooLong) {
            self.limit = Some(tokens * 9 / 10);
        }
        fault
    }
}

async fn chat(
    extract::State(shared): extract::State<Arc<Shared>>,
    Json(request): Json<ChatRequest>,
) -> Response {
    let reply = model::reply(&request);
    let tokens = reply.usage.map_or(0, |usage| usage.prompt_tokens);
    let (fault, limit) = {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.fault(&request, tokens), state.limit.unwrap_or_default())
    };
    match fault {
        Some(Fault::RateLimit) => {
            let error = error(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_exceeded",
                "Rate limit reached, try again later.",
            );
            ([(header::RETRY_AFTER, "1")], error).into_response()
        }
        Some(Fault::Unavailable) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            error(status, "unavailable", "The service is not available.")
        }
        Some(Fault::TooLong) => {
            let message = format!(
                "This model's maximum context length is {limit} tokens. However, your messages \
                 resulted in {tokens} tokens."
            );
            error(StatusCode::BAD_REQUEST, "context_length_exceeded", &message)
        }
        Some(Fault::Silent) => {
            tokio::time::sleep(shared.silence).await;
            respond(&request, &reply)
        }
        Some(Fault::CutShort) => cut_short(&reply),
        None => respond(&request, &reply),
    }
}

fn respond(request: &ChatRequest, reply: &ChatReply) -> Response {
    if !request.stream {
        return Json(reply).into_response();
    }
    let pieces = stream::iter(pieces(reply)).then(|piece| async {
        tokio::time::sleep(PIECE_PAUSE).await;
        Ok::<_, Infallible>(piece)
    });
    event_stream(Body::from_stream(pieces))
}

/// Sends the first half of a streamed reply and breaks the connection.
fn cut_short(reply: &ChatReply) -> Response {
    let mut pieces = pieces(reply);
    pieces.truncate(pieces.len().div_ceil(2));
    let sent = stream::iter(pieces.into_iter().map(Ok)).then(|piece| async {
        tokio::time::sleep(PIECE_PAUSE).await;
        piece
    });
    let broken = stream::iter([Err(io::Error::from(io::ErrorKind::ConnectionAborted))]);
    event_stream(Body::from_stream(sent.chain(broken)))
}

/// The reply as server-sent events, the usage in the last one before the end.
fn pieces(reply: &ChatReply) -> Vec<Bytes> {
    let text = reply.choices.first().map_or("", |choice| choice.message.text());
    let words = text.split_inclusive(' ').collect::<Vec<_>>();
    let mut chunks = words
        .chunks(PIECE_WORDS)
        .map(|words| {
            let delta = Delta { content: Some(words.concat()) };
            Chunk { choices: vec![ChunkChoice { delta, finish_reason: None }], ..Chunk::default() }
        })
        .collect::<Vec<_>>();
    let end = ChunkChoice { delta: Delta::default(), finish_reason: Some("stop".into()) };
    chunks.push(Chunk { choices: vec![end], ..Chunk::default() });
    chunks.push(Chunk { usage: reply.usage, ..Chunk::default() });
    let chunks = chunks.iter().filter_map(|chunk| serde_json::to_string(chunk).ok());
    chunks.chain(["[DONE]".into()]).map(|data| Bytes::from(format!("data: {data}\n\n"))).collect()
}

fn event_stream(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "message": message, "code": code } }))).into_response()
}

#[cfg(test)]
mod tests {
    use techrevati_runtime::resilience::{FaultError, FaultKind};

    use super::*;
    use crate::client::{Client, Piece};
    use crate::wire::Message;

    const FIRST: &str = PROVIDERS[0];

    async fn client(seed: u64) -> Client {
        // No delay: the timeout belongs to the turn, not to this test.
        let addresses = start(seed, Duration::ZERO, &Met::default()).await.unwrap();
        let providers = PROVIDERS.map(str::to_owned).into_iter().zip(addresses);
        Client::new(providers, None, true).unwrap()
    }

    fn request(result: usize) -> ChatRequest {
        let question = Message::user("Question: What is a probe?");
        let messages = vec![question, Message::tool("1", "x".repeat(result))];
        ChatRequest { model: model::NAME.into(), messages, ..ChatRequest::default() }
    }

    async fn streamed(client: &Client) -> Result<String, FaultError> {
        let mut stream = client.stream(FIRST, &request(0)).await?;
        let mut text = String::new();
        while let Some(piece) = stream.next().await? {
            if let Piece::Text(more) = piece {
                text.push_str(&more);
            }
        }
        Ok(text)
    }

    #[tokio::test]
    async fn each_fault_reaches_the_client_unchanged() {
        for seed in 0..6 {
            let client = client(seed).await;
            let mut met = Vec::new();
            for call in 0..12 {
                let result = match call {
                    0..9 => client.chat(FIRST, &request(2 * LONG)).await.map(|_| ()),
                    9 => client.chat(FIRST, &request(LONG)).await.map(|_| ()),
                    _ => streamed(&client).await.map(|_| ()),
                };
                if let Err(FaultError { fault, .. }) = result {
                    met.push((fault.kind.as_str(), fault.status, fault.asked));
                }
            }
            met.sort_unstable();
            met.dedup();
            let second = Some(Duration::from_secs(1));
            let faults = [
                (FaultKind::ContextLength.as_str(), Some(400), None),
                (FaultKind::Network.as_str(), None, None),
                (FaultKind::Overload.as_str(), Some(503), None),
                (FaultKind::RateLimit.as_str(), Some(429), second),
            ];
            assert_eq!(met, faults, "seed {seed}");
        }
    }

    #[tokio::test]
    async fn too_long_context_is_refused_until_it_is_shorter() {
        let client = client(1).await;
        for _ in 0..9 {
            let _ = client.chat(FIRST, &request(2 * LONG)).await;
        }
        let again = client.chat(FIRST, &request(2 * LONG)).await.unwrap_err();
        assert_eq!(again.fault.kind, FaultKind::ContextLength);
        assert!(client.chat(FIRST, &request(LONG)).await.is_ok());
        assert!(client.chat(FIRST, &request(2 * LONG)).await.is_ok());
    }

    #[tokio::test]
    async fn streamed_reply_equals_the_whole_one_at_both_providers() {
        let client = client(0).await;
        // After all faults of the plan.
        for _ in 0..8 {
            let _ = client.chat(FIRST, &request(0)).await;
        }
        for _ in 0..2 {
            let _ = streamed(&client).await;
        }

        let whole = client.chat(FIRST, &request(0)).await.unwrap();
        assert_eq!(streamed(&client).await.unwrap(), whole.message.text());
        assert!(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0);
        let other = client.chat(PROVIDERS[1], &request(0)).await.unwrap();
        assert_eq!(other.message, whole.message);
        assert!(client.chat("nobody", &request(0)).await.is_err());
    }
}
