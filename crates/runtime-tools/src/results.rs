//! [`Results`]: the results of a reply's calls, as they come.

use std::fmt::Display;

use crate::result::ToolResult;
use crate::tool_use::ToolUse;

/// A result for each call of a reply, in their order. Until a call has its own, it is one of a call that was
/// cancelled.
#[derive(Debug)]
pub(crate) struct Results(Vec<ToolResult>);

impl Results {
    pub(crate) fn of(uses: &[ToolUse]) -> Self {
        Self(uses.iter().map(ToolResult::cancelled).collect())
    }

    pub(crate) fn put(&mut self, place: usize, result: ToolResult) {
        if let Some(own) = self.0.get_mut(place) {
            *own = result;
        }
    }

    /// None of the calls was made.
    pub(crate) fn unmade(&mut self, why: &impl Display) {
        for result in &mut self.0 {
            result.content = format!("the call was not made: {why}");
        }
    }

    pub(crate) fn into_all(self) -> Vec<ToolResult> {
        self.0
    }

    /// The results, of which none are left here.
    pub(crate) fn take(&mut self) -> Vec<ToolResult> {
        std::mem::take(&mut self.0)
    }
}
