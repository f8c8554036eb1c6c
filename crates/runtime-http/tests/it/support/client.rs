//! The same calls by clients behind each door.

use std::pin::Pin;
use std::task::Context;

use async_openai::Client as OpenAi;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::ReqwestService;
use axum::body::{Body, Bytes};
use futures_util::{Stream, StreamExt};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::TokioExecutor;
use reqwest_0_13::Client as Reqwest;
use reqwest_middleware::ClientBuilder;
use runtime_http::{TurnBody, Turns};
use serde_json::{Value, json};
use tower_service::Service as _;

use super::provider::Provider;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A client behind one of the doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Tower,
    /// The same by HTTP/2.
    Http2,
    Reqwest,
    OpenAi,
}

pub(crate) const fn doors() -> [Door; 4] {
    [Door::Tower, Door::Http2, Door::Reqwest, Door::OpenAi]
}

/// What the client saw.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A status, and a body.
    Whole(u16, Value),
    /// The chunks of a stream, and its error.
    Stream(Vec<Value>, Option<String>),
    Error(Failure),
}

/// A stream of chunks.
pub(crate) type Chunks = Pin<Box<dyn Stream<Item = Result<Value, Failure>> + Send>>;

impl Door {
    /// Calls a chat model, and reads the reply to its end.
    pub(crate) async fn chat(self, turns: &Turns, provider: &Provider, model: &str) -> Reply {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
        match self {
            Self::OpenAi => {
                match openai(turns, provider).chat().create_byot::<_, Value>(body).await {
                    Ok(body) => Reply::Whole(200, body),
                    Err(async_openai::error::OpenAIError::ApiError(error)) => {
                        Reply::Whole(error.status_code.as_u16(), json!({"error": error.api_error}))
                    }
                    Err(error) => Reply::Error(error.into()),
                }
            }
            Self::Tower | Self::Http2 | Self::Reqwest => {
                match self.send(turns, provider, &body).await {
                    Ok((status, chunks)) => whole(status, chunks).await,
                    Err(error) => Reply::Error(error),
                }
            }
        }
    }

    /// The chunks of a streamed reply.
    pub(crate) async fn stream(
        self,
        turns: &Turns,
        provider: &Provider,
        model: &str,
    ) -> Result<Chunks, Failure> {
        let messages = json!([{"role": "user", "content": "Hello"}]);
        let body = json!({"model": model, "messages": messages, "stream": true});
        if self == Self::OpenAi {
            let client = openai(turns, provider);
            let chunks = client.chat().create_stream_byot::<_, Value>(body).await?;
            return Ok(Box::pin(chunks.map(|chunk| chunk.map_err(Failure::from))));
        }
        let (_, mut bytes) = self.send(turns, provider, &body).await?;
        // One event after the other, until the last word, as clients do.
        let events = async_stream(
            move |rest: &mut String| {
                let at = rest.find("\n\n")?;
                let event = rest[..at].trim_start_matches("data: ").to_owned();
                rest.replace_range(..at + 2, "");
                Some(event)
            },
            move |cx| bytes.as_mut().poll_next(cx),
        );
        Ok(Box::pin(events))
    }

    /// Reads a stream to its end.
    pub(crate) async fn read(self, turns: &Turns, provider: &Provider, model: &str) -> Reply {
        match self.stream(turns, provider, model).await {
            Err(error) => Reply::Error(error),
            Ok(mut chunks) => {
                let mut all = Vec::new();
                while let Some(chunk) = chunks.next().await {
                    match chunk {
                        Ok(chunk) => all.push(chunk),
                        Err(error) => return Reply::Stream(all, Some(error.to_string())),
                    }
                }
                Reply::Stream(all, None)
            }
        }
    }

    /// Sends a request to a path of the provider.
    pub(crate) async fn post(
        self,
        turns: &Turns,
        url: &str,
        body: &Value,
    ) -> Result<(u16, ByteStream), Failure> {
        match self {
            Self::Tower | Self::Http2 => {
                let client: Hyper<_, http_body_util::Full<Bytes>> =
                    Hyper::builder(TokioExecutor::new())
                        .http2_only(self == Self::Http2)
                        .build_http();
                let mut client = turns.layer(client);
                let request = http::Request::post(url)
                    .header("authorization", "Bearer own")
                    .header("accept-encoding", "gzip")
                    .header("content-type", "application/json")
                    .body(Body::from(body.to_string()))?;
                let reply = client.call(request).await?;
                let status = reply.status().as_u16();
                Ok((status, bytes_of(reply.into_body())))
            }
            Self::Reqwest | Self::OpenAi => {
                let client = Reqwest::builder().no_proxy().build()?;
                let client = ClientBuilder::new(client).with(turns.clone()).build();
                let request = client.post(url).bearer_auth("own").body(body.to_string());
                let reply = request.header("content-type", "application/json").send().await?;
                let status = reply.status().as_u16();
                let bytes = reply.bytes_stream().map(|bytes| bytes.map_err(Failure::from));
                Ok((status, Box::pin(bytes)))
            }
        }
    }

    async fn send(
        self,
        turns: &Turns,
        provider: &Provider,
        body: &Value,
    ) -> Result<(u16, ByteStream), Failure> {
        self.post(turns, &format!("{}/chat/completions?v=1", provider.base()), body).await
    }
}

pub(crate) type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>;

fn bytes_of<B>(body: TurnBody<B>) -> ByteStream
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let frames = http_body_util::BodyStream::new(body);
    Box::pin(frames.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())))
}

async fn whole(status: u16, mut bytes: ByteStream) -> Reply {
    let mut all = Vec::new();
    while let Some(piece) = bytes.next().await {
        match piece {
            Ok(piece) => all.extend_from_slice(&piece),
            Err(error) => return Reply::Error(error),
        }
    }
    Reply::Whole(status, serde_json::from_slice(&all).unwrap_or_default())
}

fn openai(turns: &Turns, provider: &Provider) -> OpenAi<OpenAIConfig> {
    let client = Reqwest::builder().no_proxy().build().unwrap();
    let config = OpenAIConfig::new().with_api_base(provider.base()).with_api_key("own");
    let service = turns.layer(ReqwestService::new(client.clone()));
    OpenAi::build(client, config).with_http_service(service)
}

/// Splits bytes into JSON events, until `[DONE]`.
fn async_stream(
    mut split: impl FnMut(&mut String) -> Option<String> + Send + Unpin + 'static,
    mut poll: impl FnMut(&mut Context<'_>) -> std::task::Poll<Option<Result<Bytes, Failure>>>
    + Send
    + Unpin
    + 'static,
) -> impl Stream<Item = Result<Value, Failure>> + Send {
    use std::task::Poll;
    let (mut rest, mut over) = (String::new(), false);
    futures_util::stream::poll_fn(move |cx| {
        loop {
            if over {
                return Poll::Ready(None);
            }
            if let Some(event) = split(&mut rest) {
                if event == "[DONE]" {
                    over = true;
                    continue;
                }
                return Poll::Ready(Some(serde_json::from_str(&event).map_err(Failure::from)));
            }
            match std::task::ready!(poll(cx)) {
                None => over = true,
                Some(Ok(bytes)) => rest.push_str(&String::from_utf8_lossy(&bytes)),
                Some(Err(error)) => {
                    over = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    })
}
