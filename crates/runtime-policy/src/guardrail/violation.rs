//! [`GuardrailViolatedError`]: the objections of guardrails.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::check::GuardrailSubject;
use super::contract::GuardrailStage;

/// The name for the check that a result can be converted to JSON.
const JSON_CHECK: &str = "json";

/// The objection of a guardrail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The name of the guardrail.
    pub guardrail: String,
    /// The reason, if the guardrail gave one.
    pub reason: Option<Cow<'static, str>>,
}

impl Violation {
    pub(super) fn new(guardrail: &str, reason: Option<Cow<'static, str>>) -> Self {
        Self { guardrail: guardrail.to_owned(), reason }
    }

    fn reason_or_default(&self) -> &str {
        self.reason.as_deref().unwrap_or("no reason provided")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.guardrail, self.reason_or_default())
    }
}

/// The error for a tool or turn that guardrails blocked, or whose result they withheld.
///
/// Its text names the first objection. [`violations`](Self::violations) has all of them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{stage} guardrail '{}' blocked {} for role '{role}': {}",
    self.first().guardrail,
    self.subject(),
    self.first().reason_or_default()
)]
#[non_exhaustive]
pub struct GuardrailViolatedError {
    /// Whether it was blocked before it ran or afterwards.
    pub stage: GuardrailStage,
    /// The role that ran it.
    pub role: String,
    subject: Subject,
    /// Invariant: not empty.
    violations: Vec<Violation>,
}

/// A [`GuardrailSubject`] that owns its name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Tool(String),
    Turn(String),
}

impl GuardrailViolatedError {
    /// Creates the error for a result that cannot be checked because it cannot be converted to JSON.
    ///
    /// ```
    /// use runtime_policy::{GuardrailSubject, GuardrailViolatedError};
    ///
    /// let search = GuardrailSubject::Tool("search");
    /// let error = GuardrailViolatedError::unserializable("writer", search, "key must be a string");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "post guardrail 'json' blocked tool 'search' for role 'writer': \
    ///      the result cannot be converted to JSON: key must be a string",
    /// );
    /// ```
    pub fn unserializable(
        role: impl Into<String>,
        subject: GuardrailSubject<'_>,
        error: impl fmt::Display,
    ) -> Self {
        let reason = format!("the result cannot be converted to JSON: {error}");
        let violation = Violation::new(JSON_CHECK, Some(Cow::Owned(reason)));
        Self::of(GuardrailStage::Post, role.into(), subject, vec![violation])
    }

    /// Returns the error unless there are no violations.
    pub(super) fn check(
        stage: GuardrailStage,
        role: &str,
        subject: GuardrailSubject<'_>,
        violations: Vec<Violation>,
    ) -> Result<(), Self> {
        if violations.is_empty() {
            return Ok(());
        }
        Err(Self::of(stage, role.to_owned(), subject, violations))
    }

    fn of(
        stage: GuardrailStage,
        role: String,
        subject: GuardrailSubject<'_>,
        violations: Vec<Violation>,
    ) -> Self {
        let subject = match subject {
            GuardrailSubject::Tool(tool) => Subject::Tool(tool.to_owned()),
            GuardrailSubject::Turn { model } => Subject::Turn(model.to_owned()),
        };
        Self { stage, role, subject, violations }
    }

    /// The tool or turn that was blocked.
    pub fn subject(&self) -> GuardrailSubject<'_> {
        match &self.subject {
            Subject::Tool(tool) => GuardrailSubject::Tool(tool),
            Subject::Turn(model) => GuardrailSubject::Turn { model },
        }
    }

    /// All objections, at least one, in the order of the guardrails.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The first objection, which the text of the error names.
    #[doc(alias = "outcome")]
    pub fn first(&self) -> &Violation {
        &self.violations[0]
    }
}
