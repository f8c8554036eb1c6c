//! The backend of a fleet, beside one UPDATE of one row.

use runtime_fleet::conformance::Busy;
use runtime_postgres::{PgConfig, PgFleet};
use runtime_usage::Usd;

use crate::{Raw, block_on, timed};

/// All in turns, so that each meets the same disk and the same neighbours; prints medians and ratios.
#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
pub(crate) fn compare(raw: &Raw, config: &PgConfig) {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 3 } else { 1_000 };
    let plain = block_on(PgFleet::connect(config.clone())).unwrap();
    let prepared = block_on(PgFleet::connect(config.clone().prepared(true))).unwrap();
    let (mut plain, mut prepared) = (block_on(Busy::new(plain)), block_on(Busy::new(prepared)));
    let names = [
        "select 1",
        "raw update, relaxed",
        "raw update",
        "heartbeat, nothing new",
        "heartbeat, nothing new, prepared",
        "heartbeat, spent",
        "heartbeat, spent, prepared",
        "take",
    ];
    let mut times = [const { Vec::new() }; 8];
    // One member is one process: the prepared one goes on where the plain one is.
    for _ in 0..rounds {
        times[0].push(timed(|| raw.select()));
        times[1].push(timed(|| raw.update(true)));
        times[2].push(timed(|| raw.update(false)));
        times[3].push(timed(|| block_on(plain.sync(Usd::ZERO))));
        times[5].push(timed(|| block_on(plain.sync(Usd::from_cents(1)))));
        times[7].push(timed(|| block_on(plain.take())));
        prepared.follow(&plain);
        times[4].push(timed(|| block_on(prepared.sync(Usd::ZERO))));
        times[6].push(timed(|| block_on(prepared.sync(Usd::from_cents(1)))));
        plain.follow(&prepared);
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    for (name, median) in names.into_iter().zip(medians) {
        let (relaxed, synced) = (median / medians[1], median / medians[2]);
        println!(
            "fleet/{name}: {median:.0} µs, {relaxed:.2} x raw update, relaxed, {synced:.2} x raw update"
        );
    }
}
