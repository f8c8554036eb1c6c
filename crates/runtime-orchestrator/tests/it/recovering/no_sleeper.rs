//! Without a sleeper: tasks give up, threads park.
#![cfg(not(feature = "tokio"))]

use std::sync::Arc;
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_orchestrator::{BoxError, Orchestrator, RecoveryConfig, Turn, TurnError};
use runtime_resilience::{
    Backoff, FaultKind, GaveUp, JitterMode, RateLimiter, RateLimits, RecoveryStep,
};

use super::{SECOND, Script};
use crate::support::now;

#[test]
fn task_that_needs_a_wait_gives_up_with_the_reason() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
    let TurnError::Unrecovered(unrecovered) = now(call).unwrap_err() else { panic!() };
    assert_eq!(script.calls(), 1);
    let (step, reason) = (RecoveryStep::RetryWithBackoff, "no sleeper is configured".to_owned());
    assert_eq!(unrecovered.gave_up, GaveUp::StepFailed { step, reason });
    assert_eq!(super::books(&session)[2], "escalated llm_error");
}

#[test]
fn task_does_not_wait_for_a_rate_limit_forever() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::with_clock("svc", RateLimits::default(), Arc::new(clock));
    let session = Orchestrator::new("writer", "draft").rate_limiter(limiter.clone());
    let session = session.session().unwrap();
    now(session.run_turn(Turn::unmetered(), async || Ok::<_, BoxError>(1))).unwrap();
    limiter.pause(SECOND);
    let refused = now(session.run_turn(Turn::unmetered(), async || Ok::<_, BoxError>(1)));
    let TurnError::RateLimited(refused) = refused.unwrap_err() else { panic!() };
    assert_eq!(refused.retry_after, Some(SECOND));
}

#[test]
fn retry_without_a_wait_is_made() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let script = Script::of([FaultKind::ContextLength, FaultKind::Malformed]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
    assert_eq!(now(call).unwrap().attempts, 3);
}

#[test]
fn thread_waits_by_parking() {
    let backoff = Backoff::default().jitter(JitterMode::None).cap(Duration::from_nanos(1));
    let session = Orchestrator::new("writer", "draft")
        .recovery(RecoveryConfig::default().backoff(backoff))
        .session()
        .unwrap();
    let script = Script::of([FaultKind::Server]);
    let answer = session.blocking().run_turn_recovering(Turn::model("m"), |it| script.play(it));
    assert_eq!(answer.unwrap().attempts, 2);
}

#[test]
fn configured_sleeper_is_used() {
    let clock = ManualClock::skipping();
    let session = Orchestrator::new("writer", "draft").time(clock.clone()).session().unwrap();
    let script = Script::of([FaultKind::Server]);
    let call = session.run_turn_recovering(Turn::model("m"), async |it| script.play(it));
    assert_eq!(now(call).unwrap().attempts, 2);
    assert!(clock.elapsed() >= SECOND);
}
