//! How lives and threads end: done, parked, cancelled, shut down, dropped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{Done, Durable, DurableSession, Run, RunError};
use runtime_events::AgentEvent;
use runtime_orchestrator::{BoxError, Effect, Orchestrator, Shutdown, ToolCall, Turn};
use runtime_resilience::chain_text;
use runtime_sinks::testing::RecordingEventSink;
use runtime_store::{Inbox, MemoryStore, Store, ThreadState};
use serde_json::{Value, json};

use crate::world::{World, error, thread, value, waits};

fn state(world: &World) -> ThreadState {
    world.store.thread(&thread()).now_or_never().unwrap().unwrap().unwrap().state
}

#[test]
fn a_users_cancel_ends_the_thread() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| {
        session.cancel("not needed any more")?;
        session.run_turn(Turn::model("m"), || world.ask("")).await?;
        Ok(())
    };
    let cancelled = error(world.run(&durable, body));
    assert!(matches!(cancelled, RunError::Cancelled { .. }), "{cancelled}");
    assert_eq!(state(&world), ThreadState::Cancelled);
    let again = error(world.run(&durable, body));
    assert_eq!(again.to_string(), "thread `order-4711` is cancelled");
    assert_eq!(world.calls(), 0);
}

#[test]
fn a_users_cancel_counts_although_the_thread_waits() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| {
        session.cancel("the order was withdrawn")?;
        Ok(session.wait_for::<u32>("k").await?)
    };
    let cancelled = error(world.run(&durable, body));
    assert!(matches!(cancelled, RunError::Cancelled { .. }), "{cancelled:?}");
    assert_eq!(state(&world), ThreadState::Cancelled);
}

#[test]
fn a_shutdown_leaves_the_thread_to_the_next_life() {
    let world = World::new();
    let stop = Shutdown::on(world.clock.clone());
    let durable = world.durable(Orchestrator::new("clerk", "orders").shutdown(&stop));
    let body = async |session: &DurableSession| {
        session.run_turn(Turn::model("m"), || world.ask("")).await?;
        if session.session().summary().iterations == 1 && world.calls() == 1 {
            stop.begin();
        }
        let second = session.run_turn(Turn::model("m"), || world.ask("b")).await;
        // Whatever the code makes of the refusal.
        Ok(second.map_err(|refused| format!("no second turn: {refused}"))?.value)
    };
    let stopped = error(world.run(&durable, body));
    assert!(matches!(stopped, RunError::ShutDown { .. }), "{stopped}");
    assert_eq!(state(&world), ThreadState::Runnable);
    let next = world.durable(Orchestrator::new("clerk", "orders"));
    let run = world.run(&next, async |session| {
        session.run_turn(Turn::model("m"), || world.ask("")).await?;
        Ok(session.run_turn(Turn::model("m"), || world.ask("b")).await?.value)
    });
    assert_eq!((value(run), world.calls()), ("b".to_owned(), 2));
}

#[test]
fn a_dropped_life_gives_the_thread_back_at_once() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let mut life = Box::pin(durable.run("order-4711", async |session| {
        session.run_turn(Turn::model("m"), || world.ask("")).await?;
        std::future::pending::<()>().await;
        Ok(())
    }));
    assert!(life.as_mut().now_or_never().is_none());
    drop(life);
    assert_eq!(state(&world), ThreadState::Runnable);
    let run = world.run(&durable, async |session| {
        session.run_turn(Turn::model("m"), || world.ask("")).await?;
        Ok(())
    });
    value(run);
    assert_eq!(world.calls(), 1);
}

#[test]
fn sleeps_park_and_wake_by_the_clock() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let until = world.in_an_hour();
    let body = async |session: &DurableSession| {
        session.sleep_until(until).await?;
        session.sleep(Duration::from_secs(7_200)).await?;
        Ok(session.now().await?)
    };
    assert!(waits(world.run(&durable, body)).starts_with("the time "));
    assert!(waits(world.run(&durable, body)).starts_with("the time "), "not yet");
    world.clock.advance(Duration::from_secs(3_600));
    assert!(waits(world.run(&durable, body)).starts_with("the time "), "the second one");
    world.clock.advance(Duration::from_secs(7_199));
    assert!(world.store.runnable(None, None, 9).now_or_never().unwrap().unwrap().is_empty());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.store.runnable(None, None, 9).now_or_never().unwrap().unwrap(), [thread()]);
    value(world.run(&durable, body));
}

#[test]
fn the_stored_value_of_a_thread_that_is_done_is_returned() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |_: &DurableSession| Ok(vec![1, 2]);
    assert_eq!(value(world.run(&durable, body)), [1, 2]);
    let Some(Ok(Run::Done(Done { value, summary, .. }))) = world.run(&durable, body) else {
        panic!("it is done")
    };
    assert!(value == [1, 2] && summary.is_none());
    let late = world.store.deliver(&thread(), "k", &1.into()).now_or_never().unwrap();
    assert!(late.is_err());
}

