//! The open sessions of orchestrators that shut down together.
//!
//! ```text
//!   Open ── begin ──▶ Finishing ── grace is over ──▶ Draining ── time is over ──▶ Late: what is
//!    │                   │                             │                          open is cancelled
//!    │ sessions join     │ only below open ones        │ none joins
//!    └───────────────────┴─────────────────────────────┴─ sessions leave: their last event is out
//! ```
//!
//! A session is on the roster from before its first event until after its last one. So an empty
//! roster that has begun to drain means that all sessions have ended. Of the ended ones only those
//! are remembered that the shutdown cancelled.
//!
//! # Locks
//!
//! The roster's lock is the innermost: no other lock is taken while it is held. The locks alone
//! ensure that nothing new begins once the roster is closed. A session joins under the roster's
//! lock, either before or after `close`. Sessions that joined before are told one by one, under the
//! lock of their own state, and a turn or a tool is admitted before that or refused after it.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::error::ShuttingDownError;
use crate::limits::later;
use crate::parts::life::End;
use crate::parts::sinks::Sinks;
use crate::report::{Drained, LeftOver};

/// A session on a roster. Its methods are called without the roster's lock, except for the report
/// of a leaving session.
pub(crate) trait Member: Send + Sync {
    /// A drain has begun. Refuses new turns, tools and pauses from here on, unless it may go on.
    fn drain(&self, may_go_on: bool);

    /// Cancels the session as a shutdown, and calls no sink. A session that has ended keeps its end.
    /// Returns whether [`deliver`](Self::deliver) is to follow.
    fn cancel(&self) -> bool;

    /// Delivers the last events to the sinks, which may block, and leaves the rosters.
    fn deliver(&self);

    /// The end of the session, if it has ended.
    fn end(&self) -> Option<End>;

    /// The report about a session that the drain cancelled.
    fn left_over(&self, end: End) -> LeftOver;

    /// Whether its sink has not taken its last event.
    fn owes_the_last(&self) -> bool;

    /// Its destinations, until its last event is out.
    fn sinks(&self) -> Sinks;
}

/// The next key. Keys identify a session on all its rosters, and a waiting drain.
static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

fn draw_key() -> u64 {
    // Relaxed: keys only have to be unique, and higher for sessions opened later.
    NEXT_KEY.fetch_add(1, Ordering::Relaxed)
}

/// The open sessions, and the ended ones while it drains.
#[derive(Default)]
pub(crate) struct Roster {
    state: Mutex<State>,
}

/// How far a drain is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Until then open sessions go on, and others open only below them.
    Finishing(Instant),
    /// Nothing begins.
    Draining,
}

impl Phase {
    fn has_begun(self) -> bool {
        self != Self::Open
    }
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// For how long a drain lets open sessions go on.
    grace: Duration,
    /// Whether a session was open at the timeout.
    late: bool,
    open: HashMap<u64, Weak<dyn Member>>,
    /// The number of sessions that have left during the drain by their own end.
    ended: u64,
    /// The number of sessions that have left during the drain although the sink failed to take their
    /// last event.
    undelivered: u64,
    /// The sessions that a shutdown cancelled.
    cancelled: Vec<(u64, LeftOver)>,
    watchers: HashMap<u64, Waker>,
}

impl Roster {
    pub(crate) fn set_grace(&self, grace: Duration) {
        self.state().grace = grace;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state().phase.has_begun()
    }

    /// Checks whether a session may join, below `parent` if it has one.
    pub(crate) fn accepting(&self, parent: Option<u64>) -> Result<(), ShuttingDownError> {
        self.state().accepting(parent)
    }

    /// Begins to drain, and closes the roster unless open sessions may go on for a while. Returns the
    /// open sessions.
    pub(crate) fn begin(&self, now: Instant) -> Vec<Arc<dyn Member>> {
        let mut state = self.state();
        if state.grace.is_zero() {
            drop(state);
            return self.close();
        }
        if !state.phase.has_begun() {
            state.phase = Phase::Finishing(later(now, state.grace));
        }
        drop(state);
        self.tell(true)
    }

    /// Closes the roster: no session joins, and no open session begins a turn or a tool. Returns
    /// the open sessions.
    pub(crate) fn close(&self) -> Vec<Arc<dyn Member>> {
        self.state().phase = Phase::Draining;
        self.tell(false)
    }

    /// When the roster is to be closed, if it is not yet.
    pub(crate) fn to_be_closed(&self) -> Option<Instant> {
        match self.state().phase {
            Phase::Finishing(until) => Some(until),
            Phase::Open | Phase::Draining => None,
        }
    }

    fn tell(&self, may_go_on: bool) -> Vec<Arc<dyn Member>> {
        let open = self.sessions();
        for member in &open {
            member.drain(may_go_on);
        }
        open
    }

    /// Cancels the sessions that are still open. Returns those that have last events to deliver.
    pub(crate) fn cancel_rest(&self) -> Vec<Arc<dyn Member>> {
        let mut state = self.state();
        state.late |= !state.open.is_empty();
        drop(state);
        // The youngest first: a child is told about the shutdown before its parent drops it.
        self.sessions().into_iter().rev().filter(|member| member.cancel()).collect()
    }

