//! Breaker, classification, recipes, recovery, back-off and the two choices beside them.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::BoxError;
use techrevati_runtime::events::{FailureScenario, ManualClock};
use techrevati_runtime::resilience::breaker::Config;
use techrevati_runtime::resilience::{
    Backoff, CallError, CircuitBreaker, CircuitState, EscalationPolicy, JitterMode,
    RecoveryContext, RecoveryStep, StepContext, attempt_recovery, attempt_recovery_with,
    classify_error, next_provider, recipe_for, smaller_context_budget,
};

use super::support::{Verdict, every, same, same_json, without};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Breaker {
    failure_threshold: NonZeroU32,
    recovery_timeout_seconds: f64,
    half_open_max_probes: NonZeroU32,
    ops: Vec<BreakerOp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakerOp {
    op: String,
    result: Option<String>,
    message: Option<String>,
    seconds: Option<f64>,
    state: CircuitState,
    is_open: bool,
}

#[test]
fn every_circuit_breaker_vector_agrees() {
    every("circuit_breaker", |case: Breaker| {
        let clock = ManualClock::new();
        let config = Config::default()
            .failure_threshold(case.failure_threshold)
            .recovery_timeout(Duration::from_secs_f64(case.recovery_timeout_seconds))
            .half_open_max_probes(case.half_open_max_probes);
        let breaker = CircuitBreaker::with_clock("svc", config, Arc::new(clock.clone()));
        for (index, op) in case.ops.iter().enumerate() {
            breaker_op(&breaker, &clock, op)
                .map_err(|why| format!("op {index} {}: {why}", op.op))?;
        }
        Ok(())
    });
}

fn breaker_op(breaker: &CircuitBreaker, clock: &ManualClock, op: &BreakerOp) -> Verdict {
    let called = match op.op.as_str() {
        "call_ok" => Some(breaker.call(|| Ok::<_, String>(()))),
        "call_err" => Some(breaker.call(|| Err::<(), _>("boom".to_owned()))),
        "success" => {
            breaker.record_success();
            None
        }
        "failure" => {
            breaker.record_failure();
            None
        }
        "reset" => {
            breaker.reset();
            None
        }
        "advance" => {
            let seconds = op.seconds.ok_or("advance without seconds")?;
            clock.advance(Duration::from_secs_f64(seconds));
            None
        }
        _ => return Err("unknown op".to_owned()),
    };
    same("has seconds", &op.seconds.is_some(), &(op.op == "advance"))?;
    let (result, message) = match called {
        None => (None, None),
        Some(Ok(())) => (Some("ok"), None),
        Some(Err(CallError::Failed(_))) => (Some("failed"), None),
        Some(Err(CallError::Open(open))) => (Some("rejected"), Some(open.to_string())),
    };
    same("result", &result, &op.result.as_deref())?;
    same("message", &message, &op.message)?;
    same("state", &breaker.state(), &op.state)?;
    same("is_open", &breaker.is_open(), &op.is_open)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Classify {
    kind: String,
    message: String,
    io_kind: Option<String>,
    expect: FailureScenario,
}

#[test]
fn every_classify_vector_agrees() {
    every("classify", |case: Classify| {
        let error: BoxError = match (case.kind.as_str(), case.io_kind.as_deref()) {
            ("text", None) => case.message.into(),
            ("io_error", Some(kind)) => io::Error::new(io_kind(kind)?, case.message).into(),
            ("json_syntax_error", None) => {
                serde_json::from_str::<Value>(&case.message).err().ok_or("valid JSON")?.into()
            }
            _ => return Err("unknown kind".to_owned()),
        };
        same("scenario", &classify_error(&*error), &case.expect)
    });
}

fn io_kind(name: &str) -> Result<io::ErrorKind, String> {
    Ok(match name {
        "timed_out" => io::ErrorKind::TimedOut,
        "connection_refused" => io::ErrorKind::ConnectionRefused,
        "connection_reset" => io::ErrorKind::ConnectionReset,
        "connection_aborted" => io::ErrorKind::ConnectionAborted,
        "broken_pipe" => io::ErrorKind::BrokenPipe,
        "not_connected" => io::ErrorKind::NotConnected,
        "would_block" => io::ErrorKind::WouldBlock,
        "not_found" => io::ErrorKind::NotFound,
        "permission_denied" => io::ErrorKind::PermissionDenied,
        "interrupted" => io::ErrorKind::Interrupted,
        "unexpected_eof" => io::ErrorKind::UnexpectedEof,
        "invalid_data" => io::ErrorKind::InvalidData,
        "other" => io::ErrorKind::Other,
        _ => return Err(format!("unknown io_kind {name}")),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeCase {
    scenario: FailureScenario,
    expect: Recipe,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    steps: Vec<RecoveryStep>,
    max_attempts: u32,
    escalation_policy: EscalationPolicy,
}

#[test]
fn every_recipe_vector_agrees() {
    every("recipes", |case: RecipeCase| {
        let recipe = recipe_for(case.scenario);
        same("scenario", &recipe.scenario, &case.scenario)?;
        same("steps", &recipe.steps.to_vec(), &case.expect.steps)?;
        same("max_attempts", &recipe.max_attempts, &case.expect.max_attempts)?;
        same("escalation", &recipe.escalation_policy, &case.expect.escalation_policy)
    });
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recovery {
    fail_at_step: Option<usize>,
    attempts: Vec<RecoveryAttempt>,
    events: Vec<Value>,
    attempt_counts: BTreeMap<FailureScenario, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoveryAttempt {
    scenario: FailureScenario,
    expect: Value,
}

#[test]
fn every_recovery_vector_agrees() {
    every("recovery", |case: Recovery| {
        let mut context = RecoveryContext::new();
        for (index, attempt) in case.attempts.iter().enumerate() {
            let result = match case.fail_at_step {
                None => attempt_recovery(attempt.scenario, &mut context),
                Some(fail_at) => {
                    // The original's failure has no text, so ours has none.
                    let handler = |step: &StepContext<'_>| {
                        if step.index() < fail_at { Ok(()) } else { Err(BoxError::from("")) }
                    };
                    attempt_recovery_with(attempt.scenario, &mut context, &handler)
                }
            };
            let result = serde_json::to_value(&result).unwrap();
            same_json(&format!("attempt {index}"), &result, &attempt.expect)?;
        }
        let events = context.events().map(|event| serde_json::to_value(event).unwrap());
        let events: Value = events.map(|event| without(event, &["timestamp"])).collect();
        same_json("events", &events, &case.events.into_iter().collect())?;
        for (scenario, count) in &case.attempt_counts {
            same(scenario.as_str(), &context.attempt_count(*scenario), count)?;
        }
        Ok(())
    });
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackoffCase {
    jitter: JitterMode,
    attempt: u32,
    base: f64,
    cap: f64,
    prev_delay: f64,
    expect: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

#[test]
fn every_backoff_vector_agrees() {
    const DRAWS: usize = 500;
    let nanosecond = Duration::from_nanos(1);
    every("backoff", |case: BackoffCase| {
        let backoff = Backoff::with_base(case.base).map_err(|e| e.to_string())?;
        let backoff = backoff.cap(Duration::from_secs_f64(case.cap)).jitter(case.jitter);
        let previous = (case.prev_delay > 0.0).then(|| Duration::from_secs_f64(case.prev_delay));
        let (low, high) = match (case.expect, case.min, case.max) {
            (Some(exact), None, None) => (exact, exact),
            (None, Some(min), Some(max)) => (min, max),
            _ => return Err("neither a value nor bounds".to_owned()),
        };
        let low = Duration::from_secs_f64(low).saturating_sub(nanosecond);
        let high = Duration::from_secs_f64(high) + nanosecond;
        for _ in 0..DRAWS {
            let delay = backoff.delay(case.attempt, previous);
            if delay < low || delay > high {
                return Err(format!("{delay:?} is outside {low:?}..={high:?}"));
            }
        }
        Ok(())
    });
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NextProvider {
    available: Vec<String>,
    current: String,
    expect: Option<String>,
}

#[test]
fn every_next_provider_vector_agrees() {
    every("next_provider", |case: NextProvider| {
        let next = next_provider(&case.available, &case.current);
        same("next", &next, &case.expect.as_deref())
    });
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContextBudget {
    current_chars: u64,
    reduction: f64,
    expect: u64,
}

#[test]
fn every_context_budget_vector_agrees() {
    every("context_budget", |case: ContextBudget| {
        same("chars", &smaller_context_budget(case.current_chars, case.reduction), &case.expect)
    });
}
