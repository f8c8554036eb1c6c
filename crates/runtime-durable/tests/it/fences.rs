//! Two lives of one thread: one writes, and the other has no further effect.

use std::task::Poll;

use futures_util::FutureExt;
use runtime_durable::{DurableSession, RunError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
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
    let ttl = std::time::Duration::from_secs(60);
    let claim = Claim { holder: "host-1".into(), code: "1".into(), ttl };
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
    let ttl = std::time::Duration::from_secs(60);
    let claim = Claim { holder: "host-2".into(), code: "1".into(), ttl };
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

#[test]
fn a_life_that_is_stopped_while_its_lease_is_renewed_starts_no_effect() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let (clock, store) = (world.clock.clone(), world.store.clone());
    let (mut appends, mut renewals) = (0, 0);
    world.on_answer(move |call| {
        let long = std::time::Duration::from_secs(31);
        appends += u32::from(call == "append");
        renewals += u32::from(call == "renew");
        match (call, appends, renewals) {
            // The intent took longer than the lease, so that it is renewed.
            ("append", 2, _) => clock.advance(long),
            // It is renewed, and then the process is stopped: the lease is over when it wakes.
            ("renew", _, 1) => {
                clock.advance(long);
                let claim = Claim { holder: "host-2".into(), code: "1".into(), ttl: long };
                store.acquire(&thread(), &claim).now_or_never().unwrap().unwrap();
            }
            _ => {}
        }
    });
    let run = world.run(&durable, async |session| order_tool(&world, session).await);
    let replaced = error(run);
    assert!(replaced.to_string().contains("was taken over"), "{replaced}");
    assert_eq!(world.payments(), 0);
}

async fn order_tool(world: &World, session: &DurableSession) -> Result<u32, BoxError> {
    let pay = ToolCall::new("pay").call_id("1").effect(Effect::Irreversible);
    Ok(session.run_tool(pay, async |attempt| world.pay(attempt.key(), false).await).await?)
}
