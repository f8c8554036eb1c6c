//! [`Index`]: the indexes of the registry.

mod ordered;
mod pair;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Slot;

use self::ordered::{Group, Ordered};
use self::pair::ByPair;
use super::entry::{Claim, Core, Entry};

/// All indexes of the registry.
///
/// No method takes a worker's lock, and each holds the lock of one index at a time. Methods that take a
/// [`Core`] are called under that worker's lock, so no two of them run for one worker at once.
#[derive(Default)]
pub(super) struct Index {
    by_id: DashMap<Arc<str>, Arc<Entry>>,
    /// The active workers of each role and phase, in the order of creation.
    by_pair: ByPair,
    /// All workers of each project, in the order of creation.
    by_project: DashMap<i64, Group>,
    /// In the order of creation.
    unclaimed: Ordered,
    /// In the order of finishing.
    finished: Ordered,
    finishes: AtomicU64,
}

/// Changes. Those of one worker come one after the other.
impl Index {
    /// Adds a new worker to its indexes, or to none if its id is taken.
    pub(super) fn insert(&self, entry: &Arc<Entry>, core: &Core) -> bool {
        let (worker, serial) = (&core.worker, entry.serial);
        match self.by_id.entry(worker.id().clone()) {
            Slot::Occupied(_) => return false,
            Slot::Vacant(free) => drop(free.insert(entry.clone())),
        }
        self.by_pair.insert(worker, serial, entry.clone());
        if let Some(project) = worker.project_id() {
            self.by_project.entry(project).or_default().insert(serial, entry.clone());
        }
        if core.claim == Claim::Open {
            self.unclaimed.insert(serial, entry.clone());
        }
        true
    }

    /// Removes a worker from the unclaimed ones.
    pub(super) fn withdraw(&self, entry: &Entry) {
        self.unclaimed.remove(entry.serial);
    }

    /// Moves a worker from the active to the finished ones and returns its number there.
    pub(super) fn finish(&self, entry: &Arc<Entry>, core: &Core) -> NonZeroU64 {
        self.deactivate(entry, core);
        // Relaxed: only the order of the numbers matters, and an atomic has one order.
        let earlier = self.finishes.fetch_add(1, Ordering::Relaxed);
        let place = NonZeroU64::MIN.saturating_add(earlier);
        self.finished.insert(place.get(), entry.clone());
        place
    }

    /// Removes a worker from all indexes. Its id is free afterwards.
    pub(super) fn remove(&self, entry: &Entry, core: &Core) {
        match core.finished {
            Some(place) => self.finished.remove(place.get()),
            None => self.deactivate(entry, core),
        }
        if core.claim == Claim::Open {
            self.withdraw(entry);
        }
        if let Some(project) = core.worker.project_id()
            && let Slot::Occupied(mut group) = self.by_project.entry(project)
        {
            group.get_mut().remove(entry.serial);
            if group.get().is_empty() {
                group.remove();
            }
        }
        self.by_id.remove(core.worker.id());
    }

    /// Removes the worker that finished first if there are more than `capacity`.
    pub(super) fn surplus_finished(&self, capacity: usize) -> Option<Arc<Entry>> {
        self.finished.pop_beyond(capacity)
    }

    /// Removes the oldest unclaimed worker if there are more than `capacity`.
    pub(super) fn surplus_offer(&self, capacity: usize) -> Option<Arc<Entry>> {
        self.unclaimed.pop_beyond(capacity)
    }

    fn deactivate(&self, entry: &Entry, core: &Core) {
        self.by_pair.remove(&core.worker, entry.serial);
    }
}

/// Look-ups. They return copies, so that no index stays locked.
impl Index {
    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Entry>> {
        self.by_id.get(id).map(|found| found.clone())
    }

    pub(super) fn oldest_active(&self, role: &str, phase: &str) -> Option<Arc<Entry>> {
        self.by_pair.oldest(role, phase)
    }

    pub(super) fn of_project(&self, project_id: i64) -> Vec<Arc<Entry>> {
        self.by_project.get(&project_id).map(|group| group.to_vec()).unwrap_or_default()
    }

    pub(super) fn active(&self) -> Vec<Arc<Entry>> {
        self.by_pair.to_vec()
    }

    pub(super) fn unclaimed(&self) -> Vec<Arc<Entry>> {
        self.unclaimed.to_vec()
    }

    /// All workers, in no order.
    pub(super) fn everyone(&self) -> Vec<Arc<Entry>> {
        self.by_id.iter().map(|found| found.clone()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
mod tests {
    //! Surplus entries of an index cannot be seen from outside, because readers skip them.

    use super::Index;
    use crate::AgentStatus::{Cancelled, Completed, Initializing, Running};
    use crate::registry::{AgentRegistry, RegistryConfig};

    /// The numbers of entries of all indexes but `by_id`.
    fn held(index: &Index) -> [usize; 5] {
        [
            index.by_pair.len(),
            index.by_project.len(),
            index.by_pair.to_vec().len(),
            index.unclaimed.to_vec().len(),
            index.finished.to_vec().len(),
        ]
    }

    #[test]
    fn indexes_keep_no_surplus_entries() {
        let registry = AgentRegistry::with_config(RegistryConfig::default().finished_capacity(2));
        let index = &registry.shared.index;
        let create = |role: &str, project| registry.create(role, "draft", Some(project)).unwrap();

        let (first, second) = (create("writer", 1), create("writer", 1));
        let offered = registry.offer("editor", "draft", Some(2), "handoff").unwrap();
        assert_eq!(held(index), [2, 2, 3, 1, 0]);
        registry.claim(offered.id()).unwrap();
        assert_eq!(held(index), [2, 2, 3, 0, 0]);
        registry.transition(offered.id(), Completed, None).unwrap();
        assert_eq!(held(index), [1, 2, 2, 0, 1], "finished, it has left the active ones");
        for to in [Initializing, Running, Completed] {
            registry.transition(first.id(), to, None).unwrap();
        }
        registry.transition(second.id(), Cancelled, None).unwrap();
        assert_eq!(held(index), [0, 1, 0, 0, 2], "the first to finish is dropped");

        registry.offer("editor", "draft", Some(3), "handoff").unwrap();
        registry.remove(first.id()).unwrap();
        assert_eq!(held(index), [1, 2, 1, 1, 1]);
        registry.clear();
        assert_eq!((held(index), index.len()), ([0; 5], 0));
    }
}
