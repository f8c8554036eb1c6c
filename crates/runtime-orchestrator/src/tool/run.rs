//! Running tools: permission, guardrails, the call, the result.

use std::future::Future;

use runtime_policy::GuardrailStage;
use serde::Serialize;

use super::admit::PendingTool;
use super::describe::ToolCall;
use crate::capture::Content;
use crate::core::Core;
use crate::error::{BoxError, ToolError};

/// Runs one tool, in the order of the architecture guide.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
pub(crate) fn run<T, E, F>(
    core: &Core,
    tool: ToolCall,
    call: impl FnOnce() -> F,
) -> impl Future<Output = Result<T, ToolError>>
where
    T: Serialize,
    E: Into<BoxError> + 'static,
    F: Future<Output = Result<T, E>>,
{
    async move {
        // Guardrails are rare, so the future of a tool has no room for them.
        let mut active = if tool.call.is_guarded(&core.setup.guardrails, GuardrailStage::Pre) {
            Box::pin(PendingTool::checked(core, &tool)).await?
        } else {
            PendingTool::admit(core, &tool)?.start(Ok(Ok(())))?
        };
        active.keep(Content::Arguments, &tool.args);
        active.still_open()?;
        match active.step(async { call().await }).await? {
            Ok(value) => {
                if let Some(result) = active.result(&value)? {
                    Box::pin(active.check_result(&tool.args, &result)).await?;
                }
                active.completed();
                Ok(value)
            }
            Err(error) => Err(active.failed(error)),
        }
    }
}
