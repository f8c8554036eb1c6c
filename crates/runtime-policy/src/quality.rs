//! Graduated quality levels, and the gate that asks for one of them.
//!
//! What a level means is the caller's to say: a score, a number of passing tests, a
//! reviewer's word. The gate only compares.

use runtime_events::wire_names;
use serde::{Serialize, Serializer};

wire_names! {
    /// How good a result is, from the least to the most strict.
    #[expect(clippy::exhaustive_enums, reason = "a level between two others would change what gates mean")]
    pub enum QualityLevel: "quality level" {
        /// It runs.
        Minimal = "minimal",
        /// It does what was asked.
        Standard = "standard",
        /// It stands up to review.
        Strict = "strict",
        /// It may leave the house.
        Release = "release",
    }
}

impl QualityLevel {
    /// The name in capitals, as outcomes print it: `STANDARD`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minimal => "MINIMAL",
            Self::Standard => "STANDARD",
            Self::Strict => "STRICT",
            Self::Release => "RELEASE",
        }
    }

    /// The name for people: `Standard`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Minimal => "Minimal",
            Self::Standard => "Standard",
            Self::Strict => "Strict",
            Self::Release => "Release",
        }
    }
}

/// Asks for a minimum [`QualityLevel`].
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
    /// The least level that satisfies the gate.
    pub required_level: QualityLevel,
}

impl QualityGate {
    /// A gate that is satisfied from `required_level` upwards.
    pub const fn new(required_level: QualityLevel) -> Self {
        Self { required_level }
    }

    /// Compares what was observed with what is required. Nothing observed does not satisfy.
    pub fn evaluate(self, observed: Option<QualityLevel>) -> QualityGateOutcome {
        QualityGateOutcome {
            satisfied: observed.is_some_and(|level| self.is_satisfied_by(level)),
            required_level: self.required_level,
            observed_level: observed,
        }
    }

    /// Whether `observed` is at least the required level.
    pub fn is_satisfied_by(self, observed: QualityLevel) -> bool {
        observed >= self.required_level
    }
}

/// What a [`QualityGate`] found.
///
/// Written with the levels' names in capitals, as the original does:
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
    /// What the gate asks for.
    #[serde(serialize_with = "level_name")]
    pub required_level: QualityLevel,
    /// What was observed, if anything was.
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
