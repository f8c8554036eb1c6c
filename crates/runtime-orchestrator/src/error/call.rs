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

/// A recovering turn failed. Its text is that of the last failure.
///
/// It is final: no further attempt can help.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnrecoveredError {
    /// The last failure of the call, or the refusal if the call was never made.
    pub error: TurnError,
    /// The number of calls that were made.
    pub attempts: u32,
    /// The reason why there was no further attempt.
    pub gave_up: GaveUp,
    /// The result of recovery, as in the session's summary.
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

/// A turn without an answer.
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
    /// The session has used all its turns.
    MaxIterations(#[from] MaxIterationsExceededError),
    /// The session's deadline passed, before the turn or during it.
    Deadline(#[from] DeadlineExceededError),
    /// The circuit breaker is open.
    CircuitOpen(#[from] CircuitOpenError),
    /// An enforced budget has less left than the turn reserves.
    Budget(#[from] BudgetRefusedError),
    /// An enforced budget has no price for the model.
    Unpriced(#[from] UnpricedModelError),
    /// A strict budget has no upper bound for the cost of the turn.
    Unestimated(#[from] UnestimatedTurnError),
    /// The turn has a timeout, and its call cannot be interrupted.
    Uninterruptible(#[from] UninterruptibleCallError),
    /// A guardrail objected to the prompt or the answer.
    Guardrail(#[from] GuardrailViolatedError),
    /// The call took too long.
    TimedOut(#[from] TurnTimeoutError),
    /// No route can take the call.
    NoRoute(#[from] NoRouteError),
    /// The rate limit has no room in time.
    RateLimited(#[from] RateLimitedError),
    /// The call failed. Displays the caller's text; `source()` is the caller's error.
    Failed(Failure),
    /// The turn could not be recovered.
    Unrecovered(Box<UnrecoveredError>),
}

impl From<UnrecoveredError> for TurnError {
    fn from(error: UnrecoveredError) -> Self {
        Self::Unrecovered(Box::new(error))
    }
}

impl TurnError {
    /// The scenario of the failure, if the call was made and failed.
    pub fn scenario(&self) -> Option<FailureScenario> {
        match self {
            Self::TimedOut(_) => Some(FailureScenario::LlmTimeout),
            Self::Failed(failure) => Some(failure.scenario()),
            Self::Unrecovered(unrecovered) => unrecovered.error.scenario(),
            _ => None,
        }
    }

    /// The fault of the failure, if the call was made and failed.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::TimedOut(timeout) => Some(Fault::of(FaultKind::Timeout(timeout.phase))),
            Self::Failed(failure) => Some(failure.fault()),
            Self::Unrecovered(unrecovered) => unrecovered.error.fault(),
            _ => None,
        }
    }

    /// The failure of the call, if it failed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Unrecovered(unrecovered) => unrecovered.error.failure(),
            _ => None,
        }
    }

    /// Whether no retry is left or worthwhile, so that an outer loop should not try again.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Unrecovered(_))
    }

    /// The result of recovery, if the turn was to [recover] and did not.
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

    /// Whether the turn was refused before its call began. A call that was cut short by the end of the
    /// session or its deadline had begun.
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

/// A tool without a result.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum ToolError {
    /// The session is over.
    Closed(#[from] SessionClosedError),
    /// The session's orchestrator drains.
    ShuttingDown(#[from] ShuttingDownError),
    /// The session's deadline passed, before the tool or during it.
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
