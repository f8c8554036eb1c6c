//! What goes wrong in other breakers, each trap as a test that it does not here. Those that have no
//! number of their own are variants of the one before.

use std::future::{self, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, CircuitState, CircuitWindow, GrowingWait, OpenWait,
    Percent, Permit, Transition, TransitionListener,
};

use super::settings::{of_calls, record};
use crate::support::{WAIT, breaker, breaker_with, count, half_open, poll_once, ready, threshold};

use CircuitState::{Closed, ForcedOpen, HalfOpen, Open};

/// A breaker that has been opened and waited for, with a call under way from before.
fn with_a_late_call() -> (CircuitBreaker, ManualClock, Permit) {
    let (breaker, clock, _) = breaker(threshold(1));
    let late = breaker.try_acquire().expect("it is closed");
    breaker.record_failure();
    (breaker, clock, late)
}

#[test]
fn t1_a_stale_success_does_not_close_a_half_open_breaker() {
    let (breaker, clock, late) = with_a_late_call();
    clock.advance(WAIT);
    let _probe = breaker.try_acquire().unwrap();
    late.success();
    assert_eq!(breaker.state(), HalfOpen);
}

#[test]
fn t2_a_stale_failure_does_not_open_a_half_open_breaker_again() {
    let (breaker, clock, late) = with_a_late_call();
    clock.advance(WAIT);
    let probe = breaker.try_acquire().unwrap();
    late.failure();
    assert_eq!(breaker.state(), HalfOpen);
    probe.success();
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn t3_a_late_failure_does_not_lengthen_the_wait() {
    let (breaker, clock, late) = with_a_late_call();
    clock.advance(WAIT / 2);
    late.open_for(WAIT * 5);
    breaker.record_failure();
    assert_eq!(breaker.snapshot().retry_after, Some(WAIT / 2));
}

#[test]
fn t4_a_cancelled_probe_leaves_its_place_to_the_next() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default());
    for _ in 0..20 {
        let mut call = Box::pin(breaker.call_async(pending::<Result<(), ()>>));
        assert!(poll_once(&mut call).is_pending());
        drop(call);
    }
    assert_eq!(ready(breaker.call_async(|| async { Ok::<_, ()>(1) })), Ok(1));
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn t4_nothing_waits_between_a_result_and_its_record() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default());
    let mut polls = 0;
    let mut call = Box::pin(breaker.call_async(|| {
        poll_fn(|_| {
            polls += 1;
            if polls == 2 { Poll::Ready(Ok::<_, ()>(())) } else { Poll::Pending }
        })
    }));
    assert!(poll_once(&mut call).is_pending());
    assert!(poll_once(&mut call).is_ready(), "the poll that gets the result also records it");
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn t5_no_herd_passes_right_after_the_wait() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default().half_open_max_probes(count(3)));
    let admitted = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    if let Ok(permit) = breaker.try_acquire() {
                        // Relaxed: the scope's end orders the last reading after all of them.
                        admitted.fetch_add(1, Ordering::Relaxed);
                        std::mem::forget(permit);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.load(Ordering::Relaxed), 3, "of 200 callers");
    assert_eq!(breaker.snapshot().not_permitted, 197);
}

