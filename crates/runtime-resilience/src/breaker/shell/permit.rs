//! One admitted call, and the ways it can end.

use std::borrow::Borrow;
use std::fmt;
use std::mem;
use std::thread;
use std::time::Duration;

use super::CircuitBreaker;
use crate::breaker::outcome::CallOutcome;
use crate::breaker::state::Transition;
use crate::breaker::ticket::Ticket;

/// One admitted call, until its outcome is recorded.
///
/// A permit that is dropped without an outcome counts as a cancelled call, or as a failed one if a panic
/// that began after its admission dropped it.
///
/// It is `Send`, so a call may end on another thread than it began on.
/// [`try_acquire`](CircuitBreaker::try_acquire) returns a permit that borrows nothing,
/// [`try_borrow`](CircuitBreaker::try_borrow) a [`PermitRef`].
///
/// ```
/// use runtime_resilience::{CircuitBreaker, CircuitOpenError};
///
/// let breaker = CircuitBreaker::new("index");
/// let permit = breaker.try_acquire()?;
/// match "42".parse::<u8>() {
///     Ok(_) => permit.success(),
///     Err(_) => permit.failure(),
/// }
/// # Ok::<(), CircuitOpenError>(())
/// ```
#[must_use = "a permit dropped without an outcome counts as a cancelled call"]
pub struct Permit<B: Borrow<CircuitBreaker> = CircuitBreaker> {
    breaker: B,
    ticket: Ticket,
    spent: bool,
    /// A permit taken while a panic unwinds is not dropped by that panic.
    panicking_at_start: bool,
}

/// A [`Permit`] that borrows its breaker.
pub type PermitRef<'b> = Permit<&'b CircuitBreaker>;

impl<B: Borrow<CircuitBreaker>> Permit<B> {
    #[inline]
    pub(super) fn new(breaker: B, ticket: Ticket) -> Self {
        Self { breaker, ticket, spent: false, panicking_at_start: thread::panicking() }
    }

    /// The breaker that admitted it.
    pub fn breaker(&self) -> &CircuitBreaker {
        self.breaker.borrow()
    }

    /// Records that the dependency answered.
    #[inline]
    pub fn success(mut self) {
        self.spent = true;
        self.breaker.borrow().end(self.ticket, CallOutcome::Success);
    }

    /// Records that the dependency failed or did not answer in time.
    pub fn failure(self) {
        self.record(CallOutcome::Failure);
    }

    /// Records that the caller gave up, so that nothing is known about the dependency.
    ///
    /// Dropping the permit does the same, except while a panic unwinds: under `join!`, a panic in one
    /// call drops the others, and only their driver can tell that they did not panic themselves.
    #[doc(alias = "ignore")]
    pub fn cancel(self) {
        self.record(CallOutcome::Ignored);
    }

    /// Records the outcome of the call. Returns the transition that it caused, if any; the listener has
    /// been called.
    #[inline]
    pub fn record(mut self, outcome: CallOutcome) -> Option<Transition> {
        self.settle(outcome)
    }

    /// [`record`](Self::record) for a caller that keeps the permit, to ask for its
    /// [`breaker`](Self::breaker). Only the first outcome counts.
    #[inline]
    pub fn settle(&mut self, outcome: CallOutcome) -> Option<Transition> {
        if mem::replace(&mut self.spent, true) {
            return None;
        }
        self.breaker.borrow().end(self.ticket, outcome)
    }

    /// Records a failed call whose provider asked to be left alone for `wait`: opens the breaker for
    /// that long, however few failures there were.
    ///
    /// Like every outcome, it changes nothing if the permit is of an earlier generation. See
    /// [`trip`](CircuitBreaker::trip) for an order that always holds.
    pub fn open_for(mut self, wait: Duration) {
        self.spent = true;
        self.breaker.borrow().settle(self.ticket, CallOutcome::Failure, Some(wait));
    }
}

impl<B: Borrow<CircuitBreaker>> Drop for Permit<B> {
    #[inline]
    fn drop(&mut self) {
        if !self.spent {
            let panicked = thread::panicking() && !self.panicking_at_start;
            let outcome = if panicked { CallOutcome::Failure } else { CallOutcome::Ignored };
            self.breaker.borrow().settle(self.ticket, outcome, None);
        }
    }
}

impl<B: Borrow<CircuitBreaker>> fmt::Debug for Permit<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("breaker", &self.breaker.borrow().name())
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}
