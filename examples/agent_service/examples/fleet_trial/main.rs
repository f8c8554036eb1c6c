//! Real processes under real faults: `cargo xtask world fleet` runs it over Postgres and Redis, with and without
//! pushes; and `cargo xtask world partitions`, as root, between hosts whose wires are cut.
//!
//! - **Money.** Three processes with 32 tasks each spend $1 of a strict account at a provider that keeps its own
//!   books. One is killed with its calls under way, the backend is killed and comes back, one process hears no
//!   answers any more, another one reaches nothing, and one has a clock that is an hour off and jumps by two, if
//!   there is `libfaketime` (its path in `FAKETIME_LIBRARY`).
//! - **A stop.** One of three processes, which hold more than they use, is stopped for longer than it keeps that.
//! - **Breakers.** Ten processes call a provider that is down, for 20 cool-downs; and each hears of 20 openings.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]
#![expect(clippy::disallowed_methods, reason = "real processes, in real time")]

mod backend;
mod failover;
mod growth;
mod network;
mod partitions;
mod peer;
mod provider;

use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU32;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use techrevati_runtime::events::{Clock as _, SystemClock};
use techrevati_runtime::fleet::{Fleet, FleetConfig};
use techrevati_runtime::postgres::PgFleet;
use techrevati_runtime::prelude::*;
use techrevati_runtime::redis::RedisFleet;
use techrevati_runtime::resilience::CircuitBreakerConfig;
use test_way::Way;

use crate::backend::Backend;
use crate::provider::{Books, Provider, ask};

const CAP: Usd = Usd::from_dollars(1);
/// The account whose calls take exact sums, and the one of which a process holds more than it uses.
const STRICT: &str = "trial";
const CHUNKS: &str = "chunks";
const TASKS: usize = 32;
const SPENDERS: usize = 3;
const CALLERS: usize = 10;
const COOL_DOWNS: u32 = 20;
const WAIT: Duration = Duration::from_millis(500);
/// How long the provider takes.
const THOUGHT: Duration = Duration::from_millis(150);

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words {
        ["spend", url, provider] => spend(url, provider, STRICT),
        ["hold", url, provider] => spend(url, provider, CHUNKS),
        ["call", url, provider, number] => call(url, provider, number.parse()?),
        ["replica", url, kind, per_minute, thought, seconds] => {
            let numbers = [per_minute.parse()?, thought.parse()?, seconds.parse()?];
            peer::replica(url, kind, numbers)
        }
        ["failover", kind @ ("postgres" | "redis")] => failover::trial(kind),
        ["growth", kind @ ("postgres" | "redis")] => growth::trial(kind),
        ["turns", url, pace] => growth::turns(url, pace),
        ["partitions", kind @ ("postgres" | "redis")] => partitions::start(kind),
        ["partitions-in", network, kind] => partitions::trial(network, kind),
        ["member", url, provider, down] => partitions::member(url, provider, down),
        [kind @ ("postgres" | "redis"), push @ ("push" | "no-push")] => trial(kind, push == "push"),
        _ => {
            Err("it takes `postgres` or `redis`, and `push` or `no-push`; or `failover`, `growth` or `partitions` in front"
                .into())
        }
    }
}

fn trial(kind: &str, push: bool) -> Result<(), BoxError> {
    println!("{kind}, {}", if push { "with pushes" } else { "without pushes" });
    let backend = Backend::start(kind, push)?;
    money(&backend)?;
    stopped(&backend)?;
    breakers(&backend, push)
}

