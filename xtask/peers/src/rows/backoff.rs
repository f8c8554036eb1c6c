//! The randomized delay before another attempt.

use std::hint::black_box;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use runtime_resilience::{Backoff, JitterMode};

use crate::measure::Work;
use crate::suite::Suite;

pub(super) fn add(suite: &mut Suite) {
    let usual = suite.ours("Backoff::delay_with", Work::alone(ours(JitterMode::Decorrelated)));
    let full = suite.ours("Backoff::delay_with, full jitter", Work::alone(ours(JitterMode::Full)));
    let backon = suite.case("backon 1.6 next, exponential, jitter", Work::alone(backon()));
    suite.ratio("back-off", usual, backon, 0.8);
    suite.ratio("back-off, full jitter", full, backon, 0.8);
}

/// The first eight attempts, repeated.
fn ours(jitter: JitterMode) -> impl FnMut() -> Duration {
    let backoff = Backoff::default().jitter(jitter);
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut attempt, previous) = (0_u32, Some(Duration::from_secs(4)));
    move || {
        attempt = (attempt + 1) % 8;
        backoff.delay_with(black_box(attempt), black_box(previous), &mut rng)
    }
}

/// Most delays are at the cap, where backon is fastest.
fn backon() -> impl FnMut() -> Option<Duration> {
    let mut delays = ExponentialBuilder::new().with_jitter().without_max_times().build();
    move || delays.next()
}