#[test]
fn a_thread_without_a_value_is_done_as_any_other_wherever_its_process_dies() {
    let body = async |session: &DurableSession| {
        session.random().await?;
        Ok(())
    };
    let mut points = 0;
    loop {
        let world = World::new();
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        world.live_for(points);
        let first = world.run(&durable, body);
        let lived_on = first.is_some();
        world.reborn();
        for _ in 0..2 {
            value(world.run(&durable, body));
            assert_eq!(state(&world), ThreadState::Done, "it died after {points} points");
        }
        if lived_on {
            break;
        }
        points += 1;
    }
}

#[test]
fn threads_of_the_operating_system_have_the_same_steps() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let mut lives = 0;
    let mut body = |session: &DurableSession| {
        lives += 1;
        let steps = session.blocking();
        let plan = steps.run_turn(Turn::model("m"), || Ok::<_, BoxError>("a".to_owned()))?;
        let call = ToolCall::new("pay").effect(Effect::Keyed);
        let paid = steps.run_tool(call, |attempt| Ok::<_, BoxError>(attempt.key().len()))?;
        steps.drive(session.wait_for::<u32>("k"))?;
        Ok(format!("{} {paid}", plan.value))
    };
    assert!(matches!(durable.run_blocking("order-4711", &mut body), Ok(Run::Parked(_))));
    world.deliver("k", 1);
    let run = durable.run_blocking("order-4711", &mut body).unwrap();
    assert_eq!(run.done().unwrap(), "a 32");
    assert_eq!(lives, 2);
}

#[test]
fn a_thread_of_the_operating_system_needs_no_runtime() {
    // On the system's clock and with tokio's timer, as an orchestrator is by default.
    let durable = Durable::new(Orchestrator::new("clerk", "orders"), MemoryStore::new());
    let run = durable.run_blocking("order-4711", |session| {
        let steps = session.blocking();
        steps.drive(session.sleep(Duration::from_millis(1)))?;
        Ok(steps.run_turn(Turn::model("m"), || Ok::<_, BoxError>(7))?.value)
    });
    assert_eq!(run.unwrap().done(), Some(7));
}

#[test]
fn events_of_all_lives_name_the_thread_and_say_what_happened() {
    let world = World::new();
    let sink = RecordingEventSink::new();
    let orchestrator = Orchestrator::new("clerk", "orders").event_sink(sink.clone());
    let durable = world.durable(orchestrator);
    let body = async |session: &DurableSession| {
        let plan = session.run_turn(Turn::model("m"), || world.ask("")).await?;
        session.wait_for::<u32>("k").await?;
        Ok(plan.value)
    };
    world.run(&durable, body);
    world.deliver("k", 1);
    value(world.run(&durable, body));
    let events: Vec<Arc<AgentEvent>> = sink.events();
    let label = |event: &AgentEvent, key: &str| {
        event.labels.as_ref().and_then(|labels| labels.get(key)).map(ToString::to_string)
    };
    let of = |life: &str| {
        let life = events.iter().filter(|event| label(event, "life").as_deref() == Some(life));
        let names = life.map(|event| event.event.as_str());
        names.filter(|name| *name != "agent.status_changed").collect::<Vec<_>>()
    };
    let all = events.iter().all(|event| label(event, "thread").as_deref() == Some("order-4711"));
    assert!(all, "each event names the thread");
    assert_eq!(
        of("1"),
        [
            "agent.started",
            "agent.turn_started",
            "agent.turn_completed",
            "agent.paused",
            "agent.failed"
        ]
    );
    assert_eq!(of("2"), ["agent.started", "thread.resumed", "agent.completed"]);
}

#[test]
fn a_panic_fails_the_thread_and_goes_on_to_the_caller() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession, panics: bool| {
        session.run_turn(Turn::model("m"), || world.ask("")).await?;
        let pay = ToolCall::new("pay").call_id("call_1").effect(Effect::Keyed);
        let paid = session.run_tool(pay, async |attempt| {
            assert!(!panics, "the bank is on fire");
            world.pay(attempt.key(), true).await
        });
        Ok(paid.await?)
    };
    let life = || world.run(&durable, async |session| body(session, true).await);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(life)).err().unwrap();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the bank is on fire"));
    assert_eq!(state(&world), ThreadState::Failed);
    // So no worker takes it again and again.
    let runs = durable.resume_runnable(9, async |session| body(session, true).await);
    assert_eq!(runs.now_or_never().unwrap().unwrap().len(), 0);
    // Whoever runs it again has its steps, and the call that panicked in doubt.
    let run = world.run(&durable, async |session| body(session, false).await);
    assert_eq!((value(run), world.calls(), world.payments()), (12, 1, 1));
}

