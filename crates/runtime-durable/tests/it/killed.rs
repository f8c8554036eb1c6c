//! Processes that are killed at every point of a life, on a database in a file, with the payments in a file of
//! the world outside.
//!
//! A process is this test binary, told by its environment to run `the_process`.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use runtime_durable::{Durable, DurableSession, DurableTool, Reconciled, Run, RunError};
use runtime_events::{AgentEvent, Sleep, Sleeper, SystemClock};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_sinks::SinkError;
use runtime_sqlite::SqliteStore;
use serde_json::json;

use crate::mortal::{Gate, Mortal};

const EFFECT: &str = "RUNTIME_DURABLE_KILLED_EFFECT";
const POINT: &str = "RUNTIME_DURABLE_KILLED_POINT";
const STOPS: &str = "RUNTIME_DURABLE_KILLED_STOPS";
const PLACE: &str = "RUNTIME_DURABLE_KILLED_PLACE";

/// What a process says of its end, for the test.
const DONE: &str = "done: paid";

/// The process that is killed; not a test of its own.
#[test]
fn the_process() {
    let (Ok(effect), Ok(point), Ok(place)) = (env::var(EFFECT), env::var(POINT), env::var(PLACE))
    else {
        return;
    };
    let point = point.parse().unwrap();
    if let Err(error) = SqliteStore::open(Path::new(&place).join("threads.db")) {
        // A process that was stopped within a transaction keeps its file.
        println!("failed: the store could not be opened: {error}");
        return;
    }
    let stops = env::var(STOPS).is_ok();
    let gate = if stops { Gate::stopping(point) } else { Gate::killing(point) };
    match live(effect.parse().unwrap(), Path::new(&place), &gate) {
        Ok(Run::Done(done)) => println!("{DONE} {}", done.value),
        Ok(Run::Parked(parked)) => println!("parked: {}", parked.waits_for),
        Err(error) => println!("failed: {error}"),
    }
}

/// A timer that never rings, so that nothing renews the lease beside the code: a process that is stopped within
/// a transaction of SQLite would keep its file.
#[derive(Debug)]
struct Sleepless;

