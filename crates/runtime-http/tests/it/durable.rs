//! Calls of a durable session, behind every door: recorded once, and answered without a request from then on.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http::Request;
use http_body_util::{BodyExt, Full};
use runtime_durable::{Durable, DurableSession, Run, RunError};
use runtime_events::{AgentEvent, AgentEventName, ManualClock};
use runtime_http::{NoSession, Turns, step_failure};
use runtime_orchestrator::{BoxError, Orchestrator, RecoveryConfig, Turn};
use runtime_resilience::{Backoff, JitterMode, Route, Routes};
use runtime_sinks::SinkError;
use runtime_store::{Claim, FailureKind, JournalError, MemoryStore, Store, ThreadId};
use runtime_usage::{Limit, ModelPricing, PricingTable, Usd};
use serde_json::{Value, json};
use tower_service::Service;

use crate::support::{Door, Provider, Reply, Said, Script, answer, doors};

mod streams;

/// What outlives a process.
struct World {
    store: MemoryStore,
    provider: Provider,
}

impl World {
    async fn new() -> Self {
        Self { store: MemoryStore::new(), provider: Provider::start().await }
    }

    /// A process of a program whose models cost one dollar a million tokens in, and two out.
    fn durable(&self, models: &[&str]) -> Durable {
        self.durable_with(models, |orchestrator| orchestrator)
    }

    fn durable_with(
        &self,
        models: &[&str],
        change: impl FnOnce(Orchestrator) -> Orchestrator,
    ) -> Durable {
        let prices = PricingTable::new();
        let price = ModelPricing::per_million(Usd::from_dollars(1), Usd::from_dollars(2));
        for model in models {
            prices.register(model, price).unwrap();
        }
        let routes = Routes::ordered(models.iter().map(|model| Route::new(*model, *model)));
        let at_once = Backoff::new(Duration::from_nanos(1), 1.0).unwrap().jitter(JitterMode::None);
        let orchestrator = Orchestrator::new("writer", "draft")
            .pricing(prices)
            .budget(Limit::enforced(Usd::from_dollars(100)))
            .recovery(RecoveryConfig::default().routes(routes).backoff(at_once));
        Durable::new(change(orchestrator), self.store.clone())
    }

    async fn run(
        &self,
        models: &[&str],
        body: impl AsyncFnOnce(&DurableSession) -> Result<Value, BoxError>,
    ) -> Result<Run<Value>, RunError> {
        Box::pin(self.durable(models).run("draft", body)).await
    }

    /// A life whose process dies once `body` has its value, which is not recorded.
    async fn die(
        &self,
        models: &[&str],
        body: impl AsyncFnOnce(&DurableSession) -> Result<Value, BoxError>,
    ) -> Value {
        let value = RefCell::new(None);
        let dies = async |session: &DurableSession| {
            *value.borrow_mut() = Some(body(session).await?);
            pending().await
        };
        self.die_when(models, dies, || value.borrow().is_some()).await;
        value.take().expect("it was read")
    }

    /// A life whose process dies once this is so: `body` is dropped where it stands.
    async fn die_when(
        &self,
        models: &[&str],
        body: impl AsyncFnOnce(&DurableSession) -> Result<Value, BoxError>,
        is_so: impl Fn() -> bool,
    ) {
        let durable = self.durable(models);
        let mut life = Box::pin(durable.run("draft", body));
        let dying = async {
            while !is_so() {
                let ended = (&mut life).now_or_never();
                assert!(ended.is_none(), "it was to die: {ended:?}");
                tokio::task::yield_now().await;
            }
        };
        let minute = Duration::from_secs(60);
        tokio::time::timeout(minute, dying).await.expect("it comes to that");
    }

    fn requests(&self) -> usize {
        self.provider.hits().len()
    }
}

/// What a client saw, to compare it between lives.
fn seen(reply: Reply) -> Result<Value, BoxError> {
    match reply {
        Reply::Whole(status, body) => Ok(json!([status, body])),
        Reply::Stream(chunks, error) => Ok(json!([chunks, error])),
        Reply::Error(error) => Err(error),
    }
}

fn done(run: Result<Run<Value>, RunError>) -> Value {
    run.expect("it has a value").done().expect("it waits for nobody")
}

