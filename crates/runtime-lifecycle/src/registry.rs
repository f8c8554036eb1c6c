//! [`AgentRegistry`]: the workers of a process.
//!
//! # Locks
//!
//! Each worker has a lock, and each index has one. A change of a worker holds the worker's lock until
//! every index agrees, and inside it takes the locks of the indexes one after the other. A reader copies
//! out of an index first and locks a worker afterwards. So a thread holds at most one worker's lock and
//! then at most one index's lock, in that order, and there is no deadlock.
//!
//! A worker may change between a reader's look at an index and its lock of the worker. So the reader
//! checks again: under the worker's lock, indexes and worker agree. The clock and the id source are
//! called without a lock.

mod config;
mod entry;
mod error;
mod index;
mod offer;
mod offers;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use runtime_events::without_secrets;

pub use self::config::RegistryConfig;
pub use self::entry::StatusHandle;
use self::entry::{Claim, Core, Entry};
pub use self::error::{ClaimError, CreateWorkerError, TransitionError, WorkerNotFoundError};
use self::index::Index;
pub use self::offer::{Attachment, Offer};
use crate::status::{AgentStatus, InvalidTransitionError};
use crate::worker::AgentWorker;

/// How many ids are drawn for a worker before giving up.
const DRAWS: u32 = 64;

/// The workers of a process, shared between threads and tasks. Clones share one registry.
///
/// Workers are found by id, by role and phase, by project, and as a list of the active ones. Each way has
/// an index of its own, so that no look-up scans other workers. The numbers of finished workers and of
/// unclaimed offers are bounded.
///
/// The workers that it returns are copies, made in constant time. They do not change afterwards, and
/// changing them does not change the registry. Use [`transition`](Self::transition) to change a worker
/// and [`status`](Self::status) to follow one.
#[derive(Clone)]
pub struct AgentRegistry {
    shared: Arc<Shared>,
}

struct Shared {
    config: RegistryConfig,
    index: Index,
    created: AtomicU64,
    finished_dropped: AtomicU64,
}

impl AgentRegistry {
    /// Creates an empty registry with the default configuration.
    pub fn new() -> Self {
        Self::with_config(RegistryConfig::default())
    }

