//! The breaker against its rules, and the ways a permit can end.

mod settings;
mod traps;
mod windows;

use std::error::Error;
use std::io;
use std::num::ParseIntError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_resilience::{
    CallError, CircuitBreaker, CircuitBreakerConfig, CircuitOpenError, CircuitState, Permit,
    Transition, TransitionListener,
};

use crate::support::{WAIT, breaker, count, half_open, threshold};

use CircuitState::{Closed, HalfOpen, Open};

#[test]
fn it_opens_at_the_threshold_of_failures_in_a_row() {
    let (breaker, _, heard) = breaker(threshold(3));
    let fail = || Err::<(), _>("down");
    for _ in 0..2 {
        assert_eq!(breaker.call(fail), Err(CallError::Failed("down")));
    }
    assert_eq!(breaker.call(|| Ok::<_, &str>(1)), Ok(1));
    for _ in 0..3 {
        assert_eq!(breaker.state(), Closed);
        assert_eq!(breaker.call(fail), Err(CallError::Failed("down")));
    }
    assert_eq!(breaker.state(), Open);
    assert!(breaker.is_open());
    assert_eq!(heard.states(), [Open]);
}

#[test]
fn open_breaker_refuses_without_calling_and_tells_the_wait() {
    let (breaker, clock, _) = breaker(threshold(1));
    breaker.record_failure();
    clock.advance(Duration::from_secs(3));

    let refused = breaker.call(|| -> Result<(), io::Error> { panic!("it must not be called") });
    let Err(CallError::Open(refused)) = refused else { panic!("it was admitted") };
    assert_eq!(refused.to_string(), "Circuit breaker 'svc' is OPEN");
    assert_eq!(refused.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(breaker.check(), Err(refused));
}

#[test]
fn it_is_half_open_to_the_nanosecond_when_the_wait_is_over() {
    let (breaker, clock, heard) = breaker(threshold(1));
    breaker.record_failure();
    clock.advance(WAIT.saturating_sub(Duration::from_nanos(1)));
    assert_eq!(breaker.state(), Open);
    assert!(breaker.try_acquire().is_err());

    clock.advance(Duration::from_nanos(1));
    assert_eq!(breaker.state(), HalfOpen);
    assert!(!breaker.is_open());
    assert_eq!(heard.states(), [Open], "asking for the state does not change it");
    breaker.try_acquire().unwrap().success();
    assert_eq!(heard.states(), [Open, HalfOpen, Closed]);
}

#[test]
fn probe_closes_it_or_opens_it_for_a_whole_wait() {
    let (breaker, clock, _) = half_open(CircuitBreakerConfig::default());
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.check().unwrap_err().retry_after, Some(WAIT));

    clock.advance(WAIT);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn no_more_probes_run_at_the_same_time_than_are_allowed() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default().half_open_max_probes(count(2)));
    let _first = breaker.try_acquire().unwrap();
    let second = breaker.try_acquire().unwrap();
    let refused = breaker.try_acquire().unwrap_err();
    assert_eq!(refused.retry_after, None, "nobody knows how long a probe takes");
    drop(second);
    assert!(breaker.try_acquire().is_ok());
}

#[test]
fn successes_to_close_may_come_one_probe_at_a_time() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default().successes_to_close(count(3)));
    for _ in 0..3 {
        assert_eq!(breaker.state(), HalfOpen);
        breaker.try_acquire().unwrap().success();
    }
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn one_failed_probe_outweighs_the_successes_before_it() {
    let (breaker, clock, _) =
        half_open(CircuitBreakerConfig::default().successes_to_close(count(2)));
    breaker.try_acquire().unwrap().success();
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.state(), Open);
    clock.advance(WAIT);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), HalfOpen, "counting starts afresh");
}

#[test]
fn asking_whether_a_call_would_be_admitted_takes_no_place() {
    let (breaker, _, heard) = half_open(CircuitBreakerConfig::default());
    for _ in 0..3 {
        assert_eq!(breaker.check(), Ok(()));
    }
    assert_eq!(heard.states(), [Open]);
    let _probe = breaker.try_acquire().unwrap();
    assert!(breaker.check().is_err());
}

