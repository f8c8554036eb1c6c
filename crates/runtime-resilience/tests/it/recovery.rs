//! The books of recovery, and the steps that handlers carry out.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use runtime_events::{FailureScenario, ManualClock};
use runtime_resilience::{
    BoxError, EscalationPolicy, Recipes, RecoveryContext, RecoveryContextConfig, RecoveryEventType,
    RecoveryHandler, RecoveryOutcome, RecoveryRecipe, RecoveryStep, StepContext, StepFuture,
    attempt_recovery, attempt_recovery_async, attempt_recovery_with, recipe_for,
};

use crate::support::ready;

use FailureScenario::{LlmError, LlmTimeout, MemoryCorruption, ProviderFailure};
use RecoveryStep::{ClearMemoryCache, RestartAgent, RetryWithBackoff, SwitchProvider};

fn books() -> RecoveryContext {
    RecoveryContext::with_config(
        RecoveryContextConfig::default().clock(Arc::new(ManualClock::new())),
    )
}

#[test]
fn every_scenario_has_its_recipe() {
    for &scenario in FailureScenario::ALL {
        let recipe = recipe_for(scenario);
        assert_eq!(recipe.scenario, scenario);
        assert!(!recipe.steps.is_empty());
        assert!(recipe.max_attempts > 0);
        assert_eq!(Recipes::original().get(scenario), recipe);
        let of_turns = Recipes::default();
        let differs = of_turns.get(scenario) != recipe;
        assert_eq!(differs, scenario == LlmTimeout, "it may go elsewhere");
    }
}

#[test]
fn without_a_handler_every_step_counts_as_taken() {
    let mut books = books();
    let result = attempt_recovery(ProviderFailure, &mut books);
    assert_eq!(result.outcome, RecoveryOutcome::Recovered);
    assert_eq!(result.steps_taken, 2);
    assert_eq!(result.recovered_steps, [SwitchProvider, RetryWithBackoff]);
    assert_eq!(result.remaining_steps, []);
    assert_eq!(result.reason, "");
}

#[test]
fn attempts_are_counted_by_scenario_and_end_in_escalation() {
    let mut books = books();
    for attempt in 1..=2 {
        assert_eq!(attempt_recovery(LlmError, &mut books).outcome, RecoveryOutcome::Recovered);
        assert_eq!(books.attempt_count(LlmError), attempt);
        assert_eq!(books.exhausted().next(), None, "no attempt was refused yet");
    }
    let escalated = attempt_recovery(LlmError, &mut books);
    assert_eq!(escalated.outcome, RecoveryOutcome::EscalationRequired);
    assert_eq!(escalated.reason, "max attempts (2) exhausted for llm_error");
    assert_eq!(books.attempt_count(LlmError), 2, "a refused attempt does not count");

    assert_eq!(attempt_recovery(LlmTimeout, &mut books).outcome, RecoveryOutcome::Recovered);
    assert_eq!(books.exhausted().collect::<Vec<_>>(), [LlmError]);
}

#[test]
fn failed_step_remains_with_the_later_ones() {
    let mut books = books();
    let handler = |step: &StepContext<'_>| match step.step {
        ClearMemoryCache => Ok(()),
        _ => Err(BoxError::from("no agent to restart")),
    };
    let result = attempt_recovery_with(MemoryCorruption, &mut books, &handler);
    assert_eq!(result.outcome, RecoveryOutcome::PartialRecovery);
    assert_eq!(result.steps_taken, 1);
    assert_eq!(result.recovered_steps, [ClearMemoryCache]);
    assert_eq!(result.remaining_steps, [RestartAgent]);
    assert_eq!(result.reason, "no agent to restart");

    let event = books.events().last().unwrap();
    assert_eq!(event.event_type, RecoveryEventType::Failed);
    assert_eq!(event.result, result);
}

/// Remembers each step, in both worlds.
#[derive(Debug, Default)]
struct Scribe {
    seen: Mutex<Vec<(RecoveryStep, u32, usize)>>,
    awaited: Mutex<usize>,
}

impl RecoveryHandler for Scribe {
    fn carry_out(&self, step: &StepContext<'_>) -> Result<(), BoxError> {
        self.seen.lock().unwrap().push((step.step, step.attempt, step.index));
        Ok(())
    }

    fn carry_out_async<'a>(&'a self, step: &'a StepContext<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            *self.awaited.lock().unwrap() += 1;
            self.carry_out(step)
        })
    }
}

