//! A session from anywhere: another task, a signal handler, a web request.

use std::sync::Arc;

use runtime_lifecycle::AgentStatus;

use crate::core::Core;
use crate::error::{SessionClosedError, SessionError};

/// Answers, cancels and reads the status of a session that runs elsewhere.
///
/// It is cheap to clone and `'static`, and does not keep the session open. After the session's end, only
/// reading is possible.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    pub(crate) core: Arc<Core>,
}

impl SessionHandle {
    /// Cancels the session: its worker is `CANCELLED` at once, turns and tools under way are interrupted where
    /// they wait, and further ones are refused.
    ///
    /// # Errors
    ///
    /// [`SessionClosedError`] if it is over already.
    pub fn cancel(&self, detail: impl Into<String>) -> Result<(), SessionClosedError> {
        self.core.cancel_with(detail.into())
    }

    /// Answers [`pause_for_input`](crate::OrchestrationSession::pause_for_input). A second answer
    /// before the first is taken is ignored.
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
