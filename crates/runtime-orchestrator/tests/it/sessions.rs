//! Begin, end and summary of sessions.

use std::num::NonZeroUsize;
use std::time::Duration;

use runtime_events::payload::{GateEvaluated, Word};
use runtime_events::{
    AgentEventName, AgentEventStatus, AgentFailureClass, CountingIds, SpanOutcome,
};
use runtime_lifecycle::{AgentRegistry, AgentStatus};
use runtime_orchestrator::{
    BoxError, Orchestrator, SessionBusyError, SessionError, TelemetryConfig, ToolCall, Turn,
    TurnError,
};
use runtime_policy::{
    PhaseContext, PolicyAction, PolicyCondition, PolicyEngine, PolicyRule, QualityGate,
    QualityLevel,
};
use runtime_usage::{Limit, Usd};
use serde_json::json;

use crate::support::{Fixture, assert_lawful, dollar, now};

async fn fine() -> Result<(), BoxError> {
    Ok(())
}

#[test]
fn session_begins_with_agent_started() {
    let fixture = Fixture::new()
        .with(|o| o.project_id(42).label("tenant", "acme").ids(CountingIds::default()));
    let session = fixture.orchestrator.session().unwrap();
    let first = &fixture.events.events()[0];
    assert_eq!(first.event, AgentEventName::AgentStarted);
    assert_eq!(first.status, AgentEventStatus::Running);
    assert_eq!(first.role.as_deref(), Some("writer"));
    assert_eq!(first.phase.as_deref(), Some("draft"));
    assert_eq!(first.project_id, Some(42));
    assert_eq!(first.session_id.as_deref(), Some("00000000000000000000000000000002"));
    assert_eq!(session.worker_id(), "writer-draft-00000001");
    assert_eq!(first.labels.as_ref().unwrap()["tenant"], "acme");
    assert_eq!(session.status(), AgentStatus::Running);
    assert_eq!(session.handle().id(), session.id());
}

#[test]
fn labels_apply_to_one_session_from_then_on() {
    let fixture = Fixture::new().with(|o| o.label("tenant", "acme"));
    let session = fixture.orchestrator.session().unwrap();
    session.label("user", "ann");
    session.complete().unwrap();
    let labels: Vec<_> =
        fixture.events.events().iter().map(|e| e.labels.as_ref().unwrap().len()).collect();
    assert_eq!(
        labels,
        [1, 1, 1, 2, 2],
        "two changes of state after the first, one before the last"
    );
    fixture.events.clear();
    fixture.orchestrator.session().unwrap().complete().unwrap();
    assert_eq!(fixture.events.events()[0].labels.as_ref().unwrap().len(), 1);
}

#[test]
fn setter_on_a_clone_does_not_affect_others() {
    let fixture = Fixture::new();
    let _none = fixture.orchestrator.clone().max_iterations(0);
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::unmetered(), fine)).unwrap();
}

#[test]
fn blank_role_opens_no_session() {
    let orchestrator = Orchestrator::new(" ", "draft");
    let error = orchestrator.session().unwrap_err();
    assert_eq!(error.to_string(), "no worker for role ` `");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("role"));
    let report = now(orchestrator.run(async |_| Ok(())));
    assert_eq!(report.result.unwrap_err().to_string(), "no worker for role ` `");
    assert_eq!(report.summary.status(), AgentStatus::Failed);
    assert!(orchestrator.shared_registry().is_empty());
}

#[test]
fn dropped_session_is_cancelled() {
    let fixture = Fixture::new();
    drop(fixture.orchestrator.session().unwrap());
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.status, AgentEventStatus::Cancelled);
    assert_eq!(end.failure_class, Some(AgentFailureClass::Cancelled));
    assert_eq!(end.outcome, Some(SpanOutcome::Cancelled));
    assert_eq!(end.detail.as_deref(), Some("session dropped"));
    assert_lawful(&fixture.events.events());
}

