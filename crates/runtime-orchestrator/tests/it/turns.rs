//! Turns: admission and its order, outcomes and events.

use std::cell::Cell;
use std::time::Duration;

use runtime_events::{
    AgentEventName, AgentEventStatus, AgentFailureClass, FailureScenario, SpanOutcome,
};
use runtime_orchestrator::{BoxError, ToolCall, Turn, TurnError};
use runtime_policy::{GuardrailOutcome, Guardrails, guardrail};
use runtime_resilience::{CircuitState, chain_text};
use runtime_usage::{Limit, UsageSnapshot, Usd};
use serde_json::json;

use crate::support::{Fixture, WAIT, assert_lawful, dollar, limit, now};

const SECOND: Duration = Duration::from_secs(1);

async fn fine() -> Result<&'static str, BoxError> {
    Ok("fine")
}

#[test]
fn answer_has_its_usage_and_cost() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let used = UsageSnapshot::new(1_000_000, 500_000);
    let answer = now(session.run_turn(Turn::model("m").usage(used), fine)).unwrap();

    assert_eq!((answer.value, answer.usage), ("fine", used));
    assert_eq!(answer.cost, Usd::from_dollars(2));
    assert_eq!(answer.over_budget, None);
    let event = fixture.only(AgentEventName::TurnCompleted);
    assert_eq!(event.status, AgentEventStatus::Completed);
    assert_eq!(event.outcome, Some(SpanOutcome::Ok));
    let data = serde_json::to_value(event.data.as_ref().unwrap()).unwrap();
    let expected = json!({
        "model": "m", "input_tokens": 1_000_000, "output_tokens": 500_000, "cost_usd": 2.0,
    });
    assert_eq!(data, expected);
}

#[test]
fn usage_from_reads_the_answer() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").usage_from(|text: &&str| UsageSnapshot::new(text.len() as u64, 0));
    let answer = now(session.run_turn(turn, fine)).unwrap();
    assert_eq!(answer.usage.input_tokens, 4);
    assert_eq!(session.tracker().totals().tokens.input_tokens, 4);
}

#[test]
fn turn_without_a_model_is_unmetered() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::ZERO)));
    let session = fixture.orchestrator.session().unwrap();
    let answer = now(session.run_turn(Turn::unmetered().usage(dollar()), fine)).unwrap();
    assert_eq!((answer.cost, session.tracker().totals().turns), (Usd::ZERO, 0));
    assert_eq!(fixture.only(AgentEventName::TurnCompleted).data, None);
}

#[test]
fn refused_turn_is_emitted_once_and_not_called() {
    let fixture = Fixture::new();
    fixture.breaker.record_failure();
    let session = fixture.orchestrator.session().unwrap();
    let called = Cell::new(false);
    let refused = now(session.run_turn(Turn::model("m"), || {
        called.set(true);
        fine()
    }))
    .unwrap_err();

    assert!(!called.get());
    assert!(refused.is_refusal());
    assert_eq!(refused.to_string(), "Circuit breaker 'svc' is OPEN");
    let TurnError::CircuitOpen(open) = &refused else { panic!("{refused:?}") };
    assert_eq!(open.retry_after, Some(WAIT));
    let event = fixture.only(AgentEventName::AgentBlocked);
    assert_eq!((event.span, event.parent, event.outcome), (None, None, None));
    assert_eq!(event.status, AgentEventStatus::Blocked);
    assert_eq!(event.failure_class, Some(AgentFailureClass::DependencyFailed));
    assert_eq!(event.detail.as_deref(), Some("Circuit breaker 'svc' is OPEN"));
    let data = serde_json::to_value(event.data.as_ref().unwrap()).unwrap();
    assert_eq!(data, json!({ "refused": "turn", "reason": "circuit_open", "model": "m" }));
    assert_eq!(session.summary().iterations, 1, "a refused turn counts");
    assert_eq!(session.summary().recovery_events.len(), 0);
    session.complete().unwrap();
}

/// Everything refuses; the first refusal is removed first.
#[test]
fn refusals_follow_the_order_of_admission() {
    let fixture = Fixture::new()
        .deadline(SECOND)
        .with(|o| o.max_iterations(4).budget(Limit::enforced(Usd::ZERO)));
    let refusal = |session: &runtime_orchestrator::OrchestrationSession, model: &'static str| {
        now(session.run_turn(Turn::model(model).usage(dollar()), fine)).unwrap_err()
    };
    let session = fixture.orchestrator.session().unwrap();
    // Overspends by one dollar.
    let marked = now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    assert!(marked.over_budget.is_some());

    let budget_first = refusal(&session, "unknown");
    assert!(matches!(budget_first, TurnError::Budget(_)), "{budget_first:?}");
    fixture.breaker.record_failure();
    let breaker_first = refusal(&session, "unknown");
    assert!(matches!(breaker_first, TurnError::CircuitOpen(_)), "{breaker_first:?}");
    fixture.clock.advance(SECOND);
    let deadline_first = refusal(&session, "unknown");
    assert!(matches!(deadline_first, TurnError::Deadline(_)), "{deadline_first:?}");
    let cap_first = refusal(&session, "unknown");
    assert!(matches!(cap_first, TurnError::MaxIterations(_)), "{cap_first:?}");
    session.cancel("enough").unwrap();
    let closed_first = refusal(&session, "unknown");
    assert!(matches!(closed_first, TurnError::Closed(_)), "{closed_first:?}");

    let reasons: Vec<_> = fixture
        .events
        .all(AgentEventName::AgentBlocked)
        .iter()
        .map(|event| event.data.as_ref().unwrap().get("reason").unwrap().clone())
        .collect();
    assert_eq!(reasons, ["budget", "circuit_open", "deadline", "max_iterations"]);
    assert_lawful(&fixture.events.events());
}

