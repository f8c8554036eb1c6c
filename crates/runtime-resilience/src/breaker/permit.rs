//! One admitted call, and the ways it can end.

use std::fmt;
use std::thread;

use super::core::Ticket;
use super::shell::CircuitBreaker;

/// One admitted call.
///
/// Spent by its outcome. Dropped without one it counts as cancelled, or as failed when a panic that
/// began after its admission is what dropped it.
///
/// It is `Send` and borrows nothing: a call may end on another thread than it began on.
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
pub struct Permit {
    breaker: CircuitBreaker,
    /// `None` once spent.
    ticket: Option<Ticket>,
    /// A permit taken during an unwinding is not dropped by it.
    panicking_at_start: bool,
}

impl Permit {
    pub(super) fn new(breaker: CircuitBreaker, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket), panicking_at_start: thread::panicking() }
    }

    /// The dependency answered.
    pub fn success(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.succeed(ticket);
        }
    }

    /// The dependency failed, or did not answer in time.
    pub fn failure(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.fail(ticket);
        }
    }

    /// The caller gave up; nothing is known about the dependency.
    ///
    /// Dropping does the same, except while a panic unwinds: under `join!`, a panic in one call
    /// drops the others, which only their driver can tell from having panicked themselves.
    pub fn cancel(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.cancel(ticket);
        }
    }

    /// Counts `result` as a success or a failure, and hands it on.
    ///
    /// # Errors
    ///
    /// That of `result`.
    pub fn record<T, E>(self, result: Result<T, E>) -> Result<T, E> {
        if result.is_ok() {
            self.success();
        } else {
            self.failure();
        }
        result
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            if thread::panicking() && !self.panicking_at_start {
                self.breaker.fail(ticket);
            } else {
                self.breaker.cancel(ticket);
            }
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("breaker", &self.breaker.name())
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}
