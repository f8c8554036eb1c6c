//! Approvals: bound to what was asked, used once, decided from anywhere.

use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{DurableSession, DurableTool, Run, StepError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall};
use runtime_resilience::chain_text;
use runtime_store::{Approval, Approvals, FailureKind, Inbox, Store};
use serde_json::{Value, json};

use crate::world::{World, error, thread, value, waits};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn pay(amount: u32) -> ToolCall {
    let call = ToolCall::new("pay").call_id("call_1").effect(Effect::Irreversible);
    call.args(json!({ "amount": amount, "token": "sk-proj-0123456789abcdefghijklmnopqrstuvwx" }))
}

async fn order(
    world: &World,
    session: &DurableSession,
    (asked, paid): (u32, u32),
) -> Result<Value, BoxError> {
    let yes = match session.approval(&pay(asked), "payments", DAY).await {
        Err(StepError::Failed(denied)) => {
            assert_eq!(denied.failure.kind, FailureKind::Denied);
            return Ok(json!(chain_text(&*denied)));
        }
        approved => approved?,
    };
    let who = yes.who().to_owned();
    let pay = DurableTool::from(pay(paid)).approved(yes);
    let amount = session
        .run_tool(pay, async |attempt| {
            world.pay(attempt.key(), false).await?;
            Ok::<_, BoxError>(attempt.args()["amount"].clone())
        })
        .await?;
    Ok(json!([amount, who]))
}

fn asked(world: &World) -> Approval {
    let pending = world.store.pending(None, 9).now_or_never().unwrap().unwrap();
    assert_eq!(pending.len(), 1);
    pending.into_iter().next().unwrap()
}

fn decide(world: &World, verdict: &runtime_store::Verdict) {
    world.store.decide(verdict).now_or_never().unwrap().unwrap();
}

#[test]
fn a_thread_waits_and_goes_on_when_a_person_approves() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| order(&world, session, (12, 12)).await;
    for _ in 0..3 {
        assert_eq!(waits(world.run(&durable, body)), "somebody to approve tool `pay`");
    }
    let approval = asked(&world);
    let shown = approval.shown.to_string();
    assert!(shown.contains("12") && !shown.contains("0123456789"), "{shown}");
    decide(&world, &approval.approve("ann"));
    let runs = durable.resume_runnable(9, body).now_or_never().unwrap().unwrap();
    let (_, run) = runs.into_iter().next().unwrap();
    assert_eq!(value(Some(run)), json!([12, "ann"]));
    assert_eq!(world.payments(), 1);
}

#[test]
fn it_is_used_once_wherever_processes_die() {
    let mut points = 0;
    loop {
        let world = World::new();
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        let body = async |session: &DurableSession| order(&world, session, (12, 12)).await;
        world.run(&durable, body);
        decide(&world, &asked(&world).approve("ann"));
        world.live_for(points);
        let first = world.run(&durable, body);
        if first.is_some() {
            break;
        }
        world.reborn();
        match world.run(&durable, body) {
            // The process died between the intent and the outcome.
            Some(Ok(Run::Parked(parked))) => {
                assert!(parked.waits_for.contains("was done"));
                let step = parked.waits_for.rsplit_once("step ").unwrap().1.trim_end_matches(')');
                let said = match world.payments() {
                    0 => json!({ "not_done": true }),
                    _ => json!({ "done": 12 }),
                };
                let (thread, key) = (thread(), format!("resolve/{step}"));
                world.store.deliver(&thread, &key, &said).now_or_never().unwrap().unwrap();
                // The call that was not made is made, by the approval that its first intent used.
                assert_eq!(value(world.run(&durable, body)), json!([12, "ann"]));
                assert_eq!(world.payments(), 1);
            }
            run => assert_eq!(value(run), json!([12, "ann"])),
        }
        assert!(world.payments() <= 1);
        points += 1;
    }
}

#[test]
fn other_arguments_than_the_approved_ones_are_refused() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| order(&world, session, (12, 13)).await;
    world.run(&durable, body);
    decide(&world, &asked(&world).approve("ann"));
    let text = chain_text(&error(world.run(&durable, body)));
    assert!(text.ends_with("does not allow this call: it is for other arguments"), "{text}");
    assert_eq!(world.payments(), 0);
}

#[test]
fn a_person_may_change_the_arguments() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| order(&world, session, (12, 12)).await;
    world.run(&durable, body);
    decide(&world, &asked(&world).amend(json!({ "amount": 2 }), "ann"));
    assert_eq!(value(world.run(&durable, body)), json!([2, "ann"]));
}

