//! A second attempt beside one that is slow.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_events::{AgentEventName, SpanOutcome};
use runtime_orchestrator::{Answer, Attempt, BoxError, OrchestrationSession, Turn, TurnError};
use runtime_resilience::hedge::Hedge;
use runtime_resilience::route::{Route, Routes};

use crate::support::{Fixture, assert_lawful_so_far};

const LATE: Duration = Duration::from_secs(2);

fn fixture() -> Fixture {
    Fixture::new().with(|orchestrator| {
        let routes = Routes::ordered([Route::new("slow", "m"), Route::new("fast", "m")]);
        orchestrator.routes(routes).hedge(Hedge::after(LATE))
    })
}

type Called = Result<Answer<u32>, TurnError>;

/// Polls a turn, lets it be late, and polls it again.
fn late<F: Future<Output = Called>>(fixture: &Fixture, turn: F) -> Option<Called> {
    let mut turn = pin!(turn);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    fixture.clock.advance(LATE);
    for _ in 0..4 {
        if let Poll::Ready(called) = turn.as_mut().poll(&mut cx) {
            return Some(called);
        }
    }
    None
}

fn run<'s, F: Future<Output = Result<u32, BoxError>> + 's>(
    session: &'s OrchestrationSession,
    call: impl FnMut(Attempt) -> F + 's,
) -> impl Future<Output = Called> + 's {
    session.run_turn_recovering(Turn::model("m").repeatable(), call)
}

#[test]
fn a_late_call_is_made_again_elsewhere_and_the_first_answer_counts() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| match attempt.provider() {
        "slow" => pending().await,
        _ => Ok(attempt.number()),
    };
    let answer = late(&fixture, run(&session, call)).unwrap().unwrap();
    assert_eq!((answer.value, answer.attempts), (2, 2));
    assert_eq!(answer.provider.as_deref(), Some("fast"));

    let started = fixture.events.all(AgentEventName::AttemptStarted);
    let hedged = |at: usize| started[at].data.as_ref().unwrap().get("hedge").is_some();
    assert_eq!((started.len(), hedged(0), hedged(1)), (2, false, true));
    let lost = fixture.only(AgentEventName::AttemptFailed);
    assert_eq!(lost.outcome, Some(SpanOutcome::Cancelled));
    assert_eq!(lost.detail.as_deref(), Some("another attempt was faster"));
    assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0);
}

#[test]
fn a_call_that_speaks_in_time_is_left_alone() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        attempt.token();
        pending().await
    };
    assert!(late(&fixture, run(&session, call)).is_none());
    assert_eq!(fixture.events.all(AgentEventName::AttemptStarted).len(), 1);
}

#[test]
fn a_call_that_may_not_be_repeated_is_not() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |_| pending::<Result<u32, BoxError>>().await;
    let turn = session.run_turn_recovering(Turn::model("m"), call);
    assert!(late(&fixture, turn).is_none());
    assert_eq!(fixture.events.all(AgentEventName::AttemptStarted).len(), 1);
}

#[test]
fn a_failure_of_either_leaves_the_other_running() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&calls);
    let call = move |attempt: Attempt| {
        let calls = Arc::clone(&seen);
        async move {
            if attempt.is_hedge() {
                return Err("503 Service Unavailable".into());
            }
            // The first is answered once the other has failed.
            crate::support::yields(2).await;
            std::future::poll_fn(|_| match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Poll::Pending,
                _ => Poll::Ready(Ok(attempt.number())),
            })
            .await
        }
    };
    let answer = late(&fixture, run(&session, call)).unwrap().unwrap();
    assert_eq!((answer.value, answer.provider.as_deref()), (1, Some("slow")));
    let failed = fixture.only(AgentEventName::AttemptFailed);
    assert_eq!(failed.outcome, Some(SpanOutcome::Failed));
    assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0);
}

#[test]
fn when_both_fail_the_turn_recovers_as_after_one() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        if attempt.number() == 1 {
            crate::support::yields(2).await;
        }
        Err::<u32, BoxError>("401 Unauthorized".into())
    };
    let mut turn = pin!(run(&session, call));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    fixture.clock.advance(LATE);
    let failed = loop {
        if let Poll::Ready(called) = turn.as_mut().poll(&mut cx) {
            break called.unwrap_err();
        }
        fixture.clock.advance(Duration::from_mins(1));
    };
    assert!(failed.is_final(), "{failed}");
    assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0);
}

#[test]
fn hedging_futures_cross_threads() {
    fn is_send(_: &impl Send) {}
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = |attempt: Attempt| async move { Ok::<_, BoxError>(attempt.number()) };
    is_send(&session.run_turn_recovering(Turn::model("m").repeatable(), call));
}
