//! What several tests need.

use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, CircuitState, Transition, TransitionListener,
};

pub(crate) const WAIT: Duration = Duration::from_secs(10);

pub(crate) fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("tests ask for at least one")
}

/// A breaker that waits for [`WAIT`] once it is open, and reports.
pub(crate) fn breaker(config: CircuitBreakerConfig) -> (CircuitBreaker, ManualClock, Heard) {
    breaker_with(config.recovery_timeout(WAIT))
}

/// A breaker with just these settings, that reports.
pub(crate) fn breaker_with(config: CircuitBreakerConfig) -> (CircuitBreaker, ManualClock, Heard) {
    let (clock, heard) = (ManualClock::new(), Heard::default());
    let breaker = CircuitBreaker::with_listener(
        "svc",
        config,
        Arc::new(clock.clone()),
        Arc::new(heard.clone()),
    );
    (breaker, clock, heard)
}

pub(crate) fn threshold(failures: u32) -> CircuitBreakerConfig {
    CircuitBreakerConfig::default().failure_threshold(count(failures))
}

/// A breaker that is half-open: its wait is over, and no probe has been asked for yet.
pub(crate) fn half_open(config: CircuitBreakerConfig) -> (CircuitBreaker, ManualClock, Heard) {
    let (breaker, clock, heard) = breaker(config.failure_threshold(count(1)));
    breaker.record_failure();
    clock.advance(WAIT);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    (breaker, clock, heard)
}

/// A listener that remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Transition>>>);

impl Heard {
    pub(crate) fn all(&self) -> Vec<Transition> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn states(&self) -> Vec<CircuitState> {
        self.all().iter().map(|transition| transition.to).collect()
    }
}

impl TransitionListener for Heard {
    fn on_transition(&self, breaker: &str, transition: Transition) {
        assert_eq!(breaker, "svc");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(transition);
    }
}

pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    pin!(future).poll(&mut cx)
}

/// The value of a future that does not wait.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match poll_once(&mut future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}
