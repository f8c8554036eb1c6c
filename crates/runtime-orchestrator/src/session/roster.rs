//! The open sessions of orchestrators that shut down together.
//!
//! ```text
//!   Open ── begin ──▶ Draining ── time is over ──▶ Late: what is open is cancelled
//!    │                   │
//!    │ sessions join     │ none joins
//!    └───────────────────┴─ sessions leave: their last event is out
//! ```
//!
//! A session is on the roster from before its first event until after its last one, so an empty
//! roster that takes nobody in any more means that all is over. What has left is remembered only
//! while it drains, and nobody joins then: the roster is never longer than there were sessions
//! open at once.
//!
//! # Locks
//!
//! The roster's lock is the innermost: nobody takes another one while holding it. That nothing slips
//! in while draining begins needs no more than the locks: a session joins under the roster's, before
//! or after `begin` has shut it; those that joined before are told one by one, under the lock of
//! their own state, and under that lock a turn or a tool is admitted before or refused after.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use crate::error::ShuttingDownError;
use crate::session::core::Core;
use crate::shutdown::{Drained, LeftOver};

/// Names a session on every roster it is on, and whoever waits for one to be empty.
static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

fn draw_key() -> u64 {
    // Relaxed: only the number has to differ, and to be higher for what is opened later below.
    NEXT_KEY.fetch_add(1, Ordering::Relaxed)
}

/// The open sessions, and what became of them while it drains.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    draining: bool,
    /// Whether the time was over before the last one had left.
    late: bool,
    open: HashMap<u64, Weak<Core>>,
    /// How many have left since it drains that no shutdown had cancelled.
    ended: u64,
    /// Those that one had cancelled.
    cancelled: Vec<(u64, LeftOver)>,
    watchers: HashMap<u64, Waker>,
}

impl Roster {
    pub(crate) fn is_draining(&self) -> bool {
        self.state().draining
    }

    pub(crate) fn accepting(&self) -> Result<(), ShuttingDownError> {
        if self.is_draining() { Err(ShuttingDownError) } else { Ok(()) }
    }

    /// From here on nobody joins, and no open session begins a turn or a tool. Returns the open
    /// sessions.
    pub(crate) fn begin(&self) -> Vec<Arc<Core>> {
        self.state().draining = true;
        let open = self.sessions();
        for core in &open {
            core.state().drain();
        }
        open
    }

    /// Cancels what is still open.
    pub(crate) fn cancel_rest(&self) {
        let mut state = self.state();
        state.late |= !state.open.is_empty();
        drop(state);
        // The youngest first: a child is told that it was the shutdown before its parent drops it.
        for core in self.sessions().into_iter().rev() {
            // One that has ended by itself meanwhile stays as it ended.
            let _ = core.shut_down("shutdown");
        }
    }

    /// What came of it, so far.
    pub(crate) fn report(&self) -> Drained {
        let state = self.state();
        let (ended, in_time) = (state.ended, !state.late);
        let mut left = state.cancelled.clone();
        // Kept until the lock is released: the last one to drop a session runs its owner's code.
        let stuck: Vec<_> = state.open.values().filter_map(Weak::upgrade).collect();
        drop(state);
        left.extend(stuck.iter().filter_map(|core| {
            let end = core.ended()?;
            Some((core.places.key, LeftOver::of(core, end, true)))
        }));
        left.sort_by_key(|(key, _)| *key);
        let left_over = left.into_iter().map(|(_, left)| left).collect();
        Drained { ended, left_over, in_time, sink_failures: Vec::new() }
    }

    /// Whether nobody is left; if somebody is, `waker` is woken once nobody is.
    pub(crate) fn watch(&self, key: &mut Option<u64>, waker: &Waker) -> bool {
        let mut state = self.state();
        if state.open.is_empty() {
            return true;
        }
        match state.watchers.entry(*key.get_or_insert_with(draw_key)) {
            Entry::Occupied(mut held) => held.get_mut().clone_from(waker),
            Entry::Vacant(free) => {
                free.insert(waker.clone());
            }
        }
        drop(state);
        false
    }

    pub(crate) fn unwatch(&self, key: u64) {
        let held = self.state().watchers.remove(&key);
        // Dropped with the lock released.
        drop(held);
    }

    /// The open sessions, the oldest first.
    fn sessions(&self) -> Vec<Arc<Core>> {
        let state = self.state();
        let open = state.open.iter();
        let mut open: Vec<_> =
            open.filter_map(|(key, core)| Some((*key, core.upgrade()?))).collect();
        drop(state);
        open.sort_unstable_by_key(|(key, _)| *key);
        open.into_iter().map(|(_, core)| core).collect()
    }

    fn join(&self, key: u64, core: Weak<Core>) -> Result<(), ShuttingDownError> {
        let mut state = self.state();
        if state.draining {
            return Err(ShuttingDownError);
        }
        state.open.insert(key, core);
        drop(state);
        Ok(())
    }

    /// Takes back a joining: the session was never opened.
    fn withdraw(&self, key: u64) {
        let mut state = self.state();
        state.open.remove(&key);
        let wake = state.whom_to_wake();
        drop(state);
        wake.into_values().for_each(Waker::wake);
    }

    fn leave(&self, key: u64, core: &Core) {
        let mut state = self.state();
        if state.open.remove(&key).is_none() {
            return;
        }
        if state.draining {
            match core.ended().filter(|end| end.shutdown) {
                Some(end) => state.cancelled.push((key, LeftOver::of(core, end, false))),
                None => state.ended += 1,
            }
        }
        let wake = state.whom_to_wake();
        drop(state);
        wake.into_values().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Its collections are changed in single steps; a panic between them leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn whom_to_wake(&mut self) -> HashMap<u64, Waker> {
        if self.open.is_empty() { mem::take(&mut self.watchers) } else { HashMap::new() }
    }
}

/// The rosters that a session is on: that of its orchestrator, and those of the sessions it is below.
#[derive(Debug)]
pub(crate) struct Places {
    key: u64,
    own: Arc<Roster>,
    above: Vec<Arc<Roster>>,
}

impl Places {
    pub(crate) fn new(own: &Arc<Roster>, above: Vec<Arc<Roster>>) -> Self {
        Self { key: draw_key(), own: Arc::clone(own), above }
    }

    /// Those of a session of `own` that is below this one; without `own`, which it has anyway.
    pub(crate) fn above(&self, own: &Arc<Roster>) -> Vec<Arc<Roster>> {
        self.all().filter(|roster| !Arc::ptr_eq(roster, own)).map(Arc::clone).collect()
    }

    /// On all of them or on none.
    pub(crate) fn join(&self, core: &Arc<Core>) -> Result<(), ShuttingDownError> {
        for (joined, roster) in self.all().enumerate() {
            if let Err(refused) = roster.join(self.key, Arc::downgrade(core)) {
                self.all().take(joined).for_each(|roster| roster.withdraw(self.key));
                return Err(refused);
            }
        }
        Ok(())
    }

    pub(crate) fn leave(&self, core: &Core) {
        self.all().for_each(|roster| roster.leave(self.key, core));
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Roster>> {
        std::iter::once(&self.own).chain(&self.above)
    }
}