    /// Creates an empty registry.
    pub fn with_config(config: RegistryConfig) -> Self {
        let shared = Shared {
            config,
            index: Index::default(),
            created: AtomicU64::new(0),
            finished_dropped: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Registers an idle worker under a new id: `role-phase-` and 8 hexadecimal digits.
    ///
    /// An id that is taken is drawn again, so that no worker replaces another.
    ///
    /// # Errors
    ///
    /// [`CreateWorkerError`] if `role` is blank or the id source keeps repeating itself.
    pub fn create(
        &self,
        role: impl Into<Arc<str>>,
        phase: impl Into<Arc<str>>,
        project_id: Option<i64>,
    ) -> Result<AgentWorker, CreateWorkerError> {
        let (role, phase) = (role.into(), phase.into());
        self.register(&role, &phase, project_id, None)
    }

    /// Moves a worker to another state and returns a copy of it.
    ///
    /// # Errors
    ///
    /// [`TransitionError`] if there is no such worker or `to` cannot follow its current state. Nothing
    /// changes then.
    pub fn transition(
        &self,
        id: &str,
        to: AgentStatus,
        detail: Option<&str>,
    ) -> Result<AgentWorker, TransitionError> {
        let at = self.now();
        let (moved, attachment) = self.with(id, |entry, core| {
            let moved = self.advance(entry, core, to, detail, at)?;
            // Nobody can claim it any more.
            Ok::<_, InvalidTransitionError>((moved, core.attachment.take()))
        })??;
        // The caller's value is dropped without the lock.
        drop(attachment);
        if to.is_terminal() {
            self.drop_oldest_finished();
        }
        Ok(moved)
    }

    /// Counts a retry of a worker.
    ///
    /// # Errors
    ///
    /// [`WorkerNotFoundError`] if there is no such worker.
    pub fn note_retry(&self, id: &str) -> Result<(), WorkerNotFoundError> {
        self.with(id, |_, core| core.worker.note_retry())
    }

    /// Sets the provider that answered a worker.
    ///
    /// # Errors
    ///
    /// [`WorkerNotFoundError`] if there is no such worker.
    pub fn note_provider(&self, id: &str, provider: &str) -> Result<(), WorkerNotFoundError> {
        self.with(id, |_, core| core.worker.note_provider(provider))
    }

    /// Removes a worker in any state. Its id may be used again.
    pub fn remove(&self, id: &str) -> Option<AgentWorker> {
        self.with(id, |entry, core| {
            self.forget(entry, core);
            core.worker.clone()
        })
        .ok()
    }

    /// Removes every worker that is registered when the call begins.
    pub fn clear(&self) {
        for entry in self.shared.index.everyone() {
            self.forget(&entry, &mut entry.lock());
        }
    }

    /// The worker with an id.
    pub fn get(&self, id: &str) -> Option<AgentWorker> {
        self.shared.index.by_id(id)?.worker()
    }

    /// A handle that follows the state of a worker without a lock.
    pub fn status(&self, id: &str) -> Option<StatusHandle> {
        self.shared.index.by_id(id).map(StatusHandle::of)
    }

    /// The workers that have not ended, in the order of their creation.
    pub fn list_active(&self) -> Vec<AgentWorker> {
        let mut active = copies(&self.shared.index.active());
        // Leave out workers that have ended since the look at the index.
        active.retain(|worker| !worker.status().is_terminal());
        active
    }

    /// The oldest worker of a role and phase that has not ended.
    pub fn get_by_role_phase(&self, role: &str, phase: &str) -> Option<AgentWorker> {
        loop {
            let oldest = self.shared.index.oldest_active(role, phase)?.worker();
            if let Some(worker) = oldest.filter(|worker| !worker.status().is_terminal()) {
                return Some(worker);
            }
            // It has ended since and is off the index by now, so each round needs the end of another
            // worker.
        }
    }

    /// The workers of a project, including finished ones, in the order of their creation.
    pub fn get_by_project(&self, project_id: i64) -> Vec<AgentWorker> {
        copies(&self.shared.index.of_project(project_id))
    }

    /// The number of workers, including finished ones.
    pub fn len(&self) -> usize {
        self.shared.index.len()
    }

    /// Whether the registry has no workers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of finished workers that were dropped because of
    /// [`finished_capacity`](RegistryConfig::finished_capacity).
    pub fn finished_dropped(&self) -> u64 {
        // Relaxed: a count for people that guards no other memory.
        self.shared.finished_dropped.load(Ordering::Relaxed)
    }
}

impl Default for AgentRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AgentRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentRegistry")
            .field("config", &self.shared.config)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Methods that take a [`Core`] expect its entry to be locked.
impl AgentRegistry {
    /// Gives a new worker an id and adds it to every index before it can be seen. `offer` is for a worker
    /// that is to be claimed.
    fn register(
        &self,
        role: &Arc<str>,
        phase: &Arc<str>,
        project_id: Option<i64>,
        offer: Option<&Offer<'_>>,
    ) -> Result<AgentWorker, CreateWorkerError> {
        if role.trim().is_empty() {
            return Err(CreateWorkerError::Blank {
                field: "role",
                value: role.as_ref().to_owned(),
            });
        }
        let at = self.now();
        let claim = if offer.is_some() { Claim::Open } else { Claim::Never };
        // Relaxed: only the order of the numbers matters, and an atomic has one order.
        let serial = self.shared.created.fetch_add(1, Ordering::Relaxed);
        let attachment = offer.and_then(|offer| offer.attachment.clone());
        // Ids are told wherever workers are.
        let prefix = format!("{}-{}-", without_secrets(role), without_secrets(phase));
        for _ in 0..DRAWS {
            let digits = self.shared.config.ids.draw() & 0xffff_ffff;
            let id: Arc<str> = format!("{prefix}{digits:08x}").into();
            let mut worker = AgentWorker::new(id, role.clone(), phase.clone(), project_id, at)
                .with_history(self.shared.config.history);
            if let Some(offer) = offer {
                let moved = worker.transition(AgentStatus::Initializing, Some(offer.detail), at);
                debug_assert!(moved.is_ok(), "a new worker is idle and can be initialised");
            }
            let entry = Arc::new(Entry::new(serial, worker, claim, attachment.clone()));
            // Locked before it can be found, so that a finder waits until all indexes have it.
            let core = entry.lock();
            if self.shared.index.insert(&entry, &core) {
                return Ok(core.worker.clone());
            }
        }
        Err(CreateWorkerError::IdsExhausted { prefix, draws: DRAWS })
    }

    fn now(&self) -> DateTime<Utc> {
        self.shared.config.clock.utc_now()
    }

    /// Runs `act` on a worker under its lock.
    fn with<T>(
        &self,
        id: &str,
        act: impl FnOnce(&Arc<Entry>, &mut Core) -> T,
    ) -> Result<T, WorkerNotFoundError> {
        let entry = self.shared.index.by_id(id).ok_or_else(|| WorkerNotFoundError::new(id))?;
        let mut core = entry.lock();
        if core.removed {
            return Err(WorkerNotFoundError::new(id));
        }
        let done = act(&entry, &mut core);
        drop(core);
        Ok(done)
    }

    /// Moves a worker and updates its handle and the indexes.
    fn advance(
        &self,
        entry: &Arc<Entry>,
        core: &mut Core,
        to: AgentStatus,
        detail: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<AgentWorker, InvalidTransitionError> {
        core.worker.transition(to, detail, at)?;
        entry.show(to);
        if core.claim == Claim::Open {
            core.claim = Claim::Taken;
            self.shared.index.withdraw(entry);
        }
        if to.is_terminal() {
            core.finished = Some(self.shared.index.finish(entry, core));
        }
        Ok(core.worker.clone())
    }

    /// Removes a worker from every index. Returns `false` if it was removed before.
    fn forget(&self, entry: &Arc<Entry>, core: &mut Core) -> bool {
        if core.removed {
            return false;
        }
        core.removed = true;
        self.shared.index.remove(entry, core);
        true
    }

    fn drop_oldest_finished(&self) {
        while let Some(entry) =
            self.shared.index.surplus_finished(self.shared.config.finished_capacity)
        {
            if self.forget(&entry, &mut entry.lock()) {
                // Relaxed: a count for people that guards no other memory.
                self.shared.finished_dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn copies(entries: &[Arc<Entry>]) -> Vec<AgentWorker> {
    entries.iter().filter_map(|entry| entry.worker()).collect()
}
