//! The wakers of tasks that wait for something to happen.

use std::mem;
use std::task::Waker;

/// Wakers under keys, so that a task that is polled again takes its own place.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    places: Vec<(u64, Waker)>,
    next_key: u64,
}

impl Watchers {
    /// Registers a waker. Returns the one that it replaces, which may own a task: it is to be dropped
    /// without a lock.
    pub(crate) fn watch(&mut self, key: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        let known = key.and_then(|key| self.places.iter_mut().find(|(held, _)| *held == key));
        if let Some((_, held)) = known {
            return Some(mem::replace(held, waker));
        }
        *key = Some(self.next_key);
        self.places.push((self.next_key, waker));
        self.next_key += 1;
        None
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<Waker> {
        let index = self.places.iter().position(|(held, _)| *held == key)?;
        Some(self.places.remove(index).1)
    }

    pub(crate) fn take(&mut self) -> Vec<Waker> {
        self.places.drain(..).map(|(_, waker)| waker).collect()
    }
}
