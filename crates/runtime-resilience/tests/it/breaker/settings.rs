//! What the settings beyond the original's do, one at a time.

use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use runtime_resilience::{
    CallError, CallOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitCounts, CircuitState,
    CircuitWindow, GrowingWait, OpenWait, Permit, TransitionCause,
};

use crate::support::{WAIT, breaker, breaker_with, count, half_open, ready, threshold};

use CircuitState::{Closed, Disabled, HalfOpen, MetricsOnly, Open};

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn of_calls(calls: u16) -> CircuitWindow {
    CircuitWindow::of_calls(NonZeroU16::new(calls).expect("at least one"))
}

pub(super) fn record(breaker: &CircuitBreaker, failed: bool) {
    if failed {
        breaker.record_failure();
    } else {
        breaker.record_success();
    }
}

#[test]
fn judge_decides_which_results_are_failures() {
    let (breaker, _, _) = breaker(threshold(2));
    let judge = |result: &Result<u16, u16>| match result {
        Ok(_) | Err(400) => CallOutcome::Success,
        Err(429) => CallOutcome::Ignored,
        Err(_) => CallOutcome::Failure,
    };
    let row = || breaker.snapshot().counts.failures_in_a_row;
    for (result, expected) in [(Err(500), 1), (Err(429), 1), (Err(400), 0), (Err(529), 1)] {
        let got = breaker.call_judged(|| result, judge);
        assert_eq!(got, result.map_err(CallError::Failed));
        assert_eq!(row(), expected, "{result:?}");
    }
    let got = ready(breaker.call_async_judged(|| async { Err(429) }, judge));
    assert_eq!((got, row()), (Err(CallError::Failed(429)), 1));
    let got = ready(breaker.call_async_judged(|| async { Err(500) }, judge));
    assert_eq!((got, breaker.state()), (Err(CallError::Failed(500)), Open));
}

#[test]
fn a_panic_in_a_judge_is_a_failure() {
    fn judge(_: &Result<String, String>) -> CallOutcome {
        panic!("on purpose")
    }

    let (breaker, _, _) = breaker(threshold(1));
    let call = || breaker.call_judged(|| Ok(String::new()), judge);
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(breaker.state(), Open);
    breaker.reset();
    let call = || ready(breaker.call_async_judged(|| async { Ok(String::new()) }, judge));
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(breaker.state(), Open);
}

#[test]
fn permit_records_any_outcome_borrowed_or_owned() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default().successes_to_close(count(2)));
    breaker.try_borrow().unwrap().record(CallOutcome::Ignored);
    let owned: Permit = breaker.try_acquire().unwrap();
    assert_eq!(breaker.snapshot().probes, 1);
    assert!(breaker.try_borrow().is_err());
    owned.record(CallOutcome::Success);
    assert_eq!(breaker.state(), HalfOpen);
    breaker.try_borrow().unwrap().record(CallOutcome::Failure);
    assert_eq!(breaker.state(), Open);
}

#[test]
fn permit_acquired_during_a_panic_is_not_failed_by_it() {
    struct CleanUp(CircuitBreaker);
    impl Drop for CleanUp {
        fn drop(&mut self) {
            drop(self.0.try_acquire().unwrap());
        }
    }

    let (breaker, _, _) = breaker(threshold(1));
    let clean_up = CleanUp(breaker.clone());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _clean_up = clean_up;
        panic!("on purpose");
    }));
    assert!(unwound.is_err());
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn open_for_keeps_the_providers_wait() {
    let (breaker, clock, heard) = breaker(CircuitBreakerConfig::default());
    breaker.try_acquire().unwrap().open_for(SECOND * 42);
    assert_eq!(breaker.snapshot().retry_after, Some(SECOND * 42));
    let opened = heard.all()[0];
    assert_eq!((opened.cause, opened.wait), (TransitionCause::Tripped, Some(SECOND * 42)));
    assert_eq!(opened.counts.failures_in_a_row, 1);

    clock.advance(SECOND * 42);
    breaker.try_acquire().unwrap().open_for(SECOND * 7);
    assert_eq!(breaker.snapshot().retry_after, Some(SECOND * 7));
    assert_eq!(breaker.snapshot().failed_recoveries, 1);
}

#[test]
fn trip_opens_it_and_the_longer_wait_holds() {
    let (breaker, clock, heard) = breaker(CircuitBreakerConfig::default());
    breaker.trip(None);
    assert_eq!(breaker.snapshot().retry_after, Some(WAIT));
    breaker.trip(Some(SECOND));
    assert_eq!(breaker.snapshot().retry_after, Some(WAIT));
    breaker.trip(Some(WAIT * 2));
    assert_eq!(breaker.snapshot().retry_after, Some(WAIT * 2));
    assert_eq!(heard.states(), [Open], "it was open all the time");
    clock.advance(WAIT * 2);
    assert_eq!(breaker.state(), HalfOpen);
}

#[test]
fn open_wait_grows_with_each_failed_probe_up_to_its_max() {
    let growing = GrowingWait::from(SECOND).factor(count(3)).max(SECOND * 20).without_jitter();
    let (breaker, clock, _) = breaker_with(threshold(1).open_wait(OpenWait::Growing(growing)));
    breaker.record_failure();
    for seconds in [1, 3, 9, 20, 20] {
        assert_eq!(breaker.snapshot().retry_after, Some(SECOND * seconds));
        clock.advance(SECOND * seconds);
        breaker.try_acquire().unwrap().failure();
    }
    clock.advance(SECOND * 20);
    breaker.try_acquire().unwrap().success();
    breaker.record_failure();
    assert_eq!(breaker.snapshot().retry_after, Some(SECOND), "it closed in between");
}

