//! Threads whose journal and code do not fit: tried less and less often, until the code fits.

use std::cell::Cell;
use std::future::pending;
use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, DurableTool, Run, RunError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_resilience::chain_text;
use runtime_store::{
    Append, Approvals as _, Claim, Entry, EntryKind, Inbox as _, Leave, Store as _, Stuck,
    ThreadState,
};
use serde_json::json;

use crate::case::wait;
use crate::world::{World, error, thread, value};

type Ran = Result<Run<String>, RunError>;

fn durable(world: &World) -> Durable {
    world.durable(Orchestrator::new("clerk", "orders"))
}

/// A turn of this model, and then an answer of a person.
async fn ask(world: &World, session: &DurableSession, model: &str) -> Result<String, BoxError> {
    session.run_turn(Turn::model(model), || world.ask("x")).await?;
    Ok(session.wait_for("name").await?)
}

/// What a worker with this code does when it looks for threads.
fn poll(world: &World, durable: &Durable, model: &str) -> Vec<Ran> {
    let body = async |session: &DurableSession| ask(world, session, model).await;
    wait(durable.resume_runnable(9, body)).unwrap().into_iter().map(|(_, run)| run).collect()
}

fn entries(world: &World) -> usize {
    wait(world.store.read(&thread(), 0, 1_000)).unwrap().len()
}

fn stuck(world: &World) -> Option<Stuck> {
    wait(world.store.thread(&thread())).unwrap().unwrap().stuck
}

/// A thread of code that asks `gpt-5`, which a process has to go on with.
fn begun(world: &World) -> Durable {
    let durable = durable(world);
    let parked = world.run(&durable, async |session| ask(world, session, "gpt-5").await);
    assert!(matches!(parked, Some(Ok(Run::Parked(_)))), "{parked:?}");
    assert!(wait(world.store.deliver(&thread(), "name", &json!("ann"))).unwrap());
    durable
}