#[test]
fn difference_2_result_of_an_earlier_generation_is_ignored() {
    let (breaker, clock, _) = breaker(threshold(1));
    let (late_success, late_failure) =
        (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    breaker.record_failure();
    clock.advance(WAIT);
    let probe = breaker.try_acquire().unwrap();

    late_success.success();
    assert_eq!(breaker.state(), HalfOpen, "a late success does not close it");
    late_failure.failure();
    assert_eq!(breaker.state(), HalfOpen, "a late failure does not open it");
    assert!(breaker.try_acquire().is_err(), "neither frees a probe's place");
    probe.success();
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn difference_2_probe_that_outlives_its_generation_is_ignored() {
    let config = CircuitBreakerConfig::default().half_open_max_probes(count(2));
    let (breaker, _, _) = half_open(config);
    let (quick, slow) = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    quick.success();
    slow.failure();
    assert_eq!(breaker.state(), Closed, "the threshold is 1, and the failure is not of this state");
}

#[test]
fn difference_2_a_cancelled_probe_gives_its_place_back() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default());
    for _ in 0..10 {
        drop(breaker.try_acquire().unwrap());
        breaker.try_acquire().unwrap().cancel();
    }
    assert_eq!(breaker.state(), HalfOpen);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn difference_2_records_without_permit_count_while_closed() {
    let (breaker, _, heard) = half_open(CircuitBreakerConfig::default());
    breaker.record_success();
    breaker.record_failure();
    assert_eq!(breaker.state(), HalfOpen, "the wait is over and stays over");
    let _probe = breaker.try_acquire().unwrap();
    breaker.record_success();
    breaker.record_failure();
    assert_eq!(heard.states(), [Open, HalfOpen]);
}

#[test]
fn difference_3_a_failure_while_open_does_not_lengthen_the_wait() {
    let (breaker, clock, _) = breaker(threshold(1));
    let late = breaker.try_acquire().unwrap();
    breaker.record_failure();
    clock.advance(WAIT.saturating_sub(Duration::from_secs(1)));
    late.failure();
    breaker.record_failure();
    assert_eq!(breaker.check().unwrap_err().retry_after, Some(Duration::from_secs(1)));
    clock.advance(Duration::from_secs(1));
    assert!(breaker.try_acquire().is_ok());
}

#[test]
fn reset_closes_it_and_forgets_calls_under_way() {
    let (breaker, _, heard) = breaker(threshold(2));
    let before = [breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
    breaker.record_failure();
    breaker.reset();
    assert_eq!(heard.states(), [], "it was closed already");
    before.into_iter().for_each(Permit::failure);
    breaker.record_failure();
    assert_eq!(breaker.state(), Closed, "neither the old failure nor the old calls count");

    breaker.record_failure();
    assert_eq!(breaker.state(), Open);
    breaker.reset();
    assert_eq!(breaker.state(), Closed);
    assert_eq!(heard.states(), [Open, Closed]);
}

#[test]
fn a_panic_in_a_call_is_a_failure() {
    let (breaker, _, _) = breaker(threshold(1));
    let call = || breaker.call(|| -> Result<(), ()> { panic!("on purpose") });
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(breaker.state(), Open);
}

#[test]
fn an_endless_wait_neither_overflows_nor_ends() {
    let clock = ManualClock::new();
    let config = threshold(1).recovery_timeout(Duration::MAX);
    let breaker = CircuitBreaker::with_clock("svc", config, Arc::new(clock.clone()));
    breaker.record_failure();
    clock.advance(Duration::from_hours(24 * 365 * 100));
    assert_eq!(breaker.state(), Open);
    assert!(breaker.check().unwrap_err().retry_after > Some(Duration::from_hours(1)));
}

#[test]
fn no_wait_at_all_makes_the_next_call_a_probe() {
    let config = threshold(1).recovery_timeout(Duration::ZERO);
    let breaker = CircuitBreaker::with_clock("svc", config, Arc::new(ManualClock::new()));
    breaker.record_failure();
    assert_eq!(breaker.state(), HalfOpen);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), Closed);
}

