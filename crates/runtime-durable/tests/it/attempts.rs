//! A turn of several attempts, of which the process may die at every point: before and after each call of the
//! store and of the model.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{Begin, DurableSession, Run, RunError};
use runtime_events::{AgentEvent, AgentEventName, ManualClock};
use runtime_orchestrator::{Attempt, BoxError, Orchestrator, RecoveryConfig, Turn};
use runtime_resilience::{Backoff, FaultError, FaultKind, JitterMode, Route, Routes};
use runtime_sinks::SinkError;
use runtime_store::{
    AttemptRecord, Claim, EntryKind, Fold, JournalError, MemoryStore, Store, Stored, Totals,
};
use runtime_usage::{Limit, ReportedUsage, UnknownPrice, UsageSnapshot, Usd};
use serde_json::Value;

use crate::world::{World, thread};

/// The routes of a turn. The calls of the first two fail: the first says what it cost, and the second does not.
const ROUTES: [&str; 3] = ["first", "second", "third"];

/// What each of them bills. What is reserved for a call is five cents.
const BILLS: [u64; 3] = [1, 5, 3];

fn reserved() -> Usd {
    Usd::from_cents(5)
}

fn orchestrator() -> Orchestrator {
    let at_once = Backoff::new(Duration::from_nanos(1), 1.0).unwrap();
    let routes = Routes::ordered(ROUTES.map(|name| Route::new(name, name)));
    let recovery =
        RecoveryConfig::default().routes(routes).backoff(at_once.jitter(JitterMode::None));
    Orchestrator::new("clerk", "orders")
        .budget(Limit::enforced(Usd::from_dollars(1)).unknown_price(UnknownPrice::Free))
        .recovery(recovery)
}

fn turn<T>() -> Turn<T> {
    Turn::model("any").reserve(reserved())
}

/// A provider: which of its models were asked.
#[derive(Clone, Default)]
struct Provider(Arc<Mutex<Vec<usize>>>);

impl Provider {
    async fn ask(&self, world: &World, attempt: &Attempt) -> Result<String, BoxError> {
        world.point().await;
        let route = ROUTES.iter().position(|name| *name == attempt.provider()).unwrap();
        self.0.lock().unwrap().push(route);
        world.point().await;
        let said =
            ReportedUsage::from(UsageSnapshot::new(10, 1)).cost(Usd::from_cents(BILLS[route]));
        match route {
            0 => attempt.observe(said),
            1 => {}
            _ => {
                attempt.observe(said);
                return Ok("thanks".to_owned());
            }
        }
        Err(FaultError::of(FaultKind::Network, "it broke").into())
    }

    fn asked(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }
}

/// The two ways to make such a turn: as a whole, and as a layer below a client does.
#[derive(Clone, Copy, Debug)]
enum By {
    Session,
    Layer,
}

async fn thanks(
    world: &World,
    provider: &Provider,
    session: &DurableSession,
    by: By,
) -> Result<String, BoxError> {
    if let By::Session = by {
        let call = async |attempt: Attempt| provider.ask(world, &attempt).await;
        return Ok(session.run_turn_recovering(turn(), call).await?.value);
    }
    let handle = session.handle();
    let (mut attempt, record) = match handle.begin_turn_recovering(turn(), &Value::Null).await? {
        Begin::Answered(answer) => return Ok(answer.value),
        Begin::Failed(failure, _) => return Err(failure.into()),
        Begin::Active(attempt, record) => (attempt, record),
    };
    loop {
        let place = attempt.attempt().clone();
        match attempt.run(provider.ask(world, &place)).await {
            Ok(value) => {
                let bill = attempt.settle_unread();
                record.settle(&value, &bill).await?;
                return Ok(value);
            }
            Err(failed) => {
                let next = async { attempt.recover(failed).await?.attempt().await };
                attempt = match next.await {
                    Ok(attempt) => attempt,
                    Err(error) => return Err(record.fail::<()>(error, None).await.into()),
                };
                if let Err(unrecorded) = record.again(&mut attempt).await {
                    attempt.release();
                    return Err(unrecorded.into());
                }
            }
        }
    }
}

fn entries(world: &World) -> Vec<Stored> {
    let entries = world.store.read(&thread(), 0, usize::MAX).now_or_never();
    entries.unwrap().unwrap_or_default()
}

fn totals(entries: &[Stored]) -> Totals {
    let mut fold = Fold::new();
    for (seq, stored) in (1..).zip(entries) {
        fold.apply(Stored { seq, ..stored.clone() }).unwrap();
    }
    fold.totals()
}

/// What was billed for the first `settled` calls, and one estimate.
fn settled_and_one(settled: usize) -> Usd {
    let billed = BILLS[..settled].iter().map(|cents| Usd::from_cents(*cents));
    billed.chain([reserved()]).sum()
}

