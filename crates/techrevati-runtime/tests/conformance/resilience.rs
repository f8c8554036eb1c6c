//! Breaker, classification, recipes, recovery, back-off, next provider, context budget.

use std::collections::BTreeMap;
use std::future::ready;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::BoxError;
use techrevati_runtime::events::{FailureScenario, ManualClock};
use techrevati_runtime::resilience::{
    Backoff, CallError, CallOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitState,
    Classifier, EscalationPolicy, Failure, JitterMode, RecoveryContext, RecoveryResult,
    RecoveryStep, StepContext, attempt_recovery, attempt_recovery_async, attempt_recovery_with,
    classify_error, classify_text, next_provider, recipe_for, smaller_context_budget,
};

use super::support::{Verdict, every, now, present, same, same_json, without};

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
    op: Kind,
    result: Option<String>,
    message: Option<String>,
    seconds: Option<f64>,
    state: CircuitState,
    is_open: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    CallOk,
    CallErr,
    Success,
    Failure,
    Advance,
    Reset,
}

type Call = fn(&CircuitBreaker, Result<(), String>) -> Result<(), CallError<String>>;

/// The ways to use a breaker: on threads, on tasks, and with a permit.
const CALLS: [(&str, Call); 3] = [
    ("call", |breaker, outcome| breaker.call(|| outcome)),
    ("call_async", |breaker, outcome| now(breaker.call_async(|| ready(outcome)))),
    ("permit", |breaker, outcome| {
        let permit = breaker.try_acquire()?;
        permit.record(CallOutcome::of(&outcome));
        outcome.map_err(CallError::Failed)
    }),
];

#[test]
fn every_circuit_breaker_vector_agrees() {
    every("circuit_breaker", |case: Breaker| {
        for (face, call) in CALLS {
            let clock = ManualClock::new();
            let config = CircuitBreakerConfig::default()
                .failure_threshold(case.failure_threshold)
                .recovery_timeout(Duration::from_secs_f64(case.recovery_timeout_seconds))
                .half_open_max_probes(case.half_open_max_probes);
            let breaker = CircuitBreaker::with_clock("svc", config, Arc::new(clock.clone()));
            for (index, op) in case.ops.iter().enumerate() {
                breaker_op(&breaker, call, &clock, op)
                    .map_err(|why| format!("op {index} {:?} by {face}: {why}", op.op))?;
            }
        }
        Ok(())
    });
}