#[tokio::test]
async fn replay_answers_the_same_without_a_request() {
    for door in doors() {
        for model in ["fine", "bytes", "gzip", "bad"] {
            let world = World::new().await;
            let body = async |session: &DurableSession| {
                let turns = Turns::of(session);
                let whole = seen(door.chat(&turns, &world.provider, model).await)?;
                let stream = match model {
                    "bad" | "gzip" => Value::Null,
                    model => seen(door.read(&turns, &world.provider, model).await)?,
                };
                Ok(json!([whole, stream]))
            };
            let first = world.die(&[model], body).await;
            let requests = world.requests();
            assert!(requests > 0, "{door:?} {model}");

            let Ok(Run::Done(ended)) = world.run(&[model], body).await else { panic!("{model}") };
            assert_eq!(ended.value, first, "{door:?} {model}");
            assert_eq!(world.requests(), requests, "{door:?} {model}: it was asked again");
            // Its bill is that of the first life, and nothing is lost.
            let turns = if matches!(model, "bad" | "gzip") { 1 } else { 2 };
            assert_eq!(ended.totals.iterations, turns, "{door:?} {model}");
            let paid = if model == "bad" { 0 } else { 140_000 * u64::from(turns) };
            assert_eq!(ended.totals.cost(), Usd::from_nanos(paid), "{door:?} {model}");
            assert!(ended.totals.models.values().all(|model| model.lost.is_zero()), "{door:?}");
        }
    }
}

