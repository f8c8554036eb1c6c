//! A worker in the registry, and what is shared of it.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::status::AgentStatus;
use crate::worker::AgentWorker;

/// A worker, its lock and its place in the order of creation.
pub(super) struct Entry {
    serial: u64,
    status: StatusHandle,
    core: Mutex<Core>,
}

/// What an entry's lock guards.
pub(super) struct Core {
    pub(super) worker: AgentWorker,
    pub(super) claim: Claim,
    /// The place in the order of finishing, once finished.
    pub(super) finished: Option<u64>,
    /// Whether it has left the registry. Nothing changes it after that.
    pub(super) removed: bool,
}

/// Whether a worker is up for claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Created for a session at once.
    Never,
    /// Offered. Invariant: it is `INITIALIZING` and on the list of the unclaimed.
    Open,
    /// Offered once; claimed or moved on since.
    Taken,
}

impl Entry {
    pub(super) fn new(serial: u64, worker: AgentWorker, claim: Claim) -> Self {
        let status = StatusHandle::new(worker.status());
        let core = Core { worker, claim, finished: None, removed: false };
        Self { serial, status, core: Mutex::new(core) }
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    pub(super) fn status(&self) -> &StatusHandle {
        &self.status
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        // No code of the caller runs under the lock, so there is no panic to be poisoned by.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the worker, unless it has left the registry.
    pub(super) fn worker(&self) -> Option<AgentWorker> {
        let core = self.lock();
        (!core.removed).then(|| core.worker.clone())
    }
}

/// Shows a registered worker's state as it is at each look, without a lock.
///
/// A session keeps one, and so sees at once when somebody else ended its worker. When the
/// worker is removed from the registry, the handle goes on showing its last state.
#[derive(Clone)]
pub struct StatusHandle {
    /// The place of the state in [`AgentStatus::ALL`].
    state: Arc<AtomicU8>,
}

impl StatusHandle {
    fn new(status: AgentStatus) -> Self {
        Self { state: Arc::new(AtomicU8::new(status as u8)) }
    }

    /// The state now.
    pub fn get(&self) -> AgentStatus {
        // Acquire: pairs with the Release below.
        AgentStatus::ALL[usize::from(self.state.load(Ordering::Acquire))]
    }

    /// Called under the worker's lock only.
    pub(super) fn set(&self, status: AgentStatus) {
        // Release: who sees the new state also sees what its author did before.
        self.state.store(status as u8, Ordering::Release);
    }
}

impl fmt::Debug for StatusHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StatusHandle").field(&self.get()).finish()
    }
}
