//! A process dies at every point of a life, once and twice: before and after each call of the store, of the
//! model and of the payment server.

use runtime_durable::{DurableSession, DurableTool, Reconciled, Run};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_store::{Inbox, Store, ThreadState};
use runtime_usage::UsageSnapshot;
use serde_json::json;

use crate::case::wait;
use crate::world::{World, thread, value};

fn turn() -> Turn<String> {
    Turn::model("gpt-5").usage(UsageSnapshot::new(100, 10))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    Asks,
    AsksAPerson,
}

async fn order(
    world: &World,
    session: &DurableSession,
    (effect, doubt): (Effect, Doubt),
) -> Result<String, BoxError> {
    let plan = session.run_turn(turn(), || world.ask("pay 12")).await?;
    let at = session.now().await?;
    let pay = ToolCall::new("pay").call_id("call_1").args(json!({ "amount": 12 })).effect(effect);
    let mut pay = DurableTool::from(pay);
    if doubt == Doubt::Asks {
        let paid = world.paid.clone();
        pay = pay.reconcile(async move |key| {
            let done = paid.lock().unwrap().contains(&key);
            Ok(if done { Reconciled::Done(12) } else { Reconciled::NotDone })
        });
    }
    let dedupes = effect == Effect::Keyed;
    let paid =
        session.run_tool(pay, async |attempt| world.pay(attempt.key(), dedupes).await).await?;
    let thanks = session.run_turn_recovering(turn(), |_| world.ask("thanks")).await?;
    Ok(format!("{}: {paid}, {} at {at}", plan.value, thanks.value))
}

/// A person looks at the server's books, and says whether the payment was made.
fn look_at_the_books(world: &World, waits_for: &str) {
    assert!(waits_for.contains("to say whether tool `pay` was done"));
    let step = waits_for.rsplit_once("step ").unwrap().1;
    let key = format!("resolve/{}", step.trim_end_matches(')'));
    let said = if world.payments() > 0 {
        json!({ "done": 12, "who": "ann" })
    } else {
        json!({ "not_done": true, "who": "ann" })
    };
    wait(world.store.deliver(&thread(), &key, &said)).unwrap();
}

/// Lets a process die after each number of points, and the next one after each number as well, and then one
/// lives on. Returns the largest number of payments, and how often a person was asked.
fn die_everywhere(how: (Effect, Doubt)) -> (usize, u32) {
    let (mut most, mut asked) = (0, 0);
    let mut first = 0;
    loop {
        let mut second = 0;
        loop {
            let world = World::new();
            let durable = world.durable(Orchestrator::new("clerk", "orders"));
            let body = async |session: &DurableSession| order(&world, session, how).await;
            world.live_for(first);
            if world.run(&durable, body).is_some() {
                return (most, asked);
            }
            world.reborn();
            world.live_for(second);
            let died = world.run(&durable, body).is_none();
            world.reborn();
            let mut run = world.run(&durable, body);
            while let Some(Ok(Run::Parked(parked))) = &run {
                asked += 1;
                look_at_the_books(&world, &parked.waits_for);
                run = world.run(&durable, body);
            }
            let said = value(run);
            assert!(said.starts_with("pay 12: 12, thanks at "), "{said}");
            // The same thread again has the same answer, and calls nobody.
            let calls = (world.calls(), world.payments());
            assert_eq!(value(world.run(&durable, body)), said, "after {first} and {second} points");
            assert_eq!((world.calls(), world.payments()), calls);
            let kept = futures_util::FutureExt::now_or_never(world.store.thread(&thread()));
            assert_eq!(kept.unwrap().unwrap().unwrap().state, ThreadState::Done);
            most = most.max(world.payments());
            if !died {
                break;
            }
            second += 1;
        }
        first += 1;
    }
}

/// Lets the store fail once, at each of its answers, before it makes the call and after it. Returns the largest number
/// of payments.
fn fail_everywhere(how: (Effect, Doubt)) -> usize {
    let mut most = 0;
    for answers in 0.. {
        let world = World::new();
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        let body = async |session: &DurableSession| order(&world, session, how).await;
        world.gate().fail_after(answers);
        let mut failed = 0;
        let said = loop {
            match world.run(&durable, body).expect("the process lives") {
                Ok(Run::Done(done)) => break done.value,
                Ok(Run::Parked(parked)) => look_at_the_books(&world, &parked.waits_for),
                Err(error) => {
                    failed += 1;
                    assert_eq!(failed, 1, "at answer {answers}: {error}");
                }
            }
            world.reborn();
        };
        assert!(said.starts_with("pay 12: 12, thanks at "), "{said}");
        let failed = world.gate().has_failed();
        world.gate().fail_after(u32::MAX);
        assert_eq!(value(world.run(&durable, body)), said, "at answer {answers}");
        most = most.max(world.payments());
        if !failed {
            assert!(answers > 15, "{answers} answers");
            break;
        }
    }
    most
}

#[test]
fn a_tool_pays_once_wherever_the_store_fails() {
    assert_eq!(fail_everywhere((Effect::Keyed, Doubt::Asks)), 1);
    assert_eq!(fail_everywhere((Effect::Irreversible, Doubt::Asks)), 1);
    assert_eq!(fail_everywhere((Effect::Irreversible, Doubt::AsksAPerson)), 1);
    assert!(fail_everywhere((Effect::Idempotent, Doubt::Asks)) > 1, "it finds what it looks for");
}

#[test]
fn a_keyed_tool_pays_once_wherever_processes_die() {
    assert_eq!(die_everywhere((Effect::Keyed, Doubt::Asks)), (1, 0));
}

#[test]
fn an_irreversible_tool_that_can_ask_pays_once_wherever_processes_die() {
    assert_eq!(die_everywhere((Effect::Irreversible, Doubt::Asks)), (1, 0));
}

#[test]
fn an_irreversible_tool_pays_once_and_asks_a_person_where_nobody_knows() {
    let (payments, asked) = die_everywhere((Effect::Irreversible, Doubt::AsksAPerson));
    assert_eq!(payments, 1);
    assert!(asked > 10, "asked {asked} times");
}

#[test]
fn the_control_without_intents_pays_twice() {
    let (payments, _) = die_everywhere((Effect::Idempotent, Doubt::Asks));
    assert!(payments > 1, "the test finds what it looks for");
}
