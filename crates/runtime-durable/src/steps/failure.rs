//! What is recorded of a failed turn or tool.

use runtime_orchestrator::{ToolError, TurnError};
use runtime_resilience::chain_text;
use runtime_store::{FailureKind, FailureRecord};

use crate::error::StepError;

/// What is recorded of a turn's error. `None` if the session is over, which the next life need not repeat.
pub(super) fn of_turn(error: &TurnError) -> Option<FailureRecord> {
    match error {
        TurnError::Closed(_) | TurnError::ShuttingDown(_) | TurnError::FromSink(_) => None,
        TurnError::Unrecovered(unrecovered) => of_turn(&unrecovered.error),
        _ => Some(FailureRecord {
            kind: match error {
                TurnError::TimedOut(_) => FailureKind::TimedOut,
                _ if error.is_refusal() => FailureKind::Refused,
                _ => FailureKind::Failed,
            },
            class: error.failure_class(),
            scenario: error.scenario(),
            text: chain_text(error),
        }),
    }
}

/// What is recorded of a tool's error.
pub(super) fn of_tool(error: &ToolError) -> Option<FailureRecord> {
    let kind = match error {
        ToolError::Closed(_) | ToolError::ShuttingDown(_) | ToolError::FromSink(_) => return None,
        ToolError::TimedOut(_) => FailureKind::TimedOut,
        ToolError::Deadline(deadline) if deadline.call_began => FailureKind::TimedOut,
        ToolError::Failed(_) => FailureKind::Failed,
        _ => FailureKind::Refused,
    };
    Some(FailureRecord {
        kind,
        class: error.failure_class(),
        scenario: None,
        text: chain_text(error),
    })
}

impl From<TurnError> for StepError {
    fn from(error: TurnError) -> Self {
        Self::Turn(error)
    }
}

impl From<ToolError> for StepError {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}
