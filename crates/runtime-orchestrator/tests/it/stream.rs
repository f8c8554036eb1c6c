//! Decisions, waits and changes of state are events, in order.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use runtime_events::{AgentEvent, AgentEventName, SpanOutcome};
use runtime_orchestrator::{BoxError, TelemetryConfig, Turn};
use runtime_policy::{
    GuardrailOutcome, Guardrails, PermissionEnforcer, PermissionMode, PermissionPolicy,
    PhaseContext, PolicyAction, PolicyCondition, PolicyEngine, PolicyRule, PreCheck,
    RolePermissionConfig, guardrail,
};
use runtime_resilience::{RateLimiter, RateLimits};
use serde_json::{Value, json};

use crate::support::{Fixture, WAIT, assert_lawful, now};

/// The data of all events with this name, as JSON.
fn data(fixture: &Fixture, name: AgentEventName) -> Vec<Value> {
    let read = |event: Arc<AgentEvent>| serde_json::to_value(event.data.as_ref().unwrap()).unwrap();
    fixture.events.all(name).into_iter().map(read).collect()
}

async fn fine() -> Result<(), BoxError> {
    Ok(())
}

#[test]
fn worker_states_are_emitted_from_first_to_last() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    session.fail("enough", runtime_events::AgentFailureClass::Unknown).unwrap();
    let told = data(&fixture, AgentEventName::StatusChanged);
    assert_eq!(
        told,
        [
            json!({ "from": "idle", "to": "initializing" }),
            json!({ "from": "initializing", "to": "running" }),
            json!({ "from": "running", "to": "failed" }),
        ]
    );
    let stands = fixture.events.all(AgentEventName::StatusChanged);
    let stands: Vec<_> = stands.iter().map(|event| event.status.as_str()).collect();
    assert_eq!(stands, ["running", "running", "failed"]);
    assert_lawful(&fixture.events.events());
}

#[test]
fn worker_states_around_a_pause_are_emitted() {
    let pause = [
        json!({ "from": "running", "to": "waiting_for_input" }),
        json!({ "from": "waiting_for_input", "to": "running" }),
    ];
    let told = |fixture: &Fixture| data(fixture, AgentEventName::StatusChanged).split_off(2);
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let handle = session.handle();
    let person = async { handle.provide_input("yes") };
    let (answer, _) = now(async { futures_util::join!(session.pause_for_input("go on?"), person) });
    assert_eq!(answer.unwrap(), "yes");
    assert_eq!(told(&fixture), pause);
    drop(session.pause_for_input("never asked"));
    assert_eq!(told(&fixture), pause);
    session.complete().unwrap();

    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let cancel = async { session.cancel("enough") };
    now(async { futures_util::join!(session.pause_for_input("go on?"), cancel) }).0.unwrap_err();
    let cut = json!({ "from": "waiting_for_input", "to": "cancelled" });
    assert_eq!(told(&fixture), [pause[0].clone(), cut]);
    let stands = fixture.events.all(AgentEventName::StatusChanged);
    let stands: Vec<_> = stands.iter().map(|event| event.status.as_str()).collect();
    assert_eq!(stands, ["running", "running", "blocked", "cancelled"]);
    assert_lawful(&fixture.events.events());
}

#[test]
fn breaker_changes_are_emitted_by_the_causing_session() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let fails = async || Err::<(), BoxError>("503".into());
    now(session.run_turn(Turn::unmetered(), fails)).unwrap_err();
    fixture.clock.advance(WAIT);
    now(session.run_turn(Turn::unmetered(), fine)).unwrap();
    let told = data(&fixture, AgentEventName::BreakerChanged);
    let words = |key: &str| told.iter().map(|data| data[key].clone()).collect::<Vec<_>>();
    assert_eq!(words("breaker"), ["svc", "svc", "svc"]);
    assert_eq!(words("to"), ["open", "half_open", "closed"]);
    assert_eq!(words("cause"), ["failures_in_a_row", "wait_over", "probes_succeeded"]);
    assert_eq!(told[0]["wait_seconds"], WAIT.as_secs_f64());
}

#[test]
fn wait_for_the_rate_limit_has_a_span_and_may_be_cancelled() {
    let fixture = Fixture::new();
    let one = NonZeroU32::new(60).unwrap();
    let limits = RateLimits::default().requests_per_minute(one).burst(Duration::from_secs(1));
    let limiter = RateLimiter::with_clock("svc", limits, Arc::new(fixture.clock.clone()));
    let fixture = fixture.with(|o| o.rate_limiter(limiter));
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::unmetered(), fine)).unwrap();
    assert!(fixture.events.all(AgentEventName::WaitStarted).is_empty(), "there was room");

    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut turn = pin!(session.run_turn(Turn::unmetered(), fine));
        assert!(turn.as_mut().poll(&mut cx).is_pending());
        fixture.clock.advance(Duration::from_secs(1));
        assert!(turn.as_mut().poll(&mut cx).is_ready());
    }
    {
        let mut turn = pin!(session.run_turn(Turn::unmetered(), fine));
        assert!(turn.as_mut().poll(&mut cx).is_pending());
    }
    drop(session);
    let ends = fixture.events.all(AgentEventName::WaitEnded);
    let outcomes: Vec<_> = ends.iter().map(|event| event.outcome.unwrap()).collect();
    assert_eq!(outcomes, [SpanOutcome::Ok, SpanOutcome::Cancelled]);
    let reason = json!({ "for": "rate_limit" });
    assert_eq!(data(&fixture, AgentEventName::WaitStarted), [reason.clone(), reason]);
    assert_lawful(&fixture.events.events());
}

