//! The code of `docs/circuit-breaker.md`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use techrevati_runtime::events::ManualClock;
use techrevati_runtime::resilience::{CallError, CircuitBreaker, CircuitState, breaker::Config};

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();

fn the_provider_comes_back() {
    let clock = ManualClock::new();
    let config = Config::default().failure_threshold(TWO).recovery_timeout(Duration::from_secs(30));
    let breaker = CircuitBreaker::with_clock("provider", config, Arc::new(clock.clone()));

    for _ in 0..2 {
        let failed = breaker.call(|| Err::<(), _>("503 Service Unavailable"));
        assert_eq!(failed, Err(CallError::Failed("503 Service Unavailable")));
    }
    assert_eq!(breaker.state(), CircuitState::Open);

    let Err(CallError::Open(refused)) = breaker.call(|| Ok::<_, &str>("hello")) else {
        panic!("an open breaker refuses");
    };
    assert_eq!(refused.to_string(), "Circuit breaker 'provider' is OPEN");
    assert_eq!(refused.retry_after, Some(Duration::from_secs(30)));

    clock.advance(Duration::from_secs(30));
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    assert_eq!(breaker.call(|| Ok::<_, &str>("hello")), Ok("hello"));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

pub(crate) fn run() {
    the_provider_comes_back();
}
