//! A thread that is handed over goes on with an agent of the other role, wherever processes die.

use std::sync::Arc;

use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, Run, RunError};
use runtime_orchestrator::{BoxError, Orchestrator, Turn};
use runtime_store::{Inbox as _, Seal, Store, ThreadId, ThreadState};
use runtime_usage::{ModelPricing, PricingTable, UsageSnapshot, Usd};

use crate::world::{World, error, thread, value};

fn agent(world: &World, role: &'static str) -> Durable {
    let pricing = PricingTable::new();
    let dollar = ModelPricing::per_million(Usd::from_dollars(1), Usd::from_dollars(1));
    pricing.register("m", dollar).unwrap();
    world.durable(Orchestrator::new(role, "draft").pricing(pricing).max_iterations(3))
}

async fn ask(world: &World, session: &DurableSession, answer: &str) -> Result<String, BoxError> {
    let turn = Turn::model("m").usage(UsageSnapshot::new(10_000, 0));
    Ok(session.run_turn(turn, || world.ask(answer)).await?.value)
}

async fn writes(world: &World, session: &DurableSession) -> Result<String, BoxError> {
    let draft = ask(world, session, "draft").await?;
    Ok(session.hand_over("editor", &draft).await?)
}

async fn edits(world: &World, session: &DurableSession) -> Result<String, BoxError> {
    let draft: String = session.resume_point().await?.ok_or("nobody handed over")?;
    Ok(format!("{draft}, {}", ask(world, session, "edited").await?))
}

#[test]
fn the_other_role_takes_it_with_its_work_and_its_books() {
    let world = World::new();
    let (writer, editor) = (agent(&world, "writer"), agent(&world, "editor"));
    let run = world.run(&writer, async |session| writes(&world, session).await);
    let Some(Ok(Run::Parked(parked))) = run else { panic!("{run:?}") };
    assert_eq!(parked.waits_for, "an agent of role `editor`");
    let state = || world.store.thread(&thread()).now_or_never().unwrap().unwrap().unwrap().state;
    assert_eq!(state(), ThreadState::Runnable);
    // Its own role neither takes it nor runs it by name, and leaves it as it is.
    let taken = writer.resume_runnable(9, async |session| writes(&world, session).await);
    assert_eq!(taken.now_or_never().unwrap().unwrap().len(), 0);
    let refused = error(world.run(&writer, async |session| writes(&world, session).await));
    assert!(
        matches!(&refused, RunError::OtherRole { role, .. } if **role == *"editor"),
        "{refused}"
    );
    assert_eq!(state(), ThreadState::Runnable);

    let runs = editor.resume_runnable(9, async |session| edits(&world, session).await);
    let (_, run) = runs.now_or_never().unwrap().unwrap().remove(0);
    let Ok(Run::Done(done)) = run else { panic!("{run:?}") };
    assert_eq!((done.value.as_str(), world.calls()), ("draft, edited", 2));
    assert_eq!((done.totals.iterations, done.totals.cost()), (2, Usd::from_cents(2)));
}

/// Threads of another role stand in nobody's way, however many there are.
#[test]
fn threads_for_others_do_not_keep_an_agent_from_its_own() {
    let world = World::new();
    let (writer, editor) = (agent(&world, "writer"), agent(&world, "editor"));
    for number in 0..9 {
        let run = writer.run(format!("t{number}"), async |session| writes(&world, session).await);
        assert!(matches!(run.now_or_never(), Some(Ok(Run::Parked(_)))));
    }
    let waits = async |session: &DurableSession| {
        session.wait_for::<u32>("go").await?;
        Ok(String::new())
    };
    assert!(matches!(writer.run("z", waits).now_or_never(), Some(Ok(Run::Parked(_)))));
    world.store.deliver(&ThreadId::new("z").unwrap(), "go", &1.into()).now_or_never();
    // Its id is the last one, and it has waited as long as the others.
    let taken = |durable: &Durable, limit| {
        let runs = durable.resume_runnable(limit, async |session| Ok(session.thread().to_string()));
        let runs = runs.now_or_never().unwrap().unwrap();
        runs.into_iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(taken(&writer, 1), ["z"]);
    assert!(taken(&editor, 99).iter().any(|id| id == "t8"));
}

#[test]
fn it_is_handed_over_once_wherever_processes_die() {
    for points in 0.. {
        let world = World::new();
        world.live_for(points);
        let write = async |session: &DurableSession| writes(&world, session).await;
        let survived = world.run(&agent(&world, "writer"), write).is_some();
        world.reborn();
        match world.run(&agent(&world, "writer"), write) {
            Some(Ok(Run::Parked(_)) | Err(RunError::OtherRole { .. })) => {}
            other => panic!("{points}: {other:?}"),
        }
        let edit = async |session: &DurableSession| edits(&world, session).await;
        assert_eq!(value(world.run(&agent(&world, "editor"), edit)), "draft, edited", "{points}");
        if survived {
            assert!(points > 8, "{points}");
            return;
        }
    }
}

/// Turns each byte around.
#[derive(Debug)]
struct Mirror;

impl Seal for Mirror {
    fn seal(
        &self,
        _: &runtime_store::EntryPlace<'_>,
        plain: &[u8],
    ) -> Result<Vec<u8>, runtime_store::SealError> {
        Ok(plain.iter().map(|byte| !byte).collect())
    }

    fn open(
        &self,
        place: &runtime_store::EntryPlace<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, runtime_store::SealError> {
        self.seal(place, sealed)
    }
}

#[test]
fn a_sealed_thread_is_handed_over_too() {
    let world = World::new();
    let (writer, editor) =
        (agent(&world, "writer").seal(Mirror), agent(&world, "editor").seal(Mirror));
    let run = world.run(&writer, async |session| writes(&world, session).await);
    assert!(matches!(run, Some(Ok(Run::Parked(_)))));
    let taken = writer.resume_runnable(9, async |session| writes(&world, session).await);
    assert_eq!(taken.now_or_never().unwrap().unwrap().len(), 0);
    let runs = editor.resume_runnable(9, async |session| edits(&world, session).await);
    assert_eq!(runs.now_or_never().unwrap().unwrap().len(), 1);
}

#[test]
fn an_editor_that_makes_checkpoints_stays_the_editor() {
    let world = World::new();
    let (writer, editor) = (agent(&world, "writer"), agent(&world, "editor"));
    world.run(&writer, async |session| writes(&world, session).await);
    let run = world.run(&editor, async |session| {
        let draft: Arc<str> = session.resume_point::<String>().await?.unwrap_or_default().into();
        session.checkpoint(&&*draft).await?;
        session.wait_for::<u32>("more").await?;
        Ok(draft.to_string())
    });
    assert!(matches!(run, Some(Ok(Run::Parked(_)))));
    let parked = || world.store.thread(&thread()).now_or_never().unwrap().unwrap();
    let before = parked();
    assert_eq!(before.as_ref().map(|thread| thread.state), Some(ThreadState::Parked));
    let refused = error(world.run(&writer, async |session| writes(&world, session).await));
    assert!(matches!(refused, RunError::OtherRole { .. }), "{refused}");
    assert_eq!(parked(), before, "a wrong role leaves it as it is");
}
