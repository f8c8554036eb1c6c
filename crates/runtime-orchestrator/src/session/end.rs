//! How a session ended: what everybody who is told of it is told.

use std::fmt;

use runtime_lifecycle::AgentStatus;

use crate::error::SessionClosedError;

/// How a session ended, and what was under way then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) status: AgentStatus,
    /// Whether a shutdown cancelled it.
    pub(crate) shutdown: bool,
    /// Turns and tools under way.
    pub(crate) in_flight: u32,
    pub(crate) waiting_for_input: bool,
}

impl End {
    pub(crate) const fn closed(self, call_began: bool) -> SessionClosedError {
        SessionClosedError { status: self.status, call_began, shutdown: self.shutdown }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.shutdown { " by a shutdown" } else { "" };
        write!(f, "{}{by}", self.status)
    }
}
