//! Interrupted turns: timeouts, deadlines, cancels.

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use runtime_events::{AgentEventName, AgentFailureClass, FailureScenario, SpanOutcome};
use runtime_orchestrator::{BoxError, ToolCall, Turn, TurnError};
use runtime_policy::{GuardrailOutcome, Guardrails, guardrail};
use runtime_resilience::{CircuitState, chain_text};
use runtime_usage::Usd;

use crate::support::{CountingWaker, Fixture, assert_lawful, dollar, limit, now, poll_times};

const SECOND: Duration = Duration::from_secs(1);

async fn fine() -> Result<&'static str, BoxError> {
    Ok("fine")
}

async fn hang() -> Result<(), BoxError> {
    pending().await
}

#[test]
fn timed_out_turn_is_a_breaker_failure() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").timeout(limit(&fixture.clock, Duration::from_millis(1_500)));
    let mut call = Box::pin(session.run_turn(turn, hang));
    assert!(poll_times(3, &mut call).is_none());
    fixture.clock.advance(Duration::from_millis(1_499));
    assert!(poll_times(3, &mut call).is_none());
    fixture.clock.advance(Duration::from_millis(1));
    let error = poll_times(1, &mut call).unwrap().unwrap_err();

    assert_eq!(error.to_string(), "turn exceeded timeout of 1.500s");
    assert_eq!(error.scenario(), Some(FailureScenario::LlmTimeout));
    assert_eq!(error.failure_class(), AgentFailureClass::LlmTimeout);
    assert_eq!(error.recovery(), None, "a plain turn does not recover");
    assert!(!error.is_refusal());
    assert_eq!(fixture.breaker.state(), CircuitState::Open);
    let event = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(event.outcome, Some(SpanOutcome::TimedOut));
    assert_eq!(event.data.as_ref().unwrap().get("scenario").unwrap(), "llm_timeout");
    assert!(fixture.events.all(AgentEventName::RecoveryAttempted).is_empty(), "nothing was tried");
}

#[test]
fn call_interrupted_by_the_deadline_is_no_breaker_failure() {
    let fixture = Fixture::new().deadline(SECOND);
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").timeout(limit(&fixture.clock, 2 * SECOND));
    let mut call = Box::pin(session.run_turn(turn, hang));
    assert!(poll_times(1, &mut call).is_none());
    fixture.clock.advance(SECOND);
    let error = poll_times(1, &mut call).unwrap().unwrap_err();

    assert!(matches!(error, TurnError::Deadline(_)));
    assert_eq!(error.to_string(), "session deadline of 1.000s exceeded");
    assert_eq!(fixture.breaker.state(), CircuitState::Closed);
    assert!(fixture.events.all(AgentEventName::RecoveryAttempted).is_empty());
    let event = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(event.outcome, Some(SpanOutcome::TimedOut));
}

#[test]
fn timeout_equal_to_the_deadline_comes_first() {
    let fixture = Fixture::new().deadline(SECOND);
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").timeout(limit(&fixture.clock, SECOND));
    let mut call = Box::pin(session.run_turn(turn, hang));
    assert!(poll_times(1, &mut call).is_none());
    fixture.clock.advance(SECOND);
    let error = poll_times(1, &mut call).unwrap().unwrap_err();
    assert!(matches!(error, TurnError::TimedOut(_)), "{error:?}");
}

#[test]
fn cancel_wakes_a_waiting_turn_and_tool() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let tool = ToolCall::new("search");
    let counted = [(); 2].map(|()| Arc::new(CountingWaker::default()));
    let wakers = counted.each_ref().map(|counted| Waker::from(Arc::clone(counted)));
    let mut turn = pin!(session.run_turn(Turn::model("m"), hang));
    let mut tool = pin!(session.run_tool(tool, hang));
    for _ in 0..3 {
        assert!(turn.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
        assert!(tool.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());
    }
    session.handle().cancel("enough").unwrap();
    assert_eq!(counted.each_ref().map(|counted| counted.wakes()), [1, 1]);
    assert!(turn.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_ready());
    assert!(tool.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_ready());
}

