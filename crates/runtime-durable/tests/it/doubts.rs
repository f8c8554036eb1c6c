//! What people say of a call in doubt: each answer is about one call, and never about a later one.

use std::future::pending;

use futures_util::FutureExt;
use runtime_durable::{DurableSession, Run, RunError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall};
use runtime_resilience::chain_text;
use runtime_store::Inbox;
use serde_json::{Value, json};

use crate::world::{World, error, thread, value, waits};

/// How a call ends.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// Its process dies before the payment.
    Dies,
    /// Its process dies after the payment.
    PaysAndDies,
    /// The bank says no.
    Fails,
}

/// The calls of a thread, each of which ends as it is told. Any further one is a payment too many.
async fn order(world: &World, session: &DurableSession, calls: &[Call]) -> Result<u32, BoxError> {
    let pay = ToolCall::new("pay").call_id("call_1").effect(Effect::Irreversible);
    let paid = session.run_tool(pay, async |attempt| {
        world.ask("").await?;
        let made = world.calls();
        match calls.get(made as usize - 1).expect("nobody said that it may be made again") {
            Call::Dies => pending().await,
            Call::PaysAndDies => {
                world.pay(attempt.key(), false).await?;
                pending().await
            }
            Call::Fails => Err(BoxError::from("the bank is closed")),
        }
    });
    Ok(paid.await?)
}

/// The step that the thread asks a person about.
fn doubt(run: Option<Result<Run<u32>, RunError>>) -> String {
    let waits_for = waits(run);
    assert!(waits_for.contains("to say whether tool `pay` was done"), "{waits_for}");
    waits_for.rsplit_once("step ").unwrap().1.trim_end_matches(')').to_owned()
}

fn say(world: &World, step: &str, said: &Value) {
    let key = format!("resolve/{step}");
    let first = world.store.deliver(&thread(), &key, said).now_or_never();
    assert!(first.unwrap().unwrap(), "the first answer under `{key}`");
}

#[test]
fn a_call_that_was_made_again_and_lost_is_asked_about_again() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let calls = [Call::Dies, Call::Dies, Call::PaysAndDies];
    let body = async |session: &DurableSession| order(&world, session, &calls).await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        assert!(world.run(&durable, body).is_none(), "it dies in the call");
        world.reborn();
        asked.push(doubt(world.run(&durable, body)));
        say(&world, asked.last().unwrap(), &json!({ "not_done": true, "who": "ann" }));
    }
    assert!(world.run(&durable, body).is_none(), "it dies after the payment");
    world.reborn();
    asked.push(doubt(world.run(&durable, body)));
    let (_, fold) = durable.look_at(&thread()).now_or_never().unwrap().unwrap();
    assert_eq!(fold.open()[0].key.to_string(), asked[2], "people find what is asked");
    assert!(asked[0] != asked[1] && asked[1] != asked[2], "{asked:?}");
    say(&world, &asked[2], &json!({ "done": 12, "who": "ann" }));
    assert_eq!(value(world.run(&durable, body)), 12);
    assert_eq!((world.payments(), world.calls()), (1, 3));
}

#[test]
fn a_call_that_is_made_again_after_the_thread_failed_is_asked_about_anew() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let calls = [Call::Dies, Call::Fails, Call::PaysAndDies];
    let body = async |session: &DurableSession| order(&world, session, &calls).await;
    assert!(world.run(&durable, body).is_none());
    world.reborn();
    say(&world, &doubt(world.run(&durable, body)), &json!({ "not_done": true, "who": "ann" }));
    assert_eq!(chain_text(&error(world.run(&durable, body))), "the bank is closed");
    // Somebody runs it again, so the call that failed is made again.
    assert!(world.run(&durable, body).is_none(), "it dies after the payment");
    world.reborn();
    let asked = doubt(world.run(&durable, body));
    let (_, fold) = durable.look_at(&thread()).now_or_never().unwrap().unwrap();
    assert_eq!(fold.open()[0].key.to_string(), asked, "people find what is asked");
    say(&world, &asked, &json!({ "done": 12, "who": "ann" }));
    assert_eq!(value(world.run(&durable, body)), 12);
    assert_eq!((world.payments(), world.calls()), (1, 3));
}

#[test]
fn an_answer_that_says_neither_is_no_answer() {
    for said in [json!({}), json!({ "notdone": true }), json!({ "done": 1, "not_done": true })] {
        let world = World::new();
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        let body = async |session: &DurableSession| {
            let pay = ToolCall::new("pay").call_id("call_1").effect(Effect::Irreversible);
            let paid = session.run_tool(pay, |_| pending::<Result<Option<u32>, BoxError>>());
            Ok(paid.await?)
        };
        assert!(world.run(&durable, body).is_none(), "it dies in the call");
        world.reborn();
        let waits_for = waits(world.run(&durable, body));
        let step = waits_for.rsplit_once("step ").unwrap().1.trim_end_matches(')');
        say(&world, step, &said);
        let refused = chain_text(&error(world.run(&durable, body)));
        assert!(refused.contains("the value of tool `pay`"), "{said}: {refused}");
    }
}

#[test]
fn an_answer_of_another_type_is_replaced_once_the_thread_has_failed_of_it() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| order(&world, session, &[Call::PaysAndDies]).await;
    assert!(world.run(&durable, body).is_none(), "it dies after the payment");
    world.reborn();
    let step = doubt(world.run(&durable, body));
    say(&world, &step, &json!({ "done": "twelve" }));
    let refused = chain_text(&error(world.run(&durable, body)));
    assert!(refused.contains("the value of tool `pay`"), "{refused}");
    say(&world, &step, &json!({ "done": 12 }));
    assert_eq!(value(world.run(&durable, body)), 12);
    assert_eq!((world.payments(), world.calls()), (1, 1));
}
