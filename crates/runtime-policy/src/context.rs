//! [`PhaseContext`]: the state of a phase.

use std::collections::BTreeSet;
use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_usage::Usd;
use serde::{Deserialize, Serialize, Serializer};

use crate::quality::QualityLevel;

/// The state of a phase, for the evaluation of conditions.
///
/// The JSON keys are the field names, except for `elapsed_seconds` and `total_cost_usd`. Missing
/// fields have their defaults and unknown fields are refused.
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
    /// The name of the phase.
    pub phase: String,
    /// The observed quality, if any.
    pub quality_level: Option<QualityLevel>,
    /// The score of the gate.
    pub gate_score: f64,
    /// The score that the gate requires. Only custom conditions read it.
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
    /// The scenarios that recovery has given up on.
    #[serde(serialize_with = "by_name")]
    pub retry_exhausted_scenarios: BTreeSet<FailureScenario>,
    /// Whether the phase is completed.
    pub phase_completed: bool,
    /// The amount spent so far.
    #[serde(rename = "total_cost_usd")]
    #[doc(alias = "total_cost_usd")]
    pub total_cost: Usd,
}

impl PhaseContext {
    /// Creates the context of a phase. Everything else has its default.
    pub fn new(phase: impl Into<String>) -> Self {
        Self { phase: phase.into(), ..Self::default() }
    }

    /// Sets the observed quality. Default: none.
    #[must_use]
    pub fn quality_level(mut self, level: impl Into<Option<QualityLevel>>) -> Self {
        self.quality_level = level.into();
        self
    }

    /// Sets the score of the gate and the score that it requires.
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

    /// Sets the roles that take part in the phase.
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

    /// Sets the scenarios that recovery has given up on.
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

    /// Sets the amount spent so far.
    #[must_use]
    pub const fn total_cost(mut self, cost: Usd) -> Self {
        self.total_cost = cost;
        self
    }
}

/// Writes the scenarios in the order of their names.
fn by_name<S: Serializer>(
    scenarios: &BTreeSet<FailureScenario>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let names: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.as_str()).collect();
    names.serialize(serializer)
}
