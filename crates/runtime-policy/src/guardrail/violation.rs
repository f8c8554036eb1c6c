//! What guardrails objected to.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::GuardrailStage;
use super::check::GuardrailSubject;

/// The name under which a result that is not JSON is reported.
const JSON_CHECK: &str = "json";

/// One guardrail's objection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The guardrail's name.
    pub guardrail: String,
    /// What it said, if it said anything.
    pub reason: Option<Cow<'static, str>>,
}

impl Violation {
    /// An objection of `guardrail`.
    pub fn new(guardrail: impl Into<String>, reason: impl Into<Option<Cow<'static, str>>>) -> Self {
        Self { guardrail: guardrail.into(), reason: reason.into() }
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

/// Guardrails blocked a tool or a turn, or withheld its result.
///
/// Its text speaks of the first objection; [`violations`](Self::violations) has them all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{stage} guardrail '{}' blocked {} for role '{role}': {}",
    self.guardrail(),
    self.subject(),
    self.first().reason_or_default()
)]
#[non_exhaustive]
pub struct GuardrailViolatedError {
    /// Whether it was blocked before it ran, or after.
    pub stage: GuardrailStage,
    /// The role that asked.
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
    /// The error for one objection.
    pub fn new(
        stage: GuardrailStage,
        role: impl Into<String>,
        subject: GuardrailSubject<'_>,
        violation: Violation,
    ) -> Self {
        Self::of(stage, role.into(), subject, vec![violation])
    }

    /// The error for a result that guardrails cannot be shown, because it cannot be turned into
    /// JSON; `error` says why. What cannot be checked is not let through.
    ///
    /// ```
    /// use runtime_policy::guardrail::{GuardrailSubject, GuardrailViolatedError};
    ///
    /// let search = GuardrailSubject::Tool("search");
    /// let error = GuardrailViolatedError::unserializable("writer", search, "key must be a string");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "post guardrail 'json' blocked tool 'search' for role 'writer': \
    ///      the result cannot be turned into JSON: key must be a string",
    /// );
    /// ```
    pub fn unserializable(
        role: impl Into<String>,
        subject: GuardrailSubject<'_>,
        error: impl fmt::Display,
    ) -> Self {
        let reason = format!("the result cannot be turned into JSON: {error}");
        let violation = Violation::new(JSON_CHECK, Cow::Owned(reason));
        Self::new(GuardrailStage::Post, role, subject, violation)
    }

    /// The error for `violations`, unless there are none.
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

    /// What was blocked.
    pub fn subject(&self) -> GuardrailSubject<'_> {
        match &self.subject {
            Subject::Tool(tool) => GuardrailSubject::Tool(tool),
            Subject::Turn(model) => GuardrailSubject::Turn { model },
        }
    }

    /// The tool's name, if it was a tool.
    pub fn tool(&self) -> Option<&str> {
        self.subject().tool()
    }

    /// All objections, in the order of the guardrails; never none.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The first objection, of which the error's text speaks.
    #[doc(alias = "outcome")]
    pub fn first(&self) -> &Violation {
        &self.violations[0]
    }

    /// The name of the guardrail that objected first.
    pub fn guardrail(&self) -> &str {
        &self.first().guardrail
    }
}
