//! A client whose replies are written beforehand, and which keeps the requests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;
use tower_service::Service;

type Pieces = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + Sync>>;

/// The last reply is given again and again.
#[derive(Clone)]
pub(crate) struct Script {
    replies: Arc<Mutex<VecDeque<Said>>>,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
}

/// A reply: its status, the type of its content, and its pieces.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    status: u16,
    kind: &'static str,
    pieces: Vec<Bytes>,
    /// Whether the connection stays open behind them.
    open: bool,
}

impl Said {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            kind: "application/json",
            pieces: vec![body.to_string().into()],
            open: false,
        }
    }

    /// Server-sent events, each in a piece of its own.
    pub(crate) fn events(pieces: &[&str]) -> Self {
        let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes()));
        Self { status: 200, kind: "text/event-stream", pieces: pieces.collect(), open: false }
    }

    /// With this type of its content, or none if it is empty.
    pub(crate) fn typed(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Nothing more comes, and the connection stays open.
    pub(crate) fn open(self) -> Self {
        Self { open: true, ..self }
    }
}

impl Script {
    pub(crate) fn of(replies: impl IntoIterator<Item = Said>) -> Self {
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        Self { replies, requests: Arc::default() }
    }

    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }
}

impl Service<Request<Full<Bytes>>> for Script {
    type Response = Response<StreamBody<Pieces>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let body = body.collect().now_or_never().unwrap().unwrap().to_bytes();
        self.requests.lock().unwrap().push(Request::from_parts(parts, body));
        let mut replies = self.replies.lock().unwrap();
        let said = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
        let Said { status, kind, pieces, open } = said.expect("a reply is written");
        let rest = stream::pending().take(usize::from(open));
        let pieces = stream::iter(pieces).chain(rest).map(|piece| Ok(Frame::data(piece)));
        let pieces: Pieces = Box::pin(pieces);
        let mut reply = Response::builder().status(status);
        if !kind.is_empty() {
            reply = reply.header("content-type", kind);
        }
        ready(Ok(reply.body(StreamBody::new(pieces)).unwrap()))
    }
}