#[test]
fn t6_a_panicking_probe_fails_and_frees_its_place() {
    let (breaker, clock, _) = half_open(CircuitBreakerConfig::default());
    for _ in 0..5 {
        let call = || breaker.call(|| -> Result<(), ()> { panic!("on purpose") });
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        assert_eq!(breaker.state(), Open);
        clock.advance(WAIT);
    }
    assert_eq!(breaker.call(|| Ok::<_, ()>(1)), Ok(1));
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn t7_a_million_successes_do_not_dilute_the_window() {
    let minute = CircuitWindow::of_time(Duration::from_mins(1)).unwrap();
    for window in [of_calls(10), minute] {
        let config = CircuitBreakerConfig::default().without_failure_threshold().window(window);
        let (breaker, clock, _) = breaker(config);
        for _ in 0..1_000_000 {
            breaker.record_success();
        }
        clock.advance(Duration::from_mins(2));
        let mut failures = 0;
        while breaker.state() == Closed && failures < 11 {
            breaker.record_failure();
            failures += 1;
        }
        let expected = if window == minute { 10 } else { 5 };
        assert_eq!(failures, expected, "{window:?}");
    }
}

#[test]
fn t7_a_window_need_not_be_full_to_judge() {
    let config = CircuitBreakerConfig::default().without_failure_threshold();
    let (breaker, _, _) = breaker(config.window(of_calls(100).minimum_calls(count(10))));
    for _ in 0..10 {
        assert_eq!(breaker.state(), Closed);
        breaker.record_failure();
    }
    assert_eq!(breaker.state(), Open);
}

#[test]
fn t8_a_hanging_probe_is_given_up_after_its_lease() {
    let (breaker, clock, _) = half_open(CircuitBreakerConfig::default().half_open_lease(WAIT));
    let hangs = breaker.try_acquire().unwrap();
    clock.advance(WAIT.saturating_sub(Duration::from_millis(1)));
    assert!(breaker.check().is_err());
    assert!(breaker.try_acquire().is_err());
    clock.advance(Duration::from_millis(1));
    assert!(breaker.check().is_ok());
    let probe = breaker.try_acquire().unwrap();
    assert!(breaker.try_acquire().is_err(), "one place was given up, and one is taken");
    hangs.failure();
    assert_eq!(breaker.state(), HalfOpen, "it was given up");
    probe.success();
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn t8_a_short_lease_does_not_prevent_closing() {
    let config = CircuitBreakerConfig::default().half_open_lease(Duration::from_secs(1));
    let (breaker, clock, _) = half_open(config);
    // A call every second, of five seconds each.
    let mut under_way = Vec::new();
    for second in 0..60 {
        under_way.extend(breaker.try_acquire().map(|probe| (second + 5, probe)));
        clock.advance(Duration::from_secs(1));
        while under_way.first().is_some_and(|(ends, _)| *ends == second + 1) {
            under_way.remove(0).1.success();
        }
    }
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn t9_eighty_percent_of_failures_open_it() {
    let (breaker, _, _) = breaker(CircuitBreakerConfig::default().window(of_calls(20)));
    let mut calls = 0;
    while breaker.state() == Closed && calls < 1_000 {
        let fails = calls % 5 != 0;
        record(&breaker, fails);
        calls += 1;
    }
    assert_eq!(calls, 10, "the least number to judge by");
}

#[test]
fn t10_forced_open_stays_until_reset() {
    let (breaker, clock, _) = breaker(threshold(1));
    let permit = breaker.try_acquire().unwrap();
    breaker.force_open();
    permit.success();
    breaker.record_success();
    breaker.record_failure();
    breaker.trip(Some(Duration::ZERO));
    clock.advance(WAIT * 1_000);
    assert_eq!(breaker.state(), ForcedOpen);
    let refused = breaker.try_acquire().unwrap_err();
    assert_eq!((refused.state, refused.retry_after), (ForcedOpen, None));
    assert!(breaker.is_open());
    breaker.reset();
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn t11_no_setting_prevents_closing() {
    for to_close in [1, 2, 7, 4_095, 5_000] {
        let (breaker, _, _) =
            half_open(CircuitBreakerConfig::default().successes_to_close(count(to_close)));
        for _ in 0..to_close {
            assert_eq!(breaker.state(), HalfOpen);
            breaker.try_acquire().unwrap().success();
        }
        assert_eq!(breaker.state(), Closed, "one probe at a time");
    }
}

#[test]
fn t12_nothing_is_held_while_the_call_runs() {
    let (breaker, _, _) = breaker(CircuitBreakerConfig::default().window(of_calls(10)));
    let nested = breaker.call(|| {
        breaker.record_failure();
        breaker.call(|| {
            breaker.reset();
            Ok::<_, ()>(breaker.snapshot().counts.calls)
        })
    });
    assert_eq!(nested, Ok(0));
    let other = thread::scope(|scope| {
        breaker.call(|| scope.spawn(|| breaker.call(|| Ok::<_, ()>(1))).join())
    });
    assert_eq!(other.unwrap(), Ok(1));
}

#[test]
fn t14_durations_do_not_come_from_the_wall_clock() {
    /// A wall clock that is set back and forth; the monotonic one goes on.
    #[derive(Debug)]
    struct Set(ManualClock, AtomicU32);
    impl runtime_events::Clock for Set {
        fn now(&self) -> std::time::Instant {
            self.0.now()
        }

        fn utc_now(&self) -> chrono::DateTime<chrono::Utc> {
            // Relaxed: only this test asks.
            self.1.fetch_add(1, Ordering::Relaxed);
            chrono::DateTime::UNIX_EPOCH
        }
    }

    let clock = ManualClock::new();
    let set = Arc::new(Set(clock.clone(), AtomicU32::new(0)));
    let breaker = CircuitBreaker::with_clock("svc", threshold(1), set.clone());
    breaker.record_failure();
    clock.advance(Duration::from_mins(1));
    breaker.try_acquire().unwrap().success();
    assert_eq!(set.1.load(Ordering::Relaxed), 0);
}

#[test]
fn t15_a_timeout_fails_inside_the_breaker_and_cancels_outside() {
    /// Like a timer: drops the call, and returns an error in its place.
    fn timed_out<T>(call: impl Future<Output = T>) -> future::Ready<Result<T, &'static str>> {
        let mut call = Box::pin(call);
        assert!(poll_once(&mut call).is_pending());
        future::ready(Err("timed out"))
    }

    let (breaker, _, _) = breaker(threshold(1));
    let outside = timed_out(breaker.call_async(pending::<Result<(), &str>>));
    assert!(ready(outside).is_err());
    assert_eq!(breaker.state(), Closed, "whoever gave up, it was not the dependency");
    let inside = breaker.call_async(|| timed_out(pending::<()>()));
    assert!(ready(inside).is_err());
    assert_eq!(breaker.state(), Open);
}

#[test]
fn t16_breakers_that_open_together_do_not_probe_together() {
    let growing = GrowingWait::from(Duration::from_secs(10)).jitter(Percent::HALF);
    let config = threshold(1).open_wait(OpenWait::Growing(growing));
    let waits = (0..50).map(|_| {
        let (breaker, _, _) = breaker_with(config);
        breaker.record_failure();
        breaker.snapshot().retry_after.expect("it is open")
    });
    let mut waits: Vec<_> = waits.collect();
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 25, "{} of 50 waits are different", waits.len());
}

#[test]
fn t17_a_listener_may_call_the_breaker_at_any_transition() {
    #[derive(Debug, Default)]
    struct Curious(OnceLock<CircuitBreaker>, AtomicU32);
    impl TransitionListener for Curious {
        fn on_transition(&self, _: &str, transition: Transition) {
            let breaker = self.0.get().expect("it is set before the first transition");
            assert_eq!(breaker.snapshot().generation, transition.generation);
            assert_eq!(breaker.check().is_ok(), transition.to == Closed);
            // Relaxed: one thread.
            if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
                breaker.reset();
            }
        }
    }

    let curious = Arc::new(Curious::default());
    let clock = Arc::new(ManualClock::new());
    let config = threshold(1).window(of_calls(10));
    let breaker = CircuitBreaker::with_listener("svc", config, clock, curious.clone());
    curious.0.set(breaker.clone()).unwrap();
    breaker.record_failure();
    assert_eq!(breaker.state(), Closed, "the listener closed it");
    breaker.force_open();
    breaker.reset();
    assert_eq!(curious.1.load(Ordering::Relaxed), 4);
}

#[test]
fn t18_meaningless_settings_are_inexpressible_or_refused() {
    assert_eq!((Percent::new(0), Percent::new(101)), (None, None));
    let refused = CircuitWindow::of_time(Duration::ZERO).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "window `span` of 0ns is too short, a microsecond or longer is required"
    );
    assert!(CircuitWindow::of_time(Duration::from_micros(1)).is_ok());
    assert!(CircuitWindow::of_time(Duration::from_nanos(999)).is_err());

    // A window that could never be judged is judged when it is full.
    let config = CircuitBreakerConfig::default().without_failure_threshold();
    let (breaker, _, _) = breaker(config.window(of_calls(3).minimum_calls(count(50))));
    (0..3).for_each(|_| breaker.record_failure());
    assert_eq!(breaker.state(), Open);
}
