//! The ways a session refuses what is not a turn or a tool.

use runtime_lifecycle::{ClaimError, CreateWorkerError};
use thiserror::Error;

use super::{
    DeadlineExceededError, ForeignAccountError, SessionBusyError, SessionClosedError,
    ShuttingDownError,
};

/// A session was not opened, ended, handed over or paused. Nothing has changed.
///
/// One exception: if draining begins while a handoff is accepted, the worker that was claimed for it
/// is cancelled.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum SessionError {
    /// The session is over, or ended while it waited.
    Closed(#[from] SessionClosedError),
    /// The orchestrator drains.
    ShuttingDown(#[from] ShuttingDownError),
    /// Something is under way.
    Busy(#[from] SessionBusyError),
    /// The session's deadline has passed.
    Deadline(#[from] DeadlineExceededError),
    /// The child has a shared account that is not above its parent's.
    Account(#[from] ForeignAccountError),
    /// The registry refuses the worker.
    #[error("no worker for role `{role}`")]
    Worker {
        /// The requested role.
        role: String,
        /// The objection of the registry.
        source: CreateWorkerError,
    },
    /// The handoff is for another role than the orchestrator's.
    #[error("handoff is for role `{expected}`, this orchestrator's role is `{found}`")]
    Role {
        /// The handoff's target role.
        expected: String,
        /// The orchestrator's role.
        found: String,
    },
    /// The registry does not hold the handoff's worker as unclaimed.
    Claim(#[from] ClaimError),
    /// The context of a handoff is neither a JSON object nor null.
    #[error("handoff context is {found}, not a JSON object")]
    Context {
        /// The kind of JSON value that was given.
        found: &'static str,
    },
    /// Another [`pause_for_input`](crate::OrchestrationSession::pause_for_input) is waiting.
    #[error("a previous pause_for_input is still pending")]
    AlreadyWaiting,
    /// An input was provided, and no `pause_for_input` waits for one.
    #[error("no pause_for_input in flight")]
    NobodyWaiting,
}

impl SessionError {
    /// Whether a shutdown refused it or ended the session.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            _ => false,
        }
    }
}
