//! A thread within an engine: its steps are in the engine's journal, what people say is in the store, and the
//! process may die at each point of both.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{DurableSession, DurableTool, Reconciled, Run, RunError, StepError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_store::{
    ApprovalState, Approvals, Body, BoxFuture, Entered, Inbox, Journal, JournalError, Part, Slot,
    Step, StepKey, Store, ThreadState,
};
use serde_json::json;

use crate::world::{World, error, thread, value, waits};

/// An engine, which outlives the process. As Restate does, it wants each life to ask for the same parts in the same
/// order, and says that one is vacant only if nothing was asked for behind it.
#[derive(Clone)]
struct Engine {
    world: World,
    records: Arc<Mutex<HashMap<(StepKey, Part), Body>>>,
    /// The parts that were asked for, each once.
    asked: Arc<Mutex<Vec<(StepKey, Part)>>>,
    /// How many of them this life has asked for.
    place: Arc<AtomicUsize>,
}

impl Engine {
    fn new(world: &World) -> Self {
        let (records, asked, place) = Default::default();
        Self { world: world.clone(), records, asked, place }
    }

    /// Asks for a part at the next place, unless this life has asked for it before.
    fn ask(&self, part: (StepKey, Part)) -> Result<(), JournalError> {
        let mut asked = self.asked.lock().unwrap();
        let place = self.place.load(Ordering::Relaxed);
        let (before, behind) = asked.split_at(place);
        if before.contains(&part) {
            return Ok(());
        }
        let refused = match behind {
            [other, ..] if *other != part => format!("570: {part:?} in place of {other:?}"),
            [_, _, ..] if !self.records.lock().unwrap().contains_key(&part) => {
                format!("570: {part:?} is not recorded, and others are behind it")
            }
            [] => {
                asked.push(part);
                String::new()
            }
            _ => String::new(),
        };
        drop(asked);
        if !refused.is_empty() {
            return Err(JournalError::Engine(Arc::new(std::io::Error::other(refused))));
        }
        self.place.store(place + 1, Ordering::Relaxed);
        Ok(())
    }
}

impl Journal for Engine {
    fn enter<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> BoxFuture<'a, Result<Entered<'a>, JournalError>> {
        async move {
            self.world.point().await;
            self.ask((step.key, part))?;
            let recorded = self.records.lock().unwrap().get(&(step.key, part)).cloned();
            Ok(match recorded {
                Some(body) => Entered::Recorded(body),
                None => Entered::Vacant(Box::new(Row { engine: self, place: (step.key, part) })),
            })
        }
        .boxed()
    }
}

struct Row<'a> {
    engine: &'a Engine,
    place: (StepKey, Part),
}

impl<'a> Slot<'a> for Row<'a> {
    fn fill(self: Box<Self>, body: Body) -> BoxFuture<'a, Result<(), JournalError>> {
        async move {
            self.engine.world.point().await;
            self.engine.records.lock().unwrap().insert(self.place, body);
            self.engine.world.point().await;
            Ok(())
        }
        .boxed()
    }
}

type Lived = Option<Result<Run<u32>, RunError>>;

/// One life within the engine. `None` if the process died.
fn live(engine: &Engine, effect: Effect) -> Lived {
    let world = &engine.world;
    let engine = Engine { place: Arc::default(), ..engine.clone() };
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| order(world, session, effect).await;
    durable.run_within(Arc::new(engine), "order-4711", body).now_or_never()
}

async fn order(world: &World, session: &DurableSession, effect: Effect) -> Result<u32, BoxError> {
    session.run_turn(Turn::model("m"), || world.ask("pay 12")).await?;
    let pay = ToolCall::new("pay").call_id("1").args(json!({ "amount": 12 })).effect(effect);
    let announced = matches!(effect, Effect::Keyed | Effect::Irreversible);
    let hour = Duration::from_secs(3600);
    let yes = if announced { Some(session.approval(&pay, "payments", hour).await?) } else { None };
    let paid = world.paid.clone();
    let mut pay = DurableTool::from(pay).reconcile(async move |key| {
        let done = paid.lock().unwrap().contains(&key);
        Ok(if done { Reconciled::Done(12) } else { Reconciled::NotDone })
    });
    if let Some(yes) = yes {
        pay = pay.approved(yes);
    }
    let dedupes = effect == Effect::Keyed;
    let paid =
        session.run_tool(pay, async |attempt| world.pay(attempt.key(), dedupes).await).await?;
    session.run_turn(Turn::model("m"), || world.ask("thanks")).await?;
    Ok(paid)
}

/// Says yes to what people are asked. Returns the approvals.
fn approve(world: &World) -> Vec<Arc<str>> {
    let pending = world.store.pending(None, 9).now_or_never().unwrap().unwrap();
    let given = pending.into_iter().map(|asked| {
        let given = world.store.decide(&asked.approve("ann")).now_or_never().unwrap();
        given.unwrap().id
    });
    given.collect()
}

