//! The worker of a session in the registry, where others may move or remove it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_lifecycle::{AgentRegistry, AgentStatus, AgentWorker, StatusHandle, TransitionError};

/// The worker of a session.
pub(super) struct Worker {
    registry: AgentRegistry,
    /// `None` if the worker was removed before the session began.
    status: Option<StatusHandle>,
    /// A copy from the start, for a worker that is removed later.
    first_seen: AgentWorker,
}

impl Worker {
    pub(super) fn new(registry: AgentRegistry, worker: &AgentWorker) -> Self {
        Self { status: registry.status(worker.id()), registry, first_seen: worker.clone() }
    }

    pub(super) fn id(&self) -> &Arc<str> {
        self.first_seen.id()
    }

    /// The worker's status. A removed worker is cancelled.
    pub(super) fn status(&self) -> AgentStatus {
        self.status.as_ref().map_or(AgentStatus::Cancelled, StatusHandle::get)
    }

    /// The worker in the registry. If it was removed, the copy with the session's status.
    pub(super) fn seen(&self, status: AgentStatus, now: DateTime<Utc>) -> AgentWorker {
        self.registry.get(self.id()).unwrap_or_else(|| {
            let mut worker = self.first_seen.clone();
            // Transitions that the copy has already made are refused, which does no harm.
            for status in [AgentStatus::Initializing, AgentStatus::Running, status] {
                let _ = worker.transition(status, None, now);
            }
            worker
        })
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
