//! Running tools: permission, guardrails, the call, the result.

use std::future::Future;
use std::pin::Pin;

use runtime_policy::GuardrailStage;
use serde::Serialize;

use super::active::ActiveTool;
use super::admit::PendingTool;
use super::describe::ToolCall;
use crate::core::Hold;
use crate::error::{BoxError, ToolError};
use crate::session::OrchestrationSession;

/// Runs one tool, in the order of the architecture guide.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
pub(crate) fn run<T, E, F, C>(
    core: Hold<'_>,
    tool: ToolCall,
    call: C,
) -> impl Future<Output = Result<T, ToolError>> + use<'_, T, E, F, C>
where
    C: FnOnce() -> F,
    T: Serialize,
    E: Into<BoxError> + 'static,
    F: Future<Output = Result<T, E>>,
{
    async move {
        let mut active = match begin(core, tool) {
            Begun::Now(active) => active?,
            // Guardrails are rare, so the future of a tool has no room for them.
            Begun::Checked(checked) => checked.await?,
        };
        active.still_open()?;
        // As `run` and `complete` do, but by reference: those would keep the tool twice.
        match active.step(async { call().await }).await? {
            Ok(value) => {
                if let Some(result) = active.result(&value)? {
                    Box::pin(active.check_result(&result)).await?;
                }
                active.completed();
                Ok(value)
            }
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
        match begin(Hold::Borrowed(&session.core), self) {
            Begun::Now(active) => active,
            Begun::Checked(checked) => checked.await,
        }
    }
}

/// A tool that is admitted, or that waits for guardrails first.
enum Begun<'s> {
    Now(Result<ActiveTool<'s>, ToolError>),
    Checked(Pin<Box<dyn Future<Output = Result<ActiveTool<'s>, ToolError>> + Send + 's>>),
}

fn begin(core: Hold<'_>, tool: ToolCall) -> Begun<'_> {
    if tool.call.is_guarded(&core.setup.guardrails, GuardrailStage::Pre) {
        Begun::Checked(Box::pin(PendingTool::checked(core, tool)))
    } else {
        Begun::Now(PendingTool::admit(&core, tool).and_then(|pending| pending.start(Ok(Ok(())))))
    }
}
