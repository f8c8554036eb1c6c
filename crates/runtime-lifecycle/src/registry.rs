//! The workers of a process, shared between its threads and tasks.
//!
//! Workers are found by id, by role and phase (the oldest active one), by project, and as the
//! list of the active ones; each way has an index of its own, so no look-up and no removal
//! steps through other workers. Finished workers are kept up to a bound, and so are offered
//! ones that nobody claims.
//!
//! # Locks
//!
//! Each worker has a lock, and so has each index. Whoever changes a worker holds *its* lock from
//! before the change until every index agrees with it, and takes the locks of the indexes one
//! after the other inside it. Readers copy out of an index first and lock a worker afterwards.
//! So at any moment a thread holds at most one worker's lock, then at most one index's, in that
//! order, and nobody waits in a circle.
//!
//! What a reader finds in an index may have changed before it holds the worker's lock. It looks
//! again then: under the worker's lock, indexes and worker agree. Clock and id source are asked
//! while no lock is held.

mod config;
mod entry;
mod error;
mod index;
mod offers;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};

pub use self::config::Config;
pub use self::entry::StatusHandle;
use self::entry::{Claim, Core, Entry};
pub use self::error::{ClaimError, CreateWorkerError, TransitionError, WorkerNotFoundError};
use self::index::Index;
use crate::status::{AgentStatus, InvalidTransitionError};
use crate::worker::AgentWorker;

/// How many ids are drawn for one worker before giving up.
const DRAWS: u32 = 64;

/// The workers of a process. Clones share them.
///
/// Workers that come out of it are copies, made in constant time: they do not change
/// afterwards, and changing one does not change the registry. Use
/// [`transition`](Self::transition) for that, and [`status`](Self::status) to follow a worker.
#[derive(Clone)]
pub struct AgentRegistry {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    index: Index,
    created: AtomicU64,
    finished_dropped: AtomicU64,
}

impl AgentRegistry {
    /// An empty registry with the default [`Config`].
    pub fn new() -> Self {
        Self::with_config(Config::default())
    }

