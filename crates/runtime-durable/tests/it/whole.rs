//! A long order with all that a thread can have. The process dies at each point of it, and its thread is pruned and sealed
//! with another key whenever it is taken up again.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join;
use runtime_durable::{Durable, DurableSession, DurableTool, KeySeal, Run};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_store::{Approvals, Inbox, Store};
use runtime_usage::UsageSnapshot;
use serde::Deserialize;
use serde_json::json;

use crate::world::{World, thread};

#[derive(Debug, Deserialize)]
struct Address {
    town: String,
}

fn pay(id: &str) -> ToolCall {
    ToolCall::new("pay").call_id(id).args(json!({ "amount": 12 })).effect(Effect::Keyed)
}

async fn paid(world: &World, session: &DurableSession, id: &str) -> Result<u32, BoxError> {
    let call = async |attempt: runtime_durable::ToolAttempt| world.pay(attempt.key(), true).await;
    Ok(session.run_tool(pay(id), call).await?)
}

/// A model's answer that comes in pieces.
async fn streamed(world: &World, session: &DurableSession) -> Result<String, BoxError> {
    let mut turn = match session.begin_turn::<String>(Turn::model("m")).await? {
        Ok(answer) => return Ok(answer.value),
        Err(turn) => turn,
    };
    let mut text = String::new();
    for piece in ["a ", "draft"] {
        text.push_str(&turn.active().run(world.ask(piece)).await??);
    }
    Ok(turn.settle(text, UsageSnapshot::new(9, 2)).await?.value)
}

async fn order(world: &World, session: &DurableSession) -> Result<String, BoxError> {
    let begun = session.resume_point::<String>().await?;
    let draft = if let Some(draft) = begun {
        draft
    } else {
        let draft = streamed(world, session).await?;
        let (a, b) = (session.child("a")?, session.child("b")?);
        let (one, other) = join(paid(world, &a, "1"), paid(world, &b, "1")).await;
        let yes = session.approval(&pay("2"), "payments", Duration::from_secs(24 * 3600)).await?;
        let third = DurableTool::from(pay("2")).approved(yes);
        let third = session.run_tool(third, async |attempt| {
            assert_eq!(attempt.args(), &json!({ "amount": 7 }), "what the person put");
            world.pay(attempt.key(), true).await
        });
        let sum = one? + other? + third.await?;
        let Address { town } = session.wait_for("address").await?;
        let draft = format!("{draft} for {town}, {sum}");
        session.checkpoint(&draft).await?;
        draft
    };
    let child = session.child("a")?;
    let sum = paid(world, &child, "1").await?;
    let thanks = session.run_turn(Turn::model("m"), || world.ask("thanks")).await?.value;
    Ok(format!("{draft}, {sum}, {thanks}"))
}

/// What people and sweepers do between two lives.
fn meanwhile(world: &World) {
    let (store, id) = (&world.store, thread());
    for asked in store.pending(None, 9).now_or_never().unwrap().unwrap() {
        let amended = asked.amend(json!({ "amount": 7 }), "ann");
        store.decide(&amended).now_or_never().unwrap().unwrap();
    }
    let _ = store.deliver(&id, "address", &json!({ "town": "Springfield" })).now_or_never();
    let _ = store.prune(&id).now_or_never();
}

/// A process that seals with one of two keys, and reads what either has sealed.
fn process(world: &World, number: usize) -> Durable {
    let (a, b) = ([1; 32], [2; 32]);
    let (own, other) = if number.is_multiple_of(2) { (&a, &b) } else { (&b, &a) };
    world.durable(Orchestrator::new("clerk", "orders")).seal(KeySeal::new(own).or_earlier(other))
}

#[test]
fn a_long_order_is_whole_wherever_its_processes_die() {
    let first = |points| {
        let world = World::new();
        world.live_for(points);
        let mut deaths = 0;
        for number in 0..9 {
            let durable = process(&world, number);
            match world.run(&durable, async |session| order(&world, session).await) {
                Some(Ok(Run::Done(done))) => {
                    assert_eq!(done.value, "a draft for Springfield, 36, 12, thanks", "{points}");
                    let turns = done.totals.models["m"].turns;
                    assert!((2..=2 + deaths).contains(&turns), "{points}: {turns} turns");
                    assert_eq!(world.payments(), 4, "{points}");
                    return deaths > 0;
                }
                Some(Ok(Run::Parked(_))) => {}
                Some(Err(error)) => panic!("{points}: {error}"),
                None => {
                    world.reborn();
                    deaths += 1;
                    // The next one dies as well, a little later.
                    if deaths == 1 {
                        world.live_for(points / 2);
                    }
                }
            }
            meanwhile(&world);
        }
        panic!("{points}: it comes to no end");
    };
    let points = (0..1_000).position(|points| !first(points)).unwrap();
    assert!(points > 60, "{points}");
}
