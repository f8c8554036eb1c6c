//! Turns dropped, cancelled or out of time at every point: they hold nothing and their story ends.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use runtime_events::{AgentEventName, SpanOutcome};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{Answer, Attempt, BoxError, OrchestrationSession, Turn, TurnError};
use runtime_policy::Guardrails;
use runtime_resilience::{
    FaultError, FaultKind, RecoveryHandler, RecoveryStep, Route, Routes, StepContext, StepFuture,
};
use runtime_usage::{Limit, UsageSnapshot, Usd};

use super::{SECOND, assert_recovery_agrees, fault, fixture};
use crate::cancellation::Slow;
use crate::support::{
    Fixture, assert_books_agree, assert_lawful, assert_lawful_so_far, breaker, dollar,
    last_outcome, limit, yields,
};

impl RecoveryHandler for Slow {
    fn carry_out(&self, _: &StepContext<'_>) -> Result<(), BoxError> {
        Ok(())
    }

    fn carry_out_async<'a>(&'a self, _: &'a StepContext<'a>) -> StepFuture<'a> {
        Box::pin(async {
            yields(2).await;
            Ok(())
        })
    }
}

/// The event for a turn after a number of polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Dropped,
    Cancelled,
    Failed,
    PastDeadline,
    PastTotal,
}

const CUTS: [Cut; 5] =
    [Cut::Dropped, Cut::Cancelled, Cut::Failed, Cut::PastDeadline, Cut::PastTotal];

/// A turn that waits in its guardrails, its handler, its back-off and three calls, and switches the
/// provider once.
fn scene() -> (Fixture, Routes) {
    let fixture = fixture();
    let place = |provider| Route::new(provider, "m").circuit_breaker(breaker(&fixture.clock, 9));
    let routes =
        Routes::ordered([place("a"), place("b")]).with_clock(Arc::new(fixture.clock.clone()));
    let steps =
        [RecoveryStep::ReduceToolSet, RecoveryStep::SwitchProvider, RecoveryStep::RetryWithBackoff];
    let recipes = super::recipe(runtime_events::FailureScenario::LlmError, &steps, 2);
    let fixture = fixture
        .deadline(100 * SECOND)
        .recovery(|recovery| recovery.routes(routes.clone()).recipes(recipes).handler(Slow))
        .with(|o| {
            o.guardrails(Guardrails::new().with_async(Slow))
                .budget(Limit::enforced(Usd::from_dollars(99)))
        });
    (fixture, routes)
}

async fn run(
    fixture: &Fixture,
    session: &OrchestrationSession,
) -> Result<Answer<&'static str>, TurnError> {
    let turn = Turn::model("m")
        .reserve(Usd::from_dollars(1))
        .usage(dollar())
        .within(limit(&fixture.clock, 50 * SECOND))
        .guarded("prompt");
    let call = async |it: Attempt| -> Result<&'static str, FaultError> {
        yields(1).await;
        it.observe(UsageSnapshot::new(1_000, 0));
        yields(1).await;
        if it.number() < 3 { Err(fault(FaultKind::RateLimit)) } else { Ok("fine") }
    };
    session.run_turn_recovering(turn, call).await
}

fn assert_in_order(fixture: &Fixture, session: &OrchestrationSession, routes: &Routes, what: &str) {
    assert_eq!(fixture.clock.waiting(), 0, "{what}");
    assert_books_agree(fixture, session);
    assert_recovery_agrees(fixture, session);
    for snapshot in routes.snapshot() {
        assert_eq!(snapshot.in_flight, 0, "{what}");
    }
    // Each attempted recovery has a result.
    let count = |name| fixture.events.all(name).len();
    let came = count(AgentEventName::RecoverySucceeded) + count(AgentEventName::RecoveryFailed);
    assert_eq!(count(AgentEventName::RecoveryAttempted), came, "{what}");
    assert_eq!(
        count(AgentEventName::TurnStarted),
        count(AgentEventName::TurnCompleted) + count(AgentEventName::TurnFailed),
        "{what}"
    );
}

