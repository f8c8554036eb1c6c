//! Lives whose store, clock or parent fails them in the middle.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join;
use runtime_durable::{Durable, DurableSession, Run, RunError};
use runtime_events::{Clock, SystemClock, ThreadSleeper};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_postgres::{PgConfig, PgStore};
use runtime_resilience::chain_text;
use runtime_sqlite::{SqliteConfig, SqliteStore};
use runtime_store::{MemoryStore, Store, ThreadId};
use serde_json::json;

use crate::case::wait;
use crate::world::{World, value};

fn clerk() -> Orchestrator {
    Orchestrator::new("clerk", "orders")
}

/// A folder that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("runtime-durable-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn open(&self, config: SqliteConfig) -> Durable {
        Durable::new(clerk(), SqliteStore::open_with(self.0.join("threads.db"), config).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a payment server has heard: keys, each once.
#[derive(Default)]
struct Paid(Mutex<Vec<String>>);

impl Paid {
    fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// A keyed payment, in the middle of which something happens.
    async fn pay(
        &self,
        session: &DurableSession,
        meanwhile: impl FnOnce(),
    ) -> Result<u32, BoxError> {
        let pay = ToolCall::new("pay").call_id("1").effect(Effect::Keyed);
        let paid = session.run_tool(pay, async |attempt| {
            let mut keys = self.0.lock().unwrap();
            if !keys.iter().any(|key| key == attempt.key()) {
                keys.push(attempt.key().to_owned());
            }
            drop(keys);
            meanwhile();
            Ok::<_, BoxError>(12)
        });
        Ok(paid.await?)
    }
}

fn told<T: std::fmt::Debug>(run: Result<Run<T>, RunError>) -> String {
    chain_text(&run.expect_err("it fails"))
}

#[test]
fn a_disk_that_is_full_ends_the_life_and_nothing_recorded_is_made_again() {
    let folder = Folder::new("full");
    let asked = AtomicU32::new(0);
    let body = async |session: &DurableSession| {
        let mut length = 0;
        for size in [10_000, 1 << 20] {
            let turn = session.run_turn(Turn::model("m"), async || {
                asked.fetch_add(1, Ordering::Relaxed);
                Ok::<_, BoxError>("x".repeat(size))
            });
            length += turn.await?.value.len();
        }
        Ok(length)
    };
    let small = folder.open(SqliteConfig::default().max_bytes(1 << 18));
    for lives in 1..3 {
        let full = told(wait(small.run("t", body)));
        assert!(full.contains("append to a thread") && full.contains("full"), "{full}");
        assert_eq!(asked.load(Ordering::Relaxed), 1 + lives);
    }
    drop(small);
    let roomy = folder.open(SqliteConfig::default());
    assert_eq!(wait(roomy.run("t", body)).unwrap().done(), Some(10_000 + (1 << 20)));
    assert_eq!(asked.load(Ordering::Relaxed), 4, "the first turn once");
}

/// A small disk in memory, for as long as this lives.
struct SmallDisk<'f>(&'f Folder);

impl<'f> SmallDisk<'f> {
    /// `None` if this process may mount nothing.
    fn mount(folder: &'f Folder) -> Option<Self> {
        let mount = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(&folder.0).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0.0).status();
    }
}

/// SQLite has a limit of its own, as above; here it is the system that has no room.
#[test]
fn a_disk_without_room_for_an_outcome_has_the_payment_made_once() {
    let folder = Folder::new("no-room");
    let Some(_disk) = SmallDisk::mount(&folder) else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    let paid = Paid::default();
    let rest = folder.0.join("rest");
    let use_up = || assert!(fs::write(&rest, vec![0; 1 << 20]).is_err(), "nothing is left");
    let durable = folder.open(SqliteConfig::default());
    let full = told(wait(durable.run("t", async |session| paid.pay(session, use_up).await)));
    assert!(full.contains("full") && full.contains("threads.db"), "{full}");
    let other = folder.open(SqliteConfig::default());
    let full = told(wait(other.run("other", async |session| paid.pay(session, || {}).await)));
    assert!(full.contains("full"), "{full}");
    assert_eq!(paid.keys().len(), 1, "what cannot be announced is not done");
    drop((durable, other));
    fs::remove_file(&rest).unwrap();
    // The thread could not be given back: its lease is over once it is taken from a later time.
    let later = SqliteConfig::default().clock(Skewed::new(TimeDelta::hours(1)));
    let durable = folder.open(later);
    let again = wait(durable.run("t", async |session| paid.pay(session, || {}).await));
    assert_eq!((again.unwrap().done(), paid.keys().len()), (Some(12), 1));
}

