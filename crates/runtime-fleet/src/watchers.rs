//! [`Watchers`]: who hears of changes that a backend pushes.

use std::sync::{Mutex, PoisonError, Weak};

use crate::state::{Change, Watcher};

/// The watchers that a backend tells of changes.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<Vec<Weak<dyn Watcher>>>);

impl Watchers {
    /// Adds one, for as long as it is there.
    pub fn add(&self, watcher: Weak<dyn Watcher>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }

    /// Tells all of them, without a lock.
    pub fn tell(&self, change: &Change) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        let heard: Vec<_> = watchers.iter().filter_map(Weak::upgrade).collect();
        drop(watchers);
        for watcher in heard {
            watcher.changed(change.clone());
        }
    }
}
