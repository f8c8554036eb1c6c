//! Handles of a session for other tasks, signal handlers and web requests.

use std::sync::Arc;

use runtime_lifecycle::AgentStatus;

use crate::core::Core;
use crate::error::SessionError;

/// A handle to a session: provides input, cancels, and reads the status.
///
/// Cheap to clone, `'static`, and independent of the session's value. After the end of the session
/// it can only read.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    pub(crate) core: Arc<Core>,
}

impl SessionHandle {
    /// Cancels the session.
    ///
    /// Its worker is `CANCELLED` at once. Running turns and tools are interrupted at their next
    /// wait, and new ones are refused.
    ///
    /// # Errors
    ///
    /// [`SessionError::Closed`] if the session has ended.
    pub fn cancel(&self, detail: impl Into<String>) -> Result<(), SessionError> {
        self.core.refuse_sinks()?;
        Ok(self.core.cancel_with(detail.into())?)
    }

    /// Provides the input for [`pause_for_input`](crate::OrchestrationSession::pause_for_input).
    ///
    /// A second input is ignored until the first is taken.
    ///
    /// # Errors
    ///
    /// [`SessionError::NobodyWaiting`] if the session does not wait.
    pub fn provide_input(&self, value: impl Into<String>) -> Result<(), SessionError> {
        self.core.life.answer(value.into())
    }

    /// The state of the session's worker.
    pub fn status(&self) -> AgentStatus {
        self.core.life.status()
    }

    /// The session id in its events.
    pub fn session_id(&self) -> &str {
        self.core.session_id()
    }

    /// The id of the session's worker in the registry.
    pub fn worker_id(&self) -> &str {
        self.core.life.worker_id()
    }
}
