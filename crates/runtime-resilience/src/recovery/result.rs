//! How an attempt to recover ended, and the record of it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use runtime_events::{FailureScenario, format_utc, wire_names, without_secrets};
use serde::{Serialize, Serializer};

use super::recipe::RecoveryStep;

wire_names! {
    /// How an attempt to recover ended.
    #[expect(clippy::exhaustive_enums, reason = "every caller must decide on all three")]
    pub enum RecoveryOutcome: "recovery outcome" {
        /// Every step of the recipe was taken.
        Recovered = "recovered",
        /// A step failed. It and the steps after it remain.
        PartialRecovery = "partial_recovery",
        /// The attempts are used up. No step was taken.
        EscalationRequired = "escalation_required",
    }
}

wire_names! {
    /// The type of a recovery event.
    #[non_exhaustive]
    pub enum RecoveryEventType: "recovery event type" {
        /// An attempt began.
        Attempted = "attempted",
        /// An attempt took every step.
        Succeeded = "succeeded",
        /// A step of an attempt failed.
        Failed = "failed",
        /// There were no attempts left.
        Escalated = "escalated",
    }
}

/// The result of an attempt to recover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoveryResult {
    /// How it ended.
    pub outcome: RecoveryOutcome,
    /// The number of steps that were taken.
    pub steps_taken: usize,
    /// The steps that were taken.
    pub recovered_steps: Vec<RecoveryStep>,
    /// The step that failed, and those after it.
    pub remaining_steps: Vec<RecoveryStep>,
    /// Why it ended so: the error of the failed step, or that the attempts are used up. Empty after a
    /// full recovery.
    pub reason: String,
}

impl RecoveryResult {
    /// A result from its parts. The reason loses its [secrets](without_secrets).
    pub fn new(
        outcome: RecoveryOutcome,
        recovered_steps: Vec<RecoveryStep>,
        remaining_steps: Vec<RecoveryStep>,
        reason: impl AsRef<str>,
    ) -> Self {
        Self {
            outcome,
            steps_taken: recovered_steps.len(),
            recovered_steps,
            remaining_steps,
            reason: without_secrets(reason.as_ref()).into_owned(),
        }
    }
}

/// The record of an attempt to recover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoveryEvent {
    /// The type of the event.
    pub event_type: RecoveryEventType,
    /// The scenario.
    pub scenario: FailureScenario,
    /// The steps of the recipe.
    pub recipe_steps: Cow<'static, [RecoveryStep]>,
    /// The result.
    pub result: RecoveryResult,
    /// When it was recorded, by the wall clock.
    #[serde(serialize_with = "as_utc")]
    pub timestamp: DateTime<Utc>,
}

fn as_utc<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_utc(*at))
}
