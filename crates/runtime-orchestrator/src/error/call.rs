//! What a turn or a tool that gave nothing comes back with.

use std::error::Error;
use std::fmt;

use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_policy::{GuardrailStage, GuardrailViolatedError, PermissionDeniedError};
use runtime_resilience::{
    CircuitOpenError, Failure, Fault, FaultKind, GaveUp, NoRouteError, RateLimitedError,
    RecoveryResult,
};
use runtime_usage::{BudgetRefusedError, UnpricedModelError};
use thiserror::Error;

use super::{
    DeadlineExceededError, MaxIterationsExceededError, SHUTDOWN, SessionClosedError,
    ShuttingDownError, ToolTimeoutError, TurnTimeoutError, UnestimatedTurnError,
    UninterruptibleCallError,
};

/// A turn that was to recover gave no answer. It reads as its last failure.
///
/// It is final: what could be tried was tried.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnrecoveredError {
    /// The last failure of the call; or why it was refused, if it was never made.
    pub error: TurnError,
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
    /// The turn has a timeout, and its call cannot be interrupted.
    Uninterruptible(#[from] UninterruptibleCallError),
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
    Unrecovered(Box<UnrecoveredError>),
}

impl From<UnrecoveredError> for TurnError {
    fn from(error: UnrecoveredError) -> Self {
        Self::Unrecovered(Box::new(error))
    }
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

    /// What recovery came to, where the turn was to [recover] and did not.
    ///
    /// [recover]: crate::OrchestrationSession::run_turn_recovering
    pub fn recovery(&self) -> Option<&RecoveryResult> {
        match self {
            Self::Unrecovered(unrecovered) => Some(&unrecovered.recovery),
            _ => None,
        }
    }

    /// Whether a shutdown refused the turn or cut it short.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            _ => false,
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
            | Self::Uninterruptible(_)
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
            Self::Uninterruptible(_) => AgentFailureClass::Unknown,
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
            Self::Uninterruptible(_) => "uninterruptible",
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
    /// The tool has a timeout, and its call cannot be interrupted.
    Uninterruptible(#[from] UninterruptibleCallError),
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
            Self::Deadline(_) | Self::TimedOut(_) | Self::Uninterruptible(_) | Self::Failed(_) => {
                AgentFailureClass::ToolError
            }
        }
    }

    /// Whether a shutdown refused the tool or cut it short.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            _ => false,
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
            Self::Uninterruptible(_) => "uninterruptible",
            Self::Failed(_) => "failed",
        }
    }
}
