//! Two lives of one thread: one writes, and the other has no further effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{DurableSession, DurableTool, Reconciled, RunError, ToolAttempt};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_resilience::{FaultError, FaultKind};
use runtime_store::{Claim, JournalError, Leave, Store};

use crate::world::{World, error, thread, value};

async fn order(world: &World, session: &DurableSession) -> Result<u32, BoxError> {
    session.run_turn(Turn::model("m"), || world.ask("")).await?;
    world.point().await;
    let pay = ToolCall::new("pay").call_id("1").effect(Effect::Irreversible);
    Ok(session.run_tool(pay, async |attempt| world.pay(attempt.key(), false).await).await?)
}

#[test]
fn a_held_thread_is_not_run_by_others() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let ttl = Duration::from_secs(60);
    let claim = Claim { holder: "host-1".into(), code: "1".into(), role: None, ttl };
    let acquired = world.store.acquire(&thread(), &claim).now_or_never().unwrap();
    let (lease, _) = acquired.unwrap();
    let body = async |session: &DurableSession| order(&world, session).await;
    let held = error(world.run(&durable, body));
    assert!(matches!(held, RunError::Held(_)), "{held}");
    assert!(held.to_string().starts_with("thread `order-4711` is held by host-1 until "));
    world.store.release(&lease, Leave::Runnable).now_or_never().unwrap().unwrap();
    assert_eq!(value(world.run(&durable, body)), 12);
}

#[test]
fn a_life_that_was_replaced_starts_no_further_effect() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    // The first life stops before the payment, as a stopped process does.
    let stopped = world.clone();
    let body = async |session: &DurableSession| order(&stopped, session).await;
    let mut points = 0;
    let mut first = loop {
        let mut first = Box::pin(durable.run("order-4711", body));
        world.live_for(points);
        assert!(first.as_mut().now_or_never().is_none());
        if world.calls() == 1 {
            break first;
        }
        drop(first);
        world.reborn();
        points += 1;
    };
    // Its lease is over, and another life takes the thread over and pays.
    world.reborn();
    let second = world.run(&durable, async |session| order(&world, session).await);
    assert_eq!(value(second), 12);
    assert_eq!(world.payments(), 1);
    drop(first.as_mut().now_or_never());
    assert_eq!(world.payments(), 1, "the first life pays nothing");
}

#[test]
fn a_life_that_wakes_after_it_was_replaced_is_told_so() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let woken = std::cell::Cell::new(false);
    let run = durable.run("order-4711", async |session| {
        session.run_turn(Turn::model("m"), || world.ask("")).await?;
        std::future::poll_fn(|_| if woken.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        order_tool(&world, session).await
    });
    let mut run = Box::pin(run);
    assert!(run.as_mut().now_or_never().is_none());
    world.reborn();
    let ttl = Duration::from_secs(60);
    let claim = Claim { holder: "host-2".into(), code: "1".into(), role: None, ttl };
    world.store.acquire(&thread(), &claim).now_or_never().unwrap().unwrap();
    woken.set(true);
    let replaced = run.now_or_never().unwrap().unwrap_err();
    assert!(
        matches!(&replaced, RunError::Journal(JournalError::Store(error)) if error.is_fenced())
    );
    assert_eq!(
        replaced.to_string(),
        "thread `order-4711` was taken over: this life is number 1, and a later one has begun"
    );
    assert_eq!(world.payments(), 0);
}

/// Pays without a point within the call, where no fence helps. Whoever finds it in doubt looks at the books.
async fn at_once(world: &World, session: &DurableSession) -> Result<u32, BoxError> {
    let pay = ToolCall::new("pay").call_id("1").effect(Effect::Irreversible);
    let (paid, books) = (Arc::clone(&world.paid), Arc::clone(&world.paid));
    let pay = DurableTool::from(pay).reconcile(async move |key| {
        let done = books.lock().unwrap().contains(&key);
        Ok(if done { Reconciled::Done(12) } else { Reconciled::NotDone })
    });
    let call = async |attempt: ToolAttempt| {
        paid.lock().unwrap().push(attempt.key().to_owned());
        Ok::<_, BoxError>(12)
    };
    Ok(session.run_tool(pay, call).await?)
}

/// A process is stopped at one point for longer than its lease, where nobody takes its thread over, and at a later
/// one, where somebody does.
fn stopped_twice(first: u32, second: u32) -> (usize, u32) {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let (points, other) = (Arc::new(AtomicU32::new(0)), world.clone());
    let passed = Arc::clone(&points);
    world.at_points(move || {
        let point = passed.fetch_add(1, Ordering::Relaxed);
        if point == first || point == second {
            other.clock.advance(Duration::from_secs(31));
        }
        if point == second {
            let durable = other.durable(Orchestrator::new("clerk", "orders"));
            let run = other.run(&durable, async |session| at_once(&other, session).await);
            assert_eq!(value(run), 12);
        }
    });
    let run = world.run(&durable, async |session| at_once(&world, session).await);
    assert!(run.is_some(), "it lives");
    (world.payments(), points.load(Ordering::Relaxed))
}

#[test]
fn a_life_that_is_stopped_while_it_renews_its_lease_starts_no_further_effect() {
    let mut points = u32::MAX;
    for first in 0.. {
        for second in first + 1.. {
            let (payments, passed) = stopped_twice(first, second);
            assert_eq!(payments, 1, "stopped at {first} and {second}");
            points = passed;
            if second > points {
                break;
            }
        }
        if first > points {
            assert!(points > 8, "{points} points");
            return;
        }
    }
}

async fn order_tool(world: &World, session: &DurableSession) -> Result<u32, BoxError> {
    let pay = ToolCall::new("pay").call_id("1").effect(Effect::Irreversible);
    Ok(session.run_tool(pay, async |attempt| world.pay(attempt.key(), false).await).await?)
}

#[test]
fn a_lease_that_is_over_before_the_store_answers_allows_no_effect() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let clock = world.clock.clone();
    world.at_points(move || clock.advance(Duration::from_secs(31)));
    let run = world.run(&durable, async |session| at_once(&world, session).await);
    assert_eq!(run.unwrap().unwrap_err().to_string(), "the store could not hold a lease");
    assert_eq!(world.payments(), 0);
}

#[test]
fn a_turn_is_not_repeated_in_a_life_that_was_replaced() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let run = world.run(&durable, async |session| {
        let turn = session.run_turn_recovering(Turn::<u32>::model("m"), async |attempt| {
            assert_eq!(attempt.number(), 1, "another attempt after the lease");
            world.clock.advance(Duration::from_secs(31));
            let claim =
                Claim { holder: "host-2".into(), code: "1".into(), role: None, ttl: Duration::MAX };
            world.store.acquire(&thread(), &claim).await?;
            // What is repeated at once, with less.
            Err::<u32, BoxError>(FaultError::of(FaultKind::ContextLength, "too long").into())
        });
        Ok(turn.await?.value)
    });
    let replaced = run.unwrap().unwrap_err();
    assert!(replaced.to_string().starts_with("thread `order-4711` was taken over"), "{replaced}");
}
