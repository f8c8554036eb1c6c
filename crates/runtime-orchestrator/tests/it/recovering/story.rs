//! The story of recovering turns, complete and in order.

use std::sync::{Arc, Mutex};

use runtime_events::{AgentEventName, AgentFailureClass, FailureScenario};
use runtime_orchestrator::{BoxError, Escalation, Turn, TurnError};
use runtime_resilience::{FaultKind, GaveUp, RecoveryOutcome, RecoveryStep, chain_text};
use runtime_usage::{Limit, Usd};

use super::{BOTH, Script, assert_recovery_agrees, books, quick, recipe, told};
use crate::support::{assert_books_agree, assert_lawful, dollar};

#[test]
fn story_of_a_recovered_turn_is_complete() {
    for way in BOTH {
        let fixture = quick().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server, FaultKind::Overload]);
        let answer = way.run(&session, Turn::model("m").usage(dollar()), &script).unwrap();
        assert_eq!((answer.value, answer.attempts), ("fine", 3));
        assert_eq!(answer.provider, None);

        let books = books(&session);
        assert_recovery_agrees(&fixture, &session);
        assert_books_agree(&fixture, &session);
        let report = session.finish(Ok::<_, BoxError>(()));
        assert_eq!(report.summary.recovery_events.len(), 4);
        assert_lawful(&fixture.events.events());
        let mut lines = told(&fixture.events.events());
        assert!(lines.pop().unwrap().starts_with("completed (completed) = ok"));
        assert_eq!(
            lines,
            [
                "started (running)",
                r#"turn_started (running) {"model":"m"}"#,
                r#"attempt_started (running) {"model":"m","attempt":1}"#,
                r#"attempt_failed (failed) = failed: server {"model":"m","attempt":1}"#,
                r#"recovery.attempted (running): llm_error: retry_with_backoff {"scenario":"llm_error","fault":"server","steps":["retry_with_backoff"],"attempt":2,"skipped":["switch_provider"],"wait_seconds":1.0}"#,
                r#"wait_started (blocked) {"for":"backoff"}"#,
                r#"wait_ended (blocked) = ok {"for":"backoff"}"#,
                r#"attempt_started (running) {"model":"m","attempt":2}"#,
                r#"attempt_failed (failed) = failed: overload {"model":"m","attempt":2}"#,
                r#"recovery.failed (failed): llm_error: overload {"scenario":"llm_error"}"#,
                r#"recovery.attempted (running): provider_failure: retry_with_backoff {"scenario":"provider_failure","fault":"overload","steps":["retry_with_backoff"],"attempt":3,"skipped":["switch_provider"],"wait_seconds":2.0}"#,
                r#"wait_started (blocked) {"for":"backoff"}"#,
                r#"wait_ended (blocked) = ok {"for":"backoff"}"#,
                r#"attempt_started (running) {"model":"m","attempt":3}"#,
                r#"attempt_completed (completed) = ok {"model":"m","input_tokens":1000000,"output_tokens":0,"cost_usd":1.0,"budget_remaining_usd":8.0,"attempt":3}"#,
                r#"recovery.succeeded (completed): provider_failure: recovered {"scenario":"provider_failure","attempts":3}"#,
                r#"turn_completed (completed) = ok {"model":"m","attempts":3,"input_tokens":1000000,"output_tokens":0,"cost_usd":1.0,"budget_remaining_usd":8.0}"#,
            ],
            "{way:?}"
        );
        assert_eq!(
            books,
            [
                "attempted llm_error",
                "failed llm_error",
                "attempted provider_failure",
                "succeeded provider_failure",
            ]
        );
        assert_eq!(fixture.clock.elapsed().as_secs(), 3, "a second, and two");
        fixture.assert_no_probe_is_leaked();
    }
}

