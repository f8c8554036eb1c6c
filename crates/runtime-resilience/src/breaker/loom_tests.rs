//! Loom models: every interleaving of a few calls, as far as the memory model lets them differ.
//!
//! `cargo xtask loom` runs them.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use loom::thread;
use runtime_events::ManualClock;

use super::{
    CircuitBreaker, CircuitBreakerConfig, CircuitState, CircuitWindow, Permit, Transition,
    TransitionCause, TransitionListener,
};

use CircuitState::{Closed, HalfOpen, Open};

const WAIT: Duration = Duration::from_secs(10);

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("models ask for at least one")
}

/// The causes of all transitions. Its lock is not one of loom's: nothing switches inside it.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Vec<TransitionCause>>>);

impl Heard {
    fn causes(&self) -> Vec<TransitionCause> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TransitionListener for Heard {
    fn on_transition(&self, _: &str, transition: Transition) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(transition.cause);
    }
}

fn breaker(config: CircuitBreakerConfig) -> (CircuitBreaker, ManualClock, Heard) {
    let (clock, heard) = (ManualClock::new(), Heard::default());
    let config = config.recovery_timeout(WAIT);
    let (shared, listener) = (Arc::new(clock.clone()), Arc::new(heard.clone()));
    (CircuitBreaker::with_listener("svc", config, shared, listener), clock, heard)
}

/// Open, with its wait over.
fn half_open(config: CircuitBreakerConfig) -> (CircuitBreaker, ManualClock, Heard) {
    let (breaker, clock, heard) = breaker(config.failure_threshold(count(1)));
    breaker.record_failure();
    clock.advance(WAIT);
    (breaker, clock, heard)
}

/// Runs both at once. Both on threads of their own: loom does not interrupt the first one.
fn both<A: 'static, B: 'static>(
    one: impl FnOnce() -> A + 'static,
    other: impl FnOnce() -> B + 'static,
) -> (A, B) {
    let (one, other) = (thread::spawn(one), thread::spawn(other));
    (one.join().unwrap(), other.join().unwrap())
}

#[test]
fn two_callers_never_get_the_one_place_of_a_probe() {
    loom::model(|| {
        // The clock is past the lease of a probe at its beginning: a taken place without its time would
        // be given away.
        let (breaker, _, heard) = half_open(CircuitBreakerConfig::default());
        let (one, other) = (breaker.clone(), breaker.clone());
        let (one, other) = both(move || one.try_acquire().ok(), move || other.try_acquire().ok());
        assert!(one.is_some() ^ other.is_some());
        assert_eq!(breaker.snapshot().probes, 1);
        assert_eq!(breaker.snapshot().not_permitted, 1);
        assert_eq!(heard.causes()[1..], [TransitionCause::WaitOver]);
        one.or(other).unwrap().success();
        assert_eq!(breaker.state(), Closed);
    });
}

#[test]
fn late_outcomes_never_move_the_state() {
    loom::model(|| {
        let (breaker, clock, heard) =
            breaker(CircuitBreakerConfig::default().failure_threshold(count(1)));
        let [late_success, late_failure] = [(); 2].map(|()| breaker.try_acquire().unwrap());
        breaker.record_failure();
        clock.advance(WAIT);
        let probe = breaker.try_acquire().unwrap();
        both(move || late_success.success(), move || late_failure.failure());
        assert_eq!((breaker.state(), breaker.snapshot().probes), (HalfOpen, 1));
        probe.success();
        assert_eq!(heard.causes().len(), 3);
    });
}

#[test]
fn failures_at_once_open_it_once() {
    loom::model(|| {
        let (breaker, _, heard) =
            breaker(CircuitBreakerConfig::default().failure_threshold(count(2)));
        let [one, other, third] = [(); 3].map(|()| breaker.try_acquire().unwrap());
        one.failure();
        both(move || other.failure(), move || third.failure());
        assert_eq!(heard.causes(), [TransitionCause::FailuresInARow]);
        assert_eq!(breaker.state(), Open);
    });
}

