//! Closures as guardrails.

use std::borrow::Cow;
use std::fmt;

use super::check::{PostCheck, PreCheck};
use super::{Guardrail, GuardrailOutcome, GuardrailStage};

/// Makes a guardrail of a closure that looks at the arguments.
pub fn pre<F>(name: impl Into<Cow<'static, str>>, check: F) -> PreClosure<F>
where
    F: Fn(&PreCheck<'_>) -> GuardrailOutcome + Send + Sync,
{
    PreClosure { name: name.into(), check }
}

/// Makes a guardrail of a closure that looks at the result.
///
/// ```
/// use runtime_policy::guardrail::{self, GuardrailOutcome};
///
/// let not_empty = guardrail::post("not_empty", |check| {
///     if check.result.is_null() {
///         GuardrailOutcome::deny("there is no result")
///     } else {
///         GuardrailOutcome::allow()
///     }
/// });
/// # let _ = not_empty;
/// ```
pub fn post<F>(name: impl Into<Cow<'static, str>>, check: F) -> PostClosure<F>
where
    F: Fn(&PostCheck<'_>) -> GuardrailOutcome + Send + Sync,
{
    PostClosure { name: name.into(), check }
}

/// A guardrail that looks at arguments; see [`pre`].
#[derive(Clone)]
pub struct PreClosure<F> {
    name: Cow<'static, str>,
    check: F,
}

/// A guardrail that looks at results; see [`post`].
#[derive(Clone)]
pub struct PostClosure<F> {
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

impl<F> fmt::Debug for PreClosure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PreClosure").field(&self.name).finish()
    }
}

impl<F> fmt::Debug for PostClosure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostClosure").field(&self.name).finish()
    }
}
