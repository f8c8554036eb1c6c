//! One admitted call, and the ways it can end.

use std::borrow::Borrow;
use std::fmt;
use std::thread;
use std::time::Duration;

use super::CircuitBreaker;
use crate::breaker::cell::Ticket;
use crate::breaker::outcome::Outcome;
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
        self.settle(Outcome::Failure);
    }

    /// The caller gave up; nothing is known about the dependency.
    ///
    /// Dropping does the same, except while a panic unwinds: under `join!`, a panic in one call
    /// drops the others, which only their driver can tell from having panicked themselves.
    #[doc(alias = "ignore")]
    pub fn cancel(self) {
        self.settle(Outcome::Ignored);
    }

    /// The call ended like this. Returns the transition that it caused, if it did; a listener has
    /// heard of it.
    #[inline]
    pub fn settle(mut self, outcome: Outcome) -> Option<Transition> {
        self.spent = true;
        match outcome {
            Outcome::Success => self.breaker.borrow().succeed(self.ticket),
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
        self.breaker.borrow().settle(self.ticket, Outcome::Failure, Some(wait));
    }

    /// Counts `result` as a success or a failure, and hands it on.
    ///
    /// # Errors
    ///
    /// That of `result`.
    #[inline]
    pub fn record<T, E>(self, result: Result<T, E>) -> Result<T, E> {
        self.settle(Outcome::of(&result));
        result
    }

    /// Counts `result` as `judge` says, and hands it on. A panic in `judge` is a failure.
    ///
    /// # Errors
    ///
    /// That of `result`.
    #[inline]
    pub fn record_judged<T, E>(
        self,
        result: Result<T, E>,
        judge: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, E> {
        let outcome = judge(&result);
        self.settle(outcome);
        result
    }

    /// The same permit, borrowing nothing.
    pub fn into_owned(mut self) -> Permit {
        let breaker = self.breaker.borrow().clone();
        self.spent = true;
        let Self { ticket, panicking_at_start, .. } = self;
        Permit { breaker, ticket, spent: false, panicking_at_start }
    }
}

impl<B: Borrow<CircuitBreaker>> Drop for Permit<B> {
    #[inline]
    fn drop(&mut self) {
        if !self.spent {
            let panicked = thread::panicking() && !self.panicking_at_start;
            let outcome = if panicked { Outcome::Failure } else { Outcome::Ignored };
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
