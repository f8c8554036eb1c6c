//! [`Entry`]: a worker in the registry. [`StatusHandle`]: its state, without a lock.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::offer::Attachment;
use crate::status::AgentStatus;
use crate::worker::AgentWorker;

/// A worker, its lock and its number in the order of creation.
pub(super) struct Entry {
    pub(super) serial: u64,
    /// The state of the worker, as its index in [`AgentStatus::ALL`].
    status: AtomicU8,
    core: Mutex<Core>,
}

/// The data behind the lock of an entry.
pub(super) struct Core {
    pub(super) worker: AgentWorker,
    pub(super) claim: Claim,
    /// The value for the claimer of an offered worker. It is the caller's, so it is dropped without
    /// the lock. Boxed, because few workers have one.
    pub(super) attachment: Option<Box<Attachment>>,
    /// The number in the order of finishing, once it has finished.
    pub(super) finished: Option<NonZeroU64>,
    /// Whether the worker was removed. Nothing changes it after that.
    pub(super) removed: bool,
}

/// Whether a worker can be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Created by a session.
    Never,
    /// Offered. Invariant: it is `INITIALIZING` and in the index of the unclaimed.
    Open,
    /// Offered, and claimed or moved since.
    Taken,
}

impl Entry {
    pub(super) fn new(
        serial: u64,
        worker: AgentWorker,
        claim: Claim,
        attachment: Option<Attachment>,
    ) -> Self {
        let status = AtomicU8::new(worker.status() as u8);
        let attachment = attachment.map(Box::new);
        let core = Core { worker, claim, attachment, finished: None, removed: false };
        Self { serial, status, core: Mutex::new(core) }
    }

    /// Shows another state to the handles. Called under the worker's lock only.
    pub(super) fn show(&self, status: AgentStatus) {
        // Release: a reader of the new state also sees what was done before it was set.
        self.status.store(status as u8, Ordering::Release);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        // No code of the caller runs under the lock, so there is no panic to be poisoned by.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the worker, unless it was removed.
    pub(super) fn worker(&self) -> Option<AgentWorker> {
        let core = self.lock();
        (!core.removed).then(|| core.worker.clone())
    }
}

/// A handle that reads the current state of a registered worker without a lock.
///
/// A session keeps one to notice when its worker is ended from outside. After the worker is removed, the
/// handle keeps its last state.
#[derive(Clone)]
pub struct StatusHandle {
    entry: Arc<Entry>,
}

impl StatusHandle {
    pub(super) const fn of(entry: Arc<Entry>) -> Self {
        Self { entry }
    }

    /// The current state.
    #[inline]
    pub fn get(&self) -> AgentStatus {
        // Acquire: pairs with the Release of the entry.
        AgentStatus::ALL[usize::from(self.entry.status.load(Ordering::Acquire))]
    }
}

impl fmt::Debug for StatusHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StatusHandle").field(&self.get()).finish()
    }
}
