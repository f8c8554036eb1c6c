//! [`ByPair`]: the active workers of each role and phase.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dashmap::DashMap;

use super::ordered::Group;
use crate::registry::entry::Entry;
use crate::worker::AgentWorker;

/// Workers by role and phase. A look-up allocates nothing.
#[derive(Default)]
pub(super) struct ByPair {
    groups: DashMap<Pair, Group>,
}

impl ByPair {
    pub(super) fn insert(&self, worker: &AgentWorker, serial: u64, entry: Arc<Entry>) {
        let pair = Pair::new(worker.role(), worker.phase());
        self.groups.entry(pair).or_default().insert(serial, entry);
    }

    /// Removes the role and phase with its last worker.
    pub(super) fn remove(&self, worker: &AgentWorker, serial: u64) {
        let pair = (&**worker.role(), &**worker.phase());
        self.groups.remove_if_mut(&pair as &dyn RolePhase, |_, group| {
            group.remove(serial);
            group.is_empty()
        });
    }

    /// The number of pairs of role and phase.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// All workers, in the order of creation. A listing blocks a shard of the pairs at a time.
    pub(super) fn to_vec(&self) -> Vec<Arc<Entry>> {
        let mut all = Vec::new();
        for group in &self.groups {
            all.extend(group.iter().cloned());
        }
        // A stable sort, because it merges the sorted runs.
        all.sort_by_key(|entry| entry.serial);
        all
    }

    pub(super) fn oldest(&self, role: &str, phase: &str) -> Option<Arc<Entry>> {
        self.groups.get(&(role, phase) as &dyn RolePhase)?.oldest().cloned()
    }
}

/// How many bytes of role and phase are stored in the map itself. A pair then takes half a cache line.
const SHORT: usize = 29;

/// An owned role and phase. Short names are stored inline, so that comparing them costs no cache miss.
enum Pair {
    Short { role: u8, both: u8, text: [u8; SHORT] },
    Long { role: usize, text: Box<[u8]> },
}

impl Pair {
    fn new(role: &str, phase: &str) -> Self {
        let both = role.len() + phase.len();
        // No phase of a short pair is longer than `SHORT`, so both lengths fit.
        if let (Ok(role_len), Ok(both_len), true) =
            (u8::try_from(role.len()), u8::try_from(both), both <= SHORT)
        {
            let mut text = [0; SHORT];
            text[..role.len()].copy_from_slice(role.as_bytes());
            text[role.len()..both].copy_from_slice(phase.as_bytes());
            return Self::Short { role: role_len, both: both_len, text };
        }
        let text = [role.as_bytes(), phase.as_bytes()].concat().into_boxed_slice();
        Self::Long { role: role.len(), text }
    }
}

/// An owned or a borrowed pair. Both hash and compare the same, so that a map of owned pairs can be
/// searched with a borrowed one.
trait RolePhase {
    fn role_phase(&self) -> (&[u8], &[u8]);
}

impl RolePhase for Pair {
    fn role_phase(&self) -> (&[u8], &[u8]) {
        match self {
            Self::Short { role, both, text } => {
                text[..usize::from(*both)].split_at(usize::from(*role))
            }
            Self::Long { role, text } => text.split_at(*role),
        }
    }
}

impl RolePhase for (&str, &str) {
    fn role_phase(&self) -> (&[u8], &[u8]) {
        (self.0.as_bytes(), self.1.as_bytes())
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