#[test]
fn ended_session_refuses_everything() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    session.complete_with("done").unwrap();
    let events = fixture.events.len();

    let closed = "the session has ended: its worker is completed";
    let turn = now(session.run_turn(Turn::model("m"), fine)).unwrap_err();
    assert_eq!(turn.to_string(), closed);
    let tool = now(session.run_tool(ToolCall::new("t"), fine)).unwrap_err();
    assert_eq!(tool.to_string(), closed);
    assert_eq!(now(session.pause_for_input("?")).unwrap_err().to_string(), closed);
    assert_eq!(session.provide_input("x").unwrap_err().to_string(), "no pause_for_input in flight");
    assert_eq!(session.complete().unwrap_err().to_string(), closed);
    assert_eq!(session.handle().cancel("x").unwrap_err().to_string(), closed);
    assert_eq!(session.fail("x", AgentFailureClass::Unknown).unwrap_err().to_string(), closed);
    let handoff = session.handoff_to("editor", "x", json!({})).unwrap_err();
    assert_eq!(handoff.to_string(), closed);
    assert_eq!(fixture.events.len(), events, "no event follows the last one");
    let report = session.finish(Err::<(), _>("late"));
    assert_eq!(report.result.unwrap_err().to_string(), "late");
    assert_eq!(report.summary.status(), AgentStatus::Completed);
    assert_lawful(&fixture.events.events());
}

#[test]
fn busy_session_does_not_complete() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    let SessionError::Busy(SessionBusyError { in_flight, waiting_for_input, .. }) =
        session.complete().unwrap_err()
    else {
        panic!("not busy")
    };
    assert_eq!((in_flight, waiting_for_input), (1, false));
    assert_eq!(
        session.complete().unwrap_err().to_string(),
        "the session is busy: 1 turn or tool under way"
    );
    drop(turn);
    session.complete().unwrap();
}

#[test]
fn last_event_waits_for_running_turns() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    session.fail("no", AgentFailureClass::GovernanceBreach).unwrap();
    assert_eq!(session.status(), AgentStatus::Failed, "the worker's status changes at once");
    assert!(fixture.events.all(AgentEventName::AgentFailed).is_empty());
    let settled = turn.settle(dollar());
    assert_eq!(settled.cost, Usd::from_dollars(1));
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.failure_class, Some(AgentFailureClass::GovernanceBreach));
    assert_lawful(&fixture.events.events());
}

#[test]
fn end_in_the_registry_is_noticed_and_emitted() {
    let fixture = Fixture::new();
    let registry = fixture.orchestrator.shared_registry();
    let session = fixture.orchestrator.session().unwrap();
    registry.transition(session.worker_id(), AgentStatus::Cancelled, Some("ops")).unwrap();

    let turn = now(session.run_turn(Turn::model("m"), fine)).unwrap_err();
    let TurnError::Closed(closed) = turn else { panic!("{turn:?}") };
    assert_eq!(closed.status, AgentStatus::Cancelled);
    let handed = session.handoff_to("editor", "polish", json!({}));
    assert!(handed.is_err(), "a cancelled agent does not hand over");
    assert!(registry.list_unclaimed().is_empty());
    assert!(matches!(session.complete(), Err(SessionError::Closed(_))));
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.status, AgentEventStatus::Cancelled);
    assert_eq!(end.detail.as_deref(), Some("worker was cancelled in the registry"));
    drop(session);
    assert_lawful(&fixture.events.events());
}

#[test]
fn session_survives_the_removal_of_its_worker() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let handle = session.handle();
    fixture.orchestrator.shared_registry().remove(session.worker_id()).unwrap();
    now(session.run_turn(Turn::model("m"), fine)).unwrap();
    let summary = session.finish(Ok::<_, BoxError>(())).summary;
    assert_eq!(summary.status(), AgentStatus::Completed);
    assert_eq!(handle.status(), AgentStatus::Completed);
    assert_lawful(&fixture.events.events());
}

