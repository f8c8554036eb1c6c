//! The costs of the machine itself, without a promise.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::measure::{Work, now};
use crate::suite::Suite;

pub(super) fn add(suite: &mut Suite) {
    suite.case("empty loop", Work::alone(|| black_box(1)));
    suite.case("AtomicU64::fetch_add", Work::alone(counter()));
    suite.case("AtomicU64::fetch_add, two threads", Work::shared(counter()));
    suite.case("Instant::now", Work::alone(now));
}

fn counter() -> impl Fn() -> u64 + Send + Sync {
    let counter = AtomicU64::new(0);
    // Relaxed: no thread reads it.
    move || counter.fetch_add(1, Ordering::Relaxed)
}
