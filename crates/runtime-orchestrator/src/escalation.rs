//! Telling somebody that a turn could not be recovered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_events::FailureScenario;
use runtime_resilience::{EscalationPolicy, GaveUp};

use crate::error::TurnError;
use crate::log::log;

/// A recovering turn that gives up.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Escalation<'a> {
    /// The session of the turn.
    pub session_id: &'a str,
    /// The role of its agent.
    pub role: &'a str,
    /// The remaining kind of failure.
    pub scenario: FailureScenario,
    /// The policy of the recipe.
    pub policy: EscalationPolicy,
    /// The reason why there is no further attempt.
    pub gave_up: &'a GaveUp,
    /// The number of calls that were made.
    pub attempts: u32,
    /// The last failure.
    pub error: &'a TurnError,
}

pub(crate) type Alert = dyn Fn(&Escalation<'_>) + Send + Sync;

/// Calls the handler; what it breaks is its own.
pub(crate) fn alert(handler: Option<&Arc<Alert>>, escalation: &Escalation<'_>) {
    let Some(handler) = handler else { return };
    if catch_unwind(AssertUnwindSafe(|| handler(escalation))).is_err() {
        log!(warn, session = %escalation.session_id, "the escalation handler panicked");
    }
}
