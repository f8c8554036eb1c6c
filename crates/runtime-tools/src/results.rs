//! [`Results`]: the results of a reply's calls, as they come.

use std::any::Any;
use std::fmt::Display;

use runtime_events::without_secrets;

use crate::result::{ToolOutcome, ToolResult};
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

    pub(crate) fn panicked(&mut self, place: usize, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = format!("the tool panicked: {}", text.unwrap_or("without a text"));
        if let Some(own) = self.0.get_mut(place) {
            own.content = without_secrets(&text).into_owned();
            own.outcome = ToolOutcome::Panicked;
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
