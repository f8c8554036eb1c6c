//! One admitted call, and the ways it can end.

use std::borrow::Borrow;
use std::fmt;
use std::thread;
use std::time::Duration;

use super::CircuitBreaker;
use crate::breaker::cell::Ticket;
use crate::breaker::outcome::CallOutcome;
use crate::breaker::state::Transition;

/// One admitted call.
///
/// Spent by its outcome. Dropped without one it counts as cancelled, or as failed when a panic that
/// began after its admission is what dropped it.
///
/// It is `Send`: a call may end on another thread than it began on. The one that
/// [`try_acquire`](CircuitBreaker::try_acquire) gives borrows nothing;
/// [`try_borrow`](CircuitBreaker::try_borrow) gives a [`PermitRef`].
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
    /// A permit taken during an unwinding is not dropped by it.
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

    /// The dependency answered.
    #[inline]
    pub fn success(mut self) {
        self.spent = true;
        self.breaker.borrow().succeed(self.ticket);
    }

    /// The dependency failed, or did not answer in time.
    pub fn failure(self) {
        self.record(CallOutcome::Failure);
    }

    /// The caller gave up; nothing is known about the dependency.
    ///
    /// Dropping does the same, except while a panic unwinds: under `join!`, a panic in one call
    /// drops the others, which only their driver can tell from having panicked themselves.
    #[doc(alias = "ignore")]
    pub fn cancel(self) {
        self.record(CallOutcome::Ignored);
    }

    /// Records how the call ended. Returns the transition that it caused, if it did; a listener has
    /// heard of it.
    #[inline]
    pub fn record(mut self, outcome: CallOutcome) -> Option<Transition> {
        self.spent = true;
        match outcome {
            CallOutcome::Success => self.breaker.borrow().succeed(self.ticket),
            _ => self.breaker.borrow().settle(self.ticket, outcome, None),
        }
    }

    /// The call failed, and the provider said for how long to leave it alone: opens the breaker for
    /// that long, however few failures there were.
    ///
    /// Of an earlier generation, it changes nothing, like any other outcome; see
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
