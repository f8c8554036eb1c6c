//! What the next life has of the ones before: outcomes, budgets, turns, time, failures.

use std::time::Duration;

use runtime_durable::{DurableSession, Run, RunError, StepError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_resilience::chain_text;
use runtime_store::{FailureKind, Store};
use runtime_usage::{Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};
use serde::{Deserialize, Serialize};

use crate::world::{World, error, thread, value};

fn orchestrator() -> Orchestrator {
    let pricing = PricingTable::new();
    let dollar = ModelPricing::per_million(Usd::from_dollars(1), Usd::from_dollars(1));
    pricing.register("m", dollar).unwrap();
    Orchestrator::new("clerk", "orders").pricing(pricing)
}

fn turn<T>() -> Turn<T> {
    // A cent of a million tokens at a dollar.
    let turn = Turn::model("m").usage(UsageSnapshot::new(10_000, 0));
    turn.estimate(UsageSnapshot::new(10_000, 0)).max_output(0)
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plan {
    pay: Vec<u32>,
    note: Option<String>,
}

#[test]
fn turns_answer_with_their_bill_and_are_not_admitted_again() {
    let world = World::new();
    let durable = world.durable(orchestrator().max_iterations(2));
    let lives = std::cell::Cell::new(0);
    let body = async |session: &DurableSession| {
        let ask = async || {
            world.ask("").await?;
            Ok::<_, BoxError>(Plan { pay: vec![1, 2], note: None })
        };
        let first = session.run_turn(turn(), ask).await?;
        assert_eq!(first.value, Plan { pay: vec![1, 2], note: None });
        assert_eq!((first.cost, first.usage.input_tokens), (Usd::from_cents(1), 10_000));
        assert_eq!((&*first.model, first.attempts, first.estimated), ("m", 1, false));
        let second = session.run_turn(turn(), || world.ask("b")).await?;
        lives.set(lives.get() + 1);
        if lives.get() == 1 {
            std::future::pending::<()>().await;
        }
        Ok(second.value)
    };
    assert!(world.run(&durable, body).is_none(), "it died after both turns");
    world.reborn();
    let Some(Ok(Run::Done(done))) = world.run(&durable, body) else { panic!("it is done") };
    assert_eq!((done.value, world.calls()), ("b".to_owned(), 2));
    assert_eq!(done.totals.cost(), Usd::from_cents(2));
    // The earlier life's turns are in the session's books, and no turn was made in this one.
    let summary = done.summary.unwrap();
    assert_eq!((summary.usage.turns, summary.iterations), (2, 2));
    assert!(summary.agent_events.iter().all(|event| !event.event.as_str().contains("turn")));
}

#[test]
fn numbers_come_back_to_the_last_bit() {
    let world = World::new();
    let durable = world.durable(orchestrator());
    // Each of them is read as another number by a reader that is fast and not exact.
    let numbers = [0.1 + 0.2, f64::MIN_POSITIVE, 5e-324, 1.797_693_134_862_315_7e308, 2.5e-5 / 3.0];
    let bits = |numbers: &[f64]| numbers.iter().map(|it| it.to_bits()).collect::<Vec<_>>();
    let body = async |session: &DurableSession| {
        let turn = session.run_turn(turn(), async || Ok::<_, BoxError>(numbers)).await?;
        let large = session.value("large", || (u64::MAX, i64::MIN)).await?;
        session.wait_for::<u32>("more").await?;
        Ok((bits(&turn.value), large))
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    world.deliver("more", 1);
    assert_eq!(value(world.run(&durable, body)), (bits(&numbers), (u64::MAX, i64::MIN)));
}

#[test]
fn budget_turns_and_deadline_go_on_where_they_were() {
    let world = World::new();
    let limits = orchestrator()
        .budget(Limit::enforced(Usd::from_cents(2)))
        .max_iterations(9)
        .deadline(Duration::from_secs(100));
    let durable = world.durable(limits);
    let body = async |session: &DurableSession| {
        let mut costs = Vec::new();
        for _ in 0..3 {
            match session.run_turn(turn(), || world.ask("")).await {
                Ok(answer) => costs.push(answer.cost.to_string()),
                Err(StepError::Failed(failed)) => {
                    assert_eq!(failed.failure.kind, FailureKind::Refused);
                    costs.push(chain_text(&failed));
                }
                Err(over) => return Err(over.into()),
            }
        }
        world.clock.advance(Duration::from_secs(40));
        let left = session.session().time_left().unwrap();
        session.wait_for::<u32>("more").await?;
        Ok((costs, left.as_secs()))
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    // Parked time does not count, and the lives before it do.
    world.clock.advance(Duration::from_secs(3_600));
    world.deliver("more", 1);
    let (costs, left) = value(world.run(&durable, body));
    assert_eq!(world.calls(), 2);
    assert_eq!(costs[..2], ["$0.01", "$0.01"]);
    assert!(costs[2].contains("refused"), "{costs:?}");
    assert!(left <= 60, "{left}");
}

#[test]
fn time_without_steps_before_a_checkpoint_counts() {
    let world = World::new();
    let durable = world.durable(orchestrator().deadline(Duration::from_secs(100)));
    let body = async |session: &DurableSession| {
        if session.resume_point::<()>().await?.is_none() {
            world.clock.advance(Duration::from_secs(40));
            session.checkpoint(&()).await?;
        }
        let left = session.session().time_left().unwrap();
        session.wait_for::<u32>("more").await?;
        Ok(left.as_secs())
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    world.deliver("more", 1);
    let left = value(world.run(&durable, body));
    assert!(left <= 60, "{left}");
}

#[test]
fn a_lost_call_is_booked_once_as_an_estimate() {
    let world = World::new();
    let durable = world.durable(orchestrator().budget(Limit::enforced(Usd::from_dollars(1))));
    let body = async |session: &DurableSession| {
        let call = async || {
            world.ask("").await?;
            world.point().await;
            Ok::<_, BoxError>(1)
        };
        Ok(session.run_turn(turn(), call).await?.value)
    };
    let mut points = 0;
    while world.calls() == 0 {
        world.live_for(points);
        assert!(world.run(&durable, body).is_none());
        world.reborn();
        points += 1;
    }
    let Some(Ok(Run::Done(done))) = world.run(&durable, body) else { panic!("it is done") };
    let model = done.totals.models.get("m").unwrap();
    let lost = u64::from(done.totals.iterations) - 1;
    assert!(lost >= 1);
    assert_eq!(model.lost, Usd::from_cents(lost));
    assert_eq!(done.totals.cost(), Usd::from_cents(lost + 1));
    let summary = done.summary.unwrap();
    assert_eq!(summary.budget.unwrap().spent_usd, Usd::from_cents(lost + 1));
    assert_eq!(u64::from(summary.iterations), lost + 1);
}

#[test]
fn a_lost_call_is_booked_when_its_repetition_is_refused() {
    let world = World::new();
    let durable = world.durable(orchestrator().budget(Limit::enforced(Usd::from_cents(1))));
    let body = async |session: &DurableSession| {
        let call = async || {
            world.ask("").await?;
            std::future::pending::<Result<u32, BoxError>>().await
        };
        Ok(session.run_turn(turn(), call).await?.value)
    };
    assert!(world.run(&durable, body).is_none(), "it dies in the call");
    // The lost call has used the budget up, however often the thread is run.
    for _ in 0..3 {
        world.reborn();
        let text = chain_text(&error(world.run(&durable, body)));
        assert!(text.contains("refused"), "{text}");
        let (_, fold) =
            futures_util::FutureExt::now_or_never(durable.look_at(&thread())).unwrap().unwrap();
        assert_eq!(fold.totals().cost(), Usd::from_cents(1));
    }
    assert_eq!(world.calls(), 1);
}

#[test]
fn a_refusal_is_the_same_in_the_next_life_although_it_would_be_let_now() {
    let world = World::new();
    let body = async |session: &DurableSession| {
        let refused = session.run_turn(turn(), || world.ask("")).await;
        let Err(StepError::Failed(refused)) = refused else { panic!("{refused:?}") };
        assert_eq!(refused.failure.kind, FailureKind::Refused);
        Ok(session.wait_for::<u32>("k").await?)
    };
    let strict = world.durable(orchestrator().budget(Limit::enforced(Usd::ZERO)));
    assert!(matches!(world.run(&strict, body), Some(Ok(Run::Parked(_)))));
    world.deliver("k", 1);
    let generous = world.durable(orchestrator());
    assert_eq!((value(world.run(&generous, body)), world.calls()), (1, 0));
}

#[test]
fn a_failure_is_the_same_in_the_next_life_and_is_made_again_after_the_thread_failed() {
    let world = World::new();
    let durable = world.durable(orchestrator());
    let body = async |session: &DurableSession| {
        let tool = ToolCall::new("mail").call_id("1").effect(Effect::Irreversible);
        let failing = async |_| {
            let calls = world.ask("").await.map(|_| world.calls())?;
            if calls < 3 { Err(BoxError::from(format!("down at call {calls}"))) } else { Ok(calls) }
        };
        let first = session.run_tool(tool, failing).await;
        let Err(StepError::Failed(first)) = first else { panic!("it fails") };
        let again = ToolCall::new("mail").call_id("2");
        let second = session.run_tool(again, failing).await?;
        Ok(format!("{}, then {second}", first.failure.text))
    };
    let failed = error(world.run(&durable, body));
    assert!(matches!(failed, RunError::Failed { .. }), "{failed}");
    assert_eq!(chain_text(&failed), "down at call 2");
    // It is not run by itself, only by somebody.
    let runnable = futures_util::FutureExt::now_or_never(world.store.runnable(None, None, 9));
    assert!(runnable.unwrap().unwrap().is_empty());
    assert_eq!(value(world.run(&durable, body)), "down at call 1, then 3");
}

#[test]
fn a_checkpoint_is_where_the_next_life_begins() {
    let world = World::new();
    let durable = world.durable(orchestrator());
    let body = async |session: &DurableSession| {
        let mut done: Vec<String> = session.resume_point().await?.unwrap_or_default();
        while done.len() < 4 {
            done.push(session.run_turn(turn(), || world.ask("x")).await?.value);
            session.checkpoint(&done).await?;
        }
        Ok(done.len())
    };
    let mut points = 0;
    world.live_for(0);
    while world.run(&durable, body).is_none() {
        world.reborn();
        world.live_for(points % 23);
        points += 1;
    }
    assert_eq!(value(world.run(&durable, body)), 4);
    let look = futures_util::FutureExt::now_or_never(durable.look_at(&thread()));
    let (_, fold) = look.unwrap().unwrap();
    let totals = fold.totals();
    assert_eq!(totals.models.get("m").unwrap().turns, u64::from(totals.iterations));
    assert!(fold.lives() > 4, "it died several times");
}

#[test]
fn a_checkpoint_cannot_be_passed_over() {
    let world = World::new();
    let durable = world.durable(orchestrator());
    let parked = world.run(&durable, async |session| {
        session.checkpoint(&1).await?;
        Ok(session.wait_for::<u32>("k").await?)
    });
    assert!(matches!(parked, Some(Ok(Run::Parked(_)))));
    let from_the_start =
        world.run(&durable, async |session| Ok(session.wait_for::<u32>("k").await?));
    let text = chain_text(&error(from_the_start));
    assert!(text.contains("ask for its `resume_point`"), "{text}");
}

#[test]
fn values_times_and_children_are_the_same_in_each_life() {
    let world = World::new();
    let durable = world.durable(orchestrator());
    let body = async |session: &DurableSession| {
        let first = (session.now().await?, session.random().await?);
        let mut said = Vec::new();
        for role in ["reader", "reader"] {
            let child = session.child(role)?;
            let call = || world.ask(role);
            said.push(child.run_turn(turn(), call).await?.value);
        }
        let left = session.wait_for::<u32>("k").await?;
        Ok((first.0.to_string(), first.1.to_string(), said, left))
    };
    let seen = std::sync::Mutex::new(Vec::new());
    let watching = async |session: &DurableSession| {
        let now = session.now().await?.to_string();
        seen.lock().unwrap().push(now);
        Ok(session.wait_for::<u32>("k").await?)
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    world.clock.advance(Duration::from_secs(100));
    world.deliver("k", 7);
    let (_, _, said, left) = value(world.run(&durable, body));
    assert_eq!((said, left, world.calls()), (vec!["reader".to_owned(); 2], 7, 2));

    for _ in 0..2 {
        let durable = durable.clone();
        let run = futures_util::FutureExt::now_or_never(durable.run("other", watching));
        assert!(matches!(run, Some(Ok(Run::Parked(_)))));
        world.clock.advance(Duration::from_secs(100));
    }
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_failure_that_the_code_has_handled_is_not_made_again_with_the_one_that_ended_the_thread() {
    let world = World::new();
    let durable = world.durable(orchestrator());
    let body = async |session: &DurableSession| {
        let failing = async |calls: u32, text: &'static str| {
            world.ask("").await?;
            if world.calls() <= calls { Err(BoxError::from(text)) } else { Ok(world.calls()) }
        };
        let small = ToolCall::new("small").call_id("1").effect(Effect::Irreversible);
        let small = session.run_tool(small, async |_| failing(1, "no").await).await;
        assert!(matches!(small, Err(StepError::Failed(_))), "each life sees it: {small:?}");
        // The text of the first is a part of this one's.
        let large = ToolCall::new("large").call_id("2").effect(Effect::Irreversible);
        Ok(session.run_tool(large, async |_| failing(2, "not today").await).await?)
    };
    assert_eq!(chain_text(&error(world.run(&durable, body))), "not today");
    assert_eq!((value(world.run(&durable, body)), world.calls()), (3, 3));
}
