//! Calls that take too long.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};
use futures_util::{FutureExt, StreamExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use runtime_events::ManualClock;
use runtime_http::Turns;
use runtime_orchestrator::{Orchestrator, RecoveryConfig};
use runtime_resilience::{Backoff, JitterMode, RetryBudget};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_millis(700);

/// Replies with what is sent by the test; without that it never replies.
#[derive(Clone)]
struct Client {
    pieces: Arc<Mutex<Option<UnboundedReceiver<&'static str>>>>,
    under_way: Arc<()>,
}

type Pieces = Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<StreamBody<Pieces>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let (pieces, under_way) = (self.pieces.lock().unwrap().take(), self.under_way.clone());
        Box::pin(match pieces {
            Some(pieces) => Either::Left(async move {
                let pieces =
                    stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces)));
                let pieces = pieces.map(|piece: &'static str| {
                    Ok(Frame::data(Bytes::from_static(piece.as_bytes())))
                });
                let pieces: Pieces = Box::pin(pieces);
                let reply = Response::builder().header("content-type", "text/event-stream");
                Ok(reply.body(StreamBody::new(pieces)).unwrap())
            }),
            None => Either::Right(future::pending().map(move |never: Infallible| {
                drop(under_way);
                match never {}
            })),
        })
    }
}

fn request(url: &str) -> Request<Full<Bytes>> {
    Request::post(url).body(Full::from(r#"{"model":"m","stream":true}"#)).unwrap()
}

#[tokio::test]
async fn sign_of_life_is_no_token() {
    let anthropic = (
        "https://api.anthropic.com/v1/messages",
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1}}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"Hi\"}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    );
    let responses = (
        "https://api.openai.com/v1/responses",
        "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n",
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n",
        "data: {\"type\":\"keepalive\",\"sequence_number\":3}\n\n",
    );
    let chat = (
        "https://openrouter.ai/api/v1/chat/completions",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n",
        ": OPENROUTER PROCESSING\n\n",
    );
    for (url, opening, token, sign) in [anthropic, responses, chat] {
        for has_token in [true, false] {
            let clock = ManualClock::new();
            let session = Orchestrator::new("writer", "draft").time(clock.clone()).session();
            let session = session.unwrap();
            let (send, pieces) = mpsc::unbounded_channel();
            let client =
                Client { pieces: Arc::new(Mutex::new(Some(pieces))), under_way: Arc::default() };
            let turns = Turns::of(&session)
                .each(|_, turn| turn.first_token_timeout(SECOND).idle_timeout(SECOND));
            let mut layer = turns.layer(client);
            let mut call = Box::pin(layer.call(request(url)));
            send.send(opening).unwrap();
            assert!((&mut call).now_or_never().is_none(), "{url}: nothing was said");
            clock.advance(MOST);
            if !has_token {
                send.send(sign).unwrap();
                assert!((&mut call).now_or_never().is_none(), "{url}");
                clock.advance(MOST);
                assert!((&mut call).now_or_never().is_none(), "{url}: another attempt waits");
                assert!(send.is_closed(), "{url}: the first token is late");
                continue;
            }
            send.send(token).unwrap();
            let reply = (&mut call).now_or_never().expect("it has begun").unwrap();
            let mut body = reply.into_body();
            for _ in [opening, token] {
                body.frame().await.unwrap().unwrap();
            }
            clock.advance(MOST);
            send.send(sign).unwrap();
            body.frame().await.unwrap().unwrap();
            clock.advance(MOST);
            send.send(sign).unwrap();
            let late = body.frame().await.expect("it is not over");
            assert!(late.is_err(), "{url}");
        }
    }
}

#[tokio::test]
async fn request_that_took_too_long_is_gone_before_the_next_one() {
    let clock = ManualClock::new();
    let backoff = Backoff::new(SECOND * 10, 1.0).unwrap().jitter(JitterMode::None);
    let recovery =
        RecoveryConfig::default().retry_budget(RetryBudget::percent(100)).backoff(backoff);
    let writer = Orchestrator::new("writer", "draft").time(clock.clone()).recovery(recovery);
    let session = writer.session().unwrap();
    let client = Client { pieces: Arc::default(), under_way: Arc::default() };
    let under_way = Arc::clone(&client.under_way);
    let idle = Arc::strong_count(&under_way);
    let mut layer = Turns::of(&session).each(|_, turn| turn.timeout(SECOND)).layer(client);
    let mut call = Box::pin(layer.call(request("https://api.openai.com/v1/chat/completions")));
    assert!((&mut call).now_or_never().is_none());
    let running = Arc::strong_count(&under_way);
    assert!(running > idle);
    clock.advance(SECOND);
    assert!((&mut call).now_or_never().is_none(), "it waits for the next attempt");
    assert!(Arc::strong_count(&under_way) < running, "the first request is still under way");
}
