//! The steps of an agent, in an ordinary session or in one that survives its process.

use runtime_durable::{DurableSession, StepError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use techrevati_runtime::events::AgentFailureClass;
use techrevati_runtime::orchestrator::{Attempt, OrchestrationSession, ToolCall, ToolError, Turn};
use techrevati_runtime::resilience::{BoxError, FaultError, chain_text};

/// A tool without a result: the model is told why.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) denied: bool,
    pub(crate) text: String,
}

/// What an agent does in a session. An error ends its run.
pub(crate) trait Steps {
    /// The session itself.
    fn session(&self) -> &OrchestrationSession;

    /// A model call that recovers.
    async fn turn<T, F>(
        &self,
        turn: Turn<T>,
        call: impl FnMut(Attempt) -> F,
    ) -> Result<T, BoxError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, FaultError>>;

    /// A tool.
    async fn tool(
        &self,
        call: ToolCall,
        run: impl FnOnce() -> Result<Value, BoxError>,
    ) -> Result<Result<Value, Refusal>, BoxError>;
}

impl Steps for OrchestrationSession {
    fn session(&self) -> &OrchestrationSession {
        self
    }

    async fn turn<T, F>(&self, turn: Turn<T>, call: impl FnMut(Attempt) -> F) -> Result<T, BoxError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, FaultError>>,
    {
        Ok(self.run_turn_recovering(turn, call).await?.value)
    }

    async fn tool(
        &self,
        call: ToolCall,
        run: impl FnOnce() -> Result<Value, BoxError>,
    ) -> Result<Result<Value, Refusal>, BoxError> {
        match self.run_tool(call, || async { run() }).await {
            Ok(value) => Ok(Ok(value)),
            Err(error @ (ToolError::Closed(_) | ToolError::Deadline(_))) => Err(error.into()),
            Err(error) => {
                let denied = matches!(error, ToolError::PermissionDenied(_));
                Ok(Err(Refusal { denied, text: chain_text(&error) }))
            }
        }
    }
}

impl Steps for DurableSession {
    fn session(&self) -> &OrchestrationSession {
        Self::session(self)
    }

    async fn turn<T, F>(&self, turn: Turn<T>, call: impl FnMut(Attempt) -> F) -> Result<T, BoxError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, FaultError>>,
    {
        Ok(self.run_turn_recovering(turn, call).await?.value)
    }

    async fn tool(
        &self,
        call: ToolCall,
        run: impl FnOnce() -> Result<Value, BoxError>,
    ) -> Result<Result<Value, Refusal>, BoxError> {
        match self.run_tool(call, |_| async { run() }).await {
            Ok(value) => Ok(Ok(value)),
            Err(StepError::Failed(failed)) => {
                let denied = failed.failure.class == AgentFailureClass::PermissionDenied;
                Ok(Err(Refusal { denied, text: failed.failure.text }))
            }
            Err(over) => Err(over.into()),
        }
    }
}