#[test]
fn sync_and_async_pass_the_same_steps_to_the_handler() {
    let (mut books, scribe) = (books(), Scribe::default());
    let first = attempt_recovery_with(ProviderFailure, &mut books, &scribe);
    let second = ready(attempt_recovery_async(ProviderFailure, &mut books, &scribe));
    assert_eq!(first, second);
    assert_eq!(
        *scribe.seen.lock().unwrap(),
        [
            (SwitchProvider, 1, 0),
            (RetryWithBackoff, 1, 1),
            (SwitchProvider, 2, 0),
            (RetryWithBackoff, 2, 1),
        ]
    );
    assert_eq!(*scribe.awaited.lock().unwrap(), 2);

    let third = ready(attempt_recovery_async(ProviderFailure, &mut books, &scribe));
    assert_eq!(third.outcome, RecoveryOutcome::EscalationRequired);
    assert_eq!(scribe.seen.lock().unwrap().len(), 4, "no step was taken");
}

#[test]
fn sync_handler_works_in_both_forms() {
    let mut books = books();
    let handler = |_: &StepContext<'_>| Err(BoxError::from("no"));
    let result = ready(attempt_recovery_async(LlmTimeout, &mut books, &handler));
    assert_eq!((result.steps_taken, result.reason.as_str()), (0, "no"));
}

#[test]
fn attempt_that_is_dropped_counts_and_leaves_no_event() {
    struct Endless;
    impl RecoveryHandler for Endless {
        fn carry_out(&self, _: &StepContext<'_>) -> Result<(), BoxError> {
            Ok(())
        }
        fn carry_out_async<'a>(&'a self, _: &'a StepContext<'a>) -> StepFuture<'a> {
            Box::pin(pending())
        }
    }
    let mut books = books();
    let mut attempt = Box::pin(attempt_recovery_async(MemoryCorruption, &mut books, &Endless));
    assert!(attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(attempt);
    assert_eq!(books.attempt_count(MemoryCorruption), 1);
    assert_eq!(books.events().len(), 0);
    let escalated = attempt_recovery(MemoryCorruption, &mut books);
    assert_eq!(escalated.outcome, RecoveryOutcome::EscalationRequired);
}

#[test]
fn exhausted_scenarios_outlive_the_bounded_events() {
    let config = RecoveryContextConfig::default().max_events(3).clock(Arc::new(ManualClock::new()));
    let mut books = RecoveryContext::with_config(config);
    for _ in 0..4 {
        attempt_recovery(MemoryCorruption, &mut books);
    }
    for _ in 0..10 {
        attempt_recovery(LlmError, &mut books);
    }
    assert_eq!(books.events().len(), 3);
    assert_eq!(books.dropped_events(), 11);
    assert!(books.events().all(|event| event.scenario == LlmError));
    assert_eq!(books.exhausted().collect::<Vec<_>>(), [LlmError, MemoryCorruption]);
}

#[test]
fn a_context_that_keeps_no_events_still_keeps_the_books() {
    let mut books = RecoveryContext::with_config(RecoveryContextConfig::default().max_events(0));
    attempt_recovery(LlmTimeout, &mut books);
    assert_eq!((books.events().len(), books.dropped_events()), (0, 1));
    assert_eq!(books.attempt_count(LlmTimeout), 1);
}

#[test]
fn own_recipe_replaces_one_and_leaves_the_others() {
    let never = RecoveryRecipe::new(LlmTimeout, vec![], 0, EscalationPolicy::Abort);
    let recipes = Recipes::default().with(never);
    let mut books = RecoveryContext::with_config(RecoveryContextConfig::default().recipes(recipes));
    let result = attempt_recovery(LlmTimeout, &mut books);
    assert_eq!(result.reason, "max attempts (0) exhausted for llm_timeout");
    assert_eq!(attempt_recovery(LlmError, &mut books).outcome, RecoveryOutcome::Recovered);
}

#[test]
fn json_has_the_originals_keys_in_its_order() {
    let mut books = books();
    let result = attempt_recovery(LlmTimeout, &mut books);
    let json = serde_json::to_string(&result).unwrap();
    let written = concat!(
        r#"{"outcome":"recovered","steps_taken":1,"#,
        r#""recovered_steps":["retry_with_backoff"],"remaining_steps":[],"reason":""}"#
    );
    assert_eq!(json, written);
    assert_eq!(
        serde_json::to_string(books.events().next().unwrap()).unwrap(),
        format!(
            concat!(
                r#"{{"event_type":"succeeded","scenario":"llm_timeout","#,
                r#""recipe_steps":["retry_with_backoff"],"result":{},"#,
                r#""timestamp":"2026-01-01T00:00:00+00:00"}}"#
            ),
            written
        )
    );
}

#[test]
fn recipe_survives_its_json_and_refuses_unknown_fields() {
    for &scenario in FailureScenario::ALL {
        let json = serde_json::to_string(recipe_for(scenario)).unwrap();
        assert_eq!(serde_json::from_str::<RecoveryRecipe>(&json).unwrap(), *recipe_for(scenario));
        let more = json.replacen('{', r#"{"max_atempts":3,"#, 1);
        let error = serde_json::from_str::<RecoveryRecipe>(&more).unwrap_err();
        assert!(error.to_string().contains("max_atempts"), "{error}");
    }
}
