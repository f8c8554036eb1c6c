//! [`Toolbox`]: the tools of an agent.

use std::sync::Arc;

use runtime_orchestrator::OrchestrationSession;
use serde_json::Value;
use thiserror::Error;

use crate::dialect::Dialect;
use crate::tool::Tool;

/// The longest name that every provider takes.
const LONGEST: usize = 64;

/// The tools of an agent, in order. It is cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Toolbox {
    tools: Arc<Vec<Tool>>,
}

/// The error for a tool that cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ToolboxError {
    /// Another tool has the name.
    #[error("tool `{0}` is already in the toolbox")]
    Taken(String),
    /// Not every provider takes the name.
    #[error(
        "tool name `{0}` must be 1 to {LONGEST} letters, digits, `_` and `-`, and begin with a letter or `_`"
    )]
    Name(String),
    /// The schema does not describe an object, which every provider requires.
    #[error("arguments of tool `{0}` must be an object, such as a struct with named fields")]
    NoObject(String),
}

impl Toolbox {
    /// Creates a toolbox without tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool.
    ///
    /// # Errors
    ///
    /// [`ToolboxError`] if its name is taken or not accepted by every provider, or if its arguments are
    /// not an object.
    pub fn with(mut self, tool: Tool) -> Result<Self, ToolboxError> {
        let name = tool.name();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        // Gemini at Vertex AI asks for the first.
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !begins || name.len() > LONGEST || !name.bytes().all(allowed) {
            return Err(ToolboxError::Name(name.to_owned()));
        }
        if self.get(name).is_some() {
            return Err(ToolboxError::Taken(name.to_owned()));
        }
        // `()` has the schema of `null`, and is offered as an object without fields.
        if !matches!(tool.schema()["type"].as_str(), Some("object" | "null")) {
            return Err(ToolboxError::NoObject(name.to_owned()));
        }
        Arc::make_mut(&mut self.tools).push(tool);
        Ok(self)
    }

    /// Adds tools, in order.
    ///
    /// # Errors
    ///
    /// As for [`with`](Self::with), for the first tool that cannot be added.
    pub fn with_all(self, tools: impl IntoIterator<Item = Tool>) -> Result<Self, ToolboxError> {
        tools.into_iter().try_fold(self, Self::with)
    }

    /// The tool with this name.
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name() == name)
    }

    /// The tools, in order.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The tools that the role of a session may use, as the value of `tools` in a request.
    pub fn offer(&self, dialect: Dialect, session: &OrchestrationSession) -> Value {
        dialect.tools(self.permitted(session))
    }

    /// The tools that the role of a session may use.
    pub(crate) fn permitted(&self, session: &OrchestrationSession) -> impl Iterator<Item = &Tool> {
        let session = session.handle();
        self.tools.iter().filter(move |tool| session.permits(tool.call()))
    }
}
