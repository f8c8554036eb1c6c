//! A provider on a loopback port: the extractive model behind `/v1/chat/completions`.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::net::TcpListener;

use crate::faults::{Fault, Plan};
use crate::model;
use crate::wire::{ChatReply, ChatRequest, Chunk, ChunkChoice, Delta};

/// Pause between the pieces of a streamed reply, so that one can watch it come.
const PIECE_PAUSE: Duration = Duration::from_millis(5);
/// Words in a piece.
const PIECE_WORDS: usize = 6;

/// Starts the server and gives the base addresses of its two routes. It ends with the process.
///
/// `slow` is how long it keeps a caller waiting that it means to disappoint.
///
/// # Errors
///
/// If no loopback port is to be had.
pub(crate) async fn start(seed: u64, slow: Duration) -> io::Result<[String; 2]> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared { plan: Mutex::new(Plan::new(seed)), slow });
    let routes = ["/v1", "/fallback/v1"];
    let app = routes.iter().fold(Router::new(), |app, route| {
        app.route(&format!("{route}/chat/completions"), post(chat))
    });
    let serve = axum::serve(listener, app.with_state(shared));
    tokio::spawn(serve.into_future());
    Ok(routes.map(|route| format!("http://{address}{route}")))
}

struct Shared {
    plan: Mutex<Plan>,
    slow: Duration,
}

async fn chat(State(shared): State<Arc<Shared>>, Json(request): Json<ChatRequest>) -> Response {
    let fault = shared.plan.lock().unwrap_or_else(PoisonError::into_inner).next(request.stream);
    let reply = model::reply(&request);
    match fault {
        Some(Fault::RateLimit) => {
            let error = error(StatusCode::TOO_MANY_REQUESTS, "Rate limit reached, try again later");
            ([(header::RETRY_AFTER, "1")], error).into_response()
        }
        Some(Fault::Unavailable) => error(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
        Some(Fault::Slow) => {
            tokio::time::sleep(shared.slow).await;
            respond(&request, &reply)
        }
        Some(Fault::CutShort) => cut_short(&request, &reply),
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

/// Sends the first half of the reply and breaks the connection.
fn cut_short(request: &ChatRequest, reply: &ChatReply) -> Response {
    let mut pieces = if request.stream {
        pieces(reply)
    } else {
        serde_json::to_vec(reply)
            .into_iter()
            .map(Bytes::from)
            .map(|all| all.slice(..all.len() / 2))
            .collect()
    };
    pieces.truncate(pieces.len().div_ceil(2));
    let sent = stream::iter(pieces.into_iter().map(Ok)).then(|piece| async {
        tokio::time::sleep(PIECE_PAUSE).await;
        piece
    });
    let broken = stream::iter([Err(io::Error::from(io::ErrorKind::ConnectionAborted))]);
    let body = Body::from_stream(sent.chain(broken));
    if request.stream {
        event_stream(body)
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// The reply as server-sent events, the usage in the last one before the end.
fn pieces(reply: &ChatReply) -> Vec<Bytes> {
    let text = reply.choices.first().map_or("", |choice| choice.message.text());
    let words = text.split_inclusive(' ').collect::<Vec<_>>();
    let mut chunks = words
        .chunks(PIECE_WORDS)
        .map(|words| {
            let delta = Delta { content: Some(words.concat()) };
            Chunk { choices: vec![ChunkChoice { delta, finish_reason: None }], usage: None }
        })
        .collect::<Vec<_>>();
    let end = ChunkChoice { delta: Delta::default(), finish_reason: Some("stop".into()) };
    chunks.push(Chunk { choices: vec![end], usage: None });
    chunks.push(Chunk { choices: Vec::new(), usage: reply.usage });
    let chunks = chunks.iter().filter_map(|chunk| serde_json::to_string(chunk).ok());
    chunks.chain(["[DONE]".into()]).map(|data| Bytes::from(format!("data: {data}\n\n"))).collect()
}

fn event_stream(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": { "message": message, "code": status.as_u16() } })))
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{CallFailed, Client, Piece};
    use crate::wire::Message;

    async fn client(seed: u64) -> Client {
        // A slow reply that is not slow at all: the timeout belongs to the turn, not to us.
        let routes = start(seed, Duration::ZERO).await.unwrap();
        Client::new(model::NAME, None, routes.to_vec(), true).unwrap()
    }

    fn request() -> ChatRequest {
        let messages = vec![Message::user("Question: What is a probe?")];
        ChatRequest { model: model::NAME.into(), messages, ..ChatRequest::default() }
    }

    async fn streamed(client: &Client) -> Result<String, CallFailed> {
        let mut stream = client.stream(&request()).await?;
        let mut text = String::new();
        while let Some(piece) = stream.next().await? {
            if let Piece::Text(more) = piece {
                text.push_str(&more);
            }
        }
        Ok(text)
    }

    #[tokio::test]
    async fn each_fault_reaches_the_client_as_what_it_is() {
        for seed in 0..6 {
            let client = client(seed).await;
            let mut met = Vec::new();
            for call in 0..8 {
                let result = match call {
                    0..6 => client.chat(&request()).await.map(|_| ()),
                    _ => streamed(&client).await.map(|_| ()),
                };
                match result {
                    Err(CallFailed::CutShort(_)) => met.push("cut short"),
                    Err(
                        error @ CallFailed::Status { status: StatusCode::TOO_MANY_REQUESTS, .. },
                    ) => {
                        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
                        met.push("rate limit");
                    }
                    Err(CallFailed::Status { status, message, .. }) => {
                        assert_eq!((status.as_u16(), &*message), (503, "Service unavailable"));
                        met.push("unavailable");
                    }
                    Err(other) => panic!("{other}"),
                    Ok(()) => {}
                }
            }
            met.sort_unstable();
            assert_eq!(met, ["cut short", "rate limit", "unavailable"], "seed {seed}");
        }
    }

    #[tokio::test]
    async fn a_streamed_reply_is_the_same_reply() {
        let client = client(0).await;
        // Past all faults of the plan.
        for _ in 0..6 {
            let _ = client.chat(&request()).await;
        }
        let _ = streamed(&client).await;

        let whole = client.chat(&request()).await.unwrap();
        assert_eq!(streamed(&client).await.unwrap(), whole.message.text());
        assert!(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0);
        assert_eq!(client.switch().map(|route| route.ends_with("/fallback/v1")), Some(true));
        assert_eq!(client.chat(&request()).await.unwrap().message, whole.message);
    }
}
