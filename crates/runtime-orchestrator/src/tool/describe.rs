//! The description of a tool call.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::limits::Timeout;

/// The description of one tool call.
///
/// ```
/// use runtime_orchestrator::ToolCall;
/// use serde_json::json;
///
/// let call = ToolCall::new("search").args(json!({ "query": "circuit breaker" }));
/// # let _ = call;
/// ```
#[derive(Clone)]
#[must_use = "a tool call does nothing by itself; pass it to `run_tool`"]
pub struct ToolCall {
    pub(crate) name: Arc<str>,
    pub(crate) args: Value,
    pub(crate) id: Option<Arc<str>>,
    pub(crate) timeout: Option<Box<Timeout>>,
}

impl ToolCall {
    /// Creates a call of the tool with this name, without arguments.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), args: Value::Null, id: None, timeout: None }
    }

    /// Limits the duration of the call, from its admission.
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = Some(Box::new(timeout.into()));
        self
    }

    /// Sets the model's id for the call, such as `call_9`: it is told in the tool's events.
    pub fn call_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the arguments for guardrails and [captures](crate::Capture). They are not sent to the tool.
    pub fn args(mut self, args: impl Into<Value>) -> Self {
        self.args = args.into();
        self
    }
}

impl From<&str> for ToolCall {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for ToolCall {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

/// Omits the arguments, which must not be logged.
impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, id, timeout, .. } = self;
        f.debug_struct("ToolCall")
            .field("name", name)
            .field("call_id", id)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}
