//! Promises that the compiler keeps.

use std::sync::Arc;

use runtime_resilience::{
    CallError, CallOutcome, CircuitBreaker, CircuitOpenError, Classifier, Demand, Failure,
    FirstTokens, Permit, PermitRef, RateLimitedError, RateLimiter, RateLimits, RateReservation,
    RecoveryContext, RecoveryHandler, RecoveryStep, RetryBudget, Route, RouteLease, Routes,
    StepContext, TransitionListener, TriedRoutes, attempt_recovery_async,
};

const fn shared<T: Send + Sync + 'static>() {}
const _: () = {
    shared::<CircuitBreaker>();
    shared::<CircuitOpenError>();
    shared::<CallError<std::io::Error>>();
    shared::<Classifier>();
    shared::<Failure>();
    shared::<Permit>();
    shared::<PermitRef<'static>>();
    shared::<RecoveryContext>();
    shared::<RecoveryStep>();
    shared::<Route>();
    shared::<RouteLease>();
    shared::<Routes>();
    shared::<StepContext<'static>>();
    shared::<TriedRoutes>();
    shared::<RateLimiter>();
    shared::<RateReservation>();
    shared::<RateLimitedError>();
    shared::<RetryBudget>();
    shared::<FirstTokens>();
};
const _: Option<&dyn TransitionListener> = None;
const _: Option<&dyn RecoveryHandler> = None;

fn sendable<T: Send>(value: T) -> T {
    value
}

#[test]
fn the_futures_of_this_crate_are_send() {
    let breaker = CircuitBreaker::new("svc");
    drop(sendable(breaker.call_async(|| async { Ok::<_, ()>(Arc::new(1)) })));
    drop(sendable(breaker.call_async_judged(|| async { Ok::<_, ()>(1) }, CallOutcome::of)));

    let limiter = RateLimiter::new("svc", RateLimits::default());
    drop(sendable(limiter.reserve(Demand::request(), &runtime_events::ManualClock::new(), None)));

    let mut context = RecoveryContext::default();
    let handler: &dyn RecoveryHandler = &|_: &StepContext<'_>| Ok(());
    let scenario = runtime_events::FailureScenario::LlmError;
    drop(sendable(attempt_recovery_async(scenario, &mut context, handler)));
}
