//! Escalation of a turn that gave up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_events::FailureScenario;
use runtime_resilience::{EscalationPolicy, GaveUp};

use crate::error::TurnError;
use crate::log::log;

/// The facts of a recovering turn that gave up.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Escalation<'a> {
    /// The session of the turn.
    pub session_id: &'a str,
    /// The role of the session's agent.
    pub role: &'a str,
    /// The scenario of the last failure.
    pub scenario: FailureScenario,
    /// The recipe's escalation policy.
    pub policy: EscalationPolicy,
    /// The reason for giving up.
    pub gave_up: &'a GaveUp,
    /// The number of calls.
    pub attempts: u32,
    /// The last failure.
    pub error: &'a TurnError,
}

pub(crate) type Alert = dyn Fn(&Escalation<'_>) + Send + Sync;

/// Calls the handler. A panic in it is logged.
pub(crate) fn alert(handler: Option<&Arc<Alert>>, escalation: &Escalation<'_>) {
    let Some(handler) = handler else { return };
    if catch_unwind(AssertUnwindSafe(|| handler(escalation))).is_err() {
        log!(warn, session = %escalation.session_id, "the escalation handler panicked");
    }
}