#[test]
fn no_failure_in_a_row_is_lost() {
    loom::model(|| {
        let (breaker, _, _) = breaker(CircuitBreakerConfig::default().failure_threshold(count(3)));
        let [one, other] = [(); 2].map(|()| breaker.try_acquire().unwrap());
        both(move || one.failure(), move || other.failure());
        assert_eq!(breaker.snapshot().counts.failures_in_a_row, 2);
    });
}

#[test]
fn a_cancelled_probe_gives_its_place_back() {
    loom::model(|| {
        let (breaker, _, _) = half_open(CircuitBreakerConfig::default());
        let probe = breaker.try_acquire().unwrap();
        let other = breaker.clone();
        let ((), taken) = both(move || drop(probe), move || other.try_acquire().ok());
        let probe = taken.or_else(|| breaker.try_acquire().ok()).unwrap();
        assert!(breaker.try_acquire().is_err());
        probe.success();
        assert_eq!(breaker.state(), Closed);
    });
}

#[test]
fn outcomes_of_two_probes_come_one_after_the_other() {
    loom::model(|| {
        let (breaker, _, heard) =
            half_open(CircuitBreakerConfig::default().half_open_max_probes(count(2)));
        let [good, bad] = [(); 2].map(|()| breaker.try_acquire().unwrap());
        both(move || good.success(), move || bad.failure());
        // The threshold is 1: a failure counted after the closing would open it twice.
        let end = if breaker.state() == Open {
            TransitionCause::ProbeFailed
        } else {
            TransitionCause::ProbesSucceeded
        };
        assert_eq!(heard.causes()[2..], [end]);
    });
}

#[test]
fn probe_is_either_given_up_or_counted() {
    loom::model(|| {
        let (breaker, clock, heard) = half_open(CircuitBreakerConfig::default());
        let late = breaker.try_acquire().unwrap();
        clock.advance(WAIT);
        let other = breaker.clone();
        let ((), taken) = both(move || late.success(), move || other.try_acquire().ok());
        let taken = taken.unwrap();
        if heard.causes()[2..] == [TransitionCause::ProbeLost] {
            assert_eq!((breaker.state(), breaker.snapshot().probes), (HalfOpen, 1));
        } else {
            assert_eq!(heard.causes()[2..], [TransitionCause::ProbesSucceeded]);
            assert_eq!(breaker.state(), Closed);
        }
        taken.success();
        assert_eq!(breaker.state(), Closed);
    });
}

#[test]
fn a_hanging_probe_is_given_up_for_one_caller_alone() {
    loom::model(|| {
        let (breaker, clock, heard) = half_open(CircuitBreakerConfig::default());
        let _hangs = breaker.try_acquire().unwrap();
        clock.advance(WAIT);
        let (one, other) = (breaker.clone(), breaker.clone());
        let (one, other) = both(move || one.try_acquire().ok(), move || other.try_acquire().ok());
        assert!(one.is_some() ^ other.is_some());
        assert_eq!(heard.causes()[2..], [TransitionCause::ProbeLost]);
    });
}

#[test]
fn taken_place_is_never_seen_without_its_time() {
    loom::model(|| {
        let (breaker, clock, heard) =
            half_open(CircuitBreakerConfig::default().half_open_max_probes(count(2)));
        let _hangs = breaker.try_acquire().unwrap();
        clock.advance(WAIT);
        // The second place is taken without the lock. By the time of the first probe alone, the
        // lease would be over.
        let (one, other) = (breaker.clone(), breaker.clone());
        let (one, other) = both(move || one.try_acquire().ok(), move || other.try_acquire().ok());
        assert!(one.is_some() ^ other.is_some());
        assert_eq!(heard.causes().len(), 2, "no probe was given up");
    });
}

