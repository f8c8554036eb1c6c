//! Results in the terms of the model.

use runtime_orchestrator::{Answer, SessionError, ToolError, TurnError};

use super::model::Outcome;

pub(super) fn kind<T>(result: &Result<Answer<T>, TurnError>) -> Outcome {
    result.as_ref().map(|_| ()).map_err(reason)
}

pub(super) fn reason(error: &TurnError) -> &'static str {
    match error {
        TurnError::Closed(_) => "closed",
        TurnError::MaxIterations(_) => "max iterations",
        TurnError::Deadline(_) => "deadline",
        TurnError::CircuitOpen(_) => "circuit open",
        TurnError::Budget(_) => "budget",
        TurnError::Unpriced(_) => "unpriced",
        TurnError::Guardrail(_) => "guardrail",
        TurnError::TimedOut(_) => "timed out",
        TurnError::Failed(_) => "failed",
        _ => "new",
    }
}

pub(super) fn tool_kind<T>(result: &Result<T, ToolError>) -> Outcome {
    result.as_ref().map(|_| ()).map_err(|error| match error {
        ToolError::Closed(_) => "closed",
        ToolError::Deadline(_) => "deadline",
        ToolError::PermissionDenied(_) => "permission",
        ToolError::Guardrail(_) => "guardrail",
        ToolError::TimedOut(_) => "timed out",
        ToolError::Failed(_) => "failed",
        _ => "new",
    })
}

pub(super) fn handoff_kind(result: &Result<(), SessionError>) -> Outcome {
    result.as_ref().map(|&()| ()).map_err(|error| match error {
        SessionError::Closed(_) => "closed",
        SessionError::Busy(_) => "busy",
        SessionError::Worker { .. } => "target",
        _ => "new",
    })
}

pub(super) fn settle_kind(result: Result<(), SessionError>) -> Outcome {
    result.map_err(|error| match error {
        SessionError::Closed(_) => "closed",
        SessionError::Busy(_) => "busy",
        _ => "new",
    })
}

pub(super) fn pause_kind(result: &Result<String, SessionError>) -> Outcome {
    result.as_ref().map(|input| assert_eq!(input, "yes")).map_err(|error| match error {
        SessionError::Closed(_) => "closed",
        SessionError::AlreadyWaiting => "waiting",
        _ => "new",
    })
}

pub(super) fn closed<E>(result: Result<(), E>) -> Outcome {
    result.map_err(|_| "closed")
}