#[test]
fn turn_that_gave_up_is_escalated_and_failed() {
    for way in BOTH {
        let alerts: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&alerts);
        let fixture = quick().recovery(|recovery| {
            recovery.on_escalation(move |it: &Escalation<'_>| {
                let Escalation { role, scenario, policy, gave_up, attempts, error, .. } = it;
                assert!(!it.session_id.is_empty());
                let text = format!(
                    "{role} {scenario} {policy} {attempts} {gave_up} | {}",
                    chain_text(*error)
                );
                heard.lock().unwrap().push(text);
            })
        });
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server; 9]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert_eq!(script.calls(), 3, "twice again");

        assert!(error.is_final() && !error.is_refusal());
        let why = "gave up after 3 attempts: max attempts (2) exhausted for llm_error";
        assert_eq!(error.to_string(), why);
        assert_eq!(error.scenario(), Some(FailureScenario::LlmError));
        assert_eq!(error.failure_class(), AgentFailureClass::LlmError);
        let recovery = error.recovery().unwrap();
        assert_eq!(recovery.outcome, RecoveryOutcome::EscalationRequired);
        assert_eq!(recovery.reason, "max attempts (2) exhausted for llm_error");
        let TurnError::Unrecovered(unrecovered) = &error else { panic!("{error:?}") };
        assert_eq!(unrecovered.attempts, 3);
        assert!(matches!(unrecovered.gave_up, GaveUp::AttemptsUsedUp { max_attempts: 2, .. }));
        assert!(matches!(unrecovered.error, TurnError::Failed(_)));

        let text =
            "writer llm_error alert_human 3 max attempts (2) exhausted for llm_error | server";
        assert_eq!(*alerts.lock().unwrap(), [text]);
        assert_recovery_agrees(&fixture, &session);
        let books = books(&session);
        drop(session);
        assert_lawful(&fixture.events.events());
        let lines = told(&fixture.events.events());
        assert_eq!(
            lines[lines.len() - 5..lines.len() - 1],
            [
                r#"attempt_failed (failed) = failed: server {"model":"m","attempt":3}"#,
                r#"recovery.failed (failed): llm_error: server {"scenario":"llm_error"}"#,
                r#"recovery.escalated (failed): llm_error: max attempts (2) exhausted for llm_error {"scenario":"llm_error","fault":"server","policy":"alert_human","reason":"max attempts (2) exhausted for llm_error","attempts":3}"#,
                r#"turn_failed (failed) = failed: server {"model":"m","attempts":3,"cost_usd":0.0,"scenario":"llm_error"}"#,
            ],
            "{way:?}"
        );
        let again = ["attempted llm_error", "failed llm_error"];
        assert_eq!(books[..4], [again, again].concat());
        assert_eq!(books[4..], ["escalated llm_error"]);
    }
}

#[test]
fn turn_answered_at_once_emits_no_recovery() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([]);
        let answer = way.run(&session, Turn::model("m").usage(dollar()), &script).unwrap();
        assert_eq!((answer.attempts, answer.cost), (1, Usd::from_dollars(1)));
        assert!(session.summary().recovery_events.is_empty());
        drop(session);
        let mut names = fixture.events.names();
        names.retain(|name| *name != AgentEventName::StatusChanged);
        assert_eq!(
            names,
            [
                AgentEventName::AgentStarted,
                AgentEventName::TurnStarted,
                AgentEventName::AttemptStarted,
                AgentEventName::AttemptCompleted,
                AgentEventName::TurnCompleted,
                AgentEventName::AgentFailed
            ]
        );
    }
}

#[test]
fn recipe_for_human_escalation_alerts_and_ends_at_once() {
    for way in BOTH {
        let fixture = quick().recovery(|recovery| {
            let steps = [RecoveryStep::RetryWithBackoff, RecoveryStep::EscalateToHuman];
            recovery.recipes(recipe(FailureScenario::LlmError, &steps, 9))
        });
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server; 9]);
        let error = way.run(&session, Turn::model("m"), &script).unwrap_err();
        let TurnError::Unrecovered(unrecovered) = error else { panic!("{error:?}") };
        assert_eq!((unrecovered.attempts, unrecovered.gave_up), (1, GaveUp::Human));
        assert_eq!(books(&session), ["escalated llm_error"]);
        let escalated = fixture.only(AgentEventName::RecoveryEscalated);
        assert_eq!(escalated.data.as_ref().unwrap().get("policy").unwrap(), "log_and_continue");
    }
}

#[test]
fn each_scenario_has_its_own_recipe() {
    for way in BOTH {
        let fixture = quick().recovery(|recovery| {
            let step = [RecoveryStep::RetryWithBackoff];
            recovery.recipes(recipe(FailureScenario::LlmError, &step, 6))
        });
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server; 6]);
        assert_eq!(way.run(&session, Turn::model("m"), &script).unwrap().attempts, 7);
        assert_eq!(fixture.clock.elapsed().as_secs(), 1 + 2 + 4 + 8 + 16 + 32);
        // The other scenarios are unchanged, and each turn has new attempts.
        let script = Script::of([FaultKind::Overload; 9]);
        way.run(&session, Turn::model("m"), &script).unwrap_err();
        assert_eq!(script.calls(), 3);
    }
}

#[test]
fn scenario_given_up_on_is_exhausted_until_a_recovery() {
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    let run = |faults| BOTH[0].run(&session, Turn::model("m"), &Script::of(faults));
    run(vec![FaultKind::Server; 3]).unwrap_err();
    assert_eq!(books(&session).last().unwrap(), "escalated llm_error");
    run(vec![FaultKind::Server; 1]).unwrap();
    assert_eq!(books(&session).last().unwrap(), "succeeded llm_error");
}