#[test]
fn error_of_the_body_fails_the_session_with_its_class() {
    let fixture = Fixture::new().with(|o| o.max_iterations(0));
    let report = now(fixture.orchestrator.run(async |session| {
        session.run_turn(Turn::model("m"), fine).await?;
        Ok(())
    }));
    let error = report.result.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(TurnError::MaxIterations(_))));
    let text = "session reached max_iterations=0; raise the cap or shorten the loop";
    assert_eq!(error.to_string(), text);
    let end = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(end.failure_class, Some(AgentFailureClass::GovernanceBreach));
    assert_eq!(end.detail.as_deref(), Some(text));
    assert_eq!(end.outcome, Some(SpanOutcome::Failed));
    assert_eq!(&*report.summary.worker.last_error().unwrap().message, text);
}

#[test]
fn finish_after_a_handoff_does_not_complete_again() {
    let fixture = Fixture::new();
    let report = now(fixture.orchestrator.run(async |session| {
        session.handoff_to("editor", "polish", json!({ "draft": 1 }))?;
        Ok("handed over")
    }));
    assert_eq!(report.result.unwrap(), "handed over");
    let end = fixture.only(AgentEventName::AgentCompleted);
    assert_eq!(end.detail.as_deref(), Some("handoff → editor: polish"));
    assert_lawful(&fixture.events.events());
}

#[test]
fn summary_has_the_python_keys_and_more() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(3))));
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    let summary = session.finish(Ok::<_, BoxError>(())).summary;

    let json = serde_json::to_value(&summary).unwrap();
    for key in ["worker", "usage", "per_model_cost", "recovery_events", "agent_events"] {
        assert!(json.get(key).is_some(), "the original's `{key}`");
    }
    assert_eq!(json["per_model_cost"], json!({ "m": 1.0 }));
    assert_eq!(json["iterations"], 1);
    assert_eq!(json["events_emitted"], 7);
    assert_eq!(json["budget"]["limit_usd"], 3.0);
    assert_eq!(json["budget"]["remaining_usd"], 2.0);
    assert_eq!(json["agent_events"][0]["event"], "agent.started");
    let text = "writer in draft: completed\n  \
        usage     1 turn, 1000000 tokens in, 0 out, $1.00\n  \
        model     m: $1.00\n  \
        budget    $2.00 of $3.00 left (enforced)\n  \
        events    7 emitted";
    assert_eq!(summary.to_string(), text);
}

#[test]
fn summary_names_turns_that_count_as_free() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = |model| Turn::model(model).usage(dollar());
    now(session.run_turn(turn("m"), fine)).unwrap();
    let priced = serde_json::to_value(session.summary().usage).unwrap();
    assert_eq!(priced.get("unpriced_turns"), None);
    now(session.run_turn(turn("of-nobody"), fine)).unwrap();
    let summary = session.finish(Ok::<_, BoxError>(())).summary;

    assert_eq!(serde_json::to_value(&summary.usage).unwrap()["unpriced_turns"], 1);
    let text = summary.to_string();
    assert!(
        text.contains("2 turns, 2000000 tokens in, 0 out, $1.00; 1 without a price\n"),
        "{text}"
    );
}

#[test]
fn event_log_is_bounded_and_counts_dropped_events() {
    let fixture = crate::recovering::quick().with(|o| {
        o.telemetry(TelemetryConfig::default().event_log(NonZeroUsize::new(3).unwrap()))
            .max_iterations(u32::MAX)
    });
    let session = fixture.orchestrator.session().unwrap();
    for _ in 0..10 {
        let fails = async |_| Err::<(), _>("context_length_exceeded");
        let _ = now(session.run_turn_recovering(Turn::unmetered(), fails));
    }
    let summary = session.finish(Ok::<_, BoxError>(())).summary;
    assert_eq!(summary.agent_events.len(), 3);
    assert_eq!(summary.recovery_events.len(), 3, "the recovery events are bounded as well");
    assert_eq!(summary.events_emitted, fixture.events.len() as u64);
    assert_eq!(summary.events_dropped, summary.events_emitted - 3);
    assert_eq!(summary.agent_events.last().unwrap().event, AgentEventName::AgentCompleted);
    assert!(summary.to_string().contains(", the last 3 kept"));
}