#[test]
fn turn_refused_by_the_budget_takes_no_probe() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(1))));
    fixture.half_open();
    let session = fixture.orchestrator.session().unwrap();
    let refused = now(session.run_turn(Turn::model("unknown"), fine)).unwrap_err();
    assert!(matches!(refused, TurnError::Unpriced(_)));
    assert_eq!(fixture.breaker.state(), CircuitState::HalfOpen);
    now(session.run_turn(Turn::model("m"), fine)).unwrap();
    assert_eq!(fixture.breaker.state(), CircuitState::Closed);
}

#[test]
fn loop_of_refused_turns_ends() {
    let fixture = Fixture::new().with(|o| o.max_iterations(3));
    fixture.breaker.record_failure();
    let session = fixture.orchestrator.session().unwrap();
    let refused = (0..100)
        .map(|_| now(session.run_turn(Turn::model("m"), fine)).unwrap_err())
        .position(|error| matches!(error, TurnError::MaxIterations(_)));
    assert_eq!(refused, Some(3));
    assert_eq!(session.summary().iterations, 4, "the turn beyond the maximum counts as well");
}

#[test]
fn plain_turn_does_not_recover_and_names_the_scenario() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let fails = async || Err::<(), _>("503 Service Unavailable");
    let error = now(session.run_turn(Turn::model("m"), fails)).unwrap_err();

    assert!(!error.is_refusal());
    assert_eq!(error.to_string(), "the call failed: provider error");
    assert_eq!(chain_text(&error), "503 Service Unavailable");
    assert_eq!(error.scenario(), Some(FailureScenario::ProviderFailure));
    assert_eq!(error.recovery(), None);
    let failed = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(failed.data.as_ref().unwrap().get("scenario").unwrap(), "provider_failure");
    let mut names = fixture.events.names();
    names.retain(|name| *name != AgentEventName::StatusChanged);
    let expected = [
        AgentEventName::AgentStarted,
        AgentEventName::TurnStarted,
        AgentEventName::BreakerChanged,
        AgentEventName::TurnFailed,
    ];
    assert_eq!(names, expected);
    assert!(session.summary().recovery_events.is_empty());
}

#[test]
fn observed_usage_is_billed_after_a_failure_or_a_drop() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    turn.observe(UsageSnapshot::new(1, 0));
    turn.observe(dollar());
    drop(turn);
    assert_eq!(session.tracker().total_cost(), Usd::from_dollars(1), "the latest, not the sum");
    let mut turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    turn.observe(dollar());
    turn.fail("reset");
    assert_eq!(session.tracker().total_cost(), Usd::from_dollars(2));
    drop(session.blocking().begin_turn(Turn::model("m")));
    assert_eq!(session.tracker().totals().turns, 2);
}

#[test]
fn guardrail_rejecting_a_prompt_costs_nothing() {
    let fixture = Fixture::new().with(|o| {
        o.guardrails(Guardrails::new().with(guardrail::pre("no_secrets", |check| {
            if check.arguments == "secret" {
                GuardrailOutcome::deny("a secret")
            } else {
                GuardrailOutcome::allow()
            }
        })))
    });
    fixture.half_open();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").usage(dollar()).guarded("secret");
    let error = now(session.run_turn(turn, fine)).unwrap_err();
    let TurnError::Guardrail(violation) = &error else { panic!("{error:?}") };
    assert_eq!(violation.first().guardrail, "no_secrets");
    assert_eq!(session.tracker().totals().turns, 0);
    assert!(fixture.breaker.check().is_ok());
    // An unguarded turn is not checked.
    now(session.run_turn(Turn::model("m"), fine)).unwrap();
}

#[test]
fn withheld_answer_is_billed() {
    let fixture = Fixture::new().with(|o| {
        o.budget(Limit::recorded(Usd::from_cents(50))).guardrails(
            Guardrails::new().with(guardrail::post("never", |_| GuardrailOutcome::deny("no"))),
        )
    });
    fixture.half_open();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").usage(dollar()).guarded("prompt");
    let error = now(session.run_turn(turn, fine)).unwrap_err();
    assert!(matches!(error, TurnError::Guardrail(_)) && !error.is_refusal());
    assert_eq!(session.tracker().total_cost(), Usd::from_dollars(1));
    assert_eq!(fixture.breaker.state(), CircuitState::Closed, "it was answered");
    let said = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(said.detail.as_deref(), Some("budget exceeded: $1.00"));
}

#[test]
fn guarded_answer_that_is_not_json_is_withheld() {
    let fixture = Fixture::new().with(|o| {
        o.guardrails(Guardrails::new().with(guardrail::post("any", |_| GuardrailOutcome::allow())))
    });
    let session = fixture.orchestrator.session().unwrap();
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error =
        now(session
            .run_turn(Turn::model("m").guarded("p"), async || Ok::<_, BoxError>(map.clone())))
        .unwrap_err();
    assert!(matches!(error, TurnError::Guardrail(_)), "{error}");
}

#[test]
fn futures_of_turns_are_send() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    drop(assert_send(
        session
            .run_turn(Turn::model("m").timeout(limit(&fixture.clock, SECOND)).guarded("p"), fine),
    ));
    drop(assert_send(session.run_tool(ToolCall::new("t"), fine)));
    drop(assert_send(session.pause_for_input("?")));
    drop(assert_send(session.begin_turn(Turn::model("m"))));
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    drop(assert_send(assert_send(turn).fail("no")));
    drop(assert_send(session));
}
