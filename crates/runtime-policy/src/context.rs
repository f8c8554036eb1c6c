//! The state of a phase, as conditions see it.

use std::collections::BTreeSet;
use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_usage::Usd;
use serde::{Deserialize, Serialize, Serializer};

use crate::quality::QualityLevel;

/// What is known of a phase when the rules are asked.
///
/// In JSON, what is missing has its default, `elapsed` is `elapsed_seconds` and `total_cost`
/// is `total_cost_usd`; unknown fields are refused.
///
/// ```
/// use std::time::Duration;
/// use runtime_policy::{PhaseContext, QualityLevel};
///
/// let ctx = PhaseContext::new("draft")
///     .quality_level(QualityLevel::Standard)
///     .gate(0.7, 0.8)
///     .all_roles(["writer", "editor"])
///     .completed_roles(["writer"])
///     .elapsed(Duration::from_secs(90));
/// assert_eq!(ctx.gate_score, 0.7);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PhaseContext {
    /// The phase's name.
    pub phase: String,
    /// The quality observed, if it was.
    pub quality_level: Option<QualityLevel>,
    /// What the phase's gate scored.
    pub gate_score: f64,
    /// What the gate asks for; for custom conditions, no built-in one reads it.
    pub gate_threshold: f64,
    /// The roles that completed.
    pub completed_roles: BTreeSet<String>,
    /// The roles that failed.
    pub failed_roles: BTreeSet<String>,
    /// The roles that take part in the phase.
    pub all_roles: BTreeSet<String>,
    /// The time since the phase began.
    #[serde(rename = "elapsed_seconds", with = "crate::seconds")]
    #[doc(alias = "elapsed_seconds")]
    pub elapsed: Duration,
    /// The scenarios recovery has given up on.
    #[serde(serialize_with = "by_name")]
    pub retry_exhausted_scenarios: BTreeSet<FailureScenario>,
    /// Whether the phase is completed.
    pub phase_completed: bool,
    /// What was spent so far.
    #[serde(rename = "total_cost_usd")]
    #[doc(alias = "total_cost_usd")]
    pub total_cost: Usd,
}

impl PhaseContext {
    /// A context of the phase `phase` of which nothing else is known.
    pub fn new(phase: impl Into<String>) -> Self {
        Self::default().phase(phase)
    }

    /// Names the phase.
    #[must_use]
    pub fn phase(mut self, phase: impl Into<String>) -> Self {
        self.phase = phase.into();
        self
    }

    /// Sets the observed quality; `None` takes it back.
    #[must_use]
    pub fn quality_level(mut self, level: impl Into<Option<QualityLevel>>) -> Self {
        self.quality_level = level.into();
        self
    }

    /// Sets what the gate scored and what it asks for.
    #[must_use]
    pub const fn gate(mut self, score: f64, threshold: f64) -> Self {
        self.gate_score = score;
        self.gate_threshold = threshold;
        self
    }

    /// Sets the roles that completed.
    #[must_use]
    pub fn completed_roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.completed_roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the roles that failed.
    #[must_use]
    pub fn failed_roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.failed_roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the roles that take part.
    #[must_use]
    pub fn all_roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.all_roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the time since the phase began.
    #[must_use]
    pub const fn elapsed(mut self, elapsed: Duration) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// Sets the scenarios recovery has given up on.
    #[must_use]
    pub fn retry_exhausted_scenarios(
        mut self,
        scenarios: impl IntoIterator<Item = FailureScenario>,
    ) -> Self {
        self.retry_exhausted_scenarios = scenarios.into_iter().collect();
        self
    }

    /// Sets whether the phase is completed.
    #[must_use]
    pub const fn phase_completed(mut self, completed: bool) -> Self {
        self.phase_completed = completed;
        self
    }

    /// Sets what was spent so far.
    #[must_use]
    pub const fn total_cost(mut self, cost: Usd) -> Self {
        self.total_cost = cost;
        self
    }
}

/// Writes the scenarios in the order of their names, as the roles are.
fn by_name<S: Serializer>(
    scenarios: &BTreeSet<FailureScenario>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let names: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.as_str()).collect();
    names.serialize(serializer)
}