fn cut_after(polls: usize, cut: Cut) -> bool {
    let what = format!("{cut:?} after {polls} polls");
    let (fixture, routes) = scene();
    // Half-open everywhere, so that a leaked place is noticed.
    for route in routes.iter() {
        (0..9).for_each(|_| route.breaker().record_failure());
    }
    fixture.clock.advance(crate::support::WAIT);
    let session = fixture.orchestrator.session().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut done = None;
    {
        let mut turn = pin!(run(&fixture, &session));
        for _ in 0..polls {
            if let Poll::Ready(output) = turn.as_mut().poll(&mut cx) {
                done = Some(output);
                break;
            }
            if fixture.clock.waiting() > 0 {
                fixture.clock.advance(SECOND / 4);
            }
        }
        let completed = done.is_some();
        if !completed && cut != Cut::Dropped {
            match cut {
                Cut::Cancelled => session.handle().cancel("enough").unwrap(),
                Cut::Failed => {
                    let class = runtime_events::AgentFailureClass::Unknown;
                    session.fail("no more", class).unwrap();
                }
                Cut::PastDeadline => fixture.clock.advance(100 * SECOND),
                _ => fixture.clock.advance(50 * SECOND),
            }
            let before = fixture.events.all(AgentEventName::AttemptStarted).len();
            let mut ended = None;
            // The caller's code may be polled once more if it is ready, but nothing new begins.
            for _ in 0..2 {
                if let Poll::Ready(output) = turn.as_mut().poll(&mut cx) {
                    ended = Some(output);
                    break;
                }
            }
            let after = fixture.events.all(AgentEventName::AttemptStarted).len();
            let error = match ended {
                Some(Ok(_)) => None,
                Some(Err(error)) => Some(error),
                // The turn's time is counted from its first poll.
                None if polls == 0 && cut == Cut::PastTotal => None,
                None => panic!("it goes on: {what}"),
            };
            let calls = fixture.events.all(AgentEventName::RecoveryAttempted).len();
            if let Some(error) = error {
                let right = match cut {
                    Cut::Cancelled | Cut::Failed => matches!(error, TurnError::Closed(_)),
                    // Both are over; the first one noticed counts.
                    Cut::PastDeadline => {
                        matches!(error, TurnError::Deadline(_) | TurnError::TimedOut(_))
                    }
                    _ => matches!(error, TurnError::TimedOut(_)),
                };
                // The turn may have failed by itself at the same poll.
                assert!(right || error.is_final(), "{what}: {error:?}");
                assert!(calls == 0 || !error.is_refusal(), "{what}: a call was made: {error:?}");
            }
            if matches!(cut, Cut::PastDeadline | Cut::PastTotal) && polls > 0 {
                assert_eq!(before, after, "{what}: an attempt began after the time was over");
            }
        }
    }
    assert_in_order(&fixture, &session, &routes, &what);
    let completed = done.is_some();
    match cut {
        _ if completed => {
            let answer = done.unwrap().unwrap();
            assert_eq!((answer.attempts, answer.provider.as_deref()), (3, Some("b")));
        }
        Cut::Dropped => {
            assert_eq!(session.status(), AgentStatus::Running);
            assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0, "{what}");
            let outcome = last_outcome(&fixture, AgentEventName::TurnFailed);
            assert_eq!(outcome, (polls > 0).then_some(SpanOutcome::Cancelled), "{what}");
        }
        _ => {}
    }
    drop(session);
    assert_lawful(&fixture.events.events());
    fixture.clock.advance(crate::support::WAIT);
    for route in routes.iter() {
        route.breaker().try_acquire().unwrap_or_else(|_| panic!("{what}: {route:?}")).success();
    }
    completed
}

#[test]
fn turn_cut_at_any_point_releases_all_and_ends_its_story() {
    for cut in CUTS {
        let polls = (0..60).find(|&polls| cut_after(polls, cut));
        let polls = polls.expect("it completes");
        // Guardrails 2 + 2, three calls of 2, the handler twice 2, and the wait.
        assert!(polls > 14, "{polls}");
    }
}