#[test]
fn a_thread_that_diverges_is_tried_less_and_less_often() {
    let world = World::new();
    let before = begun(&world);
    let now = Durable::clone(&before).code_version("2");
    let (mut lives, mut tries) = (entries(&world), 0);
    // An hour of a worker that looks each second.
    for _ in 0..3_600 {
        for run in poll(&world, &now, "claude") {
            assert!(matches!(run, Err(RunError::Journal(_))), "{run:?}");
            tries += 1;
            lives += 1;
            assert_eq!(entries(&world), lives, "its life, and no more");
        }
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(tries, 12, "after 1, 2, 4, … seconds");
    let why = stuck(&world).unwrap();
    assert_eq!((why.times, why.codes.len()), (12, 1));
    assert!(why.why.contains("is turn `gpt-5`") && why.why.contains("`claude`"), "{}", why.why);
    assert_eq!(world.calls(), 1, "nothing was executed");

    // The code that it began with is offered it at once.
    let done = poll(&world, &before, "gpt-5").remove(0);
    assert_eq!(done.unwrap().done().unwrap(), "ann");
    assert_eq!(stuck(&world), None);
}

#[test]
fn two_versions_that_do_not_fit_do_not_offer_it_to_each_other() {
    let world = World::new();
    let before = begun(&world);
    let versions = ["2", "3", "4"].map(|version| Durable::clone(&before).code_version(version));
    let polls = |world: &World| -> usize {
        versions.iter().map(|version| poll(world, version, "claude").len()).sum()
    };
    assert_eq!(polls(&world), 3, "each of them tries it once");
    for _ in 0..10 {
        assert_eq!(polls(&world), 0);
    }
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(polls(&world), 1);
    // Somebody says so.
    wait(world.store.offer(&thread())).unwrap();
    assert_eq!(polls(&world), 3);
    // By its name, it is run at any time.
    let by_name = world.run(&before, async |session| ask(&world, session, "gpt-5").await);
    assert_eq!(value(by_name), "ann");
}

/// A thread that takes down each process that runs it, and one of a process that was killed once.
#[test]
fn a_thread_whose_process_dies_each_time_is_tried_less_and_less_often() {
    let world = World::new();
    let durable = durable(&world).lease(Duration::from_secs(30));
    let dies = Cell::new(true);
    let body = async |session: &DurableSession| {
        let plan = session.run_turn(Turn::model("m"), || world.ask("x")).await?.value;
        if dies.get() {
            pending::<()>().await;
        }
        Ok(plan)
    };
    let takes = |durable: &Durable| durable.resume_runnable(9, body).now_or_never();
    // The process is gone: its future is never asked again, and gives nothing back.
    let dies_of_it = |durable: &Durable| {
        let mut life = Box::pin(durable.resume_runnable(9, body));
        let begun = (&mut life).now_or_never().is_none();
        begun.then(|| std::mem::forget(life)).is_some()
    };
    std::mem::forget({
        let mut first = Box::pin(durable.run("order-4711", body));
        assert!((&mut first).now_or_never().is_none());
        first
    });
    let mut deaths = 1;
    for _ in 0..3_600 {
        deaths += u32::from(dies_of_it(&durable));
        world.clock.advance(Duration::from_secs(1));
    }
    // The first one made the turn, and so went on. Leases of 30 s, and 0, 1, 2, 4, … seconds behind them.
    assert_eq!((deaths, world.calls()), (13, 1));
    let why = stuck(&world).unwrap();
    assert!(why.why.contains("was lost"), "{}", why.why);

    // Code that does not die of it is offered it at once.
    world.clock.advance(Duration::from_secs(31));
    assert!(takes(&durable).unwrap().unwrap().is_empty());
    dies.set(false);
    let mended = Durable::clone(&durable).code_version("2");
    assert_eq!(takes(&mended).unwrap().unwrap().len(), 1);
    assert_eq!((stuck(&world), world.calls()), (None, 1));
}

/// A database that answers, and does not take what a call came to: it is full, or the outcome is too large.
#[test]
fn a_call_whose_outcome_the_store_does_not_take_is_made_less_and_less_often() {
    let world = World::new();
    let durable = durable(&world);
    let body = async |session: &DurableSession| {
        Ok(session.run_turn(Turn::model("m"), || world.ask("x")).await?.value)
    };
    world.gate().refuse_outcomes(true);
    assert!(matches!(error(world.run(&durable, body)), RunError::Journal(_)));
    for _ in 0..3_600 {
        wait(durable.resume_runnable(9, body)).unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(world.calls(), 12, "after 1, 2, 4, … seconds");
    assert_eq!(stuck(&world).unwrap().times, 12);
    world.gate().refuse_outcomes(false);
    assert_eq!(value(world.run(&durable, body)), "x");
    assert_eq!(stuck(&world), None);
}

#[test]
fn an_approval_that_does_not_fit_its_call_is_no_reason_to_try_for_ever() {
    let world = World::new();
    let durable = durable(&world);
    let body = async |session: &DurableSession| {
        let pay = |amount: u32| {
            ToolCall::new("pay")
                .call_id("c")
                .args(json!({ "amount": amount }))
                .effect(Effect::Keyed)
        };
        let yes = session.approval(&pay(12), "payments", Duration::from_secs(9_000)).await?;
        let other = DurableTool::from(pay(13)).approved(yes);
        session.run_tool(other, async |attempt| world.pay(attempt.key(), false).await).await?;
        Ok(String::new())
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    let asked = wait(world.store.pending(None, 9)).unwrap().remove(0);
    wait(world.store.decide(&asked.approve("ann"))).unwrap();
    let poll = || wait(durable.resume_runnable(9, body)).unwrap().len();
    assert_eq!((poll(), poll()), (1, 0));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!((poll(), poll(), world.payments()), (1, 0, 0));
    assert!(stuck(&world).unwrap().why.contains("other arguments"));
}

#[test]
fn an_entry_that_is_not_known_here_waits_for_a_later_version() {
    let world = World::new();
    let before = begun(&world);
    let claim = Claim {
        holder: "later".into(),
        code: "9".into(),
        role: None,
        ttl: Duration::from_secs(60),
    };
    let (lease, held) = wait(world.store.acquire(&thread(), &claim)).unwrap();
    let (kind, version) = (EntryKind::from_code(77), Entry::VERSION);
    let entries = [Entry { kind, version, step: None, print: None, body: b"{}".to_vec() }];
    let append =
        Append { head: held.head, entries: &entries, approval: None, relaxed: false, role: None };
    wait(world.store.append(&lease, append)).unwrap();
    wait(world.store.release(&lease, Leave::Runnable)).unwrap();
    assert_eq!(poll(&world, &before, "gpt-5").len(), 1);
    assert_eq!(poll(&world, &before, "gpt-5").len(), 0);
    assert!(stuck(&world).unwrap().why.contains("does not know"));
    let later = wait(world.store.runnable(None, Some("9"), 9)).unwrap();
    assert_eq!(later, [thread()]);
}

/// Looks at a thread while its life makes a checkpoint and somebody prunes it, between any two calls.
#[test]
fn who_looks_sees_a_thread_as_it_was_at_one_time() {
    let world = World::new();
    let durable = durable(&world);
    let body = async |session: &DurableSession| {
        let made: u32 = session.resume_point().await?.unwrap_or_default();
        session.run_turn(Turn::model("m"), || world.ask("x")).await?;
        session.checkpoint(&(made + 1)).await?;
        Ok(session.wait_for::<String>(&format!("{made}")).await?)
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    for at in 0..6 {
        let (mut points, others) = (0, world.clone());
        let id = format!("{}", at + 1);
        world.at_points(move || {
            points += 1;
            if points == at + 1 {
                // The same store, past the gate.
                let own = Durable::new(
                    Orchestrator::new("clerk", "orders").time(others.clock.clone()),
                    others.store.clone(),
                );
                let again = async |session: &DurableSession| {
                    let made: u32 = session.resume_point().await?.unwrap_or_default();
                    session.checkpoint(&(made + 1)).await?;
                    Ok(session.wait_for::<String>(&id).await?)
                };
                let run = own.run("order-4711", again).now_or_never();
                assert!(matches!(run, Some(Ok(Run::Parked(_)))), "{run:?}");
                let pruned = others.store.prune(&thread()).now_or_never().unwrap();
                assert!(pruned.unwrap() > 0);
            }
        });
        let (seen, fold) = wait(durable.look_at(&thread())).unwrap();
        assert_eq!((seen.head, seen.base), (fold.head(), fold.epoch()), "at point {at}");
    }
}

#[test]
fn a_panic_or_a_lost_store_is_no_reason_to_wait() {
    let world = World::new();
    let durable = durable(&world);
    let failed = world.run(&durable, async |_| Err::<(), BoxError>("no".into()));
    assert_eq!(chain_text(&error(failed)), "no");
    let offered = wait(world.store.offer(&thread())).unwrap();
    assert_eq!((offered.state, offered.stuck), (ThreadState::Runnable, None));
    assert_eq!(wait(durable.resume_runnable(9, async |_| Ok(1))).unwrap().len(), 1);
}
