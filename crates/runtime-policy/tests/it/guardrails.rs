//! Guardrails: calls, errors and waiting.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use runtime_policy::{
    AllowAllGuardrail, AsyncGuardrail, Guardrail, GuardrailFuture, GuardrailOutcome,
    GuardrailStage, GuardrailSubject, GuardrailViolatedError, Guardrails, PostCheck, PreCheck,
    guardrail,
};
use serde_json::{Value, json};

const SEARCH: GuardrailSubject<'_> = GuardrailSubject::Tool("search");
const NULL: Value = Value::Null;

fn denies(name: &'static str) -> impl Guardrail {
    guardrail::pre(name, |_| GuardrailOutcome::deny("denied"))
}

/// Is ready after `polls` polls.
struct Slow {
    polls: u32,
    answer: GuardrailOutcome,
    asked: Arc<AtomicU32>,
}

impl Slow {
    fn new(polls: u32, answer: GuardrailOutcome) -> Self {
        Self { polls, answer, asked: Arc::default() }
    }

    fn answer(&self) -> GuardrailFuture<'_> {
        let mut left = self.polls;
        // Relaxed: one thread counts.
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(poll_fn(move |_| {
            if left == 0 {
                return Poll::Ready(self.answer.clone());
            }
            left -= 1;
            Poll::Pending
        }))
    }
}

impl AsyncGuardrail for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn check_pre<'a>(&'a self, _: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
        self.answer()
    }

    fn check_post<'a>(&'a self, _: &'a PostCheck<'a>) -> GuardrailFuture<'a> {
        self.answer()
    }
}

/// Polls a check of the arguments at most `limit` times. Returns the number of polls and the result.
fn drive(guardrails: &Guardrails, limit: u32) -> Option<(u32, Result<(), GuardrailViolatedError>)> {
    let check = PreCheck::new("writer", SEARCH, &NULL);
    let mut future = pin!(guardrails.check_pre_async(&check));
    let mut cx = Context::from_waker(Waker::noop());
    (1..=limit).find_map(|polls| match future.as_mut().poll(&mut cx) {
        Poll::Ready(result) => Some((polls, result)),
        Poll::Pending => None,
    })
}

fn names(error: &GuardrailViolatedError) -> Vec<&str> {
    error.violations().iter().map(|violation| &*violation.guardrail).collect()
}

#[test]
fn no_guardrail_blocks_nothing() {
    let guardrails = Guardrails::new();
    assert!(!guardrails.has_any(GuardrailStage::Pre) && !guardrails.has_any(GuardrailStage::Post));
    assert_eq!(guardrails.check_pre(&PreCheck::new("writer", SEARCH, &NULL)), Ok(()));
    assert_eq!(drive(&guardrails, 1), Some((1, Ok(()))));
}

#[test]
fn all_guardrails_run_and_the_text_names_the_first_objection() {
    let guardrails =
        Guardrails::new().with(AllowAllGuardrail).with(denies("g0")).with(denies("g1"));
    let error = guardrails.check_pre(&PreCheck::new("writer", SEARCH, &NULL)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pre guardrail 'g0' blocked tool 'search' for role 'writer': denied"
    );
    assert_eq!(names(&error), ["g0", "g1"]);
    assert_eq!((&*error.first().guardrail, error.subject()), ("g0", SEARCH));
    assert_eq!(error.violations()[1].to_string(), "g1: denied");
}

#[test]
fn objection_without_a_reason_has_a_default_text() {
    let silent = guardrail::post("silent", |_| GuardrailOutcome::deny(""));
    let check = PostCheck::new("writer", SEARCH, &NULL, &NULL);
    let error = Guardrails::new().with(silent).check_post(&check).unwrap_err();
    assert_eq!(
        error.to_string(),
        "post guardrail 'silent' blocked tool 'search' for role 'writer': no reason provided"
    );
    assert_eq!(error.first().reason, None);
}

#[test]
fn turn_is_displayed_with_its_model() {
    let subject = GuardrailSubject::Turn { model: "m" };
    let error = Guardrails::new()
        .with(denies("g0"))
        .check_pre(&PreCheck::new("writer", subject, &NULL))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "pre guardrail 'g0' blocked turn on model 'm' for role 'writer': denied"
    );
    assert_eq!(error.subject(), subject);
}

