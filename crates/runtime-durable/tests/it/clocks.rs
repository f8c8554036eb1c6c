//! Processes whose clocks are an hour off, or jump, beside a server whose clock is right: leases, expiries and
//! waits are as they would be. `cargo xtask world clocks` runs it, since it needs `libfaketime`.
//!
//! A process is this test binary, told by its environment to run `the_process`.

use std::process::Command;
use std::time::Duration;
use std::{env, fs, process};

use chrono::{DateTime, TimeDelta, Utc};
use runtime_durable::{Done, Durable, DurableSession, DurableTool, Run, RunError};
use runtime_orchestrator::{BoxError, Orchestrator, ToolCall};
use runtime_resilience::chain_text;
use runtime_store::{Claim, Store, ThreadId};
use serde_json::json;

use crate::case::{Database, wait};

const DATABASE: &str = "RUNTIME_DURABLE_DATABASE";
const THREAD: &str = "RUNTIME_DURABLE_THREAD";
/// The library that fakes clocks, and the file in which it finds how far off they are.
const LIBRARY: &str = "RUNTIME_DURABLE_FAKETIME";
const OFFSET: &str = "FAKETIME_TIMESTAMP_FILE";

/// The process with another clock; not a test of its own.
#[test]
fn the_process() {
    let (Ok(database), Ok(thread)) = (env::var(DATABASE), env::var(THREAD)) else { return };
    let database: Database = serde_json::from_str(&database).unwrap();
    let durable =
        Durable::shared(Orchestrator::new("clerk", "orders"), database.open(&env::temp_dir()));
    let run = wait(durable.run(thread, order));
    let said = match run {
        Ok(Run::Done(Done { value, totals, .. })) => {
            format!("done: {value}, after {} s", totals.elapsed_us / 1_000_000)
        }
        Ok(Run::Parked(parked)) => format!("parked: {}", parked.waits_for),
        Err(RunError::Held(held)) => format!("held: {held}"),
        Err(error) => format!("failed: {}", chain_text(&error)),
    };
    println!("clock: {}", own_now());
    println!("said: {said}");
}

/// The clock of this process.
#[expect(clippy::disallowed_methods, reason = "the clock that is faked is looked at")]
fn own_now() -> DateTime<Utc> {
    Utc::now()
}

/// Lets the clock of this process jump, if it can.
fn jump(offset: &str) {
    if env::var("RUNTIME_DURABLE_JUMPS").is_ok() {
        fs::write(env::var(OFFSET).unwrap(), offset).unwrap();
    }
}

async fn order(session: &DurableSession) -> Result<String, BoxError> {
    let thread = session.thread().as_str();
    if thread.starts_with("past") {
        // Long over by a clock that is an hour late, too, if it is by the store's.
        session.sleep_until(session.now().await? - TimeDelta::seconds(1)).await?;
        return Ok("slept".to_owned());
    }
    jump("+1h");
    let pay = ToolCall::new("pay").call_id("1").args(json!({ "amount": 12 }));
    let time = if thread.starts_with("late") { 0 } else { 1800 };
    let yes = session.approval(&pay, "payments", Duration::from_secs(time)).await?;
    jump("-1h");
    let pay = DurableTool::from(pay).approved(yes);
    let paid = session.run_tool(pay, async |_| Ok::<_, BoxError>("paid".to_owned())).await?;
    jump("+1h");
    if thread.starts_with("sleeps") {
        session.sleep(Duration::from_secs(3600)).await?;
    }
    Ok(paid)
}