#[test]
fn growing_wait_doubles_up_to_five_minutes_by_default() {
    let growing = GrowingWait::from(SECOND * 100).without_jitter();
    let (breaker, clock, _) = breaker_with(threshold(1).open_wait(OpenWait::Growing(growing)));
    breaker.record_failure();
    for seconds in [100, 200, 300, 300] {
        assert_eq!(breaker.snapshot().retry_after, Some(SECOND * seconds));
        clock.advance(SECOND * seconds);
        breaker.try_acquire().unwrap().failure();
    }
}

#[test]
fn the_lease_is_the_open_wait_unless_set() {
    let growing = GrowingWait::from(SECOND * 5).max(SECOND * 60);
    for (config, lease) in [
        (CircuitBreakerConfig::default().recovery_timeout(SECOND * 7), SECOND * 7),
        (CircuitBreakerConfig::default().open_wait(OpenWait::Growing(growing)), SECOND * 5),
        (CircuitBreakerConfig::default().half_open_lease(SECOND * 3), SECOND * 3),
        (
            CircuitBreakerConfig::default().half_open_lease(Duration::ZERO),
            Duration::from_millis(10),
        ),
    ] {
        let (breaker, clock, heard) = breaker_with(config);
        breaker.trip(Some(SECOND));
        clock.advance(SECOND);
        let _hangs = breaker.try_acquire().unwrap();
        clock.advance(lease.saturating_sub(Duration::from_nanos(1)));
        assert!(breaker.try_acquire().is_err(), "{config:?}");
        clock.advance(Duration::from_nanos(1));
        assert!(breaker.try_acquire().is_ok(), "{config:?}");
        assert_eq!(heard.all().last().unwrap().cause, TransitionCause::ProbeLost);
    }
}

#[test]
fn a_lease_doubles_each_time_it_runs_out_up_to_sixteen_times() {
    let (breaker, clock, heard) =
        half_open(CircuitBreakerConfig::default().half_open_lease(SECOND));
    let mut hanging = vec![breaker.try_acquire().unwrap()];
    for leases in [1, 2, 4, 8, 16, 16, 16] {
        clock.advance((SECOND * leases).saturating_sub(Duration::from_millis(1)));
        assert!(breaker.try_acquire().is_err());
        clock.advance(Duration::from_millis(1));
        hanging.push(breaker.try_acquire().unwrap());
    }
    assert_eq!(heard.all().len(), 2 + 7);
}

#[test]
fn a_disabled_breaker_admits_everything_and_counts_nothing() {
    let (breaker, _, _) = breaker(threshold(1).window(of_calls(1)));
    breaker.disable();
    for _ in 0..3 {
        breaker.try_acquire().unwrap().failure();
        breaker.try_acquire().unwrap().open_for(WAIT);
        breaker.record_failure();
    }
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.counts), (Disabled, CircuitCounts::default()));
    assert!(!breaker.is_open());
}

#[test]
fn metrics_only_counts_and_never_opens() {
    let (breaker, _, _) = breaker(threshold(1).window(of_calls(4)));
    breaker.metrics_only();
    (0..6).for_each(|_| breaker.try_acquire().unwrap().failure());
    breaker.try_acquire().unwrap().open_for(WAIT);
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.state, MetricsOnly);
    assert_eq!((snapshot.counts.failures_in_a_row, snapshot.counts.failures), (7, 4));
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.snapshot().counts.failures_in_a_row, 0);
    let counts = breaker.snapshot().counts;
    assert_eq!((counts.failures, counts.calls), (3, 4));
}

#[test]
fn forced_state_is_reported_once_and_replaced_by_another() {
    let (breaker, _, heard) = breaker(CircuitBreakerConfig::default());
    breaker.disable();
    breaker.disable();
    breaker.metrics_only();
    breaker.metrics_only();
    breaker.reset();
    breaker.reset();
    assert_eq!(heard.states(), [Disabled, MetricsOnly, Closed]);
    let causes: Vec<_> = heard.all().iter().map(|transition| transition.cause).collect();
    assert_eq!(causes, [TransitionCause::Pinned, TransitionCause::Pinned, TransitionCause::Reset]);
}

#[test]
fn snapshot_shows_everything_at_one_moment() {
    let (breaker, clock, _) = breaker(threshold(2).window(of_calls(10)));
    let counts = breaker.snapshot().counts;
    assert_eq!((counts.calls, counts.failures, counts.slow), (0, 0, 0));
    breaker.record_success();
    clock.advance(SECOND);
    breaker.record_failure();
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.generation, snapshot.probes), (Closed, 0, 0));
    assert_eq!((snapshot.counts.calls, snapshot.counts.failures), (2, 1));
    assert_eq!((snapshot.time_in_state, snapshot.retry_after), (SECOND, None));

    breaker.record_failure();
    clock.advance(SECOND);
    assert!(breaker.try_acquire().is_err());
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.generation, snapshot.not_permitted), (Open, 1, 1));
    assert_eq!(snapshot.retry_after, Some(WAIT.saturating_sub(SECOND)));
    assert_eq!((snapshot.time_in_state, snapshot.counts.calls), (SECOND, 0));

    clock.advance(WAIT);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.generation), (HalfOpen, 1), "no call has come yet");
    assert_eq!((snapshot.time_in_state, snapshot.retry_after), (SECOND, None));
}

#[test]
fn causes_are_written_as_words() {
    for cause in TransitionCause::ALL {
        assert_eq!(cause.as_str().parse(), Ok(*cause));
    }
    assert_eq!(TransitionCause::FailuresInARow.to_string(), "failures_in_a_row");
}

#[test]
fn a_breaker_shows_its_settings() {
    let config = threshold(7);
    assert_eq!(*CircuitBreaker::with_config("svc", config).config(), config);
}