impl Sleeper for Sleepless {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

/// One life, which ends in any case.
fn live(effect: Effect, place: &Path, gate: &Gate) -> Result<Run<u32>, RunError> {
    let store = SqliteStore::open(place.join("threads.db")).unwrap();
    let events = gate.clone();
    let sink = move |_: &std::sync::Arc<AgentEvent>| {
        // An event is a point as well.
        futures_util::FutureExt::now_or_never(events.point());
        Ok::<_, SinkError>(())
    };
    let orchestrator =
        Orchestrator::new("clerk", "orders").time((SystemClock, Sleepless)).event_sink(sink);
    let durable =
        Durable::new(orchestrator, Mortal::new(store, gate)).lease(Duration::from_millis(2));
    durable.run_blocking("order-4711", |session| {
        let steps = session.blocking();
        steps.drive(order(session, effect, place, gate))
    })
}

async fn order(
    session: &DurableSession,
    effect: Effect,
    place: &Path,
    gate: &Gate,
) -> Result<u32, BoxError> {
    let ask = || async { Ok::<_, BoxError>("pay 12".to_owned()) };
    session.run_turn(Turn::model("m"), ask).await?;
    let call = ToolCall::new("pay").call_id("1").args(json!({ "amount": 12 })).effect(effect);
    let books = place.join("payments");
    let mut pay = DurableTool::from(call);
    if effect == Effect::Irreversible {
        let books = books.clone();
        pay = pay.reconcile(async move |key: String| {
            let paid = fs::read_to_string(&books).is_ok_and(|paid| paid.contains(&key));
            Ok(if paid { Reconciled::Done(12) } else { Reconciled::NotDone })
        });
    }
    // A process that is stopped inside of its call goes on with it: no fence is there.
    let inside = if env::var(STOPS).is_ok() { Gate::open() } else { gate.clone() };
    let paid = session.run_tool(pay, async |attempt| {
        inside.point().await;
        let known = fs::read_to_string(&books).is_ok_and(|paid| paid.contains(attempt.key()));
        // A server that knows keys pays once for each.
        if !(effect == Effect::Keyed && known) {
            let mut file = File::options().append(true).create(true).open(&books)?;
            writeln!(file, "{}", attempt.key())?;
            file.sync_all()?;
        }
        inside.point().await;
        Ok::<_, BoxError>(12)
    });
    let paid = paid.await?;
    session.run_turn(Turn::model("m"), ask).await?;
    Ok(paid)
}

fn command(effect: Effect, place: &Path, point: u32) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "killed::the_process", "--nocapture", "--test-threads=1"])
        .envs([(EFFECT, effect.as_str()), (POINT, &point.to_string())])
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A new process that is killed at this point. Returns what it said before.
fn process(effect: Effect, place: &Path, point: u32) -> String {
    let output = command(effect, place, point).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A process that goes on once the lease of the one before it is over. Returns what it said.
fn next_process(effect: Effect, place: &Path) -> String {
    loop {
        let said = process(effect, place, u32::MAX);
        if !said.contains("is held by") {
            return said;
        }
    }
}

/// Whether a process is stopped, or has ended.
fn is_stopped(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 'Z') | None)
}

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("runtime-durable-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn payments(&self) -> usize {
        fs::read_to_string(self.0.join("payments")).unwrap_or_default().lines().count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Kills a process at each point, and has another one go on. Returns the largest number of payments, and the
/// number of points.
fn killed_everywhere(effect: Effect) -> (usize, u32) {
    let (mut most, mut point) = (0, 0);
    loop {
        let place = Place::new(&format!("{effect}-{point}"));
        let first = process(effect, &place.0, point);
        let survived = first.contains(DONE);
        let second = next_process(effect, &place.0);
        assert!(second.contains(DONE), "{effect}, point {point}: {first} {second}");
        most = most.max(place.payments());
        if survived {
            return (most, point);
        }
        point += 1;
    }
}

#[test]
fn a_payment_is_made_once_wherever_a_process_is_killed() {
    for effect in [Effect::Keyed, Effect::Irreversible] {
        let (payments, points) = killed_everywhere(effect);
        assert_eq!(payments, 1, "{effect}");
        assert!(points > 25, "{effect}: {points} points");
    }
}

#[test]
fn the_control_without_intents_pays_twice() {
    for effect in [Effect::Idempotent, Effect::Read] {
        assert_eq!(killed_everywhere(effect).0, 2, "{effect}");
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn a_process_that_was_stopped_for_longer_than_its_lease_starts_no_further_effect() {
    let mut replaced = 0;
    for point in 0.. {
        let place = Place::new(&format!("stopped-{point}"));
        let mut stopped =
            command(Effect::Irreversible, &place.0, point).env(STOPS, "1").spawn().unwrap();
        while !is_stopped(stopped.id()) {
            std::thread::yield_now();
        }
        let ended = stopped.try_wait().unwrap().is_some();
        let other = next_process(Effect::Irreversible, &place.0);
        // Stopped within a transaction of SQLite, it keeps its file, and is not replaced.
        let locked = other.contains("failed: the store could not");
        assert!(locked || other.contains(DONE), "point {point}: {other}");
        replaced += u32::from(!locked);
        let go_on = Command::new("kill").args(["-CONT", &stopped.id().to_string()]).status();
        assert!(ended || go_on.unwrap().success());
        let said = stopped.wait_with_output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        assert_eq!(place.payments(), 1, "point {point}: {said}");
        assert!(!locked || said.contains(DONE), "point {point}: {said}");
        if ended {
            assert!(replaced > 15, "{replaced} of {point} were replaced");
            return;
        }
    }
}