fn breaker_op(
    breaker: &CircuitBreaker,
    call: Call,
    clock: &ManualClock,
    op: &BreakerOp,
) -> Verdict {
    let mut called = None;
    match op.op {
        Kind::CallOk => called = Some(call(breaker, Ok(()))),
        Kind::CallErr => called = Some(call(breaker, Err("boom".to_owned()))),
        Kind::Success => breaker.record_success(),
        Kind::Failure => breaker.record_failure(),
        Kind::Reset => breaker.reset(),
        Kind::Advance => {
            let seconds = op.seconds.ok_or("unknown shape: it advances by no seconds")?;
            clock.advance(Duration::from_secs_f64(seconds));
        }
    }
    same("has seconds", &op.seconds.is_some(), &(op.op == Kind::Advance))?;
    let (result, message) = match called {
        None => (None, None),
        Some(Ok(())) => (Some("ok"), None),
        Some(Err(CallError::Failed(error))) => {
            same("error", &error.as_str(), &"boom")?;
            (Some("failed"), None)
        }
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
            ("text", None) => {
                same("text", &classify_text(&case.message), &case.expect)?;
                case.message.into()
            }
            ("io_error", Some(kind)) => io::Error::new(io_kind(kind)?, case.message).into(),
            ("json_syntax_error", None) => {
                serde_json::from_str::<Value>(&case.message).err().ok_or("valid JSON")?.into()
            }
            _ => return Err("unknown kind".to_owned()),
        };
        same("scenario", &classify_error(&*error), &case.expect)?;
        let failure = Failure::classified(error, &Classifier::default(), UNIX_EPOCH);
        same("failure", &failure.scenario(), &case.expect)?;
        // Wrapping the failure does not change its classification.
        same("failure, again", &classify_error(&failure), &case.expect)
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
    #[serde(deserialize_with = "present")]
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

type Attempt = fn(FailureScenario, &mut RecoveryContext, Option<usize>) -> RecoveryResult;

/// The ways to recover: with a blocking handler, with an async one, and, if no step fails, without
/// one.
const ATTEMPTS: [(&str, Attempt); 3] = [
    ("attempt_recovery", |scenario, context, fail_at| match fail_at {
        None => attempt_recovery(scenario, context),
        Some(_) => attempt_recovery_with(scenario, context, &fails_at(fail_at)),
    }),
    ("attempt_recovery_with", |scenario, context, fail_at| {
        attempt_recovery_with(scenario, context, &fails_at(fail_at))
    }),
    ("attempt_recovery_async", |scenario, context, fail_at| {
        now(attempt_recovery_async(scenario, context, &fails_at(fail_at)))
    }),
];

/// Takes the steps before `fail_at`. Like the original's, the failure has no text.
fn fails_at(fail_at: Option<usize>) -> impl Fn(&StepContext<'_>) -> Result<(), BoxError> {
    move |step| {
        let taken = fail_at.is_none_or(|fail_at| step.index < fail_at);
        if taken { Ok(()) } else { Err(BoxError::from("")) }
    }
}

#[test]
fn every_recovery_vector_agrees() {
    every("recovery", |case: Recovery| {
        for (face, attempt) in ATTEMPTS {
            recovered(&case, attempt).map_err(|why| format!("by {face}: {why}"))?;
        }
        Ok(())
    });
}

fn recovered(case: &Recovery, recover: Attempt) -> Verdict {
    let mut context = RecoveryContext::new();
    for (index, attempt) in case.attempts.iter().enumerate() {
        let result = recover(attempt.scenario, &mut context, case.fail_at_step);
        let result = serde_json::to_value(&result).unwrap();
        same_json(&format!("attempt {index}"), &result, &attempt.expect)?;
    }
    let events = context.events().map(|event| serde_json::to_value(event).unwrap());
    let events: Value = events.map(|event| without(event, &["timestamp"])).collect();
    same_json("events", &events, &case.events.iter().cloned().collect())?;
    let counts = FailureScenario::ALL.iter().map(|&of| (of, context.attempt_count(of)));
    same("attempt_counts", &counts.collect(), &case.attempt_counts)
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
    every("backoff", |case: BackoffCase| {
        let backoff = Backoff::with_base(case.base).map_err(|e| e.to_string())?;
        let backoff = backoff.cap(Duration::from_secs_f64(case.cap)).jitter(case.jitter);
        let (low, high) = match (case.expect, case.min, case.max) {
            (Some(exact), None, None) => (exact, exact),
            (None, Some(min), Some(max)) => (min, max),
            _ => return Err("unknown shape: neither a value nor bounds".to_owned()),
        };
        // A `Duration` has whole nanoseconds.
        let nanosecond = Duration::from_nanos(1);
        let low = Duration::from_secs_f64(low).saturating_sub(nanosecond);
        let high = Duration::from_secs_f64(high) + nanosecond;
        let outside = delays(&backoff, &case).into_iter().find(|d| *d < low || *d > high);
        match outside {
            None => Ok(()),
            Some(delay) => Err(format!("{delay:?} is outside {low:?}..={high:?}")),
        }
    });
}

/// Many draws, and both ends of the range.
fn delays(backoff: &Backoff, case: &BackoffCase) -> Vec<Duration> {
    const DRAWS: usize = 500;
    let previous = Some(Duration::from_secs_f64(case.prev_delay));
    // No delay and a delay of zero are equal.
    let previous = previous.filter(|delay| !delay.is_zero());
    let zero = previous.or(Some(Duration::ZERO));
    let ends = [0.0, 1.0].map(|unit| backoff.delay_from(case.attempt, zero, unit));
    let drawn = (0..DRAWS).map(|_| backoff.delay(case.attempt, previous));
    drawn.chain(ends).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NextProvider {
    available: Vec<String>,
    current: String,
    #[serde(deserialize_with = "present")]
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
