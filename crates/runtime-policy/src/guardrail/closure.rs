//! [`pre`] and [`post`]: closures as guardrails.

use std::borrow::Cow;

use super::check::{PostCheck, PreCheck};
use super::contract::{Guardrail, GuardrailOutcome, GuardrailStage};

/// Turns a closure that checks arguments into a guardrail.
pub fn pre(
    name: impl Into<Cow<'static, str>>,
    check: impl Fn(&PreCheck<'_>) -> GuardrailOutcome + Send + Sync,
) -> impl Guardrail {
    PreClosure { name: name.into(), check }
}

/// Turns a closure that checks results into a guardrail.
///
/// ```
/// use runtime_policy::{GuardrailOutcome, guardrail};
///
/// let not_empty = guardrail::post("not_empty", |check| {
///     if check.result.is_null() {
///         GuardrailOutcome::deny("the result is empty")
///     } else {
///         GuardrailOutcome::allow()
///     }
/// });
/// # let _ = not_empty;
/// ```
pub fn post(
    name: impl Into<Cow<'static, str>>,
    check: impl Fn(&PostCheck<'_>) -> GuardrailOutcome + Send + Sync,
) -> impl Guardrail {
    PostClosure { name: name.into(), check }
}

struct PreClosure<F> {
    name: Cow<'static, str>,
    check: F,
}

struct PostClosure<F> {
    name: Cow<'static, str>,
    check: F,
}

impl<F: Fn(&PreCheck<'_>) -> GuardrailOutcome + Send + Sync> Guardrail for PreClosure<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn checks(&self, stage: GuardrailStage) -> bool {
        stage == GuardrailStage::Pre
    }

    fn check_pre(&self, check: &PreCheck<'_>) -> GuardrailOutcome {
        (self.check)(check)
    }
}

impl<F: Fn(&PostCheck<'_>) -> GuardrailOutcome + Send + Sync> Guardrail for PostClosure<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn checks(&self, stage: GuardrailStage) -> bool {
        stage == GuardrailStage::Post
    }

    fn check_post(&self, check: &PostCheck<'_>) -> GuardrailOutcome {
        (self.check)(check)
    }
}