#[test]
fn pre_sees_arguments_and_post_sees_the_result() {
    let guardrails = Guardrails::new()
        .with(guardrail::pre("query", |check| match check.arguments["query"].as_str() {
            Some("drop table") => {
                GuardrailOutcome::deny(format!("{} by {}", check.subject, check.role))
            }
            _ => GuardrailOutcome::allow(),
        }))
        .with(guardrail::post("count", |check| {
            if check.result["found"] == check.arguments["want"] {
                GuardrailOutcome::allow()
            } else {
                GuardrailOutcome::deny("too few")
            }
        }));
    let (fine, bad) = (json!({ "query": "rust", "want": 2 }), json!({ "query": "drop table" }));
    assert!(guardrails.check_pre(&PreCheck::new("writer", SEARCH, &fine)).is_ok());
    let error = guardrails.check_pre(&PreCheck::new("writer", SEARCH, &bad)).unwrap_err();
    assert_eq!(error.first().reason.as_deref(), Some("tool 'search' by writer"));

    let (two, one) = (json!({ "found": 2 }), json!({ "found": 1 }));
    assert!(guardrails.check_post(&PostCheck::new("writer", SEARCH, &fine, &two)).is_ok());
    let error = guardrails.check_post(&PostCheck::new("writer", SEARCH, &fine, &one)).unwrap_err();
    assert_eq!(names(&error), ["count"]);
}

#[test]
fn closure_guardrail_checks_only_at_its_stage() {
    let guardrails = Guardrails::new().with(denies("g0"));
    assert!(guardrails.has_any(GuardrailStage::Pre));
    assert!(!guardrails.has_any(GuardrailStage::Post), "the result need not become JSON");
    assert!(guardrails.check_post(&PostCheck::new("writer", SEARCH, &NULL, &NULL)).is_ok());
    let after = guardrail::post("g1", |_| GuardrailOutcome::deny("denied"));
    let guardrails = Guardrails::new().with(after);
    assert!(!guardrails.has_any(GuardrailStage::Pre) && guardrails.has_any(GuardrailStage::Post));
    assert!(Guardrails::new().with(AllowAllGuardrail).has_any(GuardrailStage::Post));
}

#[test]
fn with_does_not_change_earlier_clones() {
    let earlier = Guardrails::new().with(denies("g0"));
    let guardrails = earlier.clone().with(denies("g1"));
    assert_eq!(format!("{guardrails:?}"), r#"["g0", "g1"]"#);
    assert_eq!(format!("{earlier:?}"), r#"["g0"]"#);
}

#[test]
fn guardrails_may_be_shared() {
    let shared: Arc<dyn Guardrail> = Arc::new(denies("g0"));
    let slow: Arc<dyn AsyncGuardrail> = Arc::new(Slow::new(0, GuardrailOutcome::deny("no")));
    let guardrails = Guardrails::new().with(shared.clone()).with(shared).with_async(slow);
    let (_, result) = drive(&guardrails, 1).unwrap();
    assert_eq!(names(&result.unwrap_err()), ["g0", "g0", "slow"]);
}

#[test]
fn async_checks_run_concurrently() {
    let guardrails = Guardrails::new()
        .with_async(Slow::new(3, GuardrailOutcome::deny("first")))
        .with(denies("g0"))
        .with_async(Slow::new(1, GuardrailOutcome::deny("second")))
        .with_async(Slow::new(2, GuardrailOutcome::allow()));
    let (polls, result) = drive(&guardrails, 10).unwrap();
    assert_eq!(polls, 4, "the slowest decides, not the sum");
    let error = result.unwrap_err();
    assert_eq!(names(&error), ["slow", "g0", "slow"], "in the order they were added");
    assert_eq!(error.first().reason.as_deref(), Some("first"));
}

#[test]
fn each_guardrail_is_called_once() {
    let slow = Slow::new(5, GuardrailOutcome::allow());
    let asked = slow.asked.clone();
    let guardrails = Guardrails::new().with_async(slow);
    assert_eq!(drive(&guardrails, 10), Some((6, Ok(()))));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn async_guardrail_objects_in_a_blocking_check() {
    let guardrails = Guardrails::new().with_async(Slow::new(0, GuardrailOutcome::allow()));
    let error = guardrails.check_pre(&PreCheck::new("writer", SEARCH, &NULL)).unwrap_err();
    assert_eq!(
        error.first().reason.as_deref(),
        Some("an async guardrail cannot run in a blocking call")
    );
}

#[test]
fn dropped_check_can_be_repeated() {
    let guardrails = Guardrails::new().with_async(Slow::new(5, GuardrailOutcome::allow()));
    assert_eq!(drive(&guardrails, 2), None);
    assert_eq!(drive(&guardrails, 10), Some((6, Ok(()))));
}

#[test]
#[should_panic(expected = "the guardrail broke")]
fn panic_in_a_guardrail_is_passed_on() {
    let broken = guardrail::pre("broken", |_| panic!("the guardrail broke"));
    let _ = Guardrails::new().with(broken).check_pre(&PreCheck::new("writer", SEARCH, &NULL));
}

#[test]
fn unserializable_result_is_a_violation() {
    let unreadable = std::collections::HashMap::from([((1, 2), 3)]);
    let cause = serde_json::to_value(unreadable).unwrap_err();
    let error = GuardrailViolatedError::unserializable("writer", SEARCH, cause);
    assert_eq!(error.stage, GuardrailStage::Post);
    assert_eq!(
        error.to_string(),
        "post guardrail 'json' blocked tool 'search' for role 'writer': \
         the result cannot be converted to JSON: key must be a string"
    );
}
