//! Refused because of a shutdown, and how to tell.

use thiserror::Error;

use super::{
    AcceptError, ChildSessionError, HandoffError, OpenSessionError, PauseError, SessionClosedError,
    SettleError, ToolError, TurnError,
};

/// The word for it in the data of events.
pub(crate) const SHUTDOWN: &str = "shutdown";

/// Something new was to begin, and the orchestrator [drains](crate::Orchestrator::drain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("shutting down: no new session, turn, tool or pause begins")]
#[non_exhaustive]
pub struct ShuttingDownError;

impl TurnError {
    /// Whether a shutdown refused the turn or cut it short.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            _ => false,
        }
    }
}

impl ToolError {
    /// Whether a shutdown refused the tool or cut it short.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            _ => false,
        }
    }
}

impl PauseError {
    /// Whether a shutdown refused the pause or ended it.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            Self::AlreadyWaiting => false,
        }
    }
}

impl OpenSessionError {
    /// Whether a shutdown refused the session.
    pub const fn is_shutdown(&self) -> bool {
        matches!(self, Self::ShuttingDown(_))
    }
}

impl ChildSessionError {
    /// Whether a shutdown refused the child, or ended its parent.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            Self::Open(open) => open.is_shutdown(),
            Self::Deadline(_) | Self::Account(_) => false,
        }
    }
}

impl AcceptError {
    /// Whether a shutdown refused the session.
    pub const fn is_shutdown(&self) -> bool {
        matches!(self, Self::ShuttingDown(_))
    }
}

impl SettleError {
    /// Whether a shutdown has ended the session.
    pub const fn is_shutdown(&self) -> bool {
        matches!(self, Self::Closed(SessionClosedError { shutdown: true, .. }))
    }
}

impl HandoffError {
    /// Whether a shutdown has ended the session.
    pub const fn is_shutdown(&self) -> bool {
        matches!(self, Self::Closed(SessionClosedError { shutdown: true, .. }))
    }
}
