//! The ways to be refused, one small type each, and the two enums that hold them.

mod calls;
mod opening;
mod shutdown;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::AgentFailureClass;
use runtime_lifecycle::{AgentStatus, CreateWorkerError};
use runtime_resilience::fault::Phase;
use thiserror::Error;

pub use self::calls::{ToolError, TurnError, UnrecoveredError};
pub use self::opening::{AcceptError, ChildSessionError, ForeignAccountError, OpenSessionError};
pub(crate) use self::shutdown::SHUTDOWN;
pub use self::shutdown::ShuttingDownError;

/// Any error a caller's code may return.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A turn or a tool was asked of a session that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the session is over: its worker is {status}{}", if *shutdown { ", by a shutdown" } else { "" })]
#[non_exhaustive]
pub struct SessionClosedError {
    /// How it ended. A session that handed over is `completed`.
    pub status: AgentStatus,
    /// Whether the session ended while the call was under way: it may have been made, and paid
    /// for.
    pub call_began: bool,
    /// Whether a shutdown cancelled it, and not a user.
    pub shutdown: bool,
}

/// A session cannot end yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the session is busy: {}", self.with())]
#[non_exhaustive]
pub struct SessionBusyError {
    /// How many turns and tools are under way.
    pub in_flight: u32,
    /// Whether [`pause_for_input`](crate::OrchestrationSession::pause_for_input) waits.
    pub waiting_for_input: bool,
}

impl SessionBusyError {
    fn with(self) -> String {
        let calls = match self.in_flight {
            0 => String::new(),
            1 => "1 turn or tool under way".to_owned(),
            calls => format!("{calls} turns or tools under way"),
        };
        match (calls.is_empty(), self.waiting_for_input) {
            (_, false) => calls,
            (true, true) => "waiting for input".to_owned(),
            (false, true) => format!("{calls}, waiting for input"),
        }
    }
}

/// A session cannot be completed or handed over now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum SettleError {
    /// It is over already.
    Closed(#[from] SessionClosedError),
    /// Something is under way.
    Busy(#[from] SessionBusyError),
}

/// A session has had all the turns it may have.
///
/// Every turn that is asked for counts, refused ones too, so that a loop that spins on
/// refusals ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("session reached max_iterations={max_iterations}; raise the cap or shorten the loop")]
#[non_exhaustive]
pub struct MaxIterationsExceededError {
    /// The cap.
    pub max_iterations: u32,
}

/// The session's time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("session deadline of {:.3}s exceeded", deadline.as_secs_f64())]
#[non_exhaustive]
pub struct DeadlineExceededError {
    /// What the session was given when it opened.
    pub deadline: Duration,
    /// Whether the deadline came while the call was under way: it may have been made, and paid
    /// for.
    pub call_began: bool,
}

/// A turn took longer than its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("turn exceeded {}timeout of {:.3}s", prefix(*phase), timeout.as_secs_f64())]
#[non_exhaustive]
pub struct TurnTimeoutError {
    /// What it was given.
    pub timeout: Duration,
    /// Which of its times is over.
    pub phase: Phase,
}

const fn prefix(phase: Phase) -> &'static str {
    match phase {
        Phase::FirstToken => "first-token ",
        Phase::Idle => "idle ",
        Phase::Total => "total ",
        _ => "",
    }
}

/// A tool took longer than its timeout.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("tool '{tool}' exceeded timeout of {:.3}s", timeout.as_secs_f64())]
#[non_exhaustive]
pub struct ToolTimeoutError {
    /// The tool.
    pub tool: String,
    /// What the tool was given.
    pub timeout: Duration,
}

/// A strict budget wants to know the most that a turn can cost, and it does not say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a strict budget refuses a turn of `{model}` without its `{missing}`: what it may cost at most is not known"
)]
#[non_exhaustive]
pub struct UnestimatedTurnError {
    /// The model.
    pub model: Arc<str>,
    /// What the turn does not say: `estimate` or `max_output`.
    pub missing: &'static str,
}

impl SessionClosedError {
    pub(crate) const fn failure_class(self) -> AgentFailureClass {
        match self.status {
            AgentStatus::Cancelled => AgentFailureClass::Cancelled,
            _ => AgentFailureClass::Unknown,
        }
    }
}

/// A handoff that was not made. Nothing has changed.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum HandoffError {
    /// The session is over.
    Closed(#[from] SessionClosedError),
    /// Something is under way.
    Busy(#[from] SessionBusyError),
    /// The registry refused the target.
    Target(#[from] CreateWorkerError),
    /// The context is neither a JSON object nor null.
    #[error("handoff context is {found}, not a JSON object")]
    Context {
        /// The kind of JSON value that was given.
        found: &'static str,
    },
}

impl From<SettleError> for HandoffError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Closed(closed) => Self::Closed(closed),
            SettleError::Busy(busy) => Self::Busy(busy),
        }
    }
}

/// An input that was asked for and did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PauseError {
    /// The session is over, or ended while it waited.
    #[error(transparent)]
    Closed(#[from] SessionClosedError),
    /// The session's orchestrator drains.
    #[error(transparent)]
    ShuttingDown(#[from] ShuttingDownError),
    /// Another `pause_for_input` waits already.
    #[error("a previous pause_for_input is still pending")]
    AlreadyWaiting,
}

/// An input was provided, and nobody waits for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("no pause_for_input in flight")]
#[non_exhaustive]
pub struct NobodyWaitingError;
