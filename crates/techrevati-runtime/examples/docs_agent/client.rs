//! The client of an OpenAI-compatible endpoint: one request, one typed answer or failure.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use techrevati_runtime::usage::UsageSnapshot;

use crate::text::cut;
use crate::wire::{ChatReply, ChatRequest, Chunk, Message, WireUsage};

/// So much of a provider's error is shown.
const ERROR_BYTES: usize = 300;
/// A reply that is larger is refused.
const REPLY_BYTES: usize = 8 << 20;

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallFailed {
    #[error("HTTP {status}: {message}")]
    Status { status: StatusCode, message: String, retry_after: Option<Duration> },
    #[error("no connection to the provider: {}", innermost(.0))]
    Connection(#[source] reqwest::Error),
    #[error("connection reset in the middle of the reply: {}", innermost(.0))]
    CutShort(#[source] reqwest::Error),
    #[error("the provider's reply is not understood: {0}")]
    Malformed(#[source] serde_json::Error),
    #[error("the provider's reply {0}")]
    Unusable(&'static str),
}

impl CallFailed {
    /// How long the provider asks to wait.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What the model said, and the tokens that took.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) message: Message,
    pub(crate) usage: UsageSnapshot,
}

/// Tokens where the provider does not count them: about four bytes each.
pub(crate) const fn estimate(sent: usize, received: usize) -> UsageSnapshot {
    UsageSnapshot::new(sent.div_ceil(4) as u64, received.div_ceil(4) as u64)
}

/// A model behind one or more routes; one of them is in use.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) model: String,
    key: Option<String>,
    routes: Vec<String>,
    current: AtomicUsize,
}

impl Client {
    /// A client for a model. The first route is used until [`Client::switch`] is called.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up on this machine.
    pub(crate) fn new(
        model: &str,
        key: Option<String>,
        routes: Vec<String>,
        loopback: bool,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(10));
        // A proxy of the environment is for the world, not for this machine.
        let http = if loopback { http.no_proxy() } else { http };
        let (http, model) = (http.build()?, model.to_owned());
        Ok(Self { http, model, key, routes, current: AtomicUsize::new(0) })
    }

    /// Goes on to the next route, in a ring, and gives its address; `None` if there is only one.
    pub(crate) fn switch(&self) -> Option<&str> {
        let next = (self.current.load(Ordering::Relaxed) + 1) % self.routes.len();
        // Relaxed: the number stands for itself, nothing else is published with it.
        self.current.store(next, Ordering::Relaxed);
        self.routes.get(next).filter(|_| self.routes.len() > 1).map(String::as_str)
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// If the provider cannot be reached, refuses, or sends something else than an answer.
    pub(crate) async fn chat(&self, request: &ChatRequest) -> Result<Reply, CallFailed> {
        let mut response = self.send(request).await?;
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(CallFailed::CutShort)? {
            body.extend_from_slice(&bytes);
            if body.len() > REPLY_BYTES {
                return Err(CallFailed::Unusable("is larger than this program accepts"));
            }
        }
        let reply = serde_json::from_slice::<ChatReply>(&body).map_err(CallFailed::Malformed)?;
        let choice = reply.choices.into_iter().next();
        let choice = choice.ok_or(CallFailed::Unusable("holds no choice"))?;
        let sent = request.messages.iter().map(|message| message.text().len()).sum();
        let usage = reply.usage.map_or_else(|| estimate(sent, body.len()), WireUsage::snapshot);
        Ok(Reply { message: choice.message, usage })
    }

    /// Sends a request whose answer comes in pieces.
    ///
    /// # Errors
    ///
    /// If the provider cannot be reached or refuses.
    pub(crate) async fn stream(&self, request: &ChatRequest) -> Result<Streamed, CallFailed> {
        let options = Some(json!({ "include_usage": true }));
        let request = ChatRequest { stream: true, stream_options: options, ..request.clone() };
        Ok(Streamed { response: self.send(&request).await?, buffer: Vec::new(), finished: false })
    }

    async fn send(&self, request: &ChatRequest) -> Result<Response, CallFailed> {
        let route = &self.routes[self.current.load(Ordering::Relaxed)];
        let mut post = self.http.post(format!("{route}/chat/completions")).json(request);
        if let Some(key) = &self.key {
            post = post.bearer_auth(key);
        }
        let response = post.send().await.map_err(CallFailed::Connection)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after =
            header.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        let message = error_message(&response.text().await.unwrap_or_default(), status);
        Err(CallFailed::Status { status, message, retry_after })
    }
}

/// A reply that comes in pieces (server-sent events).
#[derive(Debug)]
pub(crate) struct Streamed {
    response: Response,
    buffer: Vec<u8>,
    finished: bool,
}

/// One piece of a streamed reply.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Usage(WireUsage),
}

impl Streamed {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the reply ends before its end, or is not understood.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, CallFailed> {
        loop {
            while let Some(line) = take_line(&mut self.buffer) {
                match data(&line) {
                    Some("[DONE]") => return Ok(None),
                    Some(data) => {
                        if let Some(piece) = self.piece(data)? {
                            return Ok(Some(piece));
                        }
                    }
                    None => {}
                }
            }
            match self.response.chunk().await.map_err(CallFailed::CutShort)? {
                Some(bytes) if self.buffer.len() + bytes.len() <= REPLY_BYTES => {
                    self.buffer.extend_from_slice(&bytes);
                }
                Some(_) => return Err(CallFailed::Unusable("is larger than this program accepts")),
                // Some providers end without `[DONE]`; one that has not said why it stops is cut.
                None if self.finished => return Ok(None),
                None => return Err(CallFailed::Unusable("ends before its end")),
            }
        }
    }

    fn piece(&mut self, data: &str) -> Result<Option<Piece>, CallFailed> {
        let chunk = serde_json::from_str::<Chunk>(data).map_err(CallFailed::Malformed)?;
        if let Some(usage) = chunk.usage {
            return Ok(Some(Piece::Usage(usage)));
        }
        let choice = chunk.choices.into_iter().next().unwrap_or_default();
        self.finished |= choice.finish_reason.is_some();
        Ok(choice.delta.content.filter(|text| !text.is_empty()).map(Piece::Text))
    }
}

fn take_line(buffer: &mut Vec<u8>) -> Option<String> {
    let end = buffer.iter().position(|byte| *byte == b'\n')?;
    let line = buffer.drain(..=end).collect::<Vec<_>>();
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn data(line: &str) -> Option<&str> {
    line.strip_prefix("data:").map(str::trim)
}

/// The provider's own words about an error, or else what the status means.
fn error_message(body: &str, status: StatusCode) -> String {
    let body_json = serde_json::from_str::<Value>(body).unwrap_or_default();
    let error = &body_json["error"];
    let message = error["message"].as_str().or(error.as_str()).unwrap_or_default();
    let message =
        if message.is_empty() { status.canonical_reason().unwrap_or("refused") } else { message };
    cut(message, ERROR_BYTES).to_owned()
}

/// The cause at the end of an error's chain says what happened on the wire.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