#[test]
fn gate_emits_the_required_and_the_observed_level() {
    let fixture = Fixture::new().with(|o| o.quality_gate(QualityGate::new(QualityLevel::Standard)));
    let session = fixture.orchestrator.session().unwrap();
    assert!(session.evaluate_gate(QualityLevel::Standard).unwrap().satisfied);
    assert!(!session.evaluate_gate(QualityLevel::Minimal).unwrap().satisfied);
    let passed = fixture.only(AgentEventName::PhaseGatePassed);
    assert_eq!(passed.detail.as_deref(), Some("observed=STANDARD"));
    assert_eq!(passed.status, AgentEventStatus::Green);
    let told = GateEvaluated::of(&passed);
    assert_eq!(told.required_level.map(Word::as_str), Some("STANDARD"));
    assert_eq!(told.observed_level.map(Word::as_str), Some("STANDARD"));
    assert_eq!(fixture.only(AgentEventName::PhaseGateFailed).status, AgentEventStatus::Red);
    session.complete().unwrap();
    assert!(session.evaluate_gate(QualityLevel::Minimal).is_some());
    assert_lawful(&fixture.events.events());
    let ungated = Fixture::new();
    assert!(ungated.orchestrator.session().unwrap().evaluate_gate(QualityLevel::Minimal).is_none());
}

#[test]
fn policy_sees_phase_cost_time_and_exhausted_scenarios() {
    let rule =
        |name: &str, condition| PolicyRule::new(name, condition).action(PolicyAction::AbortPhase);
    let engine = PolicyEngine::new([
        rule("cost", PolicyCondition::CostExceeded(Usd::from_cents(50))),
        rule("time", PolicyCondition::TimedOut(Duration::from_secs(10))),
        rule("retries", PolicyCondition::retry_exhausted(None)),
    ]);
    let fixture = Fixture::new().with(|o| {
        o.policy(engine)
            .circuit_breaker(crate::support::breaker(&runtime_events::ManualClock::new(), 100))
    });
    let session = fixture.orchestrator.session().unwrap();
    let firing = || {
        let all = session.explain_policy(PhaseContext::default());
        all.into_iter().map(|rule| rule.fired).collect::<Vec<_>>()
    };
    assert_eq!(firing(), [false; 3]);
    now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    assert_eq!(firing(), [true, false, false]);
    fixture.clock.advance(Duration::from_secs(11));
    assert_eq!(firing(), [true, true, false]);
    let given = session.evaluate_policy(PhaseContext::default().elapsed(Duration::from_secs(1)));
    assert_eq!(given.len(), 1, "a given time takes precedence");
    for _ in 0..8 {
        let _ = now(session.run_turn(Turn::model("m"), async || Err::<(), _>("corrupt state")));
    }
    assert_eq!(firing(), [true, true, false], "a plain turn does not retry");
    for _ in 0..8 {
        let fails = async |_| Err::<(), _>("corrupt state");
        let _ = now(session.run_turn_recovering(Turn::model("m"), fails));
    }
    assert_eq!(firing(), [true, true, true]);
    assert_eq!(session.evaluate_policy(PhaseContext::default()).len(), 3);
}

#[test]
fn orchestrators_may_share_a_registry() {
    let registry = AgentRegistry::new();
    let writer = Orchestrator::new("writer", "draft").registry(registry.clone());
    let editor = Orchestrator::new("editor", "draft").registry(registry.clone());
    let (one, two) = (writer.session().unwrap(), editor.session().unwrap());
    assert_eq!(registry.list_active().len(), 2);
    drop((one, two));
    assert!(registry.list_active().is_empty());
}
