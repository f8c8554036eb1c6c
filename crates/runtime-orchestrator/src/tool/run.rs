//! Running tools: permission, guardrails, the call, the result.

use std::future::Future;

use runtime_policy::GuardrailStage;
use serde::Serialize;

use super::active::ActiveTool;
use super::admit::PendingTool;
use super::describe::ToolCall;
use crate::core::Core;
use crate::error::{BoxError, ToolError};
use crate::session::OrchestrationSession;

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
        let mut active = begin(core, tool).await?;
        match active.run(async { call().await }).await? {
            Ok(value) => active.complete(&value).await.map(|()| value),
            Err(error) => Err(active.fail(error)),
        }
    }
}

impl ToolCall {
    /// Admits the tool and returns it as an [`ActiveTool`], for a caller that makes the call itself.
    ///
    /// # Errors
    ///
    /// [`ToolError`] with the reason of the refusal.
    pub async fn begin(self, session: &OrchestrationSession) -> Result<ActiveTool<'_>, ToolError> {
        begin(&session.core, self).await
    }
}

/// Admits a tool whose call the caller makes.
async fn begin(core: &Core, tool: ToolCall) -> Result<ActiveTool<'_>, ToolError> {
    if tool.call.is_guarded(&core.setup.guardrails, GuardrailStage::Pre) {
        // Guardrails are rare, so the future of a tool has no room for them.
        Box::pin(PendingTool::checked(core, tool)).await
    } else {
        PendingTool::admit(core, tool)?.start(Ok(Ok(())))
    }
}
