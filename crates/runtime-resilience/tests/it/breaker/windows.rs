//! Rates over windows of calls and of time, and what is read for them.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use runtime_events::{Clock, SystemClock};
use runtime_resilience::{
    CallOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitState, CircuitWindow, Percent,
    TransitionCause,
};

use super::settings::{SECOND, of_calls, record};
use crate::support::{WAIT, breaker, count, half_open, threshold};

use CircuitState::{Closed, HalfOpen, Open};

/// A call that takes so long.
fn takes(
    breaker: &CircuitBreaker,
    clock: &runtime_events::ManualClock,
    time: Duration,
    result: Result<(), ()>,
) {
    let permit = breaker.try_borrow().expect("it admits");
    clock.advance(time);
    permit.record(CallOutcome::of(&result));
}

#[test]
fn slow_calls_open_it_even_if_they_succeed() {
    let window = of_calls(4).minimum_calls(count(4)).slow_calls(SECOND, Percent::HALF);
    let (breaker, clock, heard) = breaker(CircuitBreakerConfig::default().window(window));
    for time in [Duration::ZERO, SECOND, SECOND.saturating_sub(Duration::from_nanos(1)), SECOND] {
        assert_eq!(breaker.state(), Closed);
        takes(&breaker, &clock, time, Ok(()));
    }
    assert_eq!(breaker.state(), Open);
    let opened = heard.all()[0];
    assert_eq!(opened.cause, TransitionCause::SlowRate);
    assert_eq!((opened.counts.calls, opened.counts.slow, opened.counts.failures), (4, 2, 0));
}

#[test]
fn a_slow_probe_has_failed() {
    let window = of_calls(4).slow_calls(SECOND, Percent::HALF);
    let (breaker, clock, heard) = half_open(CircuitBreakerConfig::default().window(window));
    takes(&breaker, &clock, SECOND, Ok(()));
    assert_eq!(breaker.state(), Open);
    assert_eq!(heard.all().last().unwrap().cause, TransitionCause::ProbeFailed);
    clock.advance(WAIT);
    takes(&breaker, &clock, SECOND / 2, Ok(()));
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn a_slow_probe_that_is_cancelled_is_cancelled() {
    let window = of_calls(4).slow_calls(SECOND, Percent::HALF);
    let (breaker, clock, _) = half_open(CircuitBreakerConfig::default().window(window));
    let probe = breaker.try_acquire().unwrap();
    clock.advance(SECOND * 2);
    probe.cancel();
    assert_eq!((breaker.state(), breaker.snapshot().probes), (HalfOpen, 0));
}

#[test]
fn default_window_opens_at_half_of_ten_calls() {
    let (breaker, _, heard) = breaker(CircuitBreakerConfig::default().window(of_calls(100)));
    for call in 0..10 {
        assert_eq!(breaker.state(), Closed);
        record(&breaker, call % 2 == 0);
    }
    let opened = heard.all()[0];
    assert_eq!(
        (opened.cause, opened.counts.failures, opened.counts.calls),
        (TransitionCause::FailureRate, 5, 10)
    );
}

#[test]
fn success_that_completes_the_minimum_may_open_it() {
    let window = of_calls(2).failure_rate(Percent::HALF);
    let (breaker, _, _) = breaker(CircuitBreakerConfig::default().window(window));
    breaker.record_failure();
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), Open);
}

#[test]
fn failures_in_a_row_still_open_it_beside_a_window() {
    let (breaker, _, heard) = breaker(threshold(3).window(of_calls(100)));
    (0..3).for_each(|_| breaker.record_failure());
    assert_eq!(heard.all()[0].cause, TransitionCause::FailuresInARow);
    assert_eq!(heard.all()[0].counts.failures_in_a_row, 3);
    assert_eq!(heard.all()[0].counts.failures, 3);
}

#[test]
fn a_closed_breaker_reads_no_clock_unless_time_matters() {
    /// Counts its readings.
    #[derive(Debug, Default)]
    struct Counting(AtomicU32);
    impl Clock for Counting {
        fn now(&self) -> Instant {
            // Relaxed: one thread.
            self.0.fetch_add(1, Ordering::Relaxed);
            SystemClock.now()
        }

        fn utc_now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
    }

    let readings = |config: CircuitBreakerConfig| {
        let clock = Arc::new(Counting::default());
        let breaker = CircuitBreaker::with_clock("svc", config, clock.clone());
        let before = clock.0.load(Ordering::Relaxed);
        assert!(breaker.check().is_ok());
        for _ in 0..20 {
            breaker.try_acquire().unwrap().success();
            breaker.try_borrow().unwrap().cancel();
        }
        clock.0.load(Ordering::Relaxed) - before
    };
    let minute = CircuitWindow::of_time(Duration::from_mins(1)).unwrap();
    assert_eq!(readings(CircuitBreakerConfig::default()), 0);
    assert_eq!(readings(CircuitBreakerConfig::default().window(of_calls(10))), 0);
    assert_eq!(readings(CircuitBreakerConfig::default().window(minute)), 20, "when a call ended");
    let slow = of_calls(10).slow_calls(SECOND, Percent::HALF);
    assert_eq!(readings(CircuitBreakerConfig::default().window(slow)), 60, "and when it began");
}

#[test]
fn a_full_window_of_good_calls_still_makes_room_for_bad_ones() {
    const FOUR: NonZeroU16 = NonZeroU16::new(4).unwrap();
    let config = CircuitBreakerConfig::default().window(CircuitWindow::of_calls(FOUR));
    let breaker = CircuitBreaker::with_config("svc", config);
    let call = |ok: bool| drop(breaker.call(|| if ok { Ok(()) } else { Err(()) }));
    // However many there are, the window holds four.
    (0..20).for_each(|_| call(true));
    assert_eq!((breaker.snapshot().counts.calls, breaker.state()), (4, Closed));
    call(false);
    (0..20).for_each(|_| call(true));
    call(false);
    assert_eq!((breaker.snapshot().counts.failures, breaker.state()), (1, Closed));
    call(true);
    call(false);
    assert_eq!(breaker.state(), Open, "two of the last four");
}
