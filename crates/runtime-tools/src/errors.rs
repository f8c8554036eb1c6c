//! Why a run of the loop, or of a reply's calls, cannot go on.

#[cfg(feature = "durable")]
use runtime_durable::StepError;
use runtime_orchestrator::{ToolError, TurnError};
use thiserror::Error;

use crate::answer::InvalidAnswerError;
use crate::repeats::RepeatedCallError;

/// A run without an answer.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum AgentError {
    /// A call of the model was refused, interrupted, or failed for good.
    Turn(#[from] TurnError),
    /// The session is over, or the model repeats a call without end.
    Tools(#[from] ToolRunnerError),
    /// The answer was never of the type that was asked for. This is the last one.
    Answer(#[from] InvalidAnswerError),
    /// A step of a durable session: a recorded failure of the model, or one that ends the life.
    #[cfg(feature = "durable")]
    Step(StepError),
}

/// The run cannot go on.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum ToolRunnerError {
    /// The session is over, shuts down or has reached its deadline.
    Session(#[from] ToolError),
    /// The model asked again for a call that it was told not to repeat.
    Repeated(#[from] RepeatedCallError),
    /// A step that ends the life of a thread: it waits for a person, for example.
    #[cfg(feature = "durable")]
    Step(StepError),
}

/// The session's own errors stay what they are.
#[cfg(feature = "durable")]
impl From<StepError> for ToolRunnerError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Tool(ended) => ended.into(),
            other => Self::Step(other),
        }
    }
}

#[cfg(feature = "durable")]
impl From<StepError> for AgentError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Turn(ended) => ended.into(),
            other => Self::Step(other),
        }
    }
}
