//! [`Ordered`] and [`Group`]: workers in order, with removal from any place.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::registry::entry::Entry;

/// Workers by number, behind a lock.
#[derive(Default)]
pub(super) struct Ordered {
    entries: Mutex<BTreeMap<u64, Arc<Entry>>>,
}

impl Ordered {
    pub(super) fn insert(&self, number: u64, entry: Arc<Entry>) {
        self.lock().insert(number, entry);
    }

    /// Does nothing if the worker was removed before.
    pub(super) fn remove(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// Removes the worker with the lowest number if there are more than `capacity`.
    pub(super) fn pop_beyond(&self, capacity: usize) -> Option<Arc<Entry>> {
        let mut entries = self.lock();
        if entries.len() <= capacity {
            return None;
        }
        entries.pop_first().map(|(_, entry)| entry)
    }

    pub(super) fn to_vec(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Entry>>> {
        // No code of the caller runs under the lock, so there is no panic to be poisoned by.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The workers that share a role and phase or a project, in the order of creation.
///
/// Most groups have one member, which is stored in the map itself. The cost of a look-up among a million
/// groups is cache misses, and a tree would add one.
#[derive(Default)]
pub(super) enum Group {
    #[default]
    Empty,
    One(u64, Arc<Entry>),
    Many(BTreeMap<u64, Arc<Entry>>),
}

impl Group {
    pub(super) fn insert(&mut self, serial: u64, entry: Arc<Entry>) {
        match mem::take(self) {
            Self::Empty => *self = Self::One(serial, entry),
            Self::One(other, held) => {
                *self = Self::Many(BTreeMap::from([(other, held), (serial, entry)]));
            }
            Self::Many(mut entries) => {
                entries.insert(serial, entry);
                *self = Self::Many(entries);
            }
        }
    }

    /// Does nothing if there is no such member.
    pub(super) fn remove(&mut self, serial: u64) {
        match self {
            Self::One(held, _) if *held == serial => *self = Self::Empty,
            Self::Empty | Self::One(..) => {}
            Self::Many(entries) => {
                entries.remove(&serial);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::One(..) => false,
            Self::Many(entries) => entries.is_empty(),
        }
    }

    pub(super) fn oldest(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Empty => None,
            Self::One(_, entry) => Some(entry),
            Self::Many(entries) => entries.first_key_value().map(|(_, entry)| entry),
        }
    }

    pub(super) fn to_vec(&self) -> Vec<Arc<Entry>> {
        self.iter().cloned().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let (one, many) = match self {
            Self::Empty => (None, None),
            Self::One(_, entry) => (Some(entry), None),
            Self::Many(entries) => (None, Some(entries)),
        };
        one.into_iter().chain(many.into_iter().flat_map(BTreeMap::values))
    }
}
