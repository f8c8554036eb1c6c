//! Code of the caller that panics below a client: its turn ends, and gives back what it had taken.

use std::error::Error;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use runtime_events::{AgentEvent, AgentEventName, ManualClock, SpanOutcome};
use runtime_http::Turns;
use runtime_orchestrator::{BoxError, Orchestrator, RecoveryConfig};
use runtime_policy::{GuardrailOutcome, Guardrails, guardrail};
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, Classifier, PauseListener, RateLimiter, RateLimits,
    RestListener, Route, Routes, Transition, TransitionListener,
};
use runtime_sinks::{EventSink, SinkError, UsageRecord, UsageSink};
use runtime_usage::Usd;
use tower_service::Service;

use crate::support::{Fixture, Reply, answer, doors};

/// Panics while it is told to, wherever the library calls it.
#[derive(Clone, Debug, Default)]
struct Bomb(Arc<AtomicBool>);

thread_local! {
    /// That of a classifier, whose rules are plain functions.
    static RULES: Bomb = Bomb::default();
}

impl Bomb {
    fn arm(&self, armed: bool) {
        self.0.store(armed, Ordering::Relaxed);
        RULES.with(|rules| rules.0.store(armed, Ordering::Relaxed));
    }

    fn touch(&self) {
        if self.0.load(Ordering::Relaxed) {
            resume_unwind(Box::new("bomb"));
        }
    }
}

impl EventSink for Bomb {
    fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.touch();
        Ok(())
    }
}

impl UsageSink for Bomb {
    fn record(&self, _: &UsageRecord) -> Result<(), SinkError> {
        self.touch();
        Ok(())
    }
}

impl TransitionListener for Bomb {
    fn on_transition(&self, _: &str, _: Transition) {
        self.touch();
    }
}

impl PauseListener for Bomb {
    fn paused(&self, _: &str, _: Duration) {
        self.touch();
    }
}

impl RestListener for Bomb {
    fn rests(&self, _: &Route, _: Duration) {
        self.touch();
    }
}

/// A breaker that opens at the first failure of the provider.
fn breaker(bomb: &Bomb, clock: &ManualClock) -> CircuitBreaker {
    let config = CircuitBreakerConfig::default().failure_threshold(std::num::NonZeroU32::MIN);
    CircuitBreaker::with_listener("p", config, Arc::new(clock.clone()), Arc::new(bomb.clone()))
}

#[tokio::test]
async fn panic_of_a_sink_or_a_listener_changes_nothing() {
    for door in doors() {
        let (bomb, clock) = (Bomb::default(), ManualClock::skipping());
        let limits = RateLimits::default().requests_per_minute(600.try_into().unwrap());
        let shared: Arc<ManualClock> = Arc::new(clock.clone());
        let limiter = RateLimiter::with_listener("p", limits, shared, Arc::new(bomb.clone()));
        let routes = ["limited", "down", "fine"].map(|model| Route::new(model, model));
        let routes = Routes::ordered(routes).on_rest(Arc::new(bomb.clone()));
        let change = |o: Orchestrator| {
            o.time(clock.clone())
                .usage_sink(bomb.clone())
                .circuit_breaker(breaker(&bomb, &clock))
                .rate_limiter(limiter)
                .recovery(RecoveryConfig::default().routes(routes))
        };
        let fixture = Fixture::with(&["limited", "down", "fine"], change).await;
        bomb.arm(true);
        let turns = Turns::of(&fixture.session);
        let seen = door.chat(&turns, &fixture.provider, "limited").await;
        assert!(matches!(&seen, Reply::Whole(200, body) if *body == answer("fine")), "{seen:?}");
        let books = fixture.books();
        assert_eq!(books.story.last().unwrap(), "answered", "{door:?}: {books:?}");
        assert_eq!(books.cost, Usd::from_nanos(140_000), "{door:?}");
        fixture.session.complete().unwrap();
    }
}

/// What panics, as a change of the session and of the layer.
type Change = fn(&Bomb, Orchestrator) -> Orchestrator;
type Layer = fn(&Bomb, Turns) -> Turns;