#[test]
fn timeout_beyond_the_clocks_range_never_ends() {
    let fixture = Fixture::new().deadline(Duration::MAX);
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m").timeout(limit(&fixture.clock, Duration::MAX)), fine))
        .unwrap();
    let late = poll_times(
        3,
        session.run_turn(Turn::model("m").timeout(limit(&fixture.clock, Duration::MAX)), hang),
    );
    assert!(late.is_none());
}

#[test]
fn timeout_of_zero_allows_an_immediate_answer() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let zero = || limit(&fixture.clock, Duration::ZERO);
    let ready = session.run_turn(Turn::model("m").timeout(zero()), fine);
    assert_eq!(now(ready).unwrap().value, "fine");
    let error = now(session.run_turn(Turn::model("m").timeout(zero()), hang)).unwrap_err();
    assert!(matches!(error, TurnError::TimedOut(_)));
}

#[test]
fn cancel_interrupts_a_waiting_turn_and_refuses_new_ones() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let handle = session.handle();
    let cancel = async { handle.cancel("enough").unwrap() };
    let (turn, ()) =
        now(async { futures_util::join!(session.run_turn(Turn::model("m"), hang), cancel) });

    let error = turn.unwrap_err();
    assert!(matches!(error, TurnError::Closed(_)));
    assert_eq!(error.to_string(), "the session has ended: its worker is cancelled");
    assert_eq!(error.failure_class(), AgentFailureClass::Cancelled);
    let turn = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(turn.outcome, Some(SpanOutcome::Cancelled));
    assert_eq!(fixture.breaker.state(), CircuitState::Closed);
    now(session.run_turn(Turn::model("m"), fine)).unwrap_err();
    assert_lawful(&fixture.events.events());
}

#[test]
fn call_does_not_begin_if_a_guardrail_cancels_the_session() {
    for blocking in [false, true] {
        let canceller = Arc::new(std::sync::OnceLock::new());
        let held = Arc::clone(&canceller);
        let fixture = Fixture::new().with(|o| {
            o.guardrails(Guardrails::new().with(guardrail::pre("stop", move |_| {
                let handle: &runtime_orchestrator::SessionHandle = held.get().unwrap();
                let _ = handle.cancel("the prompt says stop");
                GuardrailOutcome::allow()
            })))
        });
        let session = fixture.orchestrator.session().unwrap();
        canceller.set(session.handle()).unwrap();
        let called = Cell::new(false);
        let turn = Turn::model("m").guarded("stop");
        let stopped = if blocking {
            session.blocking().run_turn(turn, || {
                called.set(true);
                Ok::<_, BoxError>(())
            })
        } else {
            now(session.run_turn(turn, async || {
                called.set(true);
                Ok::<_, BoxError>(())
            }))
        };
        assert!(matches!(stopped, Err(TurnError::Closed(_))), "{stopped:?}");
        assert!(!called.get(), "blocking: {blocking}");
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn stream_of_ready_chunks_notices_a_cancel() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    turn.observe(dollar());
    now(turn.run(async {})).unwrap();
    session.handle().cancel("enough").unwrap();
    let stopped = now(turn.run(async {})).unwrap_err();
    assert!(matches!(stopped, TurnError::Closed(_)));
    drop(turn);
    assert_eq!(session.tracker().total_cost(), Usd::from_dollars(1), "billed as observed");
    assert_lawful(&fixture.events.events());
}

#[test]
fn turn_settled_by_run_is_not_settled_again() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut turn =
        now(session.begin_turn(Turn::model("m").timeout(limit(&fixture.clock, Duration::ZERO))))
            .unwrap();
    let late = now(turn.run(pending::<()>())).unwrap_err();
    assert!(matches!(late, TurnError::TimedOut(_)));
    let again = now(turn.run(pending::<()>())).unwrap_err();
    assert!(matches!(again, TurnError::TimedOut(_)));
    let passed_on = turn.fail(late);

    assert_eq!(chain_text(&passed_on), "turn exceeded timeout of 0.000s");
    assert_eq!(passed_on.scenario(), Some(FailureScenario::LlmTimeout));
    fixture.only(AgentEventName::TurnFailed);
    assert_eq!(session.summary().recovery_events.len(), 0);
}
