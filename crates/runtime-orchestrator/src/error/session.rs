//! Errors of opening, ending, handing over and pausing a session.

use runtime_lifecycle::{ClaimError, CreateWorkerError};
use thiserror::Error;

use super::{
    CalledFromSinkError, DeadlineExceededError, ForeignAccountError, SessionBusyError,
    SessionClosedError, ShuttingDownError, TooManyHandoffsError,
};

/// A session was not opened, ended, handed over or paused. Its state is unchanged.
///
/// One exception: if draining begins during [`accept`](crate::Orchestrator::accept), the claimed
/// worker is cancelled.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum SessionError {
    /// The session has ended, or ended during the wait.
    Closed(#[from] SessionClosedError),
    /// A sink of the session called back into it.
    FromSink(#[from] CalledFromSinkError),
    /// The orchestrator drains.
    ShuttingDown(#[from] ShuttingDownError),
    /// A turn or a tool is running, or the session waits for input.
    Busy(#[from] SessionBusyError),
    /// The deadline of the session has passed.
    Deadline(#[from] DeadlineExceededError),
    /// The shared account is not among the accounts of the session above or before, and only one can
    /// pay.
    Account(#[from] ForeignAccountError),
    /// The registry refused the worker.
    #[error("no worker for role `{role}`")]
    Worker {
        /// The role of the worker.
        role: String,
        /// The registry's error.
        source: CreateWorkerError,
    },
    /// The handoff is for a role other than the orchestrator's.
    #[error("handoff is for role `{expected}`, this orchestrator's role is `{found}`")]
    Role {
        /// The handoff's target role.
        expected: String,
        /// The orchestrator's role.
        found: String,
    },
    /// There were too many handoffs before this one.
    Handoffs(#[from] TooManyHandoffsError),
    /// The handoff's worker is not an unclaimed worker of the registry.
    Claim(#[from] ClaimError),
    /// The context of a handoff is neither a JSON object nor null.
    #[error("handoff context is {found}, not a JSON object")]
    Context {
        /// The kind of the given JSON value.
        found: &'static str,
    },
    /// Another [`pause_for_input`](crate::OrchestrationSession::pause_for_input) is waiting.
    #[error("a previous pause_for_input is still pending")]
    AlreadyWaiting,
    /// An input was provided, but the `pause_for_input` that waits has one, which it has not taken yet.
    #[error("the pause_for_input in flight already has an input")]
    AlreadyAnswered,
    /// An input was provided, but no `pause_for_input` is waiting.
    #[error("no pause_for_input in flight")]
    NobodyWaiting,
}

impl SessionError {
    /// Whether a shutdown is the reason, by a refusal or by the session's end.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            _ => false,
        }
    }
}
