//! Why a run of the loop, or of a reply's calls, cannot go on.
//!
//! Both errors are frames, as `chain_text` of `runtime-resilience` has them: a walk along the sources meets the error
//! inside itself, so its class, and whether recovery or a shutdown was there, are known however it is wrapped.

use std::fmt;

#[cfg(feature = "durable")]
use runtime_durable::StepError;
use runtime_orchestrator::{ToolError, TurnError};
use runtime_resilience::frame;
use thiserror::Error;

use crate::answer::InvalidAnswerError;
use crate::repeats::RepeatedCallError;

/// A run without an answer. Its [`source`](std::error::Error::source) is the error inside, which has the words.
#[derive(Debug, Error)]
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
    Step(#[source] StepError),
}

/// The run cannot go on. Its [`source`](std::error::Error::source) is the error inside, which has the words.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToolRunnerError {
    /// The session is over, shuts down or has reached its deadline.
    Session(#[from] ToolError),
    /// The model asked again for a call that it was told not to repeat.
    Repeated(#[from] RepeatedCallError),
    /// A step that ends the life of a thread: it waits for a person, for example.
    #[cfg(feature = "durable")]
    Step(#[source] StepError),
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Turn(_) => "the agent has no reply of its model",
            Self::Tools(_) => "the agent cannot go on with its tools",
            Self::Answer(_) => "the answer of the agent has another type",
            #[cfg(feature = "durable")]
            Self::Step(_) => "a step has ended the run of the agent",
        };
        frame(f, format_args!("{text}"))
    }
}

impl fmt::Display for ToolRunnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Session(_) => "no tool can be called",
            Self::Repeated(_) => "the model is stuck",
            #[cfg(feature = "durable")]
            Self::Step(_) => "a step has ended the calls of tools",
        };
        frame(f, format_args!("{text}"))
    }
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