    /// The result so far.
    pub(crate) fn report(&self) -> Drained {
        let state = self.state();
        let (ended, in_time, mut undelivered) = (state.ended, !state.late, state.undelivered);
        let mut left = state.cancelled.clone();
        // Kept until the lock is released: dropping the last reference to a session runs its
        // owner's code.
        let stuck = state.open.iter();
        let stuck: Vec<_> = stuck.filter_map(|(key, it)| Some((*key, it.upgrade()?))).collect();
        drop(state);
        left.extend(stuck.iter().filter_map(|(key, member)| {
            let left = member.left_over(member.end()?);
            let owes = member.owes_the_last();
            undelivered += u64::from(owes);
            Some((*key, LeftOver { stuck: true, undelivered: owes, ..left }))
        }));
        left.sort_by_key(|(key, _)| *key);
        let left_over = left.into_iter().map(|(_, left)| left).collect();
        Drained { ended, left_over, in_time, undelivered, sink_failures: Vec::new() }
    }

    /// Whether the roster is empty. If not, `waker` is woken once it is.
    pub(crate) fn watch(&self, key: &mut Option<u64>, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = self.state();
        if state.open.is_empty() {
            // The lock is released before `waker` is dropped.
            return true;
        }
        let replaced = state.watchers.insert(*key.get_or_insert_with(draw_key), waker);
        drop(state);
        drop(replaced);
        false
    }

    pub(crate) fn unwatch(&self, key: u64) {
        let held = self.state().watchers.remove(&key);
        // Dropped after the lock is released.
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

    /// Adds a session. Returns whether a drain has begun.
    fn join(
        &self,
        key: u64,
        parent: Option<u64>,
        member: Weak<dyn Member>,
    ) -> Result<bool, ShuttingDownError> {
        let mut state = self.state();
        state.accepting(parent)?;
        state.open.insert(key, member);
        Ok(state.phase.has_begun())
    }

    /// Undoes `join` for a session that was never opened.
    fn withdraw(&self, key: u64) {
        let mut state = self.state();
        state.open.remove(&key);
        let wake = state.whom_to_wake();
        drop(state);
        wake.into_values().for_each(Waker::wake);
    }

    fn leave(&self, key: u64, member: &dyn Member) {
        let owes = member.owes_the_last();
        let mut state = self.state();
        if state.open.remove(&key).is_none() {
            return;
        }
        if state.phase.has_begun() {
            match member.end().filter(|end| end.shutdown) {
                Some(end) => {
                    let left = LeftOver { undelivered: owes, ..member.left_over(end) };
                    state.cancelled.push((key, left));
                }
                None => state.ended += 1,
            }
            state.undelivered += u64::from(owes);
        }
        let wake = state.whom_to_wake();
        drop(state);
        wake.into_values().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The collections are changed in single steps, so they stay consistent after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn accepting(&self, parent: Option<u64>) -> Result<(), ShuttingDownError> {
        let accepts = match self.phase {
            Phase::Open => true,
            // A parent that is here keeps the drain waiting.
            Phase::Finishing(_) => parent.is_some_and(|parent| self.open.contains_key(&parent)),
            Phase::Draining => false,
        };
        if accepts { Ok(()) } else { Err(ShuttingDownError) }
    }

    fn whom_to_wake(&mut self) -> HashMap<u64, Waker> {
        if self.open.is_empty() { mem::take(&mut self.watchers) } else { HashMap::new() }
    }
}

/// The rosters of a session: its orchestrator's, and those of the sessions above it.
pub(crate) struct Places {
    key: u64,
    own: Arc<Roster>,
    above: Box<[Arc<Roster>]>,
}

/// Where the sessions above a session are.
#[derive(Default)]
pub(crate) struct Above {
    /// The key of the session directly above.
    pub(crate) parent: Option<u64>,
    /// Their rosters, without the session's own.
    pub(crate) rosters: Box<[Arc<Roster>]>,
}

impl Places {
    pub(crate) fn new(own: &Arc<Roster>, above: Box<[Arc<Roster>]>) -> Self {
        Self { key: draw_key(), own: Arc::clone(own), above }
    }

    /// The places above a child of orchestrator roster `own`, if that may open now.
    pub(crate) fn above(&self, own: &Arc<Roster>) -> Result<Above, ShuttingDownError> {
        own.accepting(Some(self.key))?;
        let others = self.all().filter(|roster| !Arc::ptr_eq(roster, own));
        Ok(Above { parent: Some(self.key), rosters: others.map(Arc::clone).collect() })
    }

    /// Joins all rosters or none, below `parent`. Returns whether one of them has begun to drain.
    pub(crate) fn join(
        &self,
        member: &Weak<dyn Member>,
        parent: Option<u64>,
    ) -> Result<bool, ShuttingDownError> {
        let mut drains = false;
        for (joined, roster) in self.all().enumerate() {
            match roster.join(self.key, parent, Weak::clone(member)) {
                Ok(draining) => drains |= draining,
                Err(refused) => {
                    self.all().take(joined).for_each(|roster| roster.withdraw(self.key));
                    return Err(refused);
                }
            }
        }
        Ok(drains)
    }

    pub(crate) fn leave(&self, member: &dyn Member) {
        self.all().for_each(|roster| roster.leave(self.key, member));
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Roster>> {
        std::iter::once(&self.own).chain(&*self.above)
    }
}
