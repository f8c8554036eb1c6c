//! The arguments of a call: from what the model wrote to the tool's type.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

/// The error for arguments that do not fit the tool. Its text is for the model, which can mend them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid arguments of tool `{tool}`: {problem}")]
#[non_exhaustive]
pub struct InvalidArgumentsError {
    /// The tool.
    pub tool: String,
    /// The problem, with the path to the value.
    pub problem: String,
}

impl InvalidArgumentsError {
    fn new(tool: &str, problem: String) -> Self {
        Self { tool: tool.to_owned(), problem }
    }
}

/// The arguments as JSON. Chat completions have them as a text: for none an empty one, or `null`.
pub(crate) fn parsed(tool: &str, arguments: &Value) -> Result<Value, InvalidArgumentsError> {
    let arguments = match arguments {
        Value::String(text) if text.trim().is_empty() => Value::Null,
        Value::String(text) => serde_json::from_str(text)
            .map_err(|error| InvalidArgumentsError::new(tool, format!("not JSON: {error}")))?,
        arguments => arguments.clone(),
    };
    Ok(if arguments.is_null() { Value::Object(Map::new()) } else { arguments })
}

/// The arguments as the type of the tool.
pub(crate) fn typed<A: DeserializeOwned>(
    tool: &str,
    arguments: Value,
) -> Result<A, InvalidArgumentsError> {
    // For a tool without arguments, whose type is `()`, models send an empty object.
    let is_empty = arguments.as_object().is_some_and(Map::is_empty);
    let read = serde_path_to_error::deserialize(arguments);
    read.or_else(|error| match A::deserialize(Value::Null) {
        Ok(nothing) if is_empty => Ok(nothing),
        _ => Err(InvalidArgumentsError::new(tool, error.to_string())),
    })
}
