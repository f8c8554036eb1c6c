//! Tools: permission, guardrails, call and events.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::cell::Cell;
use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use runtime_events::{
    AgentEventName, AgentEventStatus, AgentFailureClass, FailureScenario, SpanOutcome,
};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, SessionHandle, ToolCall, ToolError};
use runtime_policy::{
    GuardrailOutcome, GuardrailSubject, Guardrails, PermissionEnforcer, PermissionMode,
    PermissionPolicy, RolePermissionConfig, guardrail,
};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::support::{Fixture, assert_lawful, limit, now, poll_times};

async fn fine() -> Result<&'static str, BoxError> {
    Ok("fine")
}

fn read_only(orchestrator: Orchestrator) -> Orchestrator {
    let writer = RolePermissionConfig::new("writer", PermissionMode::ReadOnly).unwrap();
    let policy =
        PermissionPolicy::new().role(writer).requires("deploy", PermissionMode::FullAccess);
    orchestrator.permissions(PermissionEnforcer::new(policy))
}

#[test]
fn forbidden_tool_is_refused_before_its_guardrails() {
    let fixture = Fixture::new().with(read_only).with(|o| {
        o.guardrails(
            Guardrails::new()
                .with(guardrail::pre("unasked", |_| GuardrailOutcome::deny("must not be asked"))),
        )
    });
    let session = fixture.orchestrator.session().unwrap();
    let called = Cell::new(false);
    let denied = now(session.run_tool(ToolCall::new("deploy"), || {
        called.set(true);
        fine()
    }))
    .unwrap_err();

    assert!(matches!(denied, ToolError::PermissionDenied(_)), "{denied:?}");
    assert!(!called.get());
    let event = fixture.only(AgentEventName::AgentBlocked);
    assert_eq!(event.failure_class, Some(AgentFailureClass::PermissionDenied));
    assert_eq!(event.detail.as_deref(), Some(&*denied.to_string()));
    let data = serde_json::to_value(event.data.as_ref().unwrap()).unwrap();
    let expected = json!({ "refused": "tool", "reason": "permission_denied", "tool": "deploy" });
    assert_eq!(data, expected);
    assert!(!session.authorize("deploy").allowed);
    assert!(session.authorize("search").allowed);
}

#[test]
fn everything_is_allowed_without_permissions() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let outcome = session.authorize("deploy");
    assert!(outcome.allowed);
    assert_eq!(outcome.reason.as_deref(), Some("no enforcer configured"));
}

#[test]
fn tool_after_the_deadline_is_refused_before_its_permission() {
    let fixture = Fixture::new().with(read_only).deadline(Duration::from_secs(1));
    let session = fixture.orchestrator.session().unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    let late = now(session.run_tool(ToolCall::new("deploy"), fine)).unwrap_err();
    assert!(matches!(late, ToolError::Deadline(_)), "{late:?}");
}

#[test]
fn guardrails_check_arguments_and_result() {
    let fixture = Fixture::new().with(|o| {
        o.guardrails(
            Guardrails::new()
                .with(guardrail::pre("args", |check| {
                    assert_eq!(
                        (check.role, check.subject),
                        ("writer", GuardrailSubject::Tool("search"))
                    );
                    if check.arguments["q"] == "bad" {
                        GuardrailOutcome::deny("denied")
                    } else {
                        GuardrailOutcome::allow()
                    }
                }))
                .with(guardrail::post("result", |check| {
                    assert_eq!(check.arguments["q"], "good");
                    if check.result == "fine" {
                        GuardrailOutcome::deny("too fine")
                    } else {
                        GuardrailOutcome::allow()
                    }
                })),
        )
    });
    let session = fixture.orchestrator.session().unwrap();
    let search = |q: &str| ToolCall::new("search").args(json!({ "q": q }));

    let refused = now(session.run_tool(search("bad"), fine)).unwrap_err();
    assert!(matches!(refused, ToolError::Guardrail(_)));
    assert!(fixture.events.all(AgentEventName::ToolCalled).is_empty(), "it never began");
    let withheld = session.blocking().run_tool(search("good"), || Ok::<_, BoxError>("fine"));
    assert!(matches!(withheld, Err(ToolError::Guardrail(_))));
    let ended = fixture.only(AgentEventName::ToolCompleted);
    assert_eq!(ended.outcome, Some(SpanOutcome::Failed));
    assert_eq!(ended.failure_class, Some(AgentFailureClass::GuardrailViolation));
    assert_eq!(now(session.run_tool(search("good"), async || Ok::<_, BoxError>(3))).unwrap(), 3);
}

