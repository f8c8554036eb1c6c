//! # The trial of growth
//!
//! One, two, five and ten processes make turns, as fast as they can and a hundred a second each: what a turn costs, and
//! what the backend is asked.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, hint, thread};

use techrevati_runtime::fleet::FleetConfig;
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{CircuitBreakerConfig, Demand, RateLimiter, RateLimits};

use crate::backend::Backend;
use crate::{CALLERS, judge};

/// Until everybody has a part of all.
const BEGIN: Duration = Duration::from_secs(6);
const TIME: Duration = Duration::from_secs(6);
/// Turns that are timed together.
const BATCH: u32 = 500;
const COST: Usd = Usd::from_nanos(1_000);
const HEARTBEATS: f64 = 2.0;

struct Grown {
    turns: u64,
    nanos: f64,
    calls: u64,
}

pub(crate) fn trial(kind: &str) -> Result<(), BoxError> {
    println!("{kind}, growing\n");
    println!(
        "| processes | turns a second | ns of a turn | calls of the backend a second | of each process |"
    );
    println!("|---|---|---|---|---|");
    let mut wrong = Vec::new();
    for pace in ["slow", "fast"] {
        for processes in [1, 2, 5, CALLERS] {
            // Of its own, so that nobody waits for the time of those before.
            let backend = Backend::start(kind, true)?;
            let grown = grow(&backend, processes, pace)?;
            let seconds = TIME.as_secs_f64();
            let number = f64::from(u32::try_from(processes)?);
            #[expect(clippy::cast_precision_loss, reason = "a number for people")]
            let (turns, calls) = (grown.turns as f64 / seconds, grown.calls as f64 / seconds);
            let each = calls / number;
            println!("| {processes} | {turns:.0} | {:.0} | {calls:.1} | {each:.2} |", grown.nanos);
            // A heartbeat may fall into either of two seconds; and a grown pace asks once for larger chunks.
            wrong.push((
                (each - HEARTBEATS).abs() > 0.5,
                "a process makes other than two calls a second",
            ));
            wrong.push((turns < 50.0 * number, "there were hardly any turns"));
        }
    }
    println!();
    judge(wrong)
}

fn grow(backend: &Backend, processes: usize, pace: &str) -> Result<Grown, BoxError> {
    let url = backend.url(backend.port());
    let start = |_| {
        let mut command = Command::new(env::current_exe()?);
        command.args(["turns", &url, pace]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command.spawn()?)
    };
    let started: Vec<_> = (0..processes).map(start).collect::<Result<_, BoxError>>()?;
    let mut all = Grown { turns: 0, nanos: f64::MAX, calls: 0 };
    for child in started {
        let said = String::from_utf8(child.wait_with_output()?.stdout)?;
        let mut words = said.split_whitespace();
        let mut word = || words.next().ok_or("a process has told nothing");
        all.turns += word()?.parse::<u64>()?;
        all.calls += word()?.parse::<u64>()?;
        all.nanos = all.nanos.min(word()?.parse()?);
    }
    Ok(all)
}

/// A process that makes turns. It tells how many, how often the backend was asked, and the nanoseconds of a turn.
pub(crate) fn turns(url: &str, pace: &str) -> Result<(), BoxError> {
    let fleet = crate::block_on(crate::join(url, FleetConfig::default()))?;
    let limit = Limit::enforced(Usd::from_dollars(1_000_000)).per_turn(COST);
    let account = crate::block_on(fleet.account("trial", limit))?;
    let breaker = fleet.breaker("api", CircuitBreakerConfig::default())?;
    let limits = RateLimits::default().requests_per_minute(std::num::NonZeroU32::MAX);
    let limiter = fleet.limiter("model", limits)?;
    let mut turn = || turn(&account, &breaker, &limiter);
    let paced = pace == "slow";
    run(BEGIN, paced, &mut turn);
    let before = fleet.status().calls;
    let (turns, nanos) = run(TIME, paced, &mut turn);
    println!("{turns} {} {nanos}", fleet.status().calls - before);
    // The others still measure.
    thread::sleep(Duration::from_secs(1));
    Ok(())
}

/// Makes turns for this time. Returns how many, and the nanoseconds of one in the fastest batch.
fn run(time: Duration, paced: bool, turn: &mut impl FnMut() -> bool) -> (u64, f64) {
    let (start, mut turns, mut best) = (Instant::now(), 0, f64::MAX);
    let batch = if paced { 1 } else { BATCH };
    while start.elapsed() < time {
        if paced {
            thread::sleep(Duration::from_millis(10));
        }
        let begun = Instant::now();
        let made = (0..batch).filter(|_| hint::black_box(turn())).count();
        if made == batch as usize {
            best = best.min(begun.elapsed().as_secs_f64() * 1e9 / f64::from(batch));
        }
        turns += made as u64;
    }
    (turns, best)
}

/// What a turn asks of the fleet: its money, its place, its permit. Returns whether it was admitted.
fn turn(account: &Account, breaker: &CircuitBreaker, limiter: &RateLimiter) -> bool {
    let Ok(reserved) = account.reserve(COST) else { return false };
    let Ok(place) = limiter.try_borrow(Demand::request()) else { return false };
    let Ok(permit) = breaker.try_acquire() else { return false };
    permit.success();
    place.adjust(Demand::request());
    reserved.settle(COST);
    true
}