#[test]
fn a_denial_and_silence_are_answers_that_the_agent_sees() {
    for (decided, said) in
        [(true, "`pay` was denied by ann: too much"), (false, "nobody approved `pay` in time")]
    {
        let world = World::new();
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        let body = async |session: &DurableSession| order(&world, session, (12, 12)).await;
        world.run(&durable, body);
        if decided {
            decide(&world, &asked(&world).deny("ann").note("too much"));
        } else {
            assert!(
                world.store.runnable(None, None, 9).now_or_never().unwrap().unwrap().is_empty()
            );
            world.clock.advance(DAY);
            assert_eq!(
                world.store.runnable(None, None, 9).now_or_never().unwrap().unwrap().len(),
                1
            );
        }
        assert_eq!(value(world.run(&durable, body)), json!(said));
        assert_eq!(world.payments(), 0);
    }
}

#[test]
fn an_approval_needs_the_id_of_its_call() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let run = world.run(&durable, async |session| {
        Ok(session.approval(&ToolCall::new("pay"), "payments", DAY).await?.who().to_owned())
    });
    assert_eq!(chain_text(&error(run)), "a tool that asks for approval needs a `call_id`");
}

#[test]
fn a_call_that_failed_with_its_approval_asks_again_when_the_thread_is_run_again() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| {
        let yes = session.approval(&pay(12), "payments", DAY).await?;
        let pay = DurableTool::from(pay(12)).approved(yes);
        let paid = session.run_tool(pay, async |attempt| {
            world.ask("").await?;
            if world.calls() == 1 {
                Err("the bank is closed".into())
            } else {
                world.pay(attempt.key(), false).await
            }
        });
        Ok(paid.await?)
    };
    world.run(&durable, body);
    let first = asked(&world);
    decide(&world, &first.approve("ann"));
    assert_eq!(chain_text(&error(world.run(&durable, body))), "the bank is closed");
    for _ in 0..2 {
        assert_eq!(waits(world.run(&durable, body)), "somebody to approve tool `pay`");
    }
    let second = asked(&world);
    assert_ne!(second.id, first.id);
    decide(&world, &second.approve("ann"));
    assert_eq!(value(world.run(&durable, body)), 12);
    assert_eq!((world.payments(), world.calls()), (1, 2));
}

#[test]
fn an_approval_that_expires_before_its_call_is_a_denial_and_asked_for_again() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| {
        let yes = session.approval(&pay(12), "payments", DAY).await?;
        // Such as a process that dies here, and is away for a day.
        world.clock.advance(DAY);
        let pay = DurableTool::from(pay(12)).approved(yes);
        let paid = session.run_tool(pay, async |attempt| world.pay(attempt.key(), false).await);
        match paid.await {
            Err(StepError::Failed(denied)) => {
                assert_eq!(denied.failure.kind, FailureKind::Denied);
                Err(chain_text(&*denied).into())
            }
            paid => Ok(paid?),
        }
    };
    world.run(&durable, body);
    decide(&world, &asked(&world).approve("ann"));
    let failed = error(world.run(&durable, body));
    assert!(matches!(failed, runtime_durable::RunError::Failed { .. }), "{failed:?}");
    assert!(chain_text(&failed).ends_with("it has expired"), "{failed}");
    assert_eq!(waits(world.run(&durable, body)), "somebody to approve tool `pay`");
    assert_eq!(world.payments(), 0);
}

/// A thread that fails of what was not approved, and the calls that it makes once they are.
async fn insists(world: &World, session: &DurableSession) -> Result<u32, BoxError> {
    let yes = session.approval(&pay(12), "payments", DAY).await?;
    let pay = DurableTool::from(pay(12)).approved(yes);
    let paid = session.run_tool(pay, async |attempt| {
        world.ask("").await?;
        if world.calls() == 1 {
            return Err("the bank is closed".into());
        }
        world.pay(attempt.key(), false).await
    });
    Ok(paid.await?)
}

#[test]
fn a_thread_that_failed_of_a_denial_asks_again_when_it_is_run_again() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| insists(&world, session).await;
    let mut ids = Vec::new();
    // Denied, too late, approved and failed, denied, approved.
    for say in ["no", "", "yes", "no", "yes"] {
        for _ in 0..2 {
            assert_eq!(waits(world.run(&durable, body)), "somebody to approve tool `pay`");
        }
        let asked = asked(&world);
        match say {
            "" => world.clock.advance(DAY),
            "no" => decide(&world, &asked.deny("ann")),
            _ => decide(&world, &asked.approve("ann")),
        }
        ids.push(asked.id);
        let run = world.run(&durable, body);
        if ids.len() == 5 {
            assert_eq!(value(run), 12);
            continue;
        }
        let text = chain_text(&error(run));
        let expected = match say {
            "" => "nobody approved `pay` in time",
            "no" => "`pay` was denied by ann",
            _ => "the bank is closed",
        };
        assert_eq!(text, expected);
    }
    assert_eq!((world.payments(), world.calls()), (1, 2));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each is another question");
    assert_eq!(value(world.run(&durable, body)), 12);
}