#[tokio::test]
async fn recorded_pieces_are_those_that_came() {
    let world = World::new().await;
    let body = async |session: &DurableSession| {
        let body = json!({"model": "fine", "stream": true});
        let url = format!("{}/chat/completions", world.provider.base());
        let (status, mut bytes) = Door::Tower.post(&Turns::of(session), &url, &body).await?;
        let mut pieces = Vec::new();
        while let Some(piece) = bytes.next().await {
            pieces.push(String::from_utf8(piece?.to_vec())?);
        }
        Ok(json!([status, pieces]))
    };
    let first = world.die(&["fine"], body).await;
    assert!(first[1].as_array().unwrap().len() > 1, "{first}");
    assert_eq!(done(world.run(&["fine"], body).await), first);
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn what_comes_behind_the_usage_of_a_stream_is_recorded() {
    for pieces in [
        &[
            "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20}}\n\n",
            "data: [DONE]\n\n",
        ][..],
        &[
            "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\
                \"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20}}\n\n",
            "data: [DONE]\n\n",
        ],
    ] {
        let world = World::new().await;
        let client = Script::of([Said::events(pieces)]);
        let body = async |session: &DurableSession| {
            let request = Request::post("https://api.openai.com/v1/chat/completions");
            let request = request.body(Full::<Bytes>::from(r#"{"model":"m","stream":true}"#))?;
            let reply = Turns::of(session).layer(client.clone()).call(request).await?;
            let bytes = reply.into_body().collect().await?.to_bytes();
            Ok(json!(String::from_utf8(bytes.into())?))
        };
        let first = world.die(&["m"], body).await;
        assert_eq!(first, json!(pieces.concat()));
        let Ok(Run::Done(ended)) = world.run(&["m"], body).await else { panic!("{pieces:?}") };
        assert_eq!((ended.value, client.requests().len()), (first, 1));
        assert_eq!(ended.totals.cost(), Usd::from_nanos(140_000));
    }
}

#[tokio::test]
async fn call_that_died_with_its_process_is_made_again_and_booked_once() {
    for door in doors() {
        for (model, streamed) in [("pending", false), ("idle", true)] {
            let world = World::new().await;
            let turns = |session: &DurableSession| {
                // Without an estimate nothing would be booked.
                Turns::of(session).each(|_, turn: Turn| turn.reserve(Usd::from_cents(1)))
            };
            let read = Cell::new(0);
            let dies = async |session: &DurableSession| {
                if !streamed {
                    return seen(door.chat(&turns(session), &world.provider, model).await);
                }
                let mut chunks = door.stream(&turns(session), &world.provider, model).await?;
                while let Some(chunk) = chunks.next().await {
                    chunk?;
                    read.set(read.get() + 1);
                }
                Ok(Value::Null)
            };
            let over = || world.requests() == 1 && (!streamed || read.get() == 10);
            world.die_when(&[model], dies, over).await;

            // The provider answers now.
            let body = async |session: &DurableSession| {
                let turns = turns(session);
                let reply = if streamed {
                    door.read(&turns, &world.provider, model).await
                } else {
                    door.chat(&turns, &world.provider, model).await
                };
                seen(reply)
            };
            world.provider.mend();
            let Ok(Run::Done(ended)) = world.run(&[model], body).await else {
                panic!("{door:?} {model}: it is answered")
            };
            assert_eq!(world.requests(), 2, "{door:?} {model}");
            assert_eq!(ended.totals.iterations, 2, "{door:?} {model}");
            let bill = &ended.totals.models[model];
            assert_eq!(bill.lost, Usd::from_cents(1), "{door:?} {model}");
            assert_eq!(bill.cost, Usd::from_nanos(10_140_000), "{door:?} {model}");
        }
    }
}

#[tokio::test]
async fn attempts_before_the_one_that_died_are_booked_as_they_were_billed() {
    for door in doors() {
        let world = World::new().await;
        // The first reply breaks off, and the second does not come to its end.
        let models = ["early", "pending"];
        let body = async |session: &DurableSession| {
            let turns = Turns::of(session).each(|_, turn: Turn| turn.reserve(Usd::from_cents(1)));
            seen(door.chat(&turns, &world.provider, "early").await)
        };
        world.die_when(&models, body, || world.requests() == 2).await;
        assert_eq!(world.provider.models(), models, "{door:?}");
        world.provider.mend();
        let Ok(Run::Done(ended)) = world.run(&models, body).await else { panic!("{door:?}") };
        let [early, pending] = models.map(|model| ended.totals.models[model]);
        // The first call of the first life, and the answer of the second.
        assert_eq!(early.cost, Usd::from_nanos(10_140_000), "{door:?}");
        assert_eq!((early.turns, early.lost), (1, Usd::ZERO), "{door:?}");
        assert_eq!((pending.turns, pending.lost), (1, Usd::from_cents(1)), "{door:?}");
        assert_eq!(ended.totals.cost(), Usd::from_nanos(20_140_000), "{door:?}");
    }
}

#[tokio::test]
async fn life_that_was_replaced_sends_no_further_attempt() {
    for door in doors() {
        let (mut world, clock) = (World::new().await, ManualClock::new());
        world.store = MemoryStore::on(clock.clone());
        let store = world.store.clone();
        // Between the attempts another process takes the thread over, while this one believes in its lease.
        let taken = move |event: &Arc<AgentEvent>| {
            if event.event == AgentEventName::RecoveryAttempted {
                clock.advance(Duration::from_secs(31));
                let claim = Claim {
                    holder: "other".into(),
                    code: "1".into(),
                    role: None,
                    ttl: Duration::MAX,
                };
                let thread = ThreadId::new("draft").unwrap();
                store.acquire(&thread, &claim).now_or_never().unwrap().unwrap();
            }
            Ok::<_, SinkError>(())
        };
        let durable =
            world.durable_with(&["down", "fine"], |orchestrator| orchestrator.event_sink(taken));
        let run = durable.run("draft", async |session| {
            seen(door.chat(&Turns::of(session), &world.provider, "down").await)
        });
        let Err(RunError::Journal(JournalError::Store(error))) = Box::pin(run).await else {
            panic!("{door:?}: it is told")
        };
        assert!(error.is_fenced(), "{door:?}: {error}");
        assert_eq!(world.provider.models(), ["down"], "{door:?}");
    }
}

#[tokio::test]
async fn failure_without_a_reply_is_the_same_in_each_life() {
    for door in doors() {
        let mut world = World::new().await;
        // A port that nobody listens on.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        world.provider.address = listener.local_addr().unwrap();
        drop(listener);
        let ends = RefCell::new(Vec::new());
        let body = async |session: &DurableSession| {
            let turns = Turns::of(session);
            let Reply::Error(error) = door.chat(&turns, &world.provider, "fine").await else {
                panic!("{door:?}: nobody is there")
            };
            let failure = step_failure(&*error).expect("it is recorded");
            assert_eq!(failure.failure.kind, FailureKind::Failed, "{door:?}");
            ends.borrow_mut().push((failure.to_string(), failure.live.is_some()));
            Ok(Value::Null)
        };
        world.die(&["fine"], body).await;
        done(world.run(&["fine"], body).await);
        let ends = ends.take();
        assert_eq!(ends[0].0, ends[1].0, "{door:?}");
        assert!(ends[0].1 && !ends[1].1, "{door:?}: the second one is of the record");
    }
}

#[tokio::test]
async fn shared_client_records_the_calls_of_durable_sessions() {
    for door in doors() {
        let world = World::new().await;
        let turns = Turns::of_current().without_session(NoSession::Pass);
        let body = async |session: &DurableSession| {
            let one = seen(door.chat(&turns, &world.provider, "fine").await)?;
            let child = session.child("editor")?;
            let call = door.chat(&turns, &world.provider, "fine");
            let other = seen(child.handle().scope(call).await)?;
            Ok(json!([one, other]))
        };
        world.die(&["fine"], body).await;
        let answered = json!([[200, answer("fine")], [200, answer("fine")]]);
        assert_eq!(done(world.run(&["fine"], body).await), answered, "{door:?}");
        assert_eq!(world.requests(), 2, "{door:?}");
    }
}

#[tokio::test]
async fn code_that_asks_for_another_form_has_diverged() {
    let world = World::new().await;
    let asks = async |session: &DurableSession| {
        seen(Door::Tower.chat(&Turns::of(session), &world.provider, "fine").await)
    };
    world.die(&["fine"], asks).await;
    let streams = async |session: &DurableSession| {
        seen(Door::Tower.read(&Turns::of(session), &world.provider, "fine").await)
    };
    let Err(RunError::Journal(error)) = world.run(&["fine"], streams).await else {
        panic!("it is refused")
    };
    assert!(error.to_string().contains("turn `fine`"), "{error}");
    assert_eq!(world.requests(), 1, "nothing was sent");
}