/// One life after the other dies after each number of points, and then one lives on. Returns how often the books
/// would be wrong without the entries of attempts.
fn die_everywhere(by: By) -> usize {
    let mut wrong = 0;
    for points in 0.. {
        let (world, provider) = (World::new(), Provider::default());
        let durable = world.durable(orchestrator());
        let body = async |session: &DurableSession| thanks(&world, &provider, session, by).await;
        world.live_for(points);
        let lived = world.run(&durable, body).is_some();
        let left = entries(&world);
        let announced = left.iter().filter(|it| announces(it.entry.kind)).count();
        let (asked, done) =
            (provider.asked(), left.iter().any(|it| it.entry.kind == EntryKind::OUTCOME));
        assert!(asked.len() <= announced, "{points}: what is asked was announced");
        assert!(asked.len() + 1 >= announced, "{points}: what was announced was asked");
        world.reborn();
        let Some(Ok(Run::Done(ended))) = world.run(&durable, body) else { panic!("it is done") };
        let whole = Usd::from_cents(BILLS.iter().sum());
        if lived || done || announced == 0 {
            assert_eq!(ended.totals.cost(), whole, "{points}");
            if lived {
                return wrong;
            }
            continue;
        }
        // The last that was announced is in flight, and the ones before it were settled.
        let lost = settled_and_one(announced - 1);
        assert_eq!(totals(&left).cost(), lost, "{points}");
        assert_eq!(ended.totals.cost(), lost.saturating_add(whole), "{points}");
        assert_eq!(ended.totals.iterations, 2, "{points}: one turn was lost, and one made");
        let booked: Usd = ended.totals.models.values().map(|model| model.lost).sum();
        assert_eq!(booked, reserved(), "{points}: one call is estimated");
        // The session of the last life went on from there.
        let spent = ended.summary.unwrap().budget.unwrap().spent_usd;
        assert_eq!(spent, ended.totals.cost(), "{points}");
        let without: Vec<_> =
            left.into_iter().filter(|it| it.entry.kind != EntryKind::ATTEMPT).collect();
        wrong += usize::from(totals(&without).cost() != lost);
    }
    unreachable!("one lives on")
}

fn announces(kind: EntryKind) -> bool {
    kind == EntryKind::INTENT || kind == EntryKind::ATTEMPT
}

#[test]
fn settled_attempts_are_booked_as_billed_wherever_the_process_dies() {
    for by in [By::Session, By::Layer] {
        let wrong = die_everywhere(by);
        assert!(wrong > 5, "{by:?}: without the entries the books are wrong {wrong} times");
    }
}

#[test]
fn an_attempt_tells_the_bill_before_it_and_the_route_that_is_asked_next() {
    let (world, provider) = (World::new(), Provider::default());
    let durable = world.durable(orchestrator());
    let body =
        async |session: &DurableSession| thanks(&world, &provider, session, By::Session).await;
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Done(_)))));
    let told: Vec<AttemptRecord> = entries(&world)
        .iter()
        .filter(|it| it.entry.kind == EntryKind::ATTEMPT)
        .map(|it| serde_json::from_slice(&it.entry.body).unwrap())
        .collect();
    let told = told.iter().map(|it| {
        let before = &it.before;
        assert_eq!(it.reserved, reserved());
        assert_eq!(before.provider, Some(Arc::clone(&before.model)));
        (
            &*before.model,
            before.cost,
            before.usage.input_tokens,
            before.estimated,
            &**it.provider.as_ref().unwrap(),
        )
    });
    let (one, five) = (Usd::from_cents(1), Usd::from_cents(5));
    let expected = [("first", one, 10, false, "second"), ("second", five, 0, true, "third")];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_turn_of_one_attempt_costs_no_further_entry() {
    let world = World::new();
    let durable = world.durable(orchestrator());
    let run = world.run(&durable, async |session| {
        Ok(session.run_turn_recovering(turn(), async |_| world.ask("yes").await).await?.value)
    });
    assert!(matches!(run, Some(Ok(Run::Done(_)))));
    let kinds: Vec<_> = entries(&world).iter().map(|it| it.entry.kind).collect();
    assert_eq!(kinds, [EntryKind::LIFE, EntryKind::INTENT, EntryKind::OUTCOME, EntryKind::END]);
}

/// Another process takes the thread over between the first and the second attempt, while the first process
/// believes that its lease lasts.
fn replaced(by: By) {
    let (mut world, provider, outside) = (World::new(), Provider::default(), ManualClock::new());
    world.store = MemoryStore::on(outside.clone());
    let store = world.store.clone();
    let orchestrator = orchestrator().event_sink(move |event: &Arc<AgentEvent>| {
        if event.event == AgentEventName::RecoveryAttempted {
            outside.advance(Duration::from_secs(31));
            let claim =
                Claim { holder: "host-2".into(), code: "1".into(), role: None, ttl: Duration::MAX };
            store.acquire(&thread(), &claim).now_or_never().unwrap().unwrap();
        }
        Ok::<_, SinkError>(())
    });
    let durable = world.durable(orchestrator);
    let body = async |session: &DurableSession| thanks(&world, &provider, session, by).await;
    let run = world.run(&durable, body).unwrap();
    let Err(RunError::Journal(JournalError::Store(error))) = run else { panic!("{by:?}: {run:?}") };
    assert!(error.is_fenced(), "{by:?}: {error}");
    assert_eq!(provider.asked(), [0], "{by:?}: the second attempt is not sent");
}

#[test]
fn a_life_that_was_replaced_makes_no_further_attempt() {
    replaced(By::Session);
    replaced(By::Layer);
}
