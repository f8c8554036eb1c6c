//! A provider on the loopback: the name of the model says how it behaves.

use std::convert::Infallible;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, Uri, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) model: String,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: String,
}

#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    hits: Arc<Mutex<Vec<Hit>>>,
    mended: Arc<AtomicBool>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = Self { address, hits: Arc::default(), mended: Arc::default() };
        let app = Router::new().fallback(reply).with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        provider
    }

    /// Somebody else's.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, hits: Arc::default(), mended: Arc::default() }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// From now on every model answers.
    pub(crate) fn mend(&self) {
        self.mended.store(true, Ordering::Relaxed);
    }

    /// The requests so far.
    pub(crate) fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    pub(crate) fn models(&self) -> Vec<String> {
        self.hits().into_iter().map(|hit| hit.model).collect()
    }
}

/// An answer of 100 tokens in and 20 out.
pub(crate) fn answer(model: &str) -> Value {
    json!({
        "id": "1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hello, world"}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    })
}

async fn reply(
    State(provider): State<Provider>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = request["model"].as_str().unwrap_or_default().to_owned();
    let key = headers.get(header::AUTHORIZATION).and_then(|key| key.to_str().ok());
    provider.hits.lock().unwrap().push(Hit {
        model: model.clone(),
        path: uri.path_and_query().unwrap().to_string(),
        key: key.unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let error = |status: u16, error: Value| {
        let body = json!({ "error": error }).to_string();
        let reply =
            Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
        reply.body(Body::from(body)).unwrap()
    };
    let mended = provider.mended.load(Ordering::Relaxed);
    match (if mended { "fine" } else { &*model }, request["stream"] == true) {
        ("down", _) => {
            error(503, json!({"message": "Service unavailable", "type": "server_error"}))
        }
        ("limited", _) => {
            let mut reply = error(429, json!({"message": "Slow down", "type": "rate_limit_error"}));
            reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            reply
        }
        ("bad", _) => error(
            400,
            json!({"message": "temperature is too high", "type": "invalid_request_error"}),
        ),
        ("long", _) => error(
            400,
            json!({"message": "the prompt is too long", "code": "context_length_exceeded"}),
        ),
        ("moved", _) => {
            let to = format!("{}/elsewhere", provider.base());
            Response::builder()
                .status(307)
                .header(header::LOCATION, to)
                .body(Body::empty())
                .unwrap()
        }
        ("sorry", false) => {
            let body = json!({"error": {"message": "The model is overloaded", "code": 503}});
            json_reply(&body, usize::MAX)
        }
        ("bytes", false) => json_reply(&answer("bytes"), 1),
        ("early", false) => broken(json_pieces(&answer("early"), 40), 2),
        ("pending", false) => {
            let pieces =
                json_pieces(&answer("pending"), 40).into_iter().take(2).map(Ok::<_, Infallible>);
            whole(
                Body::from_stream(stream::iter(pieces).chain(stream::pending())),
                "application/json",
            )
        }
        ("gzip", _) if !headers.contains_key(header::ACCEPT_ENCODING) => {
            json_reply(&answer("gzip"), usize::MAX)
        }
        ("gzip" | "packed", _) => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(answer(&model).to_string().as_bytes()).unwrap();
            let mut reply = whole(Body::from(packed.finish().unwrap()), "application/json");
            let coding = HeaderValue::from_static("gzip");
            reply.headers_mut().insert(header::CONTENT_ENCODING, coding);
            reply
        }
        ("embed", false) => json_reply(
            &json!({"data": [], "model": "embed", "usage": {"prompt_tokens": 7, "total_tokens": 7}}),
            999,
        ),
        (model, false) => json_reply(&answer(model), usize::MAX),
        (how, true) => streamed(how),
    }
}

fn whole(body: Body, kind: &str) -> Response<Body> {
    Response::builder().header(header::CONTENT_TYPE, kind).body(body).unwrap()
}

fn json_pieces(value: &Value, size: usize) -> Vec<Bytes> {
    let text = value.to_string();
    text.as_bytes().chunks(size.min(text.len())).map(Bytes::copy_from_slice).collect()
}

fn json_reply(value: &Value, size: usize) -> Response<Body> {
    let pieces = json_pieces(value, size).into_iter().map(Ok::<_, Infallible>);
    whole(Body::from_stream(stream::iter(pieces)), "application/json")
}

/// The first pieces, and then a broken connection.
fn broken(pieces: Vec<Bytes>, whole_pieces: usize) -> Response<Body> {
    let kind = if whole_pieces == 2 { "application/json" } else { "text/event-stream" };
    let pieces = pieces.into_iter().take(whole_pieces).map(Ok);
    let reset = async {
        // So that the pieces are on their way.
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    whole(Body::from_stream(stream::iter(pieces).chain(stream::once(reset))), kind)
}

/// One chunk after the other, so that none but the first is there with the head.
fn pieces(chunks: Vec<String>) -> Response<Body> {
    let pieces = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
    whole(Body::from_stream(stream::iter(pieces)), "text/event-stream")
}

fn streamed(how: &str) -> Response<Body> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": "1", "object": "chat.completion.chunk", "created": 1,
            "model": how, "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let say = |text: &str| {
        chunk(json!([{"index": 0, "delta": {"role": "assistant", "content": text}}]), Value::Null)
    };
    if how == "sorry" {
        let event = json!({"error": {"message": "Overloaded", "code": "server_is_overloaded"}});
        return whole(
            Body::from(format!("data: {event}\n\ndata: [DONE]\n\n")),
            "text/event-stream",
        );
    }
    // Ten chunks of four bytes.
    let mut chunks: Vec<String> = (0..10).map(|_| say("text")).collect();
    match how {
        "cut" => return broken(chunks.into_iter().map(Bytes::from).collect(), 10),
        "idle" => {
            let pieces = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
            let body = Body::from_stream(stream::iter(pieces).chain(stream::pending()));
            return whole(body, "text/event-stream");
        }
        "late" => {
            chunks.push(format!(
                "data: {}\n\n",
                json!({"error": {"message": "Overloaded", "code": "server_is_overloaded"}})
            ));
            return pieces(chunks);
        }
        "ends" => return pieces(chunks),
        _ => {}
    }
    chunks.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null));
    if matches!(how, "stops" | "done") {
        // The connection stays open after the last word.
        if how == "done" {
            chunks.push("data: [DONE]\n\n".to_owned());
        }
        let pieces = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
        let body = Body::from_stream(stream::iter(pieces).chain(stream::pending()));
        return whole(body, "text/event-stream");
    }
    if how != "silent" {
        let usage = json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120});
        chunks.push(chunk(json!([]), usage));
    }
    chunks.push("data: [DONE]\n\n".to_owned());
    let text = chunks.concat();
    let size = if how == "bytes" { 1 } else { 61 };
    let pieces: Vec<_> = text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces).map(Ok::<_, Infallible>);
    whole(Body::from_stream(pieces), "text/event-stream")
}
