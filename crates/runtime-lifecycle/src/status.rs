//! The states an agent goes through, and which may follow which.
//!
//! ```text
//!  IDLE ──► INITIALIZING ──► RUNNING ──────► COMPLETED
//!                │            ▲   │
//!                ▼            │   ▼
//!                WAITING_FOR_INPUT
//!
//!  any of IDLE, INITIALIZING, RUNNING, WAITING_FOR_INPUT ──► FAILED
//!                                                        ──► CANCELLED
//! ```
//!
//! `COMPLETED`, `FAILED` and `CANCELLED` are terminal: nothing follows them. No state follows
//! itself.

use runtime_events::wire_names;
use thiserror::Error;

wire_names! {
    /// The state of an agent. The [module](self) draws which may follow which.
    #[expect(clippy::exhaustive_enums, reason = "every caller must decide on each state")]
    pub enum AgentStatus: "agent status" {
        /// Registered, and nothing else yet.
        Idle = "idle",
        /// Being set up; a handed-over agent waits here until it is claimed.
        Initializing = "initializing",
        /// Paused until somebody answers.
        WaitingForInput = "waiting_for_input",
        /// At work.
        Running = "running",
        /// Ended well.
        Completed = "completed",
        /// Ended badly.
        Failed = "failed",
        /// Ended before its time, by request.
        Cancelled = "cancelled",
    }
}

impl AgentStatus {
    /// Whether nothing can follow.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether `to` may follow this state.
    ///
    /// ```
    /// use runtime_lifecycle::AgentStatus;
    ///
    /// assert!(AgentStatus::Running.can_become(AgentStatus::WaitingForInput));
    /// assert!(!AgentStatus::Completed.can_become(AgentStatus::Running));
    /// ```
    pub const fn can_become(self, to: Self) -> bool {
        match to {
            Self::Idle => false,
            Self::Initializing => matches!(self, Self::Idle),
            Self::WaitingForInput => matches!(self, Self::Initializing | Self::Running),
            Self::Running => matches!(self, Self::Initializing | Self::WaitingForInput),
            Self::Completed => matches!(self, Self::Running),
            Self::Failed | Self::Cancelled => !self.is_terminal(),
        }
    }
}

/// A transition that the table does not have. The worker is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("Invalid transition: {current} → {target}")]
#[non_exhaustive]
pub struct InvalidTransitionError {
    /// The state the worker is in.
    pub current: AgentStatus,
    /// The state that was asked for.
    pub target: AgentStatus,
}

impl InvalidTransitionError {
    pub(crate) const fn new(current: AgentStatus, target: AgentStatus) -> Self {
        Self { current, target }
    }
}
