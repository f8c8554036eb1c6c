//! The ways to be refused, one small type each, and the three enums that hold them.

mod call;
mod session;

use std::sync::Arc;
use std::time::Duration;

use runtime_events::AgentFailureClass;
use runtime_lifecycle::AgentStatus;
use runtime_resilience::TimeoutPhase;
use thiserror::Error;

#[doc(no_inline)]
pub use runtime_resilience::BoxError;

pub use self::call::{ToolError, TurnError, UnrecoveredError};
pub use self::session::SessionError;

/// The word for a shutdown in the data of events.
pub(crate) const SHUTDOWN: &str = "shutdown";

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

impl SessionClosedError {
    pub(crate) const fn failure_class(self) -> AgentFailureClass {
        match self.status {
            AgentStatus::Cancelled => AgentFailureClass::Cancelled,
            _ => AgentFailureClass::Unknown,
        }
    }
}

/// A session cannot be completed or handed over while something is under way.
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

/// Something new was to begin while the orchestrator [drains](crate::Orchestrator::drain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("shutting down: no new session, turn, tool or pause begins")]
#[non_exhaustive]
pub struct ShuttingDownError;

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
    /// The time the session was given when it opened.
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
    /// The time it was given.
    pub timeout: Duration,
    /// Which of its timeouts it exceeded.
    pub phase: TimeoutPhase,
}

const fn prefix(phase: TimeoutPhase) -> &'static str {
    match phase {
        TimeoutPhase::FirstToken => "first-token ",
        TimeoutPhase::Idle => "idle ",
        TimeoutPhase::Total => "total ",
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
    /// The time it was given.
    pub timeout: Duration,
}

/// A blocking call on the caller's thread was given a timeout, and nothing can interrupt such a call.
///
/// Nothing was admitted or counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a call on this thread cannot be interrupted, so it takes no timeout: use `{instead}`, or remove the timeout"
)]
#[non_exhaustive]
pub struct UninterruptibleCallError {
    /// The method that keeps to a timeout.
    pub instead: &'static str,
}

/// A strict budget needs the most that a turn can cost, and the turn does not say it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a strict budget refuses a turn of `{model}` without `{missing}`: the most it may cost is not known"
)]
#[non_exhaustive]
pub struct UnestimatedTurnError {
    /// The model.
    pub model: Arc<str>,
    /// What the turn does not say: `estimate` or `max_output`.
    pub missing: &'static str,
}

/// An orchestrator's shared account is not on the path of the parent's account, which pays for
/// the parent's children.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the shared account {} is not above the parent's, which pays for its children", name(account.as_deref()))]
#[non_exhaustive]
pub struct ForeignAccountError {
    /// The account, where it has a name.
    pub account: Option<Arc<str>>,
}

fn name(account: Option<&str>) -> String {
    account.map_or_else(|| "(without a name)".to_owned(), |name| format!("`{name}`"))
}
