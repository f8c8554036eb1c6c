//! [`Threshold`]: the score that a gate is compared with.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The threshold of [`PolicyCondition::gate_below`](super::PolicyCondition::gate_below): a finite
/// number, zero or more.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Threshold(f64);

/// The error for a threshold that is negative or not finite.
///
/// ```
/// use runtime_policy::PolicyCondition;
///
/// let error = PolicyCondition::gate_below(f64::NAN).unwrap_err();
/// assert_eq!(error.to_string(), "invalid `gate_below` threshold `NaN`: not a finite number");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("invalid `gate_below` threshold `{value}`: {}", objection(*value))]
#[non_exhaustive]
pub struct InvalidThresholdError {
    /// The number.
    pub value: f64,
}

impl Threshold {
    pub(super) fn new(score: f64) -> Result<Self, InvalidThresholdError> {
        if !score.is_finite() || score < 0.0 {
            return Err(InvalidThresholdError { value: score });
        }
        // Adding zero turns negative zero into zero.
        Ok(Self(score + 0.0))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

fn objection(score: f64) -> &'static str {
    if score.is_finite() { "must not be negative" } else { "not a finite number" }
}