/// # The trial of money
fn money(backend: &Backend) -> Result<(), BoxError> {
    let provider = Provider::start(THOUGHT)?;
    let ways: Vec<Way> = (0..SPENDERS).map(|_| Way::to(backend.port())).collect();
    let mut spenders: Vec<Child> = Vec::new();
    let clock = env::temp_dir().join(format!("fleet-trial-{}", std::process::id()));
    fs::write(&clock, "-1h")?;
    for (number, way) in ways.iter().enumerate() {
        let mut command = backend.member("spend", way, &provider)?;
        if let (0, Ok(library)) = (number, env::var("FAKETIME_LIBRARY")) {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME_TIMESTAMP_FILE", &clock)
                .envs([("FAKETIME_NO_CACHE", "1"), ("DONT_FAKE_MONOTONIC", "1")]);
        }
        spenders.push(command.spawn()?);
    }
    let spent = |part: u64| move |books: &Books| books.billed.nanos() >= CAP.nanos() / 10 * part;
    provider.wait(spent(1));
    spenders[2].kill()?;
    fs::write(&clock, "+1h")?;
    provider.wait(spent(3));
    backend.kill();
    thread::sleep(Duration::from_secs(2));
    backend.begin();
    provider.wait(spent(4));
    fs::write(&clock, "-1h")?;
    ways[0].lose_answers();
    thread::sleep(Duration::from_secs(3));
    ways[0].answer();
    provider.wait(spent(5));
    ways[1].close();
    thread::sleep(Duration::from_secs(3));
    ways[1].open();
    for mut spender in spenders {
        spender.wait()?;
    }
    fs::remove_file(&clock)?;
    let ours = backend.settled(STRICT)?;
    let Books { calls, billed, .. } = *provider.books();
    println!(
        "  money     {calls} calls for {billed}; ours {} of which {} estimated; limit {CAP}",
        ours.spent, ours.estimated
    );
    let wrong = [
        (billed > CAP, "more was spent than the limit"),
        (ours.spent > CAP, "more was booked than the limit"),
        (ours.spent < billed, "the provider has calls that nobody booked"),
        (!ours.granted.is_zero(), "a grant is left"),
    ];
    judge(wrong)
}

/// # The trial of a process that is stopped for longer than it keeps what it holds, and then goes on
fn stopped(backend: &Backend) -> Result<(), BoxError> {
    let provider = Provider::start(THOUGHT)?;
    let way = Way::to(backend.port());
    let mut spenders = Vec::new();
    for _ in 0..SPENDERS {
        spenders.push(backend.member("hold", &way, &provider)?.spawn()?);
    }
    provider.wait(|books| books.billed.nanos() >= CAP.nanos() / 10);
    let stopped = spenders[0].id().to_string();
    let signal = |name: &str| Command::new("kill").args([name, &*stopped]).status();
    signal("-STOP")?;
    thread::sleep(Duration::from_secs(7));
    let lost = backend.account(CHUNKS)?.estimated;
    signal("-CONT")?;
    for mut spender in spenders {
        spender.wait()?;
    }
    let ours = backend.settled(CHUNKS)?;
    let Books { calls, billed, .. } = *provider.books();
    println!(
        "  stopped   {calls} calls for {billed}; ours {}, and {lost} estimated meanwhile; limit {CAP}",
        ours.spent
    );
    judge([
        (lost.is_zero(), "what the stopped process held did not count"),
        (billed > CAP, "more was spent than the limit"),
        (ours.spent != billed, "our books are not the provider's"),
        (!ours.granted.is_zero(), "a grant is left"),
    ])
}

fn judge(wrong: impl IntoIterator<Item = (bool, &'static str)>) -> Result<(), BoxError> {
    let wrong: Vec<_> =
        wrong.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| what).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ").into()) }
}

/// A process that spends until nothing is left.
#[tokio::main]
async fn spend(url: &str, provider: &str, account: &str) -> Result<(), BoxError> {
    let fleet = join(url, FleetConfig::default()).await?;
    spend_all(&fleet, provider, account).await?;
    // It may have been cut off. Then its time ends what it holds.
    let _ = fleet.shutdown().await;
    Ok(())
}

