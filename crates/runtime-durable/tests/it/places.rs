//! Steps in two places at once: children beside checkpoints, and threads that wait for two things.

use std::time::Duration;

use futures_util::future::join;
use runtime_durable::{Durable, DurableSession, Run, StepError};
use runtime_orchestrator::{BoxError, Orchestrator, Turn};
use runtime_resilience::chain_text;
use runtime_sqlite::SqliteStore;
use tokio::sync::oneshot::channel;

use crate::case::wait;
use crate::world::{World, error, thread, value};

fn clerk() -> Orchestrator {
    Orchestrator::new("clerk", "orders")
}

/// Threads in a file, whose calls take a while: so steps are under way at the same time.
fn in_a_file(name: &str, test: impl FnOnce(&Durable)) {
    let folder =
        std::env::temp_dir().join(format!("runtime-durable-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let durable = Durable::new(clerk(), SqliteStore::open(folder.join("threads.db")).unwrap());
    test(&durable);
    drop(durable);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_checkpoint_beside_the_step_of_a_child_is_refused_and_loses_nothing() {
    let world = World::new();
    let durable = world.durable(clerk());
    let body = async |session: &DurableSession| {
        let child = session.child("reader")?;
        let (end, ends) = channel();
        let asked = child.run_turn(Turn::model("m"), || async {
            ends.await?;
            world.ask("x").await
        });
        let beside = async {
            let made = session.checkpoint(&1).await;
            end.send(()).unwrap();
            made
        };
        let (asked, made) = join(asked, beside).await;
        assert!(matches!(made, Err(StepError::Misused(_))), "{made:?}");
        let answer = asked?.value;
        session.checkpoint(&answer).await?;
        Ok(answer)
    };
    assert_eq!(value(Some(wait(durable.run("order-4711", body)))), "x");
    assert_eq!(value(world.run(&durable, body)), "x", "its entries can be read");
}

#[test]
fn a_step_beside_a_checkpoint_is_refused_and_loses_nothing() {
    in_a_file("beside", |durable| {
        let body = async |session: &DurableSession| {
            let mut made: u32 = session.resume_point().await?.unwrap_or_default();
            let child = session.child("reader")?;
            if made == 0 {
                let step = child.value("number", || 1);
                let (checkpoint, refused) = join(session.checkpoint(&1), step).await;
                checkpoint?;
                assert!(matches!(refused, Err(StepError::Misused(_))), "{refused:?}");
                made = session.child("reader")?.value("number", || 7).await?;
            } else {
                made = child.value("number", || 8).await?;
            }
            session.wait_for::<u32>("k").await?;
            Ok(made)
        };
        assert!(matches!(wait(durable.run("order-4711", body)), Ok(Run::Parked(_))));
        wait(durable.store().deliver(&thread(), "k", &1.into())).unwrap();
        assert_eq!(value(Some(wait(durable.run("order-4711", body)))), 7);
    });
}

#[test]
fn a_child_from_before_a_checkpoint_is_refused_and_a_new_one_is_not() {
    let world = World::new();
    let durable = world.durable(clerk());
    let body = async |session: &DurableSession| {
        let before: Option<u32> = session.resume_point().await?;
        let child = session.child("reader")?;
        if before.is_none() {
            child.run_turn(Turn::model("m"), || world.ask("")).await?;
            session.checkpoint(&1).await?;
            // In a life that begins here, it would be at another place.
            let refused = child.run_turn(Turn::model("m"), || world.ask("")).await.unwrap_err();
            assert!(matches!(refused, StepError::Misused(_)), "{refused}");
        }
        let child = if before.is_none() { session.child("reader")? } else { child };
        child.run_turn(Turn::model("m"), || world.ask("")).await?;
        Ok(session.wait_for::<u32>("k").await?)
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    world.deliver("k", 7);
    assert_eq!((value(world.run(&durable, body)), world.calls()), (7, 2));
}

#[test]
fn a_thread_that_waits_in_two_places_wakes_at_the_first_time() {
    in_a_file("two", |durable| {
        let run = durable.run("order-4711", async |session| {
            let (reader, writer) = (session.child("reader")?, session.child("writer")?);
            let message = reader.wait_for::<u32>("never");
            let (message, slept) = join(message, writer.sleep(Duration::from_secs(3_600))).await;
            slept?;
            Ok(message?)
        });
        let Ok(Run::Parked(parked)) = wait(run) else { panic!("it waits") };
        assert!(parked.wake_at.is_some(), "{:?} {:?}", parked.waits_for, parked.wake_at);
        assert!(parked.waits_for.contains("never") && parked.waits_for.contains("the time"));
        let kept = wait(durable.store().thread(&thread())).unwrap().unwrap();
        assert!(kept.wake_at.is_some(), "{kept:?}");
    });
}

#[test]
fn a_thread_that_failed_of_its_first_way_may_take_another_one_when_it_is_run_again() {
    let world = World::new();
    let durable = world.durable(clerk());
    let body = async |session: &DurableSession| {
        let ask = async |name: &'static str| {
            let call = async || {
                world.ask("").await?;
                if world.calls() > 2 { Ok(name) } else { Err(format!("{name} is away").into()) }
            };
            let answer = session.run_turn::<String, BoxError, _>(Turn::model(name), || async {
                call().await.map(str::to_owned)
            });
            Ok::<_, BoxError>(answer.await?.value)
        };
        match ask("first").await {
            Ok(answer) => Ok(answer),
            // The error of the first one says more.
            Err(first) => ask("second").await.map_err(|_| first),
        }
    };
    assert_eq!(chain_text(&error(world.run(&durable, body))), "first is away");
    assert_eq!(value(world.run(&durable, body)), "first");
}

#[test]
fn a_child_that_waits_does_not_hold_up_the_others() {
    let world = World::new();
    let durable = world.durable(clerk());
    let body = async |session: &DurableSession| {
        let (reader, writer) = (session.child("reader")?, session.child("writer")?);
        let message = reader.wait_for::<u32>("k");
        let essay = async {
            for _ in 0..2 {
                writer.run_turn(Turn::model("m"), || world.ask("")).await?;
            }
            writer.sleep(Duration::from_secs(3_600)).await
        };
        let (read, written) = join(message, essay).await;
        if read.is_err() {
            let refused = session.now().await.unwrap_err();
            assert!(matches!(refused, StepError::Parked(_)), "it needs both: {refused}");
        }
        written?;
        Ok(read?)
    };
    let Some(Ok(Run::Parked(parked))) = world.run(&durable, body) else { panic!("it waits") };
    assert_eq!(world.calls(), 2, "the writer has gone on");
    let hour = Some(world.in_an_hour());
    assert_eq!(parked.wake_at, hour, "{}", parked.waits_for);
    world.clock.advance(Duration::from_secs(3_600));
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    world.deliver("k", 7);
    assert_eq!((value(world.run(&durable, body)), world.calls()), (7, 2));
}

#[test]
fn the_role_of_a_child_makes_no_path() {
    let world = World::new();
    let durable = world.durable(clerk());
    let body = async |session: &DurableSession| {
        // Its path would be that of the editor below.
        let odd = session.child("writer#1/editor")?;
        let editor = session.child("writer")?.child("editor")?;
        let ask = async |session: &DurableSession, model: &str| {
            session.run_turn(Turn::model(model), || world.ask("")).await
        };
        ask(&odd, "a").await?;
        ask(&editor, "b").await?;
        Ok(session.wait_for::<u32>("k").await?)
    };
    for _ in 0..2 {
        let run = world.run(&durable, body);
        assert!(matches!(run, Some(Ok(Run::Parked(_)))), "{run:?}");
    }
    assert_eq!(world.calls(), 2);
}
