//! The breaker around futures: dropped, panicking, and beside others that panic.

use std::future::{self, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use runtime_resilience::{CallError, CircuitBreakerConfig, CircuitState};

use crate::support::{breaker, half_open, poll_once, ready, threshold};

#[test]
fn sync_and_async_calls_share_one_state() {
    let (breaker, _, _) = breaker(threshold(2));
    assert_eq!(breaker.call(|| Err::<(), _>("sync")), Err(CallError::Failed("sync")));
    let failed = ready(breaker.call_async(|| async { Err::<(), _>("async") }));
    assert_eq!(failed, Err(CallError::Failed("async")));
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn an_open_breaker_does_not_even_build_the_future() {
    let (breaker, _, _) = breaker(threshold(1));
    breaker.record_failure();
    let refused = ready(
        breaker.call_async(|| -> future::Ready<Result<(), ()>> { panic!("it must not be called") }),
    );
    assert!(matches!(refused, Err(CallError::Open(_))));
}

#[test]
fn admission_is_asked_for_at_the_first_poll() {
    let (breaker, _, _) = breaker(threshold(1));
    let call = breaker.call_async(|| async { Ok::<_, ()>(1) });
    breaker.record_failure();
    assert!(matches!(ready(call), Err(CallError::Open(_))));
}

#[test]
fn dropped_probe_frees_its_place_and_is_ignored() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default());
    let mut call = Box::pin(breaker.call_async(future::pending::<Result<(), ()>>));
    assert!(poll_once(&mut call).is_pending());
    assert!(breaker.try_acquire().is_err());
    drop(call);
    assert_eq!(ready(breaker.call_async(|| async { Ok::<_, ()>(1) })), Ok(1));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_panic_in_the_future_or_in_making_it_is_a_failure() {
    let (breaker, _, heard) = breaker(threshold(1));
    let polled = || ready(breaker.call_async(|| async { panic!("on purpose") as Result<(), ()> }));
    assert!(catch_unwind(AssertUnwindSafe(polled)).is_err());
    assert_eq!(breaker.state(), CircuitState::Open);

    breaker.reset();
    let made =
        || ready(breaker.call_async(|| -> future::Ready<Result<(), ()>> { panic!("on purpose") }));
    assert!(catch_unwind(AssertUnwindSafe(made)).is_err());
    assert_eq!(breaker.state(), CircuitState::Open);
    assert_eq!(heard.all().len(), 3);
}

#[test]
fn a_panic_beside_a_call_only_cancels_it() {
    let (breaker, _, heard) = breaker(threshold(1));
    let joined = || {
        let mut call = Box::pin(breaker.call_async(future::pending::<Result<(), ()>>));
        // Like `join!` with a neighbour that panics in the same poll.
        ready(poll_fn(move |cx| {
            assert!(call.as_mut().poll(cx).is_pending());
            panic!("on purpose") as Poll<()>
        }));
    };
    assert!(catch_unwind(AssertUnwindSafe(joined)).is_err());
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert_eq!(heard.all(), []);
}
