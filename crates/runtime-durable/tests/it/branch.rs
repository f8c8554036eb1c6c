//! Code that has changed goes on from where it did, if it may.

use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, OnDivergence, Run, RunError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_sqlite::SqliteStore;
use runtime_store::{JournalError, Store};
use runtime_usage::{ModelPricing, PricingTable, UsageSnapshot, Usd};

use crate::world::{World, error, thread, value};

fn orchestrator(names: &[&str]) -> Orchestrator {
    let pricing = PricingTable::new();
    let dollar = ModelPricing::per_million(Usd::from_dollars(1), Usd::from_dollars(1));
    for name in names {
        pricing.register(name, dollar).unwrap();
    }
    Orchestrator::new("clerk", "orders").pricing(pricing)
}

const OLD: &[&str] = &["a", "b", "c", "d"];
const NEW: &[&str] = &["a", "x", "c"];

/// A turn of each model at a cent, then what `ends` says.
async fn turns(
    world: &World,
    session: &DurableSession,
    models: &[&str],
) -> Result<String, BoxError> {
    let mut said = String::new();
    for model in models {
        let turn = Turn::model(*model).usage(UsageSnapshot::new(10_000, 0));
        said += &session.run_turn(turn, || world.ask(model)).await?.value;
    }
    Ok(said)
}

async fn parks(
    world: &World,
    session: &DurableSession,
    models: &[&str],
) -> Result<String, BoxError> {
    let said = turns(world, session, models).await?;
    session.wait_for::<u32>("more").await?;
    Ok(said)
}

/// A thread of the old code that waits.
fn parked(world: &World) -> Durable {
    let durable = world.durable(orchestrator(&["a", "b", "c", "d", "x"]));
    let run = world.run(&durable, async |session| parks(world, session, OLD).await);
    assert!(matches!(run, Some(Ok(Run::Parked(_)))));
    durable
}

#[test]
fn the_thread_goes_on_with_the_new_steps_and_pays_for_the_old_ones() {
    let world = World::new();
    let durable = parked(&world);
    let branching = durable.clone().on_divergence(OnDivergence::Branch);
    let run = world.run(&branching, async |session| parks(&world, session, NEW).await);
    assert!(matches!(run, Some(Ok(Run::Parked(_)))));
    // `a` is answered; `c` is another step now, behind `x`.
    assert_eq!(world.calls(), 4 + 2);
    world.deliver("more", 1);
    // From then on the new code is the recorded one, whatever its policy.
    let run = world.run(&durable, async |session| parks(&world, session, NEW).await);
    let Some(Ok(Run::Done(done))) = run else { panic!("it is done: {run:?}") };
    assert_eq!((done.value.as_str(), world.calls()), ("axc", 6));
    assert_eq!((done.totals.iterations, done.totals.cost()), (6, Usd::from_cents(6)));
    // What was left behind is still in the journal.
    let read = world.store.read(&thread(), 0, 100).now_or_never().unwrap().unwrap();
    let bodies: Vec<_> = read.iter().map(|e| String::from_utf8_lossy(&e.entry.body)).collect();
    assert!(bodies.iter().any(|body| body.contains("\"d\"")), "{bodies:#?}");
}

#[test]
fn a_branch_is_whole_wherever_its_process_dies() {
    for points in 0.. {
        let world = World::new();
        let durable = parked(&world).on_divergence(OnDivergence::Branch);
        world.deliver("more", 1);
        world.live_for(points);
        let body = async |session: &DurableSession| parks(&world, session, NEW).await;
        let survived = world.run(&durable, body).is_some();
        world.reborn();
        assert_eq!(value(world.run(&durable, body)), "axc", "{points}");
        if survived {
            assert!(points > 12, "{points}");
            return;
        }
    }
}

#[test]
fn code_that_ends_earlier_leaves_the_rest_behind() {
    let world = World::new();
    let durable = parked(&world).on_divergence(OnDivergence::Branch);
    let body = async |session: &DurableSession| turns(&world, session, &OLD[..2]).await;
    assert_eq!(value(world.run(&durable, body)), "ab");
    assert_eq!(world.calls(), 4);
}

#[test]
fn what_was_announced_or_asked_is_not_left_behind() {
    for effect in [Effect::Keyed, Effect::Irreversible, Effect::Idempotent] {
        let world = World::new();
        let durable = world.durable(orchestrator(OLD)).on_divergence(OnDivergence::Branch);
        let code = async |session: &DurableSession, model: &str| {
            turns(&world, session, &[model]).await?;
            let pay = ToolCall::new("pay").call_id("call_1").effect(effect);
            session.run_tool(pay, async |attempt| world.pay(attempt.key(), true).await).await?;
            session.wait_for::<u32>("more").await?;
            Ok(())
        };
        let run = world.run(&durable, async |session| code(session, "a").await);
        assert!(matches!(run, Some(Ok(Run::Parked(_)))));
        let run = world.run(&durable, async |session| code(session, "b").await);
        if effect == Effect::Idempotent {
            assert!(matches!(run, Some(Ok(Run::Parked(_)))), "{effect}");
            assert_eq!(world.payments(), 1, "the same key");
            continue;
        }
        let refused = error(run);
        assert!(
            matches!(refused, RunError::Journal(JournalError::Diverged(_))),
            "{effect}: {refused}"
        );
        assert_eq!((world.calls(), world.payments()), (1, 1), "{effect}: nothing was executed");
    }
}

#[test]
fn a_file_takes_the_steps_of_a_branch() {
    let folder =
        std::env::temp_dir().join(format!("runtime-durable-branch-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let world = World::new();
    let store = SqliteStore::open(folder.join("threads.db")).unwrap();
    let durable = Durable::new(orchestrator(OLD), store).on_divergence(OnDivergence::Branch);
    let run = |models: &'static [&'static str]| {
        let body = async |session: &DurableSession| {
            turns(&world, session, models).await?;
            Err::<(), BoxError>("it goes on".into())
        };
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(durable.run("order-4711", body))
    };
    for (models, calls) in [(OLD, 4), (&["a", "a", "b"][..], 6), (OLD, 9), (OLD, 9)] {
        assert!(matches!(run(models), Err(RunError::Failed { .. })), "{models:?}");
        assert_eq!(world.calls(), calls, "{models:?}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