#[test]
fn wait_that_became_too_long_has_failed() {
    let fixture = Fixture::new();
    let one = NonZeroU32::new(60).unwrap();
    let limits = RateLimits::default().requests_per_minute(one).burst(Duration::from_secs(1));
    let limiter = RateLimiter::with_clock("svc", limits, Arc::new(fixture.clock.clone()));
    let deadline = Duration::from_mins(1);
    let fixture = fixture.with(|o| o.rate_limiter(limiter.clone()).deadline(deadline));
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::unmetered(), fine)).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut turn = pin!(session.run_turn(Turn::unmetered(), fine));
        assert!(turn.as_mut().poll(&mut cx).is_pending());
        limiter.pause(Duration::from_hours(1));
        fixture.clock.advance(Duration::from_secs(1));
        assert!(turn.as_mut().poll(&mut cx).is_ready());
    }
    drop(session);
    let end = fixture.only(AgentEventName::WaitEnded);
    assert_eq!(end.outcome, Some(SpanOutcome::Failed));
    assert_lawful(&fixture.events.events());
}

#[test]
fn guardrail_permission_and_policy_results_are_emitted() {
    let no_secrets = guardrail::pre("no_secrets", |check: &PreCheck<'_>| {
        if check.arguments.to_string().contains("secret") {
            GuardrailOutcome::deny("a secret")
        } else {
            GuardrailOutcome::allow()
        }
    });
    let writer = RolePermissionConfig::new("writer", PermissionMode::ReadOnly).unwrap();
    let writer = writer.allowed_tools(["search"]).denied_tools(["delete"]);
    let permissions = PermissionPolicy::new().role(writer);
    let fixture = Fixture::new().with(|o| {
        o.guardrails(Guardrails::new().with(no_secrets))
            .permissions(PermissionEnforcer::new(permissions))
            .policy(PolicyEngine::new([
                PolicyRule::new("done", PolicyCondition::PhaseCompleted)
                    .action(PolicyAction::Notify),
                PolicyRule::new("told off", PolicyCondition::agent_failed("reader"))
                    .action(PolicyAction::RetryAgent),
            ]))
    });
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").guarded("the secret");
    now(session.run_turn(turn, fine)).unwrap_err();
    now(session.run_tool("search", fine)).unwrap();
    now(session.run_tool("delete", fine)).unwrap_err();
    assert!(!session.authorize("delete").allowed);
    session.evaluate_policy(PhaseContext::default().failed_roles(["reader"]));
    session.evaluate_policy(PhaseContext::default());
    drop(session);

    let checked = data(&fixture, AgentEventName::GuardrailChecked);
    let objection = json!({
        "stage": "pre", "model": "m", "passed": false, "objections": ["no_secrets"],
    });
    assert_eq!(checked, [objection, json!({ "stage": "pre", "tool": "search", "passed": true })]);
    let asked = data(&fixture, AgentEventName::PermissionChecked);
    let answers: Vec<_> = asked.iter().map(|data| (&data["tool"], &data["allowed"])).collect();
    assert_eq!(
        answers,
        [
            (&json!("search"), &json!(true)),
            (&json!("delete"), &json!(false)),
            (&json!("delete"), &json!(false))
        ]
    );
    let decided = data(&fixture, AgentEventName::PolicyDecided);
    assert_eq!(decided[0], json!({ "rules": ["told off"], "actions": ["retry_agent"] }));
    assert_eq!(decided[1], json!({ "rules": [], "actions": [] }));
    assert_eq!(decided.len(), 2);
    assert_lawful(&fixture.events.events());
}

#[test]
fn handover_is_emitted_before_the_last_event() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let handoff = session.handoff_to("editor", "needs polish", json!({})).unwrap();
    let told = data(&fixture, AgentEventName::HandedOver);
    let expected = json!({
        "target_role": "editor",
        "target_worker_id": *handoff.target_worker_id,
        "reason": "needs polish",
    });
    assert_eq!(told, [expected]);
    assert_eq!(fixture.events.names().last(), Some(&AgentEventName::AgentCompleted));
    assert_lawful(&fixture.events.events());
}

#[test]
fn events_have_wall_and_elapsed_time() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let second = Duration::from_secs(1);
    let call = async || {
        fixture.clock.advance(second);
        fine().await
    };
    now(session.run_turn(Turn::unmetered(), call)).unwrap();
    drop(session);
    let elapsed: Vec<_> =
        fixture.events.events().iter().map(|event| event.elapsed.unwrap()).collect();
    assert!(elapsed.is_sorted());
    assert_eq!(elapsed.first(), Some(&Duration::ZERO));
    assert_eq!(elapsed.last(), Some(&second));
}

#[test]
fn session_without_an_event_log_still_emits_to_its_sink() {
    let quiet = TelemetryConfig::default().without_event_log();
    let fixture = Fixture::new().with(|o| o.telemetry(quiet));
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::unmetered(), fine)).unwrap();
    let summary = session.finish(Ok::<_, BoxError>(())).summary;
    let told = fixture.events.events();
    assert_lawful(&told);
    assert_eq!((summary.agent_events.len(), summary.events_emitted), (0, told.len() as u64));
    assert_eq!(summary.events_dropped, summary.events_emitted);
}

#[test]
fn events_without_a_reader_are_not_created() {
    let orchestrator = runtime_orchestrator::Orchestrator::new("writer", "draft");
    let session =
        orchestrator.telemetry(TelemetryConfig::default().without_event_log()).session().unwrap();
    now(session.run_turn(Turn::model("m").usage(crate::support::dollar()), fine)).unwrap();
    now(session.run_tool("search", fine)).unwrap();
    let summary = session.finish(Ok::<_, BoxError>(())).summary;
    assert_eq!((summary.events_emitted, summary.usage.turns), (0, 1));
}
