//! Panics: not cancellations, and failures only of the panicking code.

use std::error::Error;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use futures_util::{FutureExt, join};
use runtime_events::{AgentEventName, AgentEventStatus, AgentFailureClass, SpanOutcome};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, ToolCall, Turn};
use runtime_policy::Guardrails;
use runtime_resilience::{CircuitBreaker, CircuitState, Classifier};

use crate::support::{Fixture, assert_lawful, last_outcome, now, yields};

#[test]
fn panic_beside_a_turn_cancels_it_and_spares_the_breaker() {
    let fixture = Fixture::new();
    let run = fixture.orchestrator.run(async |session| {
        let hangs = async || pending::<Result<(), BoxError>>().await;
        let panics = async || -> Result<(), BoxError> { resume_unwind(Box::new("payload")) };
        let (turn, tool) = join!(
            session.run_turn(Turn::model("m"), hangs),
            session.run_tool(ToolCall::new("search"), panics)
        );
        turn?;
        tool?;
        Ok(())
    });
    let payload = now(AssertUnwindSafe(run).catch_unwind()).unwrap_err();

    assert_eq!(*payload.downcast::<&str>().unwrap(), "payload");
    assert_eq!(fixture.breaker.state(), CircuitState::Closed, "the breaker opens at one failure");
    assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Cancelled));
    let tool = last_outcome(&fixture, AgentEventName::ToolCompleted);
    assert_eq!(tool, Some(SpanOutcome::Panicked));
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.outcome, Some(SpanOutcome::Panicked));
    assert_eq!(end.status, AgentEventStatus::Failed);
    assert_lawful(&fixture.events.events());
}

#[test]
fn panic_of_the_body_fails_the_session() {
    let fixture = Fixture::new();
    let run = fixture.orchestrator.run::<()>(async |_| {
        yields(1).await;
        resume_unwind(Box::new(41_u8))
    });
    let payload = now(AssertUnwindSafe(run).catch_unwind()).unwrap_err();
    assert_eq!(*payload.downcast::<u8>().unwrap(), 41);
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.outcome, Some(SpanOutcome::Panicked));
}

#[test]
fn panic_beside_a_run_cancels_it() {
    let fixture = Fixture::new();
    let run = fixture.orchestrator.run(async |session| {
        let call = async || pending::<Result<(), BoxError>>().await;
        session.run_turn(Turn::model("m"), call).await?;
        Ok(())
    });
    let bomb = async { resume_unwind(Box::new("beside")) };
    let both = async {
        let (_, ()) = futures_util::join!(run, bomb);
    };
    now(AssertUnwindSafe(both).catch_unwind()).unwrap_err();
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.outcome, Some(SpanOutcome::Cancelled), "the turn itself did not panic");
    assert_eq!(fixture.breaker.state(), CircuitState::Closed);
    assert_lawful(&fixture.events.events());
}

#[test]
fn panic_beside_a_probe_frees_its_place() {
    let fixture = Fixture::new();
    fixture.half_open();
    let session = fixture.orchestrator.session().unwrap();
    let both = async {
        let hangs = async || pending::<Result<(), BoxError>>().await;
        let panics = async || -> Result<(), BoxError> { resume_unwind(Box::new(7)) };
        let _ = join!(
            session.run_turn(Turn::model("m"), hangs),
            session.run_tool(ToolCall::new("t"), panics)
        );
    };
    now(AssertUnwindSafe(both).catch_unwind()).unwrap_err();
    assert!(fixture.breaker.check().is_ok());
    assert_eq!(fixture.breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn panic_in_a_turn_fails_it_and_cancels_its_neighbour() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let both = async {
        let hangs = async || pending::<Result<(), BoxError>>().await;
        let panics = async || -> Result<(), BoxError> { resume_unwind(Box::new(7)) };
        let _ = join!(
            session.run_tool(ToolCall::new("t"), hangs),
            session.run_turn(Turn::model("m"), panics)
        );
    };
    now(AssertUnwindSafe(both).catch_unwind()).unwrap_err();

    assert_eq!(fixture.breaker.state(), CircuitState::Open);
    let turn = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(turn.outcome, Some(SpanOutcome::Panicked));
    assert_eq!(turn.detail.as_deref(), Some("the caller's code panicked"));
    let tool = last_outcome(&fixture, AgentEventName::ToolCompleted);
    assert_eq!(tool, Some(SpanOutcome::Cancelled));
    drop(session);
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.outcome, Some(SpanOutcome::Panicked), "the panic may have dropped the session");
}