    /// An empty registry.
    pub fn with_config(config: Config) -> Self {
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
    /// Digits that are taken are drawn again, so that no worker ever replaces another.
    ///
    /// # Errors
    ///
    /// [`CreateWorkerError`] if `role` is blank, or if the id source keeps repeating itself.
    pub fn create(
        &self,
        role: impl Into<Arc<str>>,
        phase: impl Into<Arc<str>>,
        project_id: Option<i64>,
    ) -> Result<AgentWorker, CreateWorkerError> {
        let (role, phase) = (role.into(), phase.into());
        self.register(&role, &phase, project_id, None)
    }

    /// Moves a worker to `to`, and returns a copy of it.
    ///
    /// # Errors
    ///
    /// [`TransitionError`] if there is no such worker, or if `to` may not follow its present
    /// state. Nothing changes then.
    pub fn transition(
        &self,
        id: &str,
        to: AgentStatus,
        detail: Option<&str>,
    ) -> Result<AgentWorker, TransitionError> {
        let at = self.now();
        let moved = self.with(id, |entry, core| self.advance(entry, core, to, detail, at))??;
        if to.is_terminal() {
            self.drop_oldest_finished();
        }
        Ok(moved)
    }

    /// Counts one more retry of a worker.
    ///
    /// # Errors
    ///
    /// [`WorkerNotFoundError`] if there is no such worker.
    pub fn note_retry(&self, id: &str) -> Result<(), WorkerNotFoundError> {
        self.with(id, |_, core| core.worker.note_retry())
    }

    /// Notes which provider answered a worker.
    ///
    /// # Errors
    ///
    /// [`WorkerNotFoundError`] if there is no such worker.
    pub fn note_provider(&self, id: &str, provider: &str) -> Result<(), WorkerNotFoundError> {
        self.with(id, |_, core| core.worker.note_provider(provider))
    }

    /// Takes a worker out, whatever its state. Its id may be given out again.
    pub fn remove(&self, id: &str) -> Option<AgentWorker> {
        self.with(id, |entry, core| {
            self.forget(entry, core);
            core.worker.clone()
        })
        .ok()
    }

    /// Takes out every worker that is there when the call begins.
    pub fn clear(&self) {
        for entry in self.shared.index.everyone() {
            self.forget(&entry, &mut entry.lock());
        }
    }

    /// The worker with this id.
    pub fn get(&self, id: &str) -> Option<AgentWorker> {
        self.shared.index.by_id(id)?.worker()
    }

    /// A handle that shows a worker's state from now on, without a lock.
    pub fn status(&self, id: &str) -> Option<StatusHandle> {
        self.shared.index.by_id(id).map(|entry| entry.status().clone())
    }

    /// The workers that have not ended, in the order they were created.
    pub fn list_active(&self) -> Vec<AgentWorker> {
        let mut active = copies(&self.shared.index.active());
        // One that ended between the two looks is left out.
        active.retain(|worker| !worker.is_terminal());
        active
    }

    /// The oldest worker of this role and phase that has not ended.
    pub fn get_by_role_phase(&self, role: &str, phase: &str) -> Option<AgentWorker> {
        loop {
            let oldest = self.shared.index.oldest_active(role, phase)?.worker();
            if let Some(worker) = oldest.filter(|worker| !worker.is_terminal()) {
                return Some(worker);
            }
            // It ended between the two looks, and is off the index by now: each round needs
            // another worker's end.
        }
    }

    /// The workers of a project, finished ones too, in the order they were created.
    pub fn get_by_project(&self, project_id: i64) -> Vec<AgentWorker> {
        copies(&self.shared.index.of_project(project_id))
    }

    /// How many workers there are, finished ones included.
    pub fn len(&self) -> usize {
        self.shared.index.len()
    }

    /// Whether there are no workers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many finished workers were dropped because of
    /// [`finished_capacity`](Config::finished_capacity).
    pub fn finished_dropped(&self) -> u64 {
        // Relaxed: a count for people, which guards no other memory.
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

/// What the public methods share. Those that take a [`Core`] expect its entry to be locked.
impl AgentRegistry {
    /// Gives a new worker an id and puts it on every index before anybody else sees it.
    /// An `offer` is the detail of one that is to be claimed.
    fn register(
        &self,
        role: &Arc<str>,
        phase: &Arc<str>,
        project_id: Option<i64>,
        offer: Option<&str>,
    ) -> Result<AgentWorker, CreateWorkerError> {
        if role.trim().is_empty() {
            return Err(CreateWorkerError::blank("role", role));
        }
        let at = self.now();
        let claim = if offer.is_some() { Claim::Open } else { Claim::Never };
        // Relaxed: only the order of the numbers matters, and one atomic has one order.
        let serial = self.shared.created.fetch_add(1, Ordering::Relaxed);
        for _ in 0..DRAWS {
            let digits = self.shared.config.ids.draw() & 0xffff_ffff;
            let id: Arc<str> = format!("{role}-{phase}-{digits:08x}").into();
            let mut worker = AgentWorker::new(id, role.clone(), phase.clone(), project_id, at)
                .with_history(self.shared.config.history);
            if let Some(detail) = offer {
                let moved = worker.transition(AgentStatus::Initializing, Some(detail), at);
                debug_assert!(moved.is_ok(), "a new worker is idle, and may be initialised");
            }
            let entry = Arc::new(Entry::new(serial, worker, claim));
            // Locked before it can be found: who finds it waits until all indexes have it.
            let core = entry.lock();
            if self.shared.index.insert(&entry, &core) {
                return Ok(core.worker.clone());
            }
        }
        Err(CreateWorkerError::ids_exhausted(role, phase, DRAWS))
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

    /// Moves a worker and brings its handle and the indexes in step.
    fn advance(
        &self,
        entry: &Arc<Entry>,
        core: &mut Core,
        to: AgentStatus,
        detail: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<AgentWorker, InvalidTransitionError> {
        core.worker.transition(to, detail, at)?;
        entry.status().set(to);
        if core.claim == Claim::Open {
            core.claim = Claim::Taken;
            self.shared.index.withdraw(entry);
        }
        if to.is_terminal() {
            core.finished = Some(self.shared.index.finish(entry, core));
        }
        Ok(core.worker.clone())
    }

    /// Takes a worker off every index. Says `false` if somebody else has done so.
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
                // Relaxed: a count for people, which guards no other memory.
                self.shared.finished_dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn copies(entries: &[Arc<Entry>]) -> Vec<AgentWorker> {
    entries.iter().filter_map(|entry| entry.worker()).collect()
}