async fn spend_all(fleet: &Fleet, provider: &str, account: &str) -> Result<(), BoxError> {
    let limit = if account == STRICT { Limit::strict(CAP) } else { Limit::enforced(CAP) };
    let account = fleet.account(account, limit).await?;
    let provider: Arc<str> = provider.into();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(spender(account.clone(), Arc::clone(&provider), task as u64)))
        .collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn spender(account: Account, provider: Arc<str>, task: u64) {
    let mut refused = 0;
    for turn in 0_u64.. {
        let cost = Usd::from_nanos(200_000 + (task * 7_919 + turn * 104_729) % 200_000);
        let reservation = match account.reserve(cost) {
            Ok(reservation) => reservation,
            Err(_) if account.fund(cost).await => continue,
            Err(error) if error.away => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            Err(_) if refused < 20 => {
                refused += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            Err(_) => return,
        };
        refused = 0;
        let provider = Arc::clone(&provider);
        let answered = tokio::task::spawn_blocking(move || ask(&provider, cost)).await;
        if let Ok(Ok(true)) = answered {
            reservation.settle(cost);
        }
        // Else it is dropped, and counts as an estimate: the call may have been made.
    }
}

/// # The trial of breakers
fn breakers(backend: &Backend, push: bool) -> Result<(), BoxError> {
    let provider = Provider::start(Duration::ZERO)?;
    provider.books().down = true;
    let way = Way::to(backend.port());
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let mut command = backend.member("call", &way, &provider)?;
        let mut child = command.arg(number.to_string()).stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take().ok_or("its output is not piped")?;
        callers.push((child, thread::spawn(move || transitions(said))));
    }
    // All have found out, or heard; from then on, one call in a cool-down.
    provider.wait(|books| books.calls > 0);
    thread::sleep(WAIT * 4);
    let (before, start) = (provider.books().calls, Instant::now());
    thread::sleep(WAIT * COOL_DOWNS);
    let (probes, over) = (provider.books().calls - before, start.elapsed());
    let allowed = over.as_nanos().div_ceil(WAIT.as_nanos()) + 1;
    println!("  probes    {probes} in {COOL_DOWNS} cool-downs of {CALLERS} processes");

    let mut openings: Vec<Vec<(String, i64)>> = Vec::new();
    for (mut child, said) in callers {
        // The end of its input ends it, once it has told of all that it opened.
        child.wait()?;
        openings.push(said.join().map_err(|_| "a reader has panicked")?);
    }
    let late = lateness(&openings);
    let (Some(worst), count) = (late.iter().max().copied(), late.len()) else {
        return Err("nobody heard of an opening".into());
    };
    let median = late[count / 2];
    println!(
        "  openings  heard {count} times, after {median} ms at the median, {worst} ms at most"
    );
    judge([
        (u128::from(probes) > allowed, "more than one probe in a cool-down"),
        (
            worst >= if push { 50 } else { 1_000 } && env::var_os("TRIAL_TIMES").is_some(),
            "an opening was heard too late",
        ),
    ])
}

/// What a process tells: what was opened, and when it knew, in milliseconds.
fn transitions(said: ChildStdout) -> Vec<(String, i64)> {
    let lines = BufReader::new(said).lines().map_while(Result::ok);
    lines
        .filter_map(|line| {
            let (name, at) = line.split_once(' ')?;
            Some((name.to_owned(), at.parse().ok()?))
        })
        .collect()
}

/// How much later than the one who opened a breaker the others knew, in order.
fn lateness(openings: &[Vec<(String, i64)>]) -> Vec<i64> {
    let mut late = Vec::new();
    for (name, at) in &openings[0] {
        for heard in &openings[1..] {
            let found = heard.iter().find(|(known, _)| known == name);
            late.extend(found.map(|(_, heard)| heard - at));
        }
    }
    late.sort_unstable();
    late
}

/// A process that calls whenever its breaker lets it. The first one then opens breakers of its own.
#[tokio::main]
async fn call(url: &str, provider: &str, number: usize) -> Result<(), BoxError> {
    let fleet = join(url, FleetConfig::default()).await?;
    let config = tripped_at_once();
    let api = fleet.breaker("api", config)?;
    let named = (0..COOL_DOWNS).map(|opening| fleet.breaker(format!("b{opening}"), config));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    let calls = caller(api, provider.to_owned());
    let _ = tokio::time::timeout(WAIT * (COOL_DOWNS + 10), calls).await;
    let heard = tokio::spawn(tell(named.clone()));
    for breaker in named.iter().filter(|_| number == 0) {
        breaker.trip(Some(Duration::from_secs(60)));
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    // Whoever has not heard within this time has not heard.
    let _ = tokio::time::timeout(Duration::from_secs(10), heard).await;
    let _ = fleet.shutdown().await;
    Ok(())
}

fn tripped_at_once() -> CircuitBreakerConfig {
    CircuitBreakerConfig::default().failure_threshold(NonZeroU32::MIN).recovery_timeout(WAIT)
}

/// Calls whenever the breaker lets it.
async fn caller(breaker: CircuitBreaker, provider: String) {
    loop {
        if let Ok(permit) = breaker.try_acquire() {
            let provider = provider.clone();
            match tokio::task::spawn_blocking(move || ask(&provider, Usd::ZERO)).await {
                Ok(Ok(true)) => permit.success(),
                _ => permit.failure(),
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Tells when each breaker has opened.
async fn tell(mut closed: Vec<CircuitBreaker>) {
    while !closed.is_empty() {
        for breaker in closed.extract_if(.., |breaker| breaker.is_open()) {
            println!("{} {}", breaker.name(), SystemClock.utc_now().timestamp_millis());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn join(url: &str, config: FleetConfig) -> Result<Fleet, BoxError> {
    Ok(if url.starts_with("redis") {
        Fleet::with_config(RedisFleet::connect(url).await?, config)?
    } else {
        Fleet::with_config(PgFleet::connect(url).await?, config)?
    })
}

fn block_on<T, E: Into<BoxError>>(
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future).map_err(Into::into)
}
