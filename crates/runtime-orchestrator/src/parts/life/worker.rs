//! A session's worker in the registry, which others may move or remove.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_lifecycle::{AgentRegistry, AgentStatus, AgentWorker, StatusHandle, TransitionError};

/// The worker of a session.
pub(super) struct Worker {
    registry: AgentRegistry,
    /// `None` if the worker was removed before the session saw it.
    status: Option<StatusHandle>,
    /// As it was at the start; what is known of a worker that was removed meanwhile.
    first_seen: AgentWorker,
}

impl Worker {
    pub(super) fn new(registry: AgentRegistry, worker: &AgentWorker) -> Self {
        Self { status: registry.status(worker.id()), registry, first_seen: worker.clone() }
    }

    pub(super) fn id(&self) -> &Arc<str> {
        self.first_seen.id()
    }

    /// Its state; a worker that was removed is cancelled.
    pub(super) fn status(&self) -> AgentStatus {
        self.status.as_ref().map_or(AgentStatus::Cancelled, StatusHandle::get)
    }

    /// The worker as the registry has it; one that was removed as its session knows it.
    pub(super) fn seen(&self, status: AgentStatus, now: DateTime<Utc>) -> AgentWorker {
        self.registry.get(self.id()).unwrap_or_else(|| {
            let mut worker = self.first_seen.clone();
            // Steps that it has behind it are refused, and nothing is lost by that.
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

    /// Moves the worker to its last state; or says how somebody else ended it before. One that was
    /// removed has nothing to be moved.
    pub(super) fn end(&self, status: AgentStatus, detail: Option<&str>) -> Option<AgentStatus> {
        let moved = self.transition(status, detail);
        let Err(TransitionError::Invalid(refused)) = moved else { return None };
        if refused.current.is_terminal() {
            return Some(refused.current);
        }
        // It was sent to wait behind the session's back; it comes back first.
        if self.transition(AgentStatus::Running, None).is_ok() {
            let _ = self.transition(status, detail);
        }
        None
    }
}
