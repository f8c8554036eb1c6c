//! [`ToolUse`]: a call that a model asks for.

use serde_json::Value;

/// A call that a model asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolUse {
    /// The id of the call. Empty if the provider gives none.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The arguments. A string is parsed as JSON when the call is made.
    pub arguments: Value,
}

impl ToolUse {
    /// Creates a call.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<Value>,
    ) -> Self {
        Self { id: id.into(), name: name.into(), arguments: arguments.into() }
    }
}