/// A clock that keeps who reads it, with the transaction that it is in.
#[derive(Clone, Debug, Default)]
struct Stopping(Arc<AtomicBool>, Arc<AtomicBool>);

impl Clock for Stopping {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn utc_now(&self) -> DateTime<Utc> {
        while self.0.load(Ordering::SeqCst) {
            self.1.store(true, Ordering::SeqCst);
            thread::yield_now();
        }
        SystemClock.utc_now()
    }
}

#[test]
fn a_file_that_others_keep_locked_ends_the_life_and_the_payment_is_made_once() {
    let folder = Folder::new("locked");
    let clock = Stopping::default();
    let other = folder.open(SqliteConfig::default().clock(clock.clone()));
    let brief = SqliteConfig::default().busy_timeout(Duration::from_millis(20));
    let durable = folder.open(brief);
    let (paid, id) = (Paid::default(), ThreadId::new("other").unwrap());
    let lived = thread::scope(|scope| {
        let lived = wait(durable.run("t", async |session| {
            paid.pay(session, || {
                clock.0.store(true, Ordering::SeqCst);
                scope.spawn(|| wait(other.store().deliver(&id, "k", &json!(1))));
                while !clock.1.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
            })
            .await
        }));
        clock.0.store(false, Ordering::SeqCst);
        lived
    });
    let locked = told(lived);
    assert!(locked.contains("locked"), "{locked}");
    // The thread could not be given back: its lease is over once it is taken from a later time.
    let later = Skewed::new(TimeDelta::hours(1));
    let durable = folder.open(SqliteConfig::default().clock(later));
    let again = wait(durable.run("t", async |session| paid.pay(session, || {}).await));
    assert_eq!((again.unwrap().done(), paid.keys().len()), (Some(12), 1));
}

/// The system's clock, set wrong.
#[derive(Clone, Debug)]
struct Skewed(Arc<AtomicI64>);

impl Skewed {
    fn new(by: TimeDelta) -> Self {
        Self(Arc::new(AtomicI64::new(by.num_seconds())))
    }

    fn set(&self, by: TimeDelta) {
        self.0.store(by.num_seconds(), Ordering::SeqCst);
    }
}

