//! Lives that end at every point: killed with their process, dropped within it, or stopped for longer than their
//! lease. On a database in a file and on a server, with the payments in files of the world outside.
//!
//! A process is this test binary, told by its environment to run `the_process`.

use std::env;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use runtime_durable::{Run, RunError};
use runtime_orchestrator::Effect;

use crate::case::{Case, Database};
use crate::mortal::Gate;

const CASE: &str = "RUNTIME_DURABLE_CASE";
const POINT: &str = "RUNTIME_DURABLE_POINT";
const STOPS: &str = "RUNTIME_DURABLE_STOPS";

/// What a process says of its end, for the test.
const DONE: &str = "done: paid";

/// The process that is killed; not a test of its own.
#[test]
fn the_process() {
    let (Ok(case), Ok(point)) = (env::var(CASE), env::var(POINT)) else { return };
    let (case, point): (Case, u32) = (serde_json::from_str(&case).unwrap(), point.parse().unwrap());
    let stops = env::var(STOPS).is_ok();
    let gate = if stops { Gate::stopping(point) } else { Gate::killing(point) };
    match case.try_open() {
        Ok(store) => println!("{}", said(&case.live(store, &gate).unwrap())),
        // Another process was stopped with the file.
        Err(error) => println!("failed: the store could not be opened: {error}"),
    }
}

fn said(ended: &Result<Run<u32>, RunError>) -> String {
    match ended {
        Ok(Run::Done(done)) => format!("{DONE} {}", done.value),
        Ok(Run::Parked(parked)) => format!("parked: {}", parked.waits_for),
        Err(error) => format!("failed: {error}"),
    }
}

fn command(case: &Case, point: u32) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "killed::the_process", "--nocapture", "--test-threads=1"])
        .envs([(CASE, serde_json::to_string(case).unwrap()), (POINT, point.to_string())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A new process that is killed at this point. Returns what it said before.
fn process(case: &Case, point: u32) -> String {
    let output = command(case, point).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Whether this life met a call of an earlier one, which was sent and is made only now: that took the thread, or
/// has not given it back.
fn comes_late(said: &str) -> bool {
    said.contains("is held by") || said.contains("was taken over")
}

/// A process that lives on.
fn next_process(case: &Case) -> String {
    loop {
        let said = process(case, u32::MAX);
        if !comes_late(&said) {
            return said;
        }
    }
}

/// How the first life of a case ends, and where the second one is.
#[derive(Clone, Copy, Debug)]
enum End {
    /// With its process; the next life is of another process.
    Killed,
    /// Its process lives on, and has the next life.
    Dropped,
}

/// Lets a life end at this point, and has another one go on. Returns whether the first one came to its end.
fn two_lives(case: &Case, end: End, point: u32) -> bool {
    let (survived, second) = match end {
        End::Killed => (process(case, point).contains(DONE), next_process(case)),
        End::Dropped => {
            let (store, gate) = (case.open(), Gate::dropping(point));
            let _ = case.live(store.clone(), &gate);
            let second = loop {
                let next = case.live(store.clone(), &Gate::open()).unwrap();
                let next = said(&next);
                if !comes_late(&next) {
                    break next;
                }
            };
            assert_eq!(Arc::strong_count(&store), 1, "{case:?}, point {point}: a life is left");
            (!gate.is_dead(), second)
        }
    };
    assert!(second.contains(DONE), "{case:?}, point {point}: {second}");
    survived
}

/// Lets a life end at each point. Checks the largest number of payments.
fn ended_everywhere(database: &Database, end: End, effects: &[Effect]) {
    for &effect in effects {
        let (mut most, mut point, mut survived) = (0, 0, false);
        while !survived {
            let case = Case::new(database, effect, &format!("{end:?}-{point}"));
            survived = two_lives(&case, end, point);
            most = most.max(case.payments());
            case.over();
            point += 1;
        }
        // The control, which announces nothing, pays twice: so the test finds what it looks for.
        let announced = matches!(effect, Effect::Keyed | Effect::Irreversible);
        assert_eq!(most, if announced { 1 } else { 2 }, "{effect}, {end:?}, {database:?}");
        assert!(point > 30, "{effect}: {point} points");
    }
}

// Here is a part of the matrix, and `cargo xtask deep` has the rest.

#[test]
fn wherever_a_process_is_killed_a_payment_is_made_once() {
    ended_everywhere(&Database::File, End::Killed, &[Effect::Keyed, Effect::Idempotent]);
}

#[test]
fn wherever_a_life_is_dropped_a_payment_is_made_once() {
    ended_everywhere(&Database::File, End::Dropped, &[Effect::Irreversible]);
}

#[test]
fn wherever_a_process_is_killed_a_payment_is_made_once_on_postgres() {
    let Some(database) = Database::postgres() else { return };
    ended_everywhere(&database, End::Killed, &[Effect::Irreversible]);
}

#[test]
#[ignore = "minutes: `cargo xtask deep`"]
fn wherever_a_life_ends_a_payment_is_made_once() {
    for database in [Some(Database::File), Database::postgres()].into_iter().flatten() {
        for end in [End::Killed, End::Dropped] {
            let all = [Effect::Read, Effect::Idempotent, Effect::Keyed, Effect::Irreversible];
            ended_everywhere(&database, end, &all);
        }
    }
}

/// Whether a process is stopped, or has ended.
fn is_stopped(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 'Z') | None)
}

/// Stops a process at each point, and has another one take its thread over before it goes on.
fn stopped_everywhere(database: &Database) {
    let mut replaced = 0;
    for point in 0.. {
        let case = Case::new(database, Effect::Irreversible, &format!("stopped-{point}"));
        let mut stopped = command(&case, point).env(STOPS, "1").spawn().unwrap();
        while !is_stopped(stopped.id()) {
            std::thread::yield_now();
        }
        let ended = stopped.try_wait().unwrap().is_some();
        let other = next_process(&case);
        // Stopped within a transaction of SQLite, it keeps its file, and is not replaced.
        let locked = database.is_file() && other.contains("failed: the store could not");
        assert!(locked || other.contains(DONE), "point {point}: {other}");
        replaced += u32::from(!locked);
        let go_on = Command::new("kill").args(["-CONT", &stopped.id().to_string()]).status();
        assert!(ended || go_on.unwrap().success());
        let said = stopped.wait_with_output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        assert_eq!(case.payments(), 1, "point {point}: {said}");
        assert!(!locked || said.contains(DONE), "point {point}: {said}");
        case.over();
        if ended {
            assert!(replaced > 15, "{replaced} of {point} were replaced");
            return;
        }
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn a_process_that_was_stopped_for_longer_than_its_lease_starts_no_further_effect() {
    stopped_everywhere(&Database::File);
}

#[test]
#[ignore = "minutes, and reads /proc: `cargo xtask deep`"]
fn a_process_that_was_stopped_starts_no_further_effect_on_postgres() {
    let Some(database) = Database::postgres() else { return };
    stopped_everywhere(&database);
}
