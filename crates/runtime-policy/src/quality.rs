//! [`QualityGate`]: compares an observed quality level with a required one.

use runtime_events::wire_names;
use serde::{Serialize, Serializer};

wire_names! {
    /// The quality of a result, from the lowest to the highest level. The caller defines what a level
    /// means, such as a score, a number of passing tests or a review.
    #[expect(clippy::exhaustive_enums, reason = "a level between two others would change what gates mean")]
    pub enum QualityLevel: "quality level" {
        /// The result runs.
        Minimal = "minimal",
        /// The result does what was asked.
        Standard = "standard",
        /// The result passes a review.
        Strict = "strict",
        /// The result is ready for release.
        Release = "release",
    }
}

impl QualityLevel {
    /// The name in capitals, as outcomes write it: `STANDARD`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minimal => "MINIMAL",
            Self::Standard => "STANDARD",
            Self::Strict => "STRICT",
            Self::Release => "RELEASE",
        }
    }
}

/// Requires a minimum [`QualityLevel`].
///
/// ```
/// use runtime_policy::{QualityGate, QualityLevel};
///
/// let gate = QualityGate::new(QualityLevel::Standard);
/// assert!(gate.evaluate(Some(QualityLevel::Strict)).satisfied);
/// assert!(!gate.evaluate(None).satisfied);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct QualityGate {
    /// The lowest level that satisfies the gate.
    pub required_level: QualityLevel,
}

impl QualityGate {
    /// Creates a gate that requires at least `required_level`.
    pub const fn new(required_level: QualityLevel) -> Self {
        Self { required_level }
    }

    /// Compares the observed level with the required one. `None` does not satisfy the gate.
    #[doc(alias = "is_satisfied_by")]
    pub fn evaluate(self, observed: Option<QualityLevel>) -> QualityGateOutcome {
        QualityGateOutcome {
            satisfied: observed.is_some_and(|level| level >= self.required_level),
            required_level: self.required_level,
            observed_level: observed,
        }
    }
}

/// The result of a [`QualityGate`]. In JSON the levels are in capitals:
///
/// ```
/// use runtime_policy::{QualityGate, QualityLevel};
///
/// let outcome = QualityGate::new(QualityLevel::Strict).evaluate(Some(QualityLevel::Minimal));
/// assert_eq!(
///     serde_json::to_string(&outcome)?,
///     r#"{"satisfied":false,"required_level":"STRICT","observed_level":"MINIMAL"}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct QualityGateOutcome {
    /// Whether the observed level is at least the required one.
    #[doc(alias = "is_satisfied")]
    pub satisfied: bool,
    /// The level that the gate requires.
    #[serde(serialize_with = "level_name")]
    pub required_level: QualityLevel,
    /// The observed level, if any.
    #[serde(serialize_with = "observed_name")]
    pub observed_level: Option<QualityLevel>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn level_name<S: Serializer>(level: &QualityLevel, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.name())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "serde hands out references"
)]
fn observed_name<S: Serializer>(
    level: &Option<QualityLevel>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    level.map(QualityLevel::name).serialize(serializer)
}