impl Clock for Skewed {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn utc_now(&self) -> DateTime<Utc> {
        SystemClock.utc_now() + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
}

#[test]
fn a_clock_that_is_set_back_between_lives_or_within_one_harms_no_thread() {
    let folder = Folder::new("back");
    let clock = Skewed::new(TimeDelta::zero());
    let on = |clock: &Skewed| -> [Durable; 2] {
        let memory = Durable::new(
            clerk().time((clock.clone(), ThreadSleeper)),
            MemoryStore::on(clock.clone()),
        );
        [memory, folder.open(SqliteConfig::default().clock(clock.clone()))]
    };
    for durable in on(&clock) {
        let paid = Paid::default();
        let hour = TimeDelta::hours(1);
        let body = async |session: &DurableSession| {
            let began = session.now().await?;
            let amount = paid.pay(session, || clock.set(-hour)).await?;
            session.checkpoint(&amount).await?;
            session.value("v", || 1).await?;
            clock.set(-hour * 2);
            session.wait_for::<u32>("go").await?;
            Ok(began)
        };
        let after = async |session: &DurableSession| {
            let amount: u32 = session.resume_point().await?.unwrap_or_default();
            session.value("v", || 1).await?;
            Ok(amount + session.wait_for::<u32>("go").await?)
        };
        clock.set(TimeDelta::zero());
        assert!(matches!(wait(durable.run("t", body)), Ok(Run::Parked(_))));
        clock.set(-hour * 3);
        let thread = ThreadId::new("t").unwrap();
        assert!(matches!(wait(durable.run("t", after)), Ok(Run::Parked(_))));
        clock.set(-hour * 4);
        assert!(wait(durable.store().deliver(&thread, "go", &json!(1))).unwrap());
        let runs = wait(durable.resume_runnable(9, after)).unwrap();
        let (_, run) = runs.into_iter().next().expect("it is awake");
        let Ok(Run::Done(done)) = run else { panic!("{run:?}") };
        assert_eq!((done.value, paid.keys().len()), (13, 1));
        let elapsed = done.totals.elapsed_us;
        assert!(elapsed < 600_000_000, "no life took hours: {elapsed}");
    }
}

#[test]
fn a_server_that_restarts_within_a_call_has_its_outcome() {
    let Some(server) = test_postgres::Server::start() else { return };
    let config = PgConfig::new(server.url("postgres")).timeout(Duration::from_secs(60));
    wait(PgStore::migrate(config.clone())).unwrap();
    let store = Arc::new(wait(PgStore::connect(config)).unwrap());
    let durable = Durable::shared(clerk(), Arc::clone(&store) as Arc<dyn Store>);
    let paid = Paid::default();
    let ends: [fn(&test_postgres::Server); 2] = [|it| it.kill(), |it| it.stop()];
    for (id, ends) in ["killed", "stopped"].into_iter().zip(ends) {
        let body = async |session: &DurableSession| {
            let restarts = || {
                ends(&server);
                server.begin();
            };
            let first = paid.pay(session, restarts).await?;
            Ok((first, session.now().await?))
        };
        let run = wait(durable.run(id, body));
        let Ok(Run::Done(done)) = run else { panic!("{id}: {}", told(run)) };
        let again = wait(durable.run(id, body)).unwrap().done();
        assert_eq!(again, Some(done.value), "{id}");
    }
    assert_eq!(paid.keys().len(), 2);
}

/// Two children at work; the process dies at each point.
#[test]
fn children_go_on_wherever_the_process_of_their_parent_dies() {
    for points in 0.. {
        let world = World::new();
        world.live_for(points);
        let durable = world.durable(clerk());
        let body = async |session: &DurableSession| {
            let (a, b) = (session.child("a")?, session.child("b")?);
            let work = async |child: DurableSession| {
                let pay = ToolCall::new("pay").call_id("1").effect(Effect::Keyed);
                let answer = child.run_turn(Turn::model("m"), || world.ask("x")).await?.value;
                let pay = child.run_tool(pay, async |attempt| world.pay(attempt.key(), true).await);
                Ok::<_, BoxError>(format!("{answer}{}", pay.await?))
            };
            let (one, other) = join(work(a), work(b)).await;
            Ok(one? + &other?)
        };
        let survived = world.run(&durable, body).is_some();
        world.reborn();
        assert_eq!(value(world.run(&world.durable(clerk()), body)), "x12x12", "{points}");
        assert_eq!(world.payments(), 2, "{points}");
        if survived {
            assert!(points > 16, "{points}");
            return;
        }
    }
}

/// The parent leaves, and its child with a step that is under way.
#[test]
fn a_child_that_outlives_its_parent_ends_with_the_life() {
    let world = World::new();
    let durable = world.durable(clerk());
    let kept = Mutex::new(None);
    let run = world.run(&durable, async |session| {
        let child = session.child("a")?;
        child.value("v", || 1).await?;
        *kept.lock().unwrap() = Some(child);
        Ok(7)
    });
    assert_eq!(value(run), 7);
    let child = kept.into_inner().unwrap().unwrap();
    let late = wait(child.value("late", || 2));
    assert!(late.is_err(), "{late:?}");
    let again = world.run(&durable, async |_| Ok(0));
    assert_eq!(value(again), 7);
}
