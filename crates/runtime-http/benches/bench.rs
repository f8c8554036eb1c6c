//! The overhead of the layer: of a call with a small and a large prompt, and of a chunk beside parsing
//! it. The client answers at once, without a connection.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use runtime_http::{Ask, Framing, Meter, Turns};
use runtime_orchestrator::{OrchestrationSession, Orchestrator, TelemetryConfig, Turn};
use runtime_usage::{StreamUsage, UsageFormat, UsageSnapshot};
use tower_service::Service;

const ANSWER: &[u8] = br#"{"id":"1","model":"m","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}}"#;
const CHUNK: &[u8] = b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-5\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" world\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
const CHUNKS: usize = 1_000;

/// A client that answers with a body of its own.
#[derive(Clone)]
struct Client<B>(fn() -> B, &'static str);

impl<B> Service<Request<Full<Bytes>>> for Client<B> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let mut reply = Response::new(self.0());
        let kind = http::HeaderValue::from_static(self.1);
        reply.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        ready(Ok(reply))
    }
}

/// A thousand chunks.
#[derive(Clone)]
struct Chunks(usize);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CHUNK)))))
    }
}

fn open() -> Option<OrchestrationSession> {
    let quiet = TelemetryConfig::default().without_event_log();
    let writer = Orchestrator::new("writer", "draft").telemetry(quiet);
    writer.max_iterations(u32::MAX).session().ok()
}

fn now<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn drained<B: Body + Unpin>(mut body: B) -> usize {
    let (mut frames, mut cx) = (0, Context::from_waker(Waker::noop()));
    while let Poll::Ready(Some(frame)) = std::pin::Pin::new(&mut body).poll_frame(&mut cx) {
        black_box(&frame.is_ok());
        frames += 1;
    }
    frames
}

fn request(body: &Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("http://a.test/v1/chat/completions");
    request
}

fn prompt(len: usize) -> Bytes {
    let words = "lorem ipsum \\n".repeat(len / 13 + 1);
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{words}"}}]}}"#).into()
}

fn calls(c: &mut Criterion) {
    let Some(session) = open() else { return };
    let mut group = c.benchmark_group("call");
    for len in [100, 100_000] {
        let body = prompt(len);
        let mut bare = Client(|| Full::new(Bytes::from_static(ANSWER)), "application/json");
        let mut layered = Turns::of(&session).layer(bare.clone());
        group.bench_function(BenchmarkId::new("bare", len), |b| {
            b.iter(|| now(bare.call(request(&body))).map(|r| drained(r.into_ok_body())));
        });
        group.bench_function(BenchmarkId::new("layered", len), |b| {
            b.iter(|| now(layered.call(request(&body))).map(|r| r.map(|r| drained(r.into_body()))));
        });
        group.bench_function(BenchmarkId::new("ask", len), |b| {
            let uri = http::Uri::from_static("http://a.test/v1/chat/completions");
            b.iter(|| Ask::of(&http::Method::POST, &uri, &body));
        });
    }
    group.bench_function("turn in steps alone", |b| {
        b.iter(|| {
            let turn = session.handle().begin_turn_recovering(Turn::model("m")).ok()?;
            let attempt = now(turn.attempt())?.ok()?;
            Some(attempt.settle(UsageSnapshot::new(100, 20)))
        });
    });
    group.finish();
}

fn chunks(c: &mut Criterion) {
    let Some(session) = open() else { return };
    let mut group = c.benchmark_group("1000 chunks");
    let body = prompt(10);
    let mut layered = Turns::of(&session).layer(Client(|| Chunks(CHUNKS), "text/event-stream"));
    group.bench_function("layered", |b| {
        b.iter(|| now(layered.call(request(&body))).map(|r| r.map(|r| drained(r.into_body()))));
    });
    let uri = http::Uri::from_static("http://a.test/v1/chat/completions");
    let Some(ask) = Ask::of(&http::Method::POST, &uri, &body) else { return };
    group.bench_function("meter alone", |b| {
        b.iter(|| {
            let mut meter = Meter::new(&ask, Framing::Events, UNIX_EPOCH);
            (0..CHUNKS).for_each(|_| meter.push(&Bytes::from_static(CHUNK)));
            meter.usage()
        });
    });
    group.bench_function("parsing alone", |b| {
        b.iter(|| {
            let mut decoder = sse_core::SseDecoder::new();
            let mut usage = StreamUsage::new(UsageFormat::OpenAiChat);
            for _ in 0..CHUNKS {
                let mut bytes = CHUNK;
                while let Some(Ok(sse_core::SseEvent::Message(event))) = decoder.next(&mut bytes) {
                    let value = serde_json::from_str(&event.data).unwrap_or_default();
                    let _ = usage.push(&value);
                }
            }
            usage.usage()
        });
    });
    group.finish();
}

/// The body of a reply that cannot fail.
trait IntoOkBody<B> {
    fn into_ok_body(self) -> B;
}

impl<B> IntoOkBody<B> for Result<Response<B>, Infallible> {
    fn into_ok_body(self) -> B {
        let Ok(reply) = self;
        reply.into_body()
    }
}

criterion_group!(benches, calls, chunks);
criterion_main!(benches);
