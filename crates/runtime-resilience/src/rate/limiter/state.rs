//! What the calls of a limiter share, behind its lock.

use std::task::Waker;

use crate::rate::bucket::{Full, Nanos};
use crate::rate::core::{Core, RateSent, Refusal};
use crate::rate::demand::{Demand, RateDimension, Units};
use crate::rate::limits::RateLimits;
use crate::rate::queue::{Place, Queue};
use crate::sync::MutexGuard;

/// On cache lines of its own: what every call writes must not evict what every call reads.
#[repr(align(128))]
pub(super) struct Apart<T>(pub(super) T);

pub(in crate::rate) struct State {
    pub(super) core: Core,
    pub(super) queue: Queue,
}

/// There is enough for all, and other calls are about to take theirs: ask again soon.
const OTHERS_FIRST: Refusal =
    Refusal { dimension: RateDimension::Queue, full: Full::For(1_000_000) };

impl State {
    pub(super) fn new(limits: RateLimits) -> Self {
        Self { core: Core::new(limits, 0), queue: Queue::default() }
    }

    #[inline]
    pub(super) fn admit(&mut self, demand: Demand, now: Nanos) -> Result<RateSent, Refusal> {
        if self.queue.is_empty()
            && let Ok(sent) = self.core.admit(demand, false, now)
        {
            return Ok(sent);
        }
        Err(self.refuse(demand.units(), now))
    }

    /// Counts a call that is refused, and says why.
    #[cold]
    fn refuse(&mut self, units: Units, now: Nanos) -> Refusal {
        self.core.refuse(units);
        self.check(units, None, now).err().unwrap_or(OTHERS_FIRST)
    }

    pub(super) fn available(&self, now: Nanos) -> ([Option<u64>; 4], Nanos, usize) {
        (self.core.left(now), self.core.starts(), self.queue.len())
    }

    /// Whether a call would be admitted now from its place in the queue; without one, from its end.
    pub(super) fn check(
        &self,
        units: Units,
        place: Option<Place>,
        now: Nanos,
    ) -> Result<(), Refusal> {
        self.core.check(units, self.queue.ahead(place), now)?;
        let first = place.map_or_else(|| self.queue.is_empty(), |place| self.queue.is_first(place));
        if first { Ok(()) } else { Err(OTHERS_FIRST) }
    }
}

/// Wakes the first waiting call, with the lock released: a waker may run anything.
#[inline]
pub(super) fn wake_first(state: MutexGuard<'_, State>) {
    if !state.queue.is_empty() {
        wake(state);
    }
}

#[cold]
fn wake(mut state: MutexGuard<'_, State>) {
    let first = state.queue.first();
    drop(state);
    if let Some(first) = first {
        first.wake();
    }
}

/// Wakes all waiting calls in the same way, so that each judges its wait again.
pub(super) fn wake_all(mut state: MutexGuard<'_, State>) {
    let waiting = state.queue.all();
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
}