#[test]
fn the_lease_is_renewed_while_a_call_blocks_the_thread() {
    let store = MemoryStore::new();
    let orchestrator = Orchestrator::new("clerk", "orders");
    let durable = Durable::new(orchestrator, store.clone()).lease(Duration::from_millis(90));
    let until = || {
        let found = store.thread(&thread()).now_or_never().unwrap().unwrap();
        found.and_then(|thread| thread.held_until)
    };
    let run = durable.run_blocking("order-4711", |session| {
        let slow = ToolCall::new("slow").effect(Effect::Read);
        Ok(session.blocking().run_tool(slow, |_| {
            let mut renewals = 0;
            let mut last = until();
            for _ in 0..50_000_000 {
                let now = until();
                renewals += u32::from(now > last);
                if renewals == 5 {
                    break;
                }
                last = now;
                std::thread::yield_now();
            }
            Ok::<_, BoxError>(renewals)
        })?)
    });
    assert_eq!(run.unwrap().done(), Some(5), "nobody else could have taken the thread");
}

#[test]
fn a_value_that_json_cannot_have_is_an_error_that_says_so_and_no_worker_takes_the_thread_again() {
    type Odd = std::collections::BTreeMap<(u32, u32), u32>;
    let odd = || Odd::from([((1, 2), 3)]);
    for at_the_end in [true, false] {
        let world = World::new();
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        let failed = error(world.run(&durable, async |session| {
            if !at_the_end {
                session.checkpoint(&odd()).await?;
            }
            Ok(odd())
        }));
        let text = chain_text(&failed);
        assert_eq!(matches!(failed, RunError::Unwritten { .. }), at_the_end, "{failed:?}");
        let said = if at_the_end { "cannot be written as JSON" } else { "does not fit its type" };
        assert!(text.contains(said), "{text}");
        assert_eq!(state(&world), ThreadState::Failed);
    }
}

/// An array in an array, so many levels deep.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!(["[{"]), |inner, _| json!([inner]))
}

#[test]
fn values_are_as_deep_as_json_is_read_and_deeper_ones_are_refused_when_they_are_written() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let deep = async |session: &DurableSession| {
        let look = ToolCall::new("look").call_id("c").args(nested(127)).effect(Effect::Read);
        let seen = session.run_tool(look, async |_| Ok::<_, BoxError>(nested(127))).await?;
        let answer: Value = session.wait_for("k").await?;
        assert_eq!((&seen, &answer), (&nested(127), &nested(127)));
        Ok(answer)
    };
    waits(world.run(&durable, deep));
    let answer = nested(127);
    world.store.deliver(&thread(), "k", &answer).now_or_never().unwrap().unwrap();
    assert_eq!(value(world.run(&durable, deep)), answer);
    assert_eq!(value(world.run(&durable, deep)), answer, "from the store");

    for in_step in [true, false] {
        let world = World::new();
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        let failed = error(world.run(&durable, async |session| {
            if in_step {
                session.value("v", || nested(128)).await?;
            }
            Ok(nested(128))
        }));
        let text = chain_text(&failed);
        assert!(text.contains("nested more than 127 levels deep"), "{text}");
        assert_eq!(state(&world), ThreadState::Failed);
    }
}

#[test]
fn an_answer_of_another_type_is_replaced_once_the_thread_has_failed_of_it() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    let body = async |session: &DurableSession| Ok(session.wait_for::<Vec<u32>>("k").await?);
    waits(world.run(&durable, body));
    world.deliver("k", 7);
    let refused = chain_text(&error(world.run(&durable, body)));
    assert!(refused.starts_with("the value of wait `k` does not fit its type: "), "{refused}");
    let better = json!([7]);
    assert!(world.store.deliver(&thread(), "k", &better).now_or_never().unwrap().unwrap());
    world.store.offer(&thread()).now_or_never().unwrap().unwrap();
    let runs = durable.resume_runnable(9, body).now_or_never().unwrap().unwrap();
    assert!(matches!(&runs[..], [(_, Ok(Run::Done(done)))] if done.value == [7]), "{runs:?}");
}

#[test]
fn a_result_of_another_type_says_how_it_is_read() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders"));
    value(world.run(&durable, async |_| Ok("ann".to_owned())));
    let refused = error(world.run(&durable, async |_| Ok(1_u32)));
    assert!(matches!(refused, RunError::Value { .. }), "{refused:?}");
    assert!(refused.to_string().contains("`serde_json::Value`"), "{refused}");
    assert_eq!(value(world.run(&durable, async |_| Ok(Value::Null))), json!("ann"));
}