#[test]
fn nothing_before_a_reset_counts() {
    loom::model(|| {
        let (breaker, _, heard) =
            breaker(CircuitBreakerConfig::default().failure_threshold(count(1)));
        let (permit, other) = (breaker.try_acquire().unwrap(), breaker.clone());
        both(move || permit.failure(), move || other.reset());
        assert_eq!(breaker.state(), Closed);
        let causes = heard.causes();
        // Either may report first.
        let both = [TransitionCause::FailuresInARow, TransitionCause::Reset];
        assert!(causes.is_empty() || both.iter().all(|cause| causes.contains(cause)));
    });
}

#[test]
fn a_trip_leaves_no_probe_that_counts() {
    loom::model(|| {
        let (breaker, _, _) = half_open(CircuitBreakerConfig::default());
        let (one, other) = (breaker.clone(), breaker.clone());
        let (probe, ()) = both(move || one.try_acquire().ok(), move || other.trip(Some(WAIT)));
        assert_eq!(breaker.snapshot().retry_after, Some(WAIT));
        probe.into_iter().for_each(Permit::success);
        assert_eq!(breaker.state(), Open);
    });
}

#[test]
fn of_two_waits_at_once_the_longer_one_holds() {
    loom::model(|| {
        let (breaker, _, heard) =
            breaker(CircuitBreakerConfig::default().failure_threshold(count(1)));
        let (permit, other) = (breaker.try_acquire().unwrap(), breaker.clone());
        both(move || permit.failure(), move || other.trip(Some(WAIT * 2)));
        assert_eq!(breaker.snapshot().retry_after, Some(WAIT * 2));
        assert_eq!(heard.causes().len(), 1);
    });
}

fn window() -> CircuitBreakerConfig {
    const TWO: NonZeroU16 = NonZeroU16::new(2).unwrap();
    CircuitBreakerConfig::default().window(CircuitWindow::of_calls(TWO)).without_failure_threshold()
}

#[test]
fn a_window_holds_nothing_of_an_earlier_generation() {
    loom::model(|| {
        let (breaker, _, heard) = breaker(window());
        let (permit, other) = (breaker.try_acquire().unwrap(), breaker.clone());
        both(move || permit.failure(), move || other.reset());
        assert_eq!(breaker.snapshot().counts.calls, 0);
        breaker.record_failure();
        assert_eq!((breaker.state(), heard.causes().len()), (Closed, 0));
    });
}

#[test]
fn a_window_loses_no_call_and_opens_once() {
    loom::model(|| {
        let (breaker, _, heard) = breaker(window());
        let [good, bad] = [(); 2].map(|()| breaker.try_acquire().unwrap());
        // The call that fills the window finds that half of it failed. A success reads the clock for
        // that with the lock released.
        both(move || good.success(), move || bad.failure());
        assert_eq!(heard.causes(), [TransitionCause::FailureRate]);
        assert_eq!(breaker.state(), Open);
    });
}

#[test]
fn window_of_one_generation_does_not_open_the_next() {
    loom::model(|| {
        let (breaker, _, _) = breaker(window());
        let [good, bad] = [(); 2].map(|()| breaker.try_acquire().unwrap());
        bad.failure();
        let other = breaker.clone();
        both(move || good.success(), move || other.reset());
        assert_eq!(breaker.state(), Closed);
    });
}

#[test]
fn a_failure_beside_a_good_call_is_never_lost_to_a_full_window_of_good_ones() {
    loom::model(|| {
        const ONE: NonZeroU16 = NonZeroU16::new(1).unwrap();
        let window = CircuitWindow::of_calls(ONE);
        let (breaker, _, heard) =
            breaker(CircuitBreakerConfig::default().without_failure_threshold().window(window));
        breaker.record_success();
        let (one, other) = (breaker.clone(), breaker.clone());
        both(move || drop(one.call(|| Ok::<_, ()>(()))), move || other.record_failure());
        assert_eq!(breaker.state(), Open);
        assert_eq!(heard.causes(), [TransitionCause::FailureRate]);
    });
}