/// Cannot be serialised, and panics if it is serialised in vain.
struct Opaque(bool);

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        assert!(self.0, "the result is not read");
        Err(serde::ser::Error::custom("opaque"))
    }
}

#[test]
fn result_is_serialised_only_for_guardrails() {
    let fixture = Fixture::new().with(|o| {
        o.guardrails(Guardrails::new().with(guardrail::pre("args", |_| GuardrailOutcome::allow())))
    });
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_tool(ToolCall::new("t"), async || Ok::<_, BoxError>(Opaque(false)))).unwrap();

    let fixture = Fixture::new().with(|o| {
        o.guardrails(
            Guardrails::new().with(guardrail::post("result", |_| GuardrailOutcome::allow())),
        )
    });
    let session = fixture.orchestrator.session().unwrap();
    let tool = session.run_tool(ToolCall::new("t"), async || Ok::<_, BoxError>(Opaque(true)));
    let withheld = now(tool).map(|_| ()).unwrap_err();
    assert!(matches!(withheld, ToolError::Guardrail(_)));
    let ended = fixture.only(AgentEventName::ToolCompleted);
    assert_eq!(ended.outcome, Some(SpanOutcome::Failed));
}

#[test]
fn failed_tool_is_classified_outside_breaker_and_recovery() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let fails = async || Err::<(), _>("503 Service Unavailable");
    let error = now(session.run_tool(ToolCall::new("search"), fails)).unwrap_err();
    let ToolError::Failed(failure) = &error else { panic!("{error:?}") };
    assert_eq!(failure.scenario(), FailureScenario::ProviderFailure);
    assert_eq!(error.failure_class(), AgentFailureClass::ToolError);
    assert!(fixture.breaker.check().is_ok());
    assert!(session.summary().recovery_events.is_empty());
    let ended = fixture.only(AgentEventName::ToolCompleted);
    assert_eq!(ended.failure_class, Some(AgentFailureClass::ToolError));
    assert_eq!(ended.detail.as_deref(), Some("503 Service Unavailable"));
}

#[test]
fn dropped_tool_is_told_as_cancelled() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let hangs = async || pending::<Result<(), BoxError>>().await;
    let mut tool = Box::pin(session.run_tool(ToolCall::new("search"), hangs));
    assert!(poll_times(1, &mut tool).is_none());
    drop(tool);
    let ended = fixture.only(AgentEventName::ToolCompleted);
    let cancelled = (AgentEventStatus::Cancelled, Some(AgentFailureClass::Cancelled));
    assert_eq!((ended.status, ended.failure_class), cancelled);
    assert_eq!(ended.outcome, Some(SpanOutcome::Cancelled));
}

#[test]
fn slow_tool_times_out() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let call = ToolCall::new("search").timeout(limit(&fixture.clock, Duration::from_secs(2)));
    let hangs = async || pending::<Result<(), BoxError>>().await;
    let mut tool = Box::pin(session.run_tool(call, hangs));
    assert!(poll_times(2, &mut tool).is_none());
    fixture.clock.advance(Duration::from_secs(2));
    let error = now(&mut tool).unwrap_err();
    assert_eq!(error.to_string(), "tool 'search' exceeded timeout of 2.000s");
    drop(tool);
    session.complete().unwrap();
    assert_lawful(&fixture.events.events());
}

