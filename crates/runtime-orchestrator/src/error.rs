//! Errors: one small type per refusal, and three enums of them.

mod call;
mod session;

use std::sync::Arc;
use std::time::Duration;

use runtime_events::AgentFailureClass;
use runtime_lifecycle::AgentStatus;
use runtime_resilience::{Failure, TimeoutPhase, chain_text};
use thiserror::Error;

#[doc(no_inline)]
pub use runtime_resilience::BoxError;

pub use self::call::{ToolError, TurnError, UnrecoveredError};
pub use self::session::SessionError;

/// The text of an error and its sources, for events and logs. A failure knows it, so that its chain is
/// walked along once.
pub(crate) fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    let turn = || error.downcast_ref::<TurnError>()?.failure();
    let failure = error.downcast_ref::<Failure>().or_else(turn);
    failure.map_or_else(|| chain_text(error), Failure::chain_text)
}

/// The reason of a shutdown in the data of events.
pub(crate) const SHUTDOWN: &str = "shutdown";

/// The session has ended, so the turn or tool is refused or interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the session has ended: its worker is {status}{}", if *shutdown { " by a shutdown" } else { "" })]
#[non_exhaustive]
pub struct SessionClosedError {
    /// The status of the worker. After a handoff it is `completed`.
    pub status: AgentStatus,
    /// Whether the session ended while the call was running, so that it may have been made and
    /// billed.
    pub call_began: bool,
    /// Whether a shutdown ended the session, not a user.
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

/// A sink called back into its session, whose event it was receiving.
///
/// Nothing was done or counted. Inside a sink, a session's status, summary and labels can be used. For
/// anything else the sink hands the work to another task or thread, and does not wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error(
    "a sink called its own session while it received from it: do this from another task or thread"
)]
#[non_exhaustive]
pub struct CalledFromSinkError;

/// No emitter enters the session.
#[derive(Clone, Copy, Debug, Error)]
#[error(transparent)]
pub(crate) enum EnterError {
    Closed(#[from] SessionClosedError),
    FromSink(#[from] CalledFromSinkError),
}

/// The session is busy, so it cannot be completed or handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the session is busy: {}", self.with())]
#[non_exhaustive]
pub struct SessionBusyError {
    /// The number of running turns and tools.
    pub in_flight: u32,
    /// Whether a [`pause_for_input`](crate::OrchestrationSession::pause_for_input) is waiting.
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

/// The orchestrator [drains](crate::Orchestrator::drain), so nothing new begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("shutting down: no new session, turn, tool or pause begins")]
#[non_exhaustive]
pub struct ShuttingDownError;

/// The session has reached its maximum number of turns.
///
/// Refused turns count as well, so a loop that only meets refusals ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("session reached max_iterations={max_iterations}; raise the cap or shorten the loop")]
#[non_exhaustive]
pub struct MaxIterationsExceededError {
    /// The maximum.
    pub max_iterations: u32,
}

/// The deadline of the session has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("session deadline of {:.3}s exceeded", deadline.as_secs_f64())]
#[non_exhaustive]
pub struct DeadlineExceededError {
    /// The time from the opening of the session to its deadline.
    pub deadline: Duration,
    /// Whether the deadline passed while the call was running, so that it may have been made and
    /// billed.
    pub call_began: bool,
}

/// A turn exceeded its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("turn exceeded {}timeout of {:.3}s", prefix(*phase), timeout.as_secs_f64())]
#[non_exhaustive]
pub struct TurnTimeoutError {
    /// The timeout.
    pub timeout: Duration,
    /// The kind of timeout.
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

/// A tool exceeded its timeout.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("tool '{tool}' exceeded timeout of {:.3}s", timeout.as_secs_f64())]
#[non_exhaustive]
pub struct ToolTimeoutError {
    /// The name of the tool.
    pub tool: String,
    /// The timeout.
    pub timeout: Duration,
}

/// A blocking call on the calling thread has a timeout, but cannot be interrupted.
///
/// The call was neither admitted nor counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a call on this thread cannot be interrupted, so it takes no timeout: use `{instead}`, or remove the timeout"
)]
#[non_exhaustive]
pub struct UninterruptibleCallError {
    /// The method to use for a timeout.
    pub instead: &'static str,
}

/// A strict budget needs the maximum cost of a turn, and the turn does not bound it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a strict budget refuses a turn of `{model}` without `{missing}`: its maximum cost is unknown"
)]
#[non_exhaustive]
pub struct UnestimatedTurnError {
    /// The model.
    pub model: Arc<str>,
    /// The missing option: `estimate` or `max_output`.
    pub missing: &'static str,
}

/// The shared account of an orchestrator is not among the accounts of the session above, or of the
/// one that handed over.
///
/// That session's account pays, and only one account can pay. A session that
/// accepts a handoff may [decline](crate::Acceptance::own_account) the account.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the shared account {} is not among the accounts of the session above or before, which pay for this one", name(account.as_deref()))]
#[non_exhaustive]
pub struct ForeignAccountError {
    /// The name of the account, if it has one.
    pub account: Option<Arc<str>>,
}

fn name(account: Option<&str>) -> String {
    account.map_or_else(|| "(without a name)".to_owned(), |name| format!("`{name}`"))
}

/// The sessions have handed over to each other too often, which may never end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the handoff would be number {}, and `max_handoffs` of the registry is {max_handoffs}: {}", roles.len().saturating_sub(1), self.told())]
#[non_exhaustive]
pub struct TooManyHandoffsError {
    /// The [maximum](runtime_lifecycle::RegistryConfig::max_handoffs) of the registry.
    pub max_handoffs: u32,
    /// The roles of all sessions, from the first one to the target of the refused handoff.
    pub roles: Vec<Arc<str>>,
}

impl TooManyHandoffsError {
    /// The roles from the target's earlier session to the target. Empty if the target had none, so
    /// that the handoffs are no cycle.
    pub fn cycle(&self) -> &[Arc<str>] {
        let Some((target, earlier)) = self.roles.split_last() else { return &[] };
        earlier.iter().rposition(|role| role == target).map_or(&[], |from| &self.roles[from..])
    }

    fn told(&self) -> String {
        match self.cycle() {
            [] => format!("the agents are {}", self.roles.join(" → ")),
            cycle => format!("the agents go in a circle, {}", cycle.join(" → ")),
        }
    }
}

macro_rules! from_enter_error {
    ($($to:ty),*) => {$(
        impl From<EnterError> for $to {
            fn from(error: EnterError) -> Self {
                match error {
                    EnterError::Closed(closed) => closed.into(),
                    EnterError::FromSink(inside) => inside.into(),
                }
            }
        }
    )*};
}
from_enter_error!(SessionError, ToolError, TurnError);
