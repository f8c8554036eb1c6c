//! What the backend of a fleet pushes, on its way to a member.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use runtime_fleet::{Change, Watcher, Watchers};

use super::line::Line;
use super::time::SimTime;

/// Pushes on their way. Each arrives after a time of its own, whatever was pushed before it.
#[derive(Debug)]
pub(super) struct Pushes {
    line: Line,
    time: SimTime,
    watchers: Watchers,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    on_the_way: Vec<(Duration, Change)>,
    /// What is to be woken by a push.
    waker: Option<Waker>,
}

impl Pushes {
    pub(super) fn new(line: Line, time: SimTime) -> Self {
        Self { line, time, watchers: Watchers::default(), state: Mutex::default() }
    }

    pub(super) fn add(&self, watcher: Weak<dyn Watcher>) {
        self.watchers.add(watcher);
    }

    /// Tells what has arrived. Returns the time until the next push, which wakes `waker` if there is none.
    pub(super) fn deliver(&self, waker: &Waker) -> Option<Duration> {
        let now = self.time.elapsed();
        let mut state = self.state();
        let arrived: Vec<_> = state.on_the_way.extract_if(.., |(at, _)| *at <= now).collect();
        let next = state.on_the_way.iter().map(|(at, _)| at.saturating_sub(now)).min();
        let before = state.waker.replace(waker.clone());
        drop(state);
        drop(before);
        for (_, change) in &arrived {
            self.watchers.tell(change);
        }
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole when the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for Pushes {
    fn changed(&self, change: Change) {
        let Some(way) = self.line.way_back() else { return };
        let at = self.time.elapsed().saturating_add(way);
        let mut state = self.state();
        state.on_the_way.push((at, change));
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
