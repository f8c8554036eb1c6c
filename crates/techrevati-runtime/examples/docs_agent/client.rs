//! The client of OpenAI-compatible endpoints: one request, one typed answer or fault.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest_0_12::{self as reqwest, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use techrevati_runtime::events::{Clock as _, SystemClock};
use techrevati_runtime::resilience::{FaultError, FaultKind, Provider};
use techrevati_runtime::usage::UsageSnapshot;

use crate::context;
use crate::wire::{ChatReply, ChatRequest, Chunk, Message, WireUsage};

/// The maximum size of a reply.
const REPLY_BYTES: usize = 8 << 20;
/// The maximum size that is read of an error.
const REFUSAL_BYTES: usize = 64 << 10;

/// The answer of the model, and its tokens.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Reply {
    pub(crate) message: Message,
    pub(crate) usage: UsageSnapshot,
}

/// Tokens if the provider does not count them: about four bytes each.
pub(crate) const fn estimate(sent: usize, received: usize) -> UsageSnapshot {
    UsageSnapshot::new(sent.div_ceil(4) as u64, received.div_ceil(4) as u64)
}

/// The providers of the routes, and their addresses.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    key: Option<String>,
    /// The base address of each.
    addresses: BTreeMap<String, String>,
}

impl Client {
    /// A client of these providers.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub(crate) fn new(
        addresses: impl IntoIterator<Item = (String, String)>,
        key: Option<String>,
        loopback: bool,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(10));
        // A proxy of the environment does not apply to this machine.
        let http = if loopback { http.no_proxy() } else { http };
        Ok(Self { http: http.build()?, key, addresses: addresses.into_iter().collect() })
    }

    /// Sends a request to a provider and reads the whole answer.
    ///
    /// # Errors
    ///
    /// If the provider cannot be reached, refuses, or sends an invalid answer.
    pub(crate) async fn chat(
        &self,
        provider: &str,
        request: &ChatRequest,
    ) -> Result<Reply, FaultError> {
        let mut response = self.send(provider, request).await?;
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(broken)? {
            body.extend_from_slice(&bytes);
            if body.len() > REPLY_BYTES {
                return Err(too_large());
            }
        }
        let reply = serde_json::from_slice::<Value>(&body).map_err(|error| malformed(&error))?;
        if reply.get("error").is_some_and(|error| !error.is_null()) {
            return Err(FaultError::from_stream_error(
                Provider::Other,
                &reply,
                SystemClock.utc_now(),
            ));
        }
        let reply =
            serde_json::from_value::<ChatReply>(reply).map_err(|error| malformed(&error))?;
        let choice = reply.choices.into_iter().next();
        let choice = choice.ok_or_else(|| malformed(&"it holds no choice"))?;
        let sent = context::size(&request.messages);
        let usage = reply.usage.map_or_else(|| estimate(sent, body.len()), WireUsage::snapshot);
        Ok(Reply { message: choice.message, usage })
    }

    /// Sends a request to a provider and returns its answer as a stream.
    ///
    /// # Errors
    ///
    /// If the provider cannot be reached or refuses.
    pub(crate) async fn stream(
        &self,
        provider: &str,
        request: &ChatRequest,
    ) -> Result<Streamed, FaultError> {
        let options = Some(json!({ "include_usage": true }));
        let request = ChatRequest { stream: true, stream_options: options, ..request.clone() };
        let response = self.send(provider, &request).await?;
        Ok(Streamed { response, buffer: Vec::new(), finished: false })
    }

    async fn send(&self, provider: &str, request: &ChatRequest) -> Result<Response, FaultError> {
        let Some(address) = self.addresses.get(provider) else {
            let unknown = format!("no address of `{provider}` is known");
            return Err(FaultError::of(FaultKind::Local, unknown));
        };
        let mut post = self.http.post(format!("{address}/chat/completions")).json(request);
        if let Some(key) = &self.key {
            post = post.bearer_auth(key);
        }
        let response = post.send().await.map_err(broken)?;
        if response.status().is_success() { Ok(response) } else { Err(refused(response).await) }
    }
}

/// A streamed reply (server-sent events).
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
    /// If the reply breaks off or cannot be parsed.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, FaultError> {
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
            match self.response.chunk().await.map_err(broken)? {
                Some(bytes) if self.buffer.len() + bytes.len() <= REPLY_BYTES => {
                    self.buffer.extend_from_slice(&bytes);
                }
                Some(_) => return Err(too_large()),
                // Some providers end without `[DONE]`. Without a finish reason as well, the reply
                // was cut off.
                None if self.finished => return Ok(None),
                None => return Err(FaultError::of(FaultKind::Network, "the reply has no end")),
            }
        }
    }

    fn piece(&mut self, data: &str) -> Result<Option<Piece>, FaultError> {
        let chunk = serde_json::from_str::<Chunk>(data).map_err(|error| malformed(&error))?;
        if chunk.error.is_some() {
            let event = json!({ "error": chunk.error });
            return Err(FaultError::from_stream_error(
                Provider::Other,
                &event,
                SystemClock.utc_now(),
            ));
        }
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

/// The fault of an error reply, from its status, headers and body.
async fn refused(mut response: Response) -> FaultError {
    let mut body = Vec::new();
    // An incomplete body has fewer facts; the status is enough.
    while body.len() < REFUSAL_BYTES
        && let Ok(Some(bytes)) = response.chunk().await
    {
        body.extend_from_slice(&bytes);
    }
    let (status, now) = (response.status().as_u16(), SystemClock.utc_now());
    FaultError::from_response(Provider::Other, status, response.headers(), &body, now)
}

/// The fault of a provider that was not reached, or of a broken connection, from the error's type.
fn broken(error: reqwest::Error) -> FaultError {
    FaultError::around(error.without_url(), SystemClock.utc_now())
}

fn malformed(what: &impl std::fmt::Display) -> FaultError {
    FaultError::of(FaultKind::Malformed, format!("the provider's reply is not understood: {what}"))
}

fn too_large() -> FaultError {
    FaultError::of(FaultKind::Local, "the provider's reply is larger than this program accepts")
}