#[test]
fn panic_of_a_guardrail_spares_the_breaker() {
    for blocking in [false, true] {
        let fixture = Fixture::new().with(|orchestrator| {
            orchestrator.guardrails(
                Guardrails::new().with(runtime_policy::guardrail::pre("bomb", |_| {
                    resume_unwind(Box::new("bomb"))
                })),
            )
        });
        let session = fixture.orchestrator.session().unwrap();
        let turn = Turn::model("m").guarded("prompt");
        let caught = if blocking {
            let run = || session.blocking().run_turn(turn, || Ok::<_, BoxError>(())).map(|_| ());
            catch_unwind(AssertUnwindSafe(run))
        } else {
            let run =
                async { session.run_turn(turn, async || Ok::<_, BoxError>(())).await.map(|_| ()) };
            now(AssertUnwindSafe(run).catch_unwind())
        };
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "bomb");
        assert_eq!(fixture.breaker.state(), CircuitState::Closed, "blocking: {blocking}");
        let turn = fixture.only(AgentEventName::TurnFailed);
        assert_eq!(turn.outcome, Some(SpanOutcome::Panicked));
    }
}

#[test]
fn panic_of_a_classifier_is_no_cancellation() {
    let bomb = |_: &(dyn Error + 'static)| resume_unwind(Box::new("bomb"));
    let bombs = |fixture: Fixture| {
        fixture.recovery(|recovery| recovery.classifier(Classifier::default().rule(bomb)))
    };
    let fails = async || Err::<(), _>(BoxError::from("no"));

    let fixture = bombs(Fixture::new());
    let session = fixture.orchestrator.session().unwrap();
    let turn = AssertUnwindSafe(session.run_turn(Turn::model("m"), fails)).catch_unwind();
    assert_eq!(*now(turn).unwrap_err().downcast::<&str>().unwrap(), "bomb");
    assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Panicked));
    let tool = AssertUnwindSafe(session.run_tool(ToolCall::new("t"), fails)).catch_unwind();
    assert_eq!(*now(tool).unwrap_err().downcast::<&str>().unwrap(), "bomb");
    assert_eq!(last_outcome(&fixture, AgentEventName::ToolCompleted), Some(SpanOutcome::Panicked));

    let fixture = bombs(Fixture::new());
    let run = fixture.orchestrator.run::<()>(async |_| Err("no".into()));
    now(AssertUnwindSafe(run).catch_unwind()).unwrap_err();
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.outcome, Some(SpanOutcome::Panicked));
}

#[test]
fn panic_in_a_blocking_run_fails_it_and_keeps_its_payload() {
    let fixture = Fixture::new();
    let run = || {
        fixture.orchestrator.run_blocking::<()>(|session| {
            session.blocking().run_turn(Turn::model("m"), || Ok::<_, BoxError>(()))?;
            resume_unwind(Box::new(41_u8))
        })
    };
    let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();

    assert_eq!(*payload.downcast::<u8>().unwrap(), 41);
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.outcome, Some(SpanOutcome::Panicked));
    assert_eq!(end.failure_class, Some(AgentFailureClass::Unknown));
    assert_eq!(end.detail.as_deref(), Some("the session's code panicked"));
    let worker = &fixture.orchestrator.shared_registry().get_by_project(0);
    assert!(worker.is_empty());
    assert_eq!(fixture.breaker.state(), CircuitState::Closed);
    assert_lawful(&fixture.events.events());
}

#[test]
fn panic_in_a_blocking_turn_is_recognised() {
    let fixture = Fixture::new();
    let run = || {
        fixture.orchestrator.run_blocking(|session| {
            let turn = Turn::model("m");
            let call = || -> Result<u8, BoxError> { resume_unwind(Box::new(41_u8)) };
            Ok(session.blocking().run_turn(turn, call)?.value)
        })
    };
    let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();

    assert_eq!(*payload.downcast::<u8>().unwrap(), 41);
    assert_eq!(fixture.breaker.state(), CircuitState::Open);
    let turn = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(turn.outcome, Some(SpanOutcome::Panicked));
    assert_lawful(&fixture.events.events());
}

#[test]
fn panic_caught_by_the_body_fails_only_its_turn() {
    let fixture = Fixture::new();
    let report = fixture.orchestrator.run_blocking(|session| {
        let call = || -> Result<(), BoxError> { resume_unwind(Box::new(0)) };
        let run = || session.blocking().run_turn(Turn::model("m"), call);
        catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        Ok("went on")
    });
    assert_eq!(report.result.unwrap(), "went on");
    assert_eq!(report.summary.worker.status(), AgentStatus::Completed);
    assert_lawful(&fixture.events.events());
}

#[test]
fn session_dropped_after_a_caught_panic_is_cancelled() {
    let fixture = Fixture::new().with(|o| o.circuit_breaker(CircuitBreaker::new("patient")));
    let session = fixture.orchestrator.session().unwrap();
    let call = || -> Result<(), BoxError> { resume_unwind(Box::new(0)) };
    let run = || session.blocking().run_turn(Turn::model("m"), call);
    catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    session.blocking().run_turn(Turn::model("m"), || Ok::<_, BoxError>(1)).unwrap();
    drop(session);
    assert_eq!(last_outcome(&fixture, AgentEventName::AgentFailed), Some(SpanOutcome::Cancelled));
}