#[test]
fn a_listener_may_call_the_breaker_it_listens_to() {
    #[derive(Debug, Default)]
    struct Curious(OnceLock<CircuitBreaker>, OnceLock<CircuitState>);
    impl TransitionListener for Curious {
        fn on_transition(&self, _: &str, _: Transition) {
            let breaker = self.0.get().unwrap();
            let _ = self.1.set(breaker.state());
        }
    }

    let curious = Arc::new(Curious::default());
    let breaker = CircuitBreaker::with_listener(
        "svc",
        threshold(1),
        Arc::new(ManualClock::new()),
        curious.clone(),
    );
    curious.0.set(breaker.clone()).unwrap();
    breaker.record_failure();
    assert_eq!(curious.1.get(), Some(&Open));
}

#[test]
fn a_panic_in_a_listener_goes_no_further() {
    #[derive(Debug)]
    struct Broken;
    impl TransitionListener for Broken {
        fn on_transition(&self, _: &str, _: Transition) {
            panic!("on purpose");
        }
    }

    let clock = Arc::new(ManualClock::new());
    let breaker = CircuitBreaker::with_listener("svc", threshold(1), clock, Arc::new(Broken));
    let call = || breaker.call(|| -> Result<(), ()> { panic!("on purpose, too") });
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err(), "and the process goes on");
    assert_eq!(breaker.state(), Open);
}

#[test]
fn transitions_are_numbered_in_their_order() {
    let (breaker, clock, heard) = breaker(threshold(1));
    breaker.record_failure();
    clock.advance(WAIT);
    breaker.try_acquire().unwrap().success();
    let seen: Vec<_> = heard.all().iter().map(|t| (t.from, t.to, t.generation)).collect();
    assert_eq!(seen, [(Closed, Open, 1), (Open, HalfOpen, 2), (HalfOpen, Closed, 3)]);
}

#[test]
fn clones_share_one_state() {
    let (breaker, _, _) = breaker(threshold(1));
    let clone = breaker.clone();
    clone.record_failure();
    assert_eq!(breaker.state(), Open);
    assert_eq!(breaker.name(), "svc");
}

#[test]
fn it_shows_its_name_and_state_for_debugging() {
    let (breaker, _, _) = breaker(threshold(1));
    let permit = breaker.try_acquire().unwrap();
    assert!(format!("{breaker:?}").contains(r#"name: "svc", state: Closed"#));
    assert!(format!("{permit:?}").contains(r#"breaker: "svc""#));
    assert!(format!("{permit:?}").contains("Closed { failures: 0 }#0"));
}

#[test]
fn call_error_leads_to_its_cause_and_does_not_repeat_it() {
    let failed: CallError<ParseIntError> = CallError::Failed("x".parse::<u8>().unwrap_err());
    assert_eq!(failed.to_string(), "call was admitted and failed");
    assert!(failed.source().unwrap().is::<ParseIntError>());

    let (breaker, _, _) = breaker(threshold(1));
    breaker.record_failure();
    let refused = breaker.call(|| "1".parse::<u8>()).unwrap_err();
    assert_eq!(refused.to_string(), "call was not admitted");
    let cause = refused.source().unwrap().downcast_ref::<CircuitOpenError>().unwrap();
    assert_eq!(cause.to_string(), "Circuit breaker 'svc' is OPEN");
}

#[test]
fn states_are_written_as_on_the_wire() {
    let words: Vec<_> = CircuitState::ALL.iter().map(|state| state.as_str()).collect();
    let added = ["forced_open", "disabled", "metrics_only"];
    assert_eq!(words, [&["closed", "open", "half_open"][..], &added].concat());
}
