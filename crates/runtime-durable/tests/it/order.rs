//! Code that does something else than the recorded one: named, and nothing is executed.

use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, Run, RunError, StepError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_resilience::chain_text;
use runtime_store::JournalError;
use serde_json::json;

use crate::world::{World, error, value};

async fn steps(world: &World, session: &DurableSession, names: &[String]) -> Result<(), BoxError> {
    for name in names {
        session.run_turn(Turn::model(&**name), || world.ask("")).await?;
    }
    session.wait_for::<u32>("k").await?;
    Ok(())
}

#[test]
fn the_first_step_that_differs_of_a_thousand_is_named() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("a", "b").max_iterations(5_000));
    let names: Vec<_> = (0..1_000).map(|n| format!("m{n}")).collect();
    let parked = world.run(&durable, async |session| steps(&world, session, &names).await);
    assert!(matches!(parked, Some(Ok(Run::Parked(_)))));
    assert_eq!(world.calls(), 1_000);
    let later = Durable::clone(&durable).code_version("2");
    for at in [0, 500, 999] {
        let change = |change: fn(&mut Vec<String>, usize)| {
            let mut names = names.clone();
            change(&mut names, at);
            let run = world.run(&later, async |session| steps(&world, session, &names).await);
            chain_text(&error(run))
        };
        let renamed = change(|names, at| names[at] = "other".to_owned());
        assert!(
            renamed.contains(&format!("is turn `m{at}`, recorded by code version `1`")),
            "{renamed}"
        );
        assert!(renamed.contains("now has turn `other` (code version `2`)"), "{renamed}");
        let removed = change(|names, at| drop(names.remove(at)));
        assert!(removed.contains(&format!("is turn `m{at}`,")), "{removed}");
        let added = change(|names, at| names.insert(at, "new".to_owned()));
        assert!(added.contains(&format!("is turn `m{at}`,")) && added.contains("`new`"), "{added}");
    }
    let shorter = world.run(&later, async |session| steps(&world, session, &names[..999]).await);
    assert!(chain_text(&error(shorter)).contains("is turn `m999`"));
    assert_eq!(world.calls(), 1_000, "nothing was executed");
}

#[test]
fn code_that_ends_before_a_recorded_step_has_diverged() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("a", "b"));
    let names = ["m".to_owned()];
    world.run(&durable, async |session| steps(&world, session, &names).await);
    let run = world.run(&durable, async |session| {
        session.run_turn(Turn::model("m"), || world.ask("")).await?;
        Ok(())
    });
    let text = chain_text(&error(run));
    assert!(text.contains("is wait `k`") && text.ends_with("has no more steps"), "{text}");
}

#[test]
fn tools_with_keys_run_at_the_same_time_and_end_in_any_order() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("a", "b"));
    let body = async |session: &DurableSession| {
        let tool = |id: &'static str| {
            let call = ToolCall::new("search").call_id(id).args(json!(id)).effect(Effect::Read);
            session.run_tool(call, async |_| world.ask(id).await)
        };
        let (a, b, c) = futures_util::join!(tool("a"), tool("b"), tool("c"));
        let last = session.run_turn(Turn::model("m"), || world.ask("last")).await?;
        Ok([a?, b?, c?, last.value].concat())
    };
    let mut points = 0;
    loop {
        world.live_for(points);
        if let Some(run) = world.run(&durable, body) {
            assert_eq!(value(Some(run)), "abclast");
            break;
        }
        world.reborn();
        points += 1;
    }
}

#[test]
fn steps_without_keys_at_the_same_time_are_refused() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("a", "b"));
    let run = world.run(&durable, async |session| {
        let turn = |name: &'static str| {
            session.run_turn(Turn::model(name), || async move {
                let mut twice = false;
                std::future::poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    if std::mem::replace(&mut twice, true) {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                })
                .await;
                Ok::<_, BoxError>(())
            })
        };
        // The second one is refused while the first one runs.
        let mut first = Box::pin(turn("m1"));
        assert!(first.as_mut().now_or_never().is_none());
        let second = turn("m2").await;
        let Err(StepError::Journal(JournalError::Unordered { now, other })) = &second else {
            panic!("{second:?}")
        };
        assert_eq!((now.to_string(), other.to_string()), ("turn `m2`".into(), "turn `m1`".into()));
        second?;
        Ok(())
    });
    let error = error(run);
    assert!(matches!(error, RunError::Journal(JournalError::Unordered { .. })), "{error}");
}

#[test]
fn a_value_of_another_type_is_an_error_and_no_panic() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("a", "b"));
    let parked = world.run(&durable, async |session| {
        session.value("setting", || "text".to_owned()).await?;
        Ok(session.wait_for::<u32>("k").await?)
    });
    assert!(matches!(parked, Some(Ok(Run::Parked(_)))));
    let run = world
        .run(&durable, async |session| Ok(session.value("setting", || vec![1_u32]).await?.len()));
    let text = chain_text(&error(run));
    assert!(text.starts_with("the value of value `setting` does not fit its type: "), "{text}");
}