/// What a process with another clock says of a life of this thread.
fn process(database: &Database, clock: &str, thread: &str) -> String {
    let offset = env::temp_dir().join(format!("runtime-durable-clock-{}", process::id()));
    fs::write(&offset, clock.trim_start_matches("jumps ")).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "clocks::the_process", "--nocapture", "--test-threads=1"])
        .envs([(DATABASE, serde_json::to_string(database).unwrap())])
        .env(THREAD, thread)
        .env("LD_PRELOAD", env::var(LIBRARY).expect("`cargo xtask world clocks` names it"))
        .env(OFFSET, &offset)
        // A wall clock jumps. Time that has passed does not.
        .envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]);
    if clock.starts_with("jumps") {
        command.env("RUNTIME_DURABLE_JUMPS", "1");
    }
    let said = command.output().unwrap().stdout;
    fs::remove_file(offset).unwrap();
    let said = String::from_utf8(said).unwrap();
    let line = |name: &str| said.lines().find_map(|line| line.split_once(name)).map(|it| it.1);
    let faked: DateTime<Utc> = line("clock: ").expect(&said).parse().unwrap();
    assert!((faked - own_now()).abs() > TimeDelta::minutes(55), "{clock}: {faked} is no fake");
    line("said: ").unwrap().to_owned()
}

/// A thread that somebody has taken for this time.
fn held(store: &dyn Store, thread: &str, ttl: Duration) -> ThreadId {
    let thread = ThreadId::new(thread).unwrap();
    let claim = Claim { holder: "host-1".into(), code: "1".into(), role: None, ttl };
    wait(store.acquire(&thread, &claim)).unwrap();
    thread
}

#[test]
#[ignore = "needs libfaketime: `cargo xtask world clocks`"]
fn leases_expiries_and_waits_are_those_of_the_store() {
    let Some(database) = Database::postgres() else { return };
    let store = database.open(&env::temp_dir());
    let minutes = |times: [DateTime<Utc>; 2]| (times[1] - times[0]).as_seconds_f64() / 60.0;
    for clock in ["+1h", "-1h", "jumps +1h", "jumps -1h"] {
        let process = |thread: &str| process(&database, clock, thread);
        let named = |name: &str| format!("{name} {clock}");

        // A lease of a minute is not over, and one of no time is.
        held(&*store, &named("held"), Duration::from_secs(60));
        assert!(process(&named("held")).starts_with("held: "), "{clock}");
        held(&*store, &named("past"), Duration::ZERO);
        assert!(process(&named("past")).starts_with("done: slept"), "{clock}");

        // An approval is asked for, and may be given and used within its half an hour.
        let sleeps = named("sleeps");
        assert_eq!(process(&sleeps), "parked: somebody to approve tool `pay`", "{clock}");
        let sleeps = ThreadId::new(sleeps).unwrap();
        let asked = wait(store.pending(Some(&sleeps), 9)).unwrap().remove(0);
        let late = (asked.asked - own_now()).abs();
        assert!(late < TimeDelta::minutes(5), "{clock}: asked at {}", asked.asked);
        assert!((minutes([asked.asked, asked.expires]) - 30.0).abs() < 0.1, "{clock}");
        wait(store.decide(&asked.approve("ann"))).unwrap();
        assert!(process(sleeps.as_str()).starts_with("parked: the time "), "{clock}");
        let thread = wait(store.thread(&sleeps)).unwrap().unwrap();
        let waits = minutes([own_now(), thread.wake_at.unwrap()]);
        assert!((55.0..65.0).contains(&waits), "{clock}: an hour is {waits} minutes");

        // What nobody has approved in time is not done.
        let late = named("late");
        assert!(process(&late).starts_with("parked: "), "{clock}");
        let denied = process(&late);
        assert!(denied.ends_with(": nobody approved `pay` in time"), "{clock}: {denied}");

        // What jumps is no time that has passed.
        let paid = named("paid");
        process(&paid);
        let id = ThreadId::new(&*paid).unwrap();
        let asked = wait(store.pending(Some(&id), 9)).unwrap().remove(0);
        wait(store.decide(&asked.approve("ann"))).unwrap();
        let done = process(&paid);
        let seconds = done.strip_prefix("done: paid, after ").expect(&done);
        assert!(seconds.trim_end_matches(" s").parse::<u64>().unwrap() < 300, "{clock}: {done}");
    }
}
