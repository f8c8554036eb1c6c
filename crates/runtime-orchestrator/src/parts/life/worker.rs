//! The worker of a session in the registry, where others may move or remove it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_lifecycle::{AgentRegistry, AgentStatus, AgentWorker, StatusHandle, TransitionError};

/// The worker of a session.
pub(super) struct Worker {
    registry: AgentRegistry,
    /// `None` if the worker was removed before the session began.
    status: Option<StatusHandle>,
    id: Arc<str>,
    created_at: DateTime<Utc>,
}

impl Worker {
    pub(super) fn new(registry: AgentRegistry, worker: &AgentWorker) -> Self {
        let (id, created_at) = (Arc::clone(worker.id()), worker.created_at());
        Self { status: registry.status(&id), registry, id, created_at }
    }

    pub(super) const fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The worker's status. A removed worker is cancelled.
    pub(super) fn status(&self) -> AgentStatus {
        self.status.as_ref().map_or(AgentStatus::Cancelled, StatusHandle::get)
    }

    pub(super) const fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    /// The worker in the registry, unless it was removed.
    pub(super) fn registered(&self) -> Option<AgentWorker> {
        self.registry.get(&self.id)
    }

    pub(super) fn transition(
        &self,
        to: AgentStatus,
        detail: Option<&str>,
    ) -> Result<(), TransitionError> {
        self.registry.transition(self.id(), to, detail).map(drop)
    }

    /// Moves the worker to its final status, or returns the one that it already has. A removed
    /// worker is not moved.
    pub(super) fn end(&self, status: AgentStatus, detail: Option<&str>) -> Option<AgentStatus> {
        let moved = self.transition(status, detail);
        let Err(TransitionError::Invalid(refused)) = moved else { return None };
        if refused.current.is_terminal() {
            return Some(refused.current);
        }
        // Others have paused the worker: it must run before it can end.
        if self.transition(AgentStatus::Running, None).is_ok() {
            let _ = self.transition(status, detail);
        }
        None
    }
}
