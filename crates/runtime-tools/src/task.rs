//! [`Task`]: a call that is decided and not yet made.

use runtime_orchestrator::{BoxError, ToolCall};
use serde_json::Value;

use crate::tool::Tool;

/// A call that is decided and not yet made.
#[derive(Debug)]
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Task {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) call: ToolCall,
    pub(crate) work: Work,
}

#[derive(Debug)]
pub(crate) enum Work {
    Call(Tool, Value),
    /// The tool is not called, and the model gets the error.
    Refused(BoxError),
}

impl Task {
    /// Whether a person has to approve it.
    pub(crate) fn asks(&self) -> bool {
        matches!(&self.work, Work::Call(tool, _) if tool.asks())
    }
}
