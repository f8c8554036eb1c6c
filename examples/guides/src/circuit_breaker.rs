//! The code of `docs/circuit-breaker.md`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use techrevati_runtime::events::ManualClock;
use techrevati_runtime::resilience::{
    CallError, CallOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitState, CircuitWindow,
    GrowingWait, InvalidWindowError, OpenWait, Percent,
};

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();

fn the_provider_comes_back() {
    let clock = ManualClock::new();
    let config = CircuitBreakerConfig::default()
        .failure_threshold(TWO)
        .recovery_timeout(Duration::from_secs(30));
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

fn for_a_provider_of_models() -> Result<CircuitBreaker, InvalidWindowError> {
    let window = CircuitWindow::of_time(Duration::from_secs(120))?
        .failure_rate(Percent::HALF)
        .slow_calls(Duration::from_secs(60), Percent::ALL);
    let wait = GrowingWait::from(Duration::from_secs(5)).max(Duration::from_secs(300));
    let config = CircuitBreakerConfig::default()
        .window(window)
        .open_wait(OpenWait::Growing(wait))
        .half_open_lease(Duration::from_secs(180));
    Ok(CircuitBreaker::with_config("provider", config))
}

fn errors_that_say_nothing(breaker: &CircuitBreaker) {
    let judge = |reply: &Result<&str, u16>| match reply {
        Ok(_) | Err(400) => CallOutcome::Success,
        Err(429) => CallOutcome::Ignored,
        Err(_) => CallOutcome::Failure,
    };
    assert_eq!(breaker.call_judged(|| Err(429), judge), Err(CallError::Failed(429)));
    assert_eq!(breaker.snapshot().counts.calls, 0);
}

pub(crate) fn run() {
    the_provider_comes_back();
    errors_that_say_nothing(&for_a_provider_of_models().expect("two minutes hold calls"));
}
