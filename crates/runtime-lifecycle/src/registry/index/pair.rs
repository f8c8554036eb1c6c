//! The active workers of each role and phase.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Slot;

use super::ordered::Group;
use crate::registry::entry::Entry;
use crate::worker::AgentWorker;

/// Workers by role and phase. A look-up borrows both and allocates nothing.
#[derive(Default)]
pub(super) struct ByPair {
    groups: DashMap<Pair, Group>,
}

impl ByPair {
    pub(super) fn insert(&self, worker: &AgentWorker, serial: u64, entry: Arc<Entry>) {
        self.groups.entry(Pair::of(worker)).or_default().insert(serial, entry);
    }

    /// Forgets the role and phase with its last worker.
    pub(super) fn remove(&self, worker: &AgentWorker, serial: u64) {
        if let Slot::Occupied(mut group) = self.groups.entry(Pair::of(worker)) {
            group.get_mut().remove(serial);
            if group.get().is_empty() {
                group.remove();
            }
        }
    }

    pub(super) fn oldest(&self, role: &str, phase: &str) -> Option<Arc<Entry>> {
        self.groups.get(&(role, phase) as &dyn RolePhase)?.oldest().cloned()
    }
}

#[derive(Debug)]
struct Pair {
    role: Arc<str>,
    phase: Arc<str>,
}

impl Pair {
    fn of(worker: &AgentWorker) -> Self {
        Self { role: worker.role().clone(), phase: worker.phase().clone() }
    }
}

/// What an owned and a borrowed pair have in common: a map of the former is searched with the
/// latter, because both hash and compare as this.
trait RolePhase {
    fn role_phase(&self) -> (&str, &str);
}

impl RolePhase for Pair {
    fn role_phase(&self) -> (&str, &str) {
        (&self.role, &self.phase)
    }
}

impl RolePhase for (&str, &str) {
    fn role_phase(&self) -> (&str, &str) {
        *self
    }
}

impl Hash for dyn RolePhase + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.role_phase().hash(state);
    }
}

impl PartialEq for dyn RolePhase + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.role_phase() == other.role_phase()
    }
}

impl Eq for dyn RolePhase + '_ {}

impl<'a> Borrow<dyn RolePhase + 'a> for Pair {
    fn borrow(&self) -> &(dyn RolePhase + 'a) {
        self
    }
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.role_phase().hash(state);
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.role_phase() == other.role_phase()
    }
}

impl Eq for Pair {}