/// Lets the process die after each number of points. Returns the largest number of payments.
fn die_everywhere(effect: Effect) -> usize {
    let mut most = 0;
    for points in 0.. {
        let world = World::new();
        let engine = Engine::new(&world);
        // A life that waits for a person, one that pays, and one that the engine asks for again.
        world.live_for(points);
        let mut approvals = Vec::new();
        for _ in 0..3 {
            if live(&engine, effect).is_none() {
                world.reborn();
            }
            approvals.extend(approve(&world));
        }
        let lived = live(&engine, effect).or_else(|| {
            world.reborn();
            live(&engine, effect)
        });
        assert_eq!(value(lived), 12, "{effect}, {points}");
        most = most.max(world.payments());
        for id in &approvals {
            let approval = world.store.approval(id).now_or_never().unwrap().unwrap().unwrap();
            assert_eq!(approval.state, ApprovalState::Used, "{effect}, {points}");
        }
        assert!(approvals.len() < 2, "nobody is asked twice");
        let kept = world.store.thread(&thread()).now_or_never().unwrap().unwrap().unwrap();
        assert_eq!(kept.state, ThreadState::Parked, "the engine may ask for it again");
        if world.lived_on() {
            assert!(points > 40, "{points} points");
            return most;
        }
    }
    unreachable!("the loop ends")
}

#[test]
fn within_an_engine_a_payment_is_made_once_and_its_approval_is_used_once() {
    assert_eq!(die_everywhere(Effect::Keyed), 1);
    assert_eq!(die_everywhere(Effect::Irreversible), 1);
}

#[test]
fn within_an_engine_the_control_without_intents_pays_twice() {
    assert_eq!(die_everywhere(Effect::Idempotent), 2);
}

/// Lets a process die after each number of points, and the next one as well.
fn die_twice_everywhere(effect: Effect) {
    // More than a life has.
    const POINTS: u32 = 60;
    for (first, second) in (0..POINTS).flat_map(|first| (0..POINTS).map(move |next| (first, next)))
    {
        let world = World::new();
        let engine = Engine::new(&world);
        for points in [u32::MAX, first, second] {
            world.live_for(points);
            if live(&engine, effect).is_none() {
                world.reborn();
            }
            approve(&world);
        }
        world.live_for(u32::MAX);
        for _ in 0..2 {
            assert_eq!(value(live(&engine, effect)), 12, "{effect}, {first}, {second}");
        }
        assert_eq!(world.payments(), 1, "{effect}, {first}, {second}");
    }
}

#[test]
fn within_an_engine_each_life_asks_for_the_same_parts_in_the_same_order() {
    die_twice_everywhere(Effect::Keyed);
    die_twice_everywhere(Effect::Irreversible);
}

#[test]
fn a_thread_of_an_engine_is_not_run_without_it() {
    let world = World::new();
    let engine = Engine::new(&world);
    assert!(matches!(live(&engine, Effect::Keyed), Some(Ok(Run::Parked(_)))));
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let refused = error(world.run(&durable, async |_| Ok(0)));
    assert_eq!(
        refused.to_string(),
        "the steps of thread `order-4711` are in the journal of an engine"
    );
    approve(&world);
    assert_eq!(value(live(&engine, Effect::Keyed)), 12);
}

#[test]
fn there_are_no_checkpoints_within_an_engine() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let run = durable.run_within(Arc::new(Engine::new(&world)), "order-4711", async |session| {
        let refused = session.checkpoint(&1).await.unwrap_err();
        assert!(matches!(refused, StepError::Misused(_)), "{refused}");
        Ok(())
    });
    assert!(run.now_or_never().unwrap().unwrap().done().is_some());
}

#[test]
fn a_thread_of_a_store_keeps_its_wake_when_an_engine_is_refused() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| {
        session.sleep(Duration::from_secs(3_600)).await?;
        Ok(1)
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    let engine = Arc::new(Engine::new(&world));
    let refused = error(durable.run_within(engine, "order-4711", body).now_or_never());
    assert!(matches!(refused, RunError::Elsewhere { in_engine: false, .. }), "{refused}");
    world.clock.advance(Duration::from_secs(3_600));
    let runs = durable.resume_runnable(9, body).now_or_never().unwrap().unwrap();
    assert_eq!(runs.len(), 1, "nobody else wakes it");
}

#[test]
fn within_an_engine_too_an_answer_is_about_one_call() {
    let world = World::new();
    let engine = Engine::new(&world);
    let body = async |session: &DurableSession| {
        let pay = ToolCall::new("pay").call_id("1").effect(Effect::Irreversible);
        let paid = session.run_tool(pay, async |attempt| {
            world.ask("").await?;
            if world.calls() == 2 {
                world.pay(attempt.key(), false).await?;
            }
            pending::<Result<u32, BoxError>>().await
        });
        Ok(paid.await?)
    };
    let live = || {
        let engine = Arc::new(Engine { place: Arc::default(), ..engine.clone() });
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        durable.run_within(engine, "order-4711", body).now_or_never()
    };
    // The first call dies before the payment, and the second one behind it.
    let mut asked = Vec::new();
    for calls in [1, 2] {
        assert!(live().is_none(), "it dies in the call");
        assert_eq!(world.calls(), calls);
        world.reborn();
        let step = waits(live()).rsplit_once("step ").unwrap().1.trim_end_matches(')').to_owned();
        assert!(!asked.contains(&step), "people are asked about each call");
        let said = if calls == 1 { json!({ "not_done": true }) } else { json!({ "done": 12 }) };
        let (thread, key) = (thread(), format!("resolve/{step}"));
        let first = world.store.deliver(&thread, &key, &said).now_or_never();
        assert!(first.unwrap().unwrap(), "the first answer under `{key}`");
        asked.push(step);
    }
    assert_eq!((value(live()), value(live())), (12, 12));
    assert_eq!((world.payments(), world.calls()), (1, 2));
}
