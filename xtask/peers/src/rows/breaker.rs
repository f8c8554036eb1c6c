//! A successful call through a closed breaker: admission, call, outcome.

use std::future;
use std::hint::black_box;
use std::num::NonZeroU16;
use std::time::Duration;

use failsafe::CircuitBreaker as _;
use failsafe::failure_policy::consecutive_failures;
use recloser::{AsyncRecloser, Recloser};
use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig, CircuitWindow};

use super::at_once;
use crate::measure::Work;
use crate::suite::Suite;

pub(super) fn add(suite: &mut Suite) {
    let ours = suite.ours("breaker call", Work::alone(ours()));
    let recloser = suite.case("recloser 1.4 call", Work::alone(recloser()));
    let failsafe = suite.case("failsafe 1.3 call, consecutive", Work::alone(failsafe()));
    suite.ratio("breaker, one thread", ours, recloser, 0.5);
    suite.ratio("breaker, one thread", ours, failsafe, 1.0);

    let ours = suite.ours("breaker call, two threads", Work::shared(self::ours()));
    let recloser = suite.case("recloser 1.4 call, two threads", Work::shared(self::recloser()));
    let failsafe =
        suite.case("failsafe 1.3 call, consecutive, two threads", Work::shared(self::failsafe()));
    suite.ratio("breaker, two threads", ours, recloser, 0.1);
    suite.ratio("breaker, two threads", ours, failsafe, 1.0);

    let ours = suite.ours("breaker call, window of 100 calls", Work::alone(windowed()));
    let recloser = suite.case("recloser 1.4 call, its window", Work::alone(self::recloser()));
    suite.ratio("breaker, window of calls", ours, recloser, 0.7);

    let ours = suite.ours("breaker call_async, ready future", Work::alone(ours_async()));
    let recloser = suite.case("recloser 1.4 AsyncRecloser call", Work::alone(recloser_async()));
    suite.ratio("breaker, async", ours, recloser, 0.5);
}

fn answer() -> Result<u32, ()> {
    black_box(Ok(1))
}

fn ours() -> impl Fn() -> bool + Send + Sync {
    let breaker = CircuitBreaker::new("peers");
    move || breaker.call(answer).is_ok()
}

/// Recloser always has a window of 100 calls.
fn windowed() -> impl Fn() -> bool + Send + Sync {
    const CALLS: NonZeroU16 = NonZeroU16::new(100).unwrap();
    let config = CircuitBreakerConfig::default().window(CircuitWindow::of_calls(CALLS));
    let breaker = CircuitBreaker::with_config("peers", config);
    move || breaker.call(answer).is_ok()
}

fn recloser() -> impl Fn() -> bool + Send + Sync {
    let breaker = Recloser::default();
    move || breaker.call(answer).is_ok()
}

/// Like ours, it opens after five consecutive failures.
fn failsafe() -> impl Fn() -> bool + Send + Sync {
    let wait = failsafe::backoff::constant(Duration::from_secs(30));
    let breaker = failsafe::Config::new().failure_policy(consecutive_failures(5, wait)).build();
    move || breaker.call(answer).is_ok()
}

fn ours_async() -> impl FnMut() -> bool {
    let breaker = CircuitBreaker::new("peers");
    move || at_once(breaker.call_async(|| future::ready(answer()))).is_ok()
}

fn recloser_async() -> impl FnMut() -> bool {
    let breaker = AsyncRecloser::from(Recloser::default());
    move || at_once(breaker.call(future::ready(answer()))).is_ok()
}
