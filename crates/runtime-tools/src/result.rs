//! [`ToolResult`]: what the model gets for a call.

use std::error::Error;

use runtime_events::without_secrets;
use runtime_orchestrator::ToolError;
use serde_json::Value;
use thiserror::Error;

use crate::arguments::InvalidArgumentsError;
use crate::output::{Media, ToolOutput};
use crate::repeats::RepeatedCallError;
use crate::tool_use::ToolUse;

/// What the model gets for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolResult {
    /// The id of the call, as the model wrote it.
    pub id: String,
    /// The name of the tool, as the model wrote it.
    pub name: String,
    /// The result: a text as it is, another value as JSON. For an error its text, without secrets.
    pub content: String,
    /// The value that the tool returned, if it is no text: the same as `content`, or of a [`ToolOutput`] the value
    /// beside it.
    pub structured: Option<Value>,
    /// Pictures, sounds, files and links of a [`ToolOutput`].
    pub media: Vec<Media>,
    /// How the call ended.
    pub outcome: ToolOutcome,
}

impl ToolResult {
    /// The result of a call with this id and name.
    pub(crate) fn new(
        (id, name): (String, String),
        output: ToolOutput,
        outcome: ToolOutcome,
    ) -> Self {
        let ToolOutput { text: content, structured, media } = output;
        Self { id, name, content, structured, media, outcome }
    }

    /// The result of a call whose run ended first.
    ///
    /// Providers refuse a conversation in which a call has no result. It is not known here whether the call was
    /// made, and so it tells the model that.
    pub fn cancelled(tool_use: &ToolUse) -> Self {
        let ToolUse { id, name, .. } = tool_use.clone();
        let content =
            "there is no result: the run ended before, and the call may have been made or not";
        Self::new((id, name), ToolOutput::text(content), ToolOutcome::Cancelled)
    }
}

/// How a call of the model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToolOutcome {
    /// The tool returned a value.
    Ok,
    /// There is no such tool.
    UnknownTool,
    /// The arguments do not fit, and the tool was not called.
    InvalidArguments,
    /// A permission, a guardrail or a person refused the call, or its result was withheld.
    Denied,
    /// The same call was made too often, and was not made again.
    Repeated,
    /// The tool took too long.
    TimedOut,
    /// The tool failed.
    Failed,
    /// The tool panicked.
    Panicked,
    /// The run ended before the call had a result.
    Cancelled,
}

impl ToolOutcome {
    /// Whether it is anything but a value.
    pub fn is_error(self) -> bool {
        self != Self::Ok
    }
}

/// The error for a tool that the model invented.
#[derive(Debug, Error)]
#[error("there is no tool `{name}`; the tools are: {known}")]
pub(crate) struct UnknownToolError {
    pub(crate) name: String,
    pub(crate) known: String,
}

/// The error for a tool that asks for an approval, where nobody can be asked.
#[derive(Debug, Error)]
#[error("a person has to approve `{0}`, and nobody can be asked here: its session is not durable")]
pub(crate) struct NobodyToAskError(pub(crate) String);

/// The output and the outcome of a call, or the error if the session cannot go on.
pub(crate) fn read(
    result: Result<Value, ToolError>,
) -> Result<(ToolOutput, ToolOutcome), ToolError> {
    let error = match result {
        Ok(value) => return Ok((ToolOutput::read(value), ToolOutcome::Ok)),
        Err(error) => error,
    };
    let outcome = match &error {
        ToolError::PermissionDenied(_) | ToolError::Guardrail(_) => ToolOutcome::Denied,
        ToolError::TimedOut(_) => ToolOutcome::TimedOut,
        ToolError::Failed(failure) => of(failure.error()),
        _ => return Err(error),
    };
    let text = match &error {
        ToolError::Failed(failure) => failure.chain_text(),
        refused => refused.to_string(),
    };
    Ok((ToolOutput::text(without_secrets(&text)), outcome))
}

/// The outcome of a call that returned an error.
pub(crate) fn of(error: &(dyn Error + 'static)) -> ToolOutcome {
    if error.is::<InvalidArgumentsError>() {
        ToolOutcome::InvalidArguments
    } else if error.is::<UnknownToolError>() {
        ToolOutcome::UnknownTool
    } else if error.is::<RepeatedCallError>() {
        ToolOutcome::Repeated
    } else if error.is::<NobodyToAskError>() {
        ToolOutcome::Denied
    } else {
        ToolOutcome::Failed
    }
}