#[test]
fn tool_does_not_begin_if_a_guardrail_cancels_the_session() {
    for blocking in [false, true] {
        let canceller = Arc::new(OnceLock::new());
        let held: Arc<OnceLock<SessionHandle>> = Arc::clone(&canceller);
        let fixture = Fixture::new().with(|o| {
            o.guardrails(Guardrails::new().with(guardrail::pre("stop", move |_| {
                let _ = held.get().unwrap().cancel("the arguments say stop");
                GuardrailOutcome::allow()
            })))
        });
        let session = fixture.orchestrator.session().unwrap();
        canceller.set(session.handle()).unwrap();
        let called = Cell::new(false);
        let call = || {
            called.set(true);
            Ok::<_, BoxError>(())
        };
        let stopped = if blocking {
            session.blocking().run_tool(ToolCall::new("t"), call)
        } else {
            now(session.run_tool(ToolCall::new("t"), async || call()))
        };
        assert!(matches!(stopped, Err(ToolError::Closed(_))), "{stopped:?}");
        assert!(!called.get(), "blocking: {blocking}");
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn tool_span_names_the_tool_at_both_ends() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    session.blocking().run_tool("search", || Ok::<_, BoxError>(())).unwrap();
    let called = fixture.only(AgentEventName::ToolCalled);
    let completed = fixture.only(AgentEventName::ToolCompleted);
    assert_eq!(called.span, completed.span);
    for event in [called, completed] {
        assert_eq!(event.data.as_ref().unwrap().get("tool"), Some(&"search".into()));
    }
}

#[test]
fn requirement_of_a_call_adds_to_the_permissions() {
    let fixture = Fixture::new().with(read_only);
    let session = fixture.orchestrator.session().unwrap();
    let refund = ToolCall::new("refund").requires(PermissionMode::WorkspaceWrite);
    let handle = session.handle();
    assert!(!handle.permits(&refund) && handle.permits(&ToolCall::new("refund")));
    assert!(!handle.permits(&ToolCall::new("deploy").requires(PermissionMode::ReadOnly)));
    assert!(fixture.events.all(AgentEventName::PermissionChecked).is_empty());

    let denied = now(session.run_tool(refund, fine)).unwrap_err();
    assert!(denied.to_string().ends_with("but tool requires WORKSPACE_WRITE"), "{denied}");
}

#[test]
fn guardrails_of_a_call_check_behind_those_of_the_session() {
    let deny = |name: &'static str| guardrail::pre(name, |_| GuardrailOutcome::deny("no"));
    let fixture =
        Fixture::new().with(|o| o.guardrails(Guardrails::new().with(deny("of the session"))));
    let session = fixture.orchestrator.session().unwrap();
    let own = Guardrails::new().with(deny("of the call"));
    let refused = now(session.run_tool(ToolCall::new("t").guardrails(&own), fine)).unwrap_err();
    let ToolError::Guardrail(violated) = refused else { panic!("{refused:?}") };
    let names: Vec<_> = violated.violations().iter().map(|v| v.guardrail.as_str()).collect();
    assert_eq!(names, ["of the session", "of the call"]);
}

#[test]
fn guardrails_of_a_call_check_without_those_of_the_session() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let post = guardrail::post("withheld", |check| {
        assert_eq!(check.result, "fine");
        GuardrailOutcome::deny("withheld")
    });
    let call = ToolCall::new("t").guardrails(&Guardrails::new().with(post));
    let withheld = now(session.run_tool(call, fine)).unwrap_err();
    assert!(matches!(withheld, ToolError::Guardrail(_)), "{withheld:?}");
    assert_eq!(now(session.run_tool("t", fine)).unwrap(), "fine");
}

#[test]
fn call_of_a_tool_is_told_with_its_id_and_effect() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let call = ToolCall::new("search").call_id("call_7").effect(Effect::Read);
    now(session.run_tool(call, fine)).unwrap();
    let data = |name| serde_json::to_value(fixture.only(name).data.as_ref().unwrap()).unwrap();
    let called = json!({ "tool": "search", "call_id": "call_7", "effect": "read" });
    assert_eq!(data(AgentEventName::ToolCalled), called);
    assert_eq!(data(AgentEventName::ToolCompleted), json!({ "tool": "search" }));
}
