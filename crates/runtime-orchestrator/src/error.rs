//! The ways to be refused, one small type each, and the two enums that hold them.

mod opening;
mod shutdown;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_lifecycle::{AgentStatus, CreateWorkerError};
use runtime_policy::{GuardrailStage, GuardrailViolatedError, PermissionDeniedError};
use runtime_resilience::fault::Phase;
use runtime_resilience::rate::RateLimitedError;
use runtime_resilience::recovery::GaveUp;
use runtime_resilience::route::NoRouteError;
use runtime_resilience::{CircuitOpenError, Failure, Fault, FaultKind, RecoveryResult};
use runtime_usage::{BudgetRefusedError, UnpricedModelError};
use thiserror::Error;

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

/// A turn that was to recover gave no answer. It reads as its last failure.
///
/// It is final: what could be tried was tried.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnrecoveredError {
    /// The last failure of the call; or why it was refused, if it was never made.
    pub error: Box<TurnError>,
    /// How often the call was made.
    pub attempts: u32,
    /// Why it was not made again.
    pub gave_up: GaveUp,
    /// What recovery came to, as the session's books have it.
    pub recovery: RecoveryResult,
}

impl fmt::Display for UnrecoveredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for UnrecoveredError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// A turn that did not give an answer.
///
/// [`is_refusal`](Self::is_refusal) says whether the call was made.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum TurnError {
    /// The session is over.
    Closed(#[from] SessionClosedError),
    /// The session's orchestrator drains.
    ShuttingDown(#[from] ShuttingDownError),
    /// The session has had all its turns.
    MaxIterations(#[from] MaxIterationsExceededError),
    /// The session's time is over, before the turn or during it.
    Deadline(#[from] DeadlineExceededError),
    /// The circuit breaker lets nothing through.
    CircuitOpen(#[from] CircuitOpenError),
    /// An enforced budget does not have what the turn has to reserve.
    Budget(#[from] BudgetRefusedError),
    /// An enforced budget does not know what the model costs.
    Unpriced(#[from] UnpricedModelError),
    /// A strict budget does not know what the turn may cost at most.
    Unestimated(#[from] UnestimatedTurnError),
    /// A guardrail objected to the prompt or the answer.
    Guardrail(#[from] GuardrailViolatedError),
    /// The call took too long.
    TimedOut(#[from] TurnTimeoutError),
    /// No route can take the call.
    NoRoute(#[from] NoRouteError),
    /// The rate limit has no room, and will not have any in time.
    RateLimited(#[from] RateLimitedError),
    /// The call failed. Displays the caller's text; `source()` is the caller's error.
    Failed(Failure),
    /// The turn was to recover, and did not.
    Unrecovered(#[from] UnrecoveredError),
}

impl TurnError {
    /// What the failure was classified as, where the call was made and failed.
    pub fn scenario(&self) -> Option<FailureScenario> {
        match self {
            Self::TimedOut(_) => Some(FailureScenario::LlmTimeout),
            Self::Failed(failure) => Some(failure.scenario()),
            Self::Unrecovered(unrecovered) => unrecovered.error.scenario(),
            _ => None,
        }
    }

    /// What it means, where the call was made and failed.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::TimedOut(timeout) => Some(Fault::of(FaultKind::Timeout(timeout.phase))),
            Self::Failed(failure) => Some(failure.fault()),
            Self::Unrecovered(unrecovered) => unrecovered.error.fault(),
            _ => None,
        }
    }

    /// The call's failure, where it failed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Unrecovered(unrecovered) => unrecovered.error.failure(),
            _ => None,
        }
    }

    /// Whether the call was tried again as often as its recipe and the retry budget allow, or was
    /// found not to be worth it: a loop further out is not to try again.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Unrecovered(_))
    }

    /// What recovery came to, where the call was made and failed.
    ///
    /// A timed-out turn returns when it is due, so nothing was tried yet: see
    /// [`OrchestrationSession::recover`](crate::OrchestrationSession::recover).
    pub fn recovery(&self) -> Option<&RecoveryResult> {
        match self {
            Self::Failed(failure) => failure.recovery(),
            Self::Unrecovered(unrecovered) => Some(&unrecovered.recovery),
            _ => None,
        }
    }

    /// Whether the turn was refused before its call began. A call that the session's end or its
    /// deadline cut short had begun.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Closed(closed) => !closed.call_began,
            Self::Deadline(deadline) => !deadline.call_began,
            Self::Guardrail(violated) => violated.stage == GuardrailStage::Pre,
            Self::ShuttingDown(_)
            | Self::MaxIterations(_)
            | Self::CircuitOpen(_)
            | Self::Budget(_)
            | Self::Unpriced(_)
            | Self::Unestimated(_)
            | Self::NoRoute(_)
            | Self::RateLimited(_) => true,
            Self::Unrecovered(unrecovered) => unrecovered.attempts == 0,
            Self::TimedOut(_) | Self::Failed(_) => false,
        }
    }

    /// The class under which events report it.
    pub fn failure_class(&self) -> AgentFailureClass {
        match self {
            Self::Closed(closed) => closed.failure_class(),
            Self::ShuttingDown(_) => AgentFailureClass::Cancelled,
            Self::Deadline(_) | Self::TimedOut(_) => AgentFailureClass::LlmTimeout,
            Self::CircuitOpen(_) | Self::NoRoute(_) => AgentFailureClass::DependencyFailed,
            Self::RateLimited(_) => AgentFailureClass::RateLimit,
            Self::Guardrail(_) => AgentFailureClass::GuardrailViolation,
            Self::Failed(failure) => failure.failure_class(),
            Self::Unrecovered(unrecovered) => unrecovered.error.failure_class(),
            Self::MaxIterations(_) | Self::Budget(_) | Self::Unpriced(_) | Self::Unestimated(_) => {
                AgentFailureClass::GovernanceBreach
            }
        }
    }

    /// One word for the refusal, as `agent.blocked` carries it.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Closed(_) => "session_closed",
            Self::ShuttingDown(_) => SHUTDOWN,
            Self::MaxIterations(_) => "max_iterations",
            Self::Deadline(_) => "deadline",
            Self::CircuitOpen(_) => "circuit_open",
            Self::Budget(_) => "budget",
            Self::Unpriced(_) => "unpriced_model",
            Self::Unestimated(_) => "unestimated_turn",
            Self::Guardrail(_) => "guardrail",
            Self::NoRoute(_) => "no_route",
            Self::RateLimited(_) => "rate_limit",
            Self::TimedOut(_) => "timeout",
            Self::Failed(_) => "failed",
            Self::Unrecovered(_) => "unrecovered",
        }
    }
}

/// A tool that did not give a result.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum ToolError {
    /// The session is over.
    Closed(#[from] SessionClosedError),
    /// The session's orchestrator drains.
    ShuttingDown(#[from] ShuttingDownError),
    /// The session's time is over, before the tool or during it.
    Deadline(#[from] DeadlineExceededError),
    /// The role may not use the tool.
    PermissionDenied(#[from] PermissionDeniedError),
    /// A guardrail objected to the arguments or the result.
    Guardrail(#[from] GuardrailViolatedError),
    /// The tool took too long.
    TimedOut(#[from] ToolTimeoutError),
    /// The tool failed. Displays the caller's text; `source()` is the caller's error.
    Failed(Failure),
}

impl ToolError {
    /// The class under which events report it.
    pub fn failure_class(&self) -> AgentFailureClass {
        match self {
            Self::Closed(closed) => closed.failure_class(),
            Self::ShuttingDown(_) => AgentFailureClass::Cancelled,
            Self::PermissionDenied(_) => AgentFailureClass::PermissionDenied,
            Self::Guardrail(_) => AgentFailureClass::GuardrailViolation,
            Self::Deadline(_) | Self::TimedOut(_) | Self::Failed(_) => AgentFailureClass::ToolError,
        }
    }

    /// One word for the refusal, as `agent.blocked` carries it.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Closed(_) => "session_closed",
            Self::ShuttingDown(_) => SHUTDOWN,
            Self::Deadline(_) => "deadline",
            Self::PermissionDenied(_) => "permission_denied",
            Self::Guardrail(_) => "guardrail",
            Self::TimedOut(_) => "timeout",
            Self::Failed(_) => "failed",
        }
    }
}

impl SessionClosedError {
    const fn failure_class(self) -> AgentFailureClass {
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
