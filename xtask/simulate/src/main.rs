//! The library itself in a simulation: `simulate [--seeds N] [--from SEED] [--case CASE] [--kind KIND] [--first]`.
//!
//! `cargo xtask simulate` builds and runs it. Each seed is a plan of one kind, drawn from it, and run once.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its output")]

mod accounts;
mod agents;
mod backend;
mod bank;
mod bills;
mod breakers;
mod calls;
mod draw;
mod durable;
mod fleet;
mod laws;
mod limits;
mod loops;
mod parts;
mod routes;
mod stores;
mod watch;

use std::env;
use std::future::Future;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use runtime_testkit::simulation::{Broken, Case, Ran, Simulation, shrink};

type Scenario = fn(Simulation) -> Result<Ran, Box<Broken>>;

/// Every kind of plan, by its name.
const KINDS: &[(&str, Scenario)] = &[
    ("calls", calls::run),
    ("accounts", accounts::run),
    ("breakers", breakers::run),
    ("limits", limits::run),
    ("durable", durable::run),
    ("fleet", fleet::run),
    ("stores", stores::run),
    ("bills", bills::run),
    ("agents", agents::run),
    ("loops", loops::run),
];

/// The kind that a seed is of.
fn scenario(seed: u64, kind: Option<&str>) -> Scenario {
    let of_seed = || KINDS[usize::try_from(seed).unwrap_or(0) % KINDS.len()].1;
    let named = kind.and_then(|kind| KINDS.iter().find(|(name, _)| *name == kind));
    named.map_or_else(of_seed, |(_, run)| *run)
}

#[derive(Debug)]
struct Arguments {
    from: u64,
    seeds: u64,
    kind: Option<String>,
    case: Option<Case>,
    /// Whether the first failing seed is told as it is, and is no error.
    first: bool,
}

fn main() -> ExitCode {
    match arguments() {
        Ok(arguments) => run(&arguments),
        Err(why) => {
            eprintln!("simulate: {why}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut read = Arguments { from: 0, seeds: 1_000, kind: None, case: None, first: false };
    let mut rest = env::args().skip(1);
    while let Some(flag) = rest.next() {
        if flag == "--first" {
            read.first = true;
            continue;
        }
        let value = rest.next().ok_or_else(|| format!("`{flag}` needs a value"))?;
        let number = || value.parse().map_err(|_| format!("`{value}` is no number"));
        match &*flag {
            "--seeds" => read.seeds = number()?,
            "--from" => read.from = number()?,
            "--case" => {
                read.case = Some(value.parse().map_err(|_| {
                    format!("`{value}` is no case: a seed, and perhaps what is left out, as in `17-agent_4`")
                })?);
            }
            "--kind" if KINDS.iter().any(|(name, _)| *name == value) => read.kind = Some(value),
            "--kind" => {
                let kinds: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
                return Err(format!("unknown kind `{value}`; known: {}", kinds.join(", ")));
            }
            _ => return Err(format!("unexpected argument `{flag}`")),
        }
    }
    Ok(read)
}

fn run(arguments: &Arguments) -> ExitCode {
    let kind = arguments.kind.as_deref();
    if let Some(case) = &arguments.case {
        let ended = scenario(case.seed, kind)(Simulation::of(case.clone()));
        if let Err(broken) = &ended {
            broken.events.iter().for_each(|event| println!("{}", event.to_json()));
        }
        return tell(ended.map(|ran| {
            println!("case {case} holds: {} steps, {:?}", ran.steps, ran.took);
        }));
    }
    let until = arguments.from.saturating_add(arguments.seeds);
    let next = AtomicU64::new(arguments.from);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let found = thread::scope(|scope| {
        let hands = (0..threads).map(|_| scope.spawn(|| search(&next, until, kind)));
        let hands: Vec<_> = hands.collect();
        let ended: Vec<_> = hands.into_iter().filter_map(|hand| hand.join().ok()).collect();
        ended
    });
    let mut steps = 0;
    let mut first: Option<Box<Broken>> = None;
    for (ran, broken) in found {
        steps += ran;
        first = match (first, broken) {
            (Some(one), Some(other)) if other.case.seed < one.case.seed => Some(other),
            (one, other) => one.or(other),
        };
    }
    let Some(broken) = first else {
        println!("{} seeds from {} hold: {steps} steps", arguments.seeds, arguments.from);
        return ExitCode::SUCCESS;
    };
    println!("seed {} fails: {}", broken.case.seed, broken.why);
    if arguments.first {
        return ExitCode::SUCCESS;
    }
    // What the smaller ones panic with is of no interest.
    std::panic::set_hook(Box::new(|_| ()));
    tell(Err::<(), _>(shrink(broken.clone(), scenario(broken.case.seed, kind))))
}

fn tell(ended: Result<(), Box<Broken>>) -> ExitCode {
    let Err(broken) = ended else { return ExitCode::SUCCESS };
    print!("{broken}");
    println!("again: cargo xtask simulate --case {}", broken.case);
    ExitCode::FAILURE
}

/// Runs seed after seed until one fails, here or on the other threads. Returns the steps.
fn search(next: &AtomicU64, until: u64, kind: Option<&str>) -> (u64, Option<Box<Broken>>) {
    let mut steps = 0;
    loop {
        // Relaxed: each number is taken once, and guards nothing.
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= until {
            return (steps, None);
        }
        match scenario(seed, kind)(Simulation::new(seed)) {
            Ok(ran) => steps += ran.steps,
            Err(broken) => {
                // Relaxed: the others come to an end soon.
                next.store(until, Ordering::Relaxed);
                return (steps, Some(broken));
            }
        }
    }
}

/// The value of a future of a store or a backend in memory, which never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
