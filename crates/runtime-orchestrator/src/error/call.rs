//! Errors of turns and tools.

use std::error::Error;
use std::fmt;

use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_policy::{GuardrailStage, GuardrailViolatedError, PermissionDeniedError};
use runtime_resilience::{
    CircuitOpenError, Failure, Fault, FaultKind, GaveUp, NoRouteError, RateLimitedError,
    RecoveryResult, frame,
};
use runtime_usage::{BudgetRefusedError, UnpricedModelError};
use thiserror::Error;

use super::{
    CalledFromSinkError, DeadlineExceededError, MaxIterationsExceededError, SHUTDOWN,
    SessionClosedError, ShuttingDownError, ToolTimeoutError, TurnTimeoutError,
    UnestimatedTurnError, UninterruptibleCallError,
};

/// A recovering turn gave up. Its [`source`](Error::source) is the last failure.
///
/// This error is final: recovery has done what it could.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnrecoveredError {
    /// The last failure of the call, or the refusal if no call was made.
    pub error: TurnError,
    /// The number of calls.
    pub attempts: u32,
    /// The reason for giving up.
    pub gave_up: GaveUp,
    /// The result of the recovery, as recorded in the session.
    pub recovery: RecoveryResult,
}

impl fmt::Display for UnrecoveredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempts, gave_up, .. } = self;
        match attempts {
            0 => frame(f, format_args!("gave up before the first attempt: {gave_up}")),
            1 => frame(f, format_args!("gave up after 1 attempt: {gave_up}")),
            _ => frame(f, format_args!("gave up after {attempts} attempts: {gave_up}")),
        }
    }
}

impl Error for UnrecoveredError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// A turn without an answer.
///
/// [`is_refusal`](Self::is_refusal) tells whether the call was made.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum TurnError {
    /// The session has ended.
    Closed(#[from] SessionClosedError),
    /// A sink of the session called back into it.
    FromSink(#[from] CalledFromSinkError),
    /// The session's orchestrator drains.
    ShuttingDown(#[from] ShuttingDownError),
    /// The session has reached its maximum number of turns.
    MaxIterations(#[from] MaxIterationsExceededError),
    /// The deadline of the session passed, before or during the turn.
    Deadline(#[from] DeadlineExceededError),
    /// The circuit breaker is open.
    CircuitOpen(#[from] CircuitOpenError),
    /// An enforced budget cannot reserve the cost of the turn.
    Budget(#[from] BudgetRefusedError),
    /// An enforced budget needs a price, and the model has none.
    Unpriced(#[from] UnpricedModelError),
    /// A strict budget needs the maximum cost of the turn.
    Unestimated(#[from] UnestimatedTurnError),
    /// The turn has a timeout, but its call cannot be interrupted.
    Uninterruptible(#[from] UninterruptibleCallError),
    /// A guardrail rejected the prompt or the answer.
    Guardrail(#[from] GuardrailViolatedError),
    /// The call exceeded a timeout.
    TimedOut(#[from] TurnTimeoutError),
    /// No route accepts the call.
    NoRoute(#[from] NoRouteError),
    /// The rate limit has no room in time.
    RateLimited(#[from] RateLimitedError),
    /// The call failed. Its `source()` is the error of the caller.
    Failed(Failure),
    /// The recovering turn gave up.
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

    /// The failure of the call, if the call failed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Unrecovered(unrecovered) => unrecovered.error.failure(),
            _ => None,
        }
    }

    /// Whether recovery has already done what it could, so that an outer loop should not retry.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Unrecovered(_))
    }

    /// The result of the recovery, if a turn with [recovery] gave up.
    ///
    /// [recovery]: crate::OrchestrationSession::run_turn_recovering
    pub fn recovery(&self) -> Option<&RecoveryResult> {
        match self {
            Self::Unrecovered(unrecovered) => Some(&unrecovered.recovery),
            _ => None,
        }
    }

    /// Whether a shutdown refused or interrupted the turn.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            _ => false,
        }
    }

    /// Whether the turn was refused before its call began.
    ///
    /// A call that the end of the session or the deadline interrupted had begun.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Closed(closed) => !closed.call_began,
            Self::Deadline(deadline) => !deadline.call_began,
            Self::Guardrail(violated) => violated.stage == GuardrailStage::Pre,
            Self::FromSink(_)
            | Self::ShuttingDown(_)
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

    /// The failure class of the error in events.
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
            Self::FromSink(_) | Self::Uninterruptible(_) => AgentFailureClass::Unknown,
        }
    }

    /// The reason as one word, as `agent.blocked` has it of a refusal: `budget`, `circuit_open`, `timeout`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Closed(_) => "session_closed",
            Self::FromSink(_) => "called_from_sink",
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
    /// The session has ended.
    Closed(#[from] SessionClosedError),
    /// A sink of the session called back into it.
    FromSink(#[from] CalledFromSinkError),
    /// The session's orchestrator drains.
    ShuttingDown(#[from] ShuttingDownError),
    /// The deadline of the session passed, before or during the tool.
    Deadline(#[from] DeadlineExceededError),
    /// The role may not use the tool.
    PermissionDenied(#[from] PermissionDeniedError),
    /// A guardrail rejected the arguments or the result.
    Guardrail(#[from] GuardrailViolatedError),
    /// The tool exceeded its timeout.
    TimedOut(#[from] ToolTimeoutError),
    /// The tool has a timeout, but its call cannot be interrupted.
    Uninterruptible(#[from] UninterruptibleCallError),
    /// The tool failed. Its `source()` is the error of the caller.
    Failed(Failure),
}

impl ToolError {
    /// The failure class of the error in events.
    pub fn failure_class(&self) -> AgentFailureClass {
        match self {
            Self::Closed(closed) => closed.failure_class(),
            Self::ShuttingDown(_) => AgentFailureClass::Cancelled,
            Self::PermissionDenied(_) => AgentFailureClass::PermissionDenied,
            Self::Guardrail(_) => AgentFailureClass::GuardrailViolation,
            Self::FromSink(_)
            | Self::Deadline(_)
            | Self::TimedOut(_)
            | Self::Uninterruptible(_)
            | Self::Failed(_) => AgentFailureClass::ToolError,
        }
    }

    /// Whether a shutdown refused or interrupted the tool.
    pub const fn is_shutdown(&self) -> bool {
        match self {
            Self::ShuttingDown(_) => true,
            Self::Closed(closed) => closed.shutdown,
            _ => false,
        }
    }

    /// The reason in `agent.blocked`, as one word.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Closed(_) => "session_closed",
            Self::FromSink(_) => "called_from_sink",
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
