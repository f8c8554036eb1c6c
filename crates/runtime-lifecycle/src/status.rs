//! [`AgentStatus`]: the states of an agent, and the transitions between them.

use runtime_events::wire_names;
use thiserror::Error;

wire_names! {
    /// The state of an agent.
    ///
    /// ```text
    ///  IDLE ──► INITIALIZING ──► RUNNING ──────► COMPLETED
    ///                │            ▲   │
    ///                ▼            │   ▼
    ///                WAITING_FOR_INPUT
    ///
    ///  any of IDLE, INITIALIZING, RUNNING, WAITING_FOR_INPUT ──► FAILED
    ///                                                        ──► CANCELLED
    /// ```
    ///
    /// `COMPLETED`, `FAILED` and `CANCELLED` are terminal. No state follows itself.
    #[expect(clippy::exhaustive_enums, reason = "every caller must decide on each state")]
    pub enum AgentStatus: "agent status" {
        /// Registered.
        Idle = "idle",
        /// Being set up. A worker that was handed over stays here until it is claimed.
        Initializing = "initializing",
        /// Paused until an answer comes from outside.
        WaitingForInput = "waiting_for_input",
        /// Working.
        Running = "running",
        /// Ended with success.
        Completed = "completed",
        /// Ended with a failure.
        Failed = "failed",
        /// Ended early, on request.
        Cancelled = "cancelled",
    }
}

impl AgentStatus {
    /// Whether no other state can follow.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether a state can follow this one.
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

/// The error for a transition that is not allowed. The worker is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("Invalid transition: {current} → {target}")]
#[non_exhaustive]
pub struct InvalidTransitionError {
    /// The state of the worker.
    pub current: AgentStatus,
    /// The requested state.
    pub target: AgentStatus,
}