/// Where code of the caller runs in a call: before it, in it, and behind it.
fn places() -> Vec<(&'static str, Change, Layer, Option<SpanOutcome>)> {
    let same: Change = |_, o| o;
    let plain: Layer = |_, turns| turns;
    let panicked = Some(SpanOutcome::Panicked);
    vec![
        (
            "tokens",
            same,
            |bomb, turns| {
                let bomb = bomb.clone();
                turns.tokens(move |ask, _| {
                    bomb.touch();
                    ask.input_estimate
                })
            },
            None,
        ),
        (
            "each",
            same,
            |bomb, turns| {
                let bomb = bomb.clone();
                turns.each(move |_, turn| {
                    bomb.touch();
                    turn
                })
            },
            None,
        ),
        (
            "guardrail",
            |bomb, o| {
                let bomb = bomb.clone();
                let check = guardrail::pre("bomb", move |_| {
                    bomb.touch();
                    GuardrailOutcome::allow()
                });
                o.guardrails(Guardrails::new().with(check))
            },
            |_, turns| turns.each(|_, turn| turn.guarded("prompt")),
            panicked,
        ),
        (
            "classifier",
            |_, o| {
                let rule = |_: &(dyn Error + 'static)| {
                    RULES.with(Bomb::touch);
                    None
                };
                o.recovery(RecoveryConfig::default().classifier(Classifier::default().rule(rule)))
            },
            plain,
            panicked,
        ),
    ]
}

#[tokio::test]
async fn panic_in_a_call_ends_its_turn_and_goes_to_the_caller() {
    for door in doors() {
        for (place, change, layer, outcome) in places() {
            // A reply that is a failure, and none.
            for is_there in [true, false] {
                let (bomb, clock) = (Bomb::default(), ManualClock::skipping());
                let breaker = breaker(&bomb, &clock);
                let change = |o: Orchestrator| {
                    change(&bomb, o.time(clock.clone()).circuit_breaker(breaker.clone()))
                };
                let mut fixture = Fixture::with(&["down"], change).await;
                let address = fixture.provider.address;
                if !is_there {
                    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                    fixture.provider.address = nobody.local_addr().unwrap();
                }
                let turns = layer(&bomb, Turns::of(&fixture.session));
                bomb.arm(true);
                let call = AssertUnwindSafe(door.chat(&turns, &fixture.provider, "down"));
                let panic = call.catch_unwind().await.unwrap_err();
                assert_eq!(panic.downcast_ref(), Some(&"bomb"), "{door:?} {place}");
                bomb.arm(false);
                let ended = fixture.events.all(AgentEventName::TurnFailed);
                let ended: Vec<_> = ended.iter().map(|event| event.outcome).collect();
                assert_eq!(ended, Vec::from_iter(outcome.map(Some)), "{door:?} {place} {is_there}");
                // Nothing is reserved, and no turn is under way.
                let cost = fixture.books().cost;

                fixture.provider.address = address;
                fixture.provider.mend();
                clock.advance(Duration::from_secs(3600));
                let seen = door.chat(&turns, &fixture.provider, "down").await;
                assert!(matches!(seen, Reply::Whole(200, _)), "{door:?} {place}: {seen:?}");
                let paid = cost.checked_add(Usd::from_nanos(140_000));
                assert_eq!(Some(fixture.books().cost), paid, "{door:?} {place}");
                fixture.session.complete().unwrap();
            }
        }
    }
}

/// A client that panics before its reply, or in the body behind this number of chunks.
#[derive(Clone)]
struct Client(Option<usize>);

/// The chunks that are left.
struct Panics(usize);

const CHUNK: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n";

impl Body for Panics {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.0 == 0 {
            resume_unwind(Box::new("body"));
        }
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CHUNK)))))
    }
}

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<Panics>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let chunks = self.0;
        Box::pin(async move {
            let Some(chunks) = chunks else { resume_unwind(Box::new("client")) };
            Ok(Response::new(Panics(chunks)))
        })
    }
}

#[tokio::test]
async fn panic_of_the_client_is_billed_by_what_came() {
    for (chunks, said, output) in
        [(None, "client", 0), (Some(0), "body", 0), (Some(1), "body", 2), (Some(3), "body", 6)]
    {
        let fixture = Fixture::new(&["m"]).await;
        let call = async {
            let mut client = Turns::of(&fixture.session).layer(Client(chunks));
            let request = Request::post("https://api.openai.com/v1/chat/completions");
            let body = Full::<Bytes>::from(r#"{"model":"m","stream":true}"#);
            let reply = client.call(request.body(body).unwrap()).await.unwrap();
            reply.into_body().collect().await.map(drop)
        };
        let panic = AssertUnwindSafe(call).catch_unwind().await.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&said), "{chunks:?}");
        let books = fixture.books();
        assert_eq!(books.story, ["turn", "m panicked", "ended"], "{chunks:?}");
        assert_eq!(books.tokens.output_tokens, output, "{chunks:?}");
        // The provider has the request.
        assert!(books.estimated && books.cost > Usd::ZERO, "{chunks:?}: {books:?}");
        fixture.session.complete().unwrap();
    }
}
