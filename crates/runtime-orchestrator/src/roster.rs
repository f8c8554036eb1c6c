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

use runtime_sinks::{EventSink, UsageSink};

use crate::error::ShuttingDownError;
use crate::parts::life::End;
use crate::report::{Drained, LeftOver};

/// What a roster knows of a session. None of it is asked under the roster's lock, but for the
/// report of one that leaves.
pub(crate) trait Member: Send + Sync {
    /// From here on it begins nothing new.
    fn drain(&self);

    /// Cancels it in the name of a shutdown. One that has ended by itself stays as it ended.
    fn cancel(&self);

    /// How it ended, if it has.
    fn end(&self) -> Option<End>;

    /// What is said of it if a shutdown did not let it come to its own end.
    fn left_over(&self, end: End, stuck: bool) -> LeftOver;

    /// Where its events go.
    fn event_sink(&self) -> Option<&Arc<dyn EventSink>>;

    /// Where its usage goes.
    fn usage_sink(&self) -> Option<&Arc<dyn UsageSink>>;
}

/// Names a session on every roster it is on, and whoever waits for one to be empty.
static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

fn draw_key() -> u64 {
    // Relaxed: only the number has to differ, and to be higher for what is opened later below.
    NEXT_KEY.fetch_add(1, Ordering::Relaxed)
}

/// The open sessions, and what became of them while it drains.
#[derive(Default)]
pub(crate) struct Roster {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    draining: bool,
    /// Whether the time was over before the last one had left.
    late: bool,
    open: HashMap<u64, Weak<dyn Member>>,
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
    pub(crate) fn begin(&self) -> Vec<Arc<dyn Member>> {
        self.state().draining = true;
        let open = self.sessions();
        for member in &open {
            member.drain();
        }
        open
    }

    /// Cancels what is still open.
    pub(crate) fn cancel_rest(&self) {
        let mut state = self.state();
        state.late |= !state.open.is_empty();
        drop(state);
        // The youngest first: a child is told that it was the shutdown before its parent drops it.
        self.sessions().iter().rev().for_each(|member| member.cancel());
    }

    /// What came of it, so far.
    pub(crate) fn report(&self) -> Drained {
        let state = self.state();
        let (ended, in_time) = (state.ended, !state.late);
        let mut left = state.cancelled.clone();
        // Kept until the lock is released: the last one to drop a session runs its owner's code.
        let stuck = state.open.iter();
        let stuck: Vec<_> = stuck.filter_map(|(key, it)| Some((*key, it.upgrade()?))).collect();
        drop(state);
        left.extend(stuck.iter().filter_map(|(key, member)| {
            let end = member.end()?;
            Some((*key, member.left_over(end, true)))
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
    fn sessions(&self) -> Vec<Arc<dyn Member>> {
        let state = self.state();
        let open = state.open.iter();
        let mut open: Vec<_> =
            open.filter_map(|(key, member)| Some((*key, member.upgrade()?))).collect();
        drop(state);
        open.sort_unstable_by_key(|(key, _)| *key);
        open.into_iter().map(|(_, member)| member).collect()
    }

    fn join(&self, key: u64, member: Weak<dyn Member>) -> Result<(), ShuttingDownError> {
        let mut state = self.state();
        if state.draining {
            return Err(ShuttingDownError);
        }
        state.open.insert(key, member);
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

    fn leave(&self, key: u64, member: &dyn Member) {
        let mut state = self.state();
        if state.open.remove(&key).is_none() {
            return;
        }
        if state.draining {
            match member.end().filter(|end| end.shutdown) {
                Some(end) => state.cancelled.push((key, member.left_over(end, false))),
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

/// The rosters that a session is on: its orchestrator's, and those of the sessions it is below.
pub(crate) struct Places {
    key: u64,
    own: Arc<Roster>,
    above: Vec<Arc<Roster>>,
}

impl Places {
    pub(crate) fn new(own: &Arc<Roster>, above: Vec<Arc<Roster>>) -> Self {
        Self { key: draw_key(), own: Arc::clone(own), above }
    }

    /// The rosters of a session of `own` that is below this one, but for `own`, which it has anyway.
    pub(crate) fn above(&self, own: &Arc<Roster>) -> Vec<Arc<Roster>> {
        self.all().filter(|roster| !Arc::ptr_eq(roster, own)).map(Arc::clone).collect()
    }

    /// On all of them or on none.
    pub(crate) fn join(&self, member: &Weak<dyn Member>) -> Result<(), ShuttingDownError> {
        for (joined, roster) in self.all().enumerate() {
            if let Err(refused) = roster.join(self.key, Weak::clone(member)) {
                self.all().take(joined).for_each(|roster| roster.withdraw(self.key));
                return Err(refused);
            }
        }
        Ok(())
    }

    pub(crate) fn leave(&self, member: &dyn Member) {
        self.all().for_each(|roster| roster.leave(self.key, member));
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Roster>> {
        std::iter::once(&self.own).chain(&self.above)
    }
}
