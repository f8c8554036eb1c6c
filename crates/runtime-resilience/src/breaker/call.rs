//! The ways to run a call inside a breaker. Sync and async differ by one `.await`.

use std::borrow::Borrow;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::error::CallError;
use super::outcome::CallOutcome;
use super::shell::CircuitBreaker;
use super::ticket::Ticket;

impl CircuitBreaker {
    /// Runs `f` if the breaker admits it. A panic in `f` counts as a failure.
    ///
    /// # Errors
    ///
    /// [`CallError::Open`] if the breaker does not admit it, [`CallError::Failed`] if `f` fails.
    #[inline]
    pub fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_judged(f, CallOutcome::of)
    }

    /// As [`call`](Self::call), where `judge` decides the outcome of a result: not every error is a
    /// failure of the dependency, and not every answer shows that it is healthy.
    ///
    /// ```
    /// use runtime_resilience::{CallError, CallOutcome, CircuitBreaker};
    ///
    /// let breaker = CircuitBreaker::new("provider");
    /// let reply = breaker.call_judged(
    ///     || Err::<(), _>(429),
    ///     |reply| match reply {
    ///         Err(429) => CallOutcome::Ignored,
    ///         reply => CallOutcome::of(reply),
    ///     },
    /// );
    /// assert_eq!(reply, Err(CallError::Failed(429)));
    /// assert_eq!(breaker.snapshot().counts.failures_in_a_row, 0);
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    #[inline]
    pub fn call_judged<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E>,
        judge: impl FnOnce(&Result<T, E>) -> CallOutcome,
    ) -> Result<T, CallError<E>> {
        let unwinding = Unwinding { breaker: self, ticket: self.ticket()? };
        let result = f();
        let outcome = judge(&result);
        let ticket = unwinding.disarm();
        self.end(ticket, outcome);
        result.map_err(CallError::Failed)
    }

    /// Runs the future that `f` makes, if the breaker admits it.
    ///
    /// The breaker is asked at the first poll. If it refuses, `f` is not called. Dropping the future
    /// after that cancels the call, which is not counted. A panic in the future counts as a failure; a
    /// panic beside it, under `join!`, does not.
    ///
    /// The future is `Send` if `f` and its future are.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    #[doc(alias = "AsyncCircuitBreaker")]
    pub fn call_async<T, E, F>(
        &self,
        f: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, CallError<E>>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.call_async_judged(f, CallOutcome::of)
    }

    /// As [`call_async`](Self::call_async), where `judge` decides the outcome of a result.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub async fn call_async_judged<T, E, F>(
        &self,
        f: impl FnOnce() -> F,
        judge: impl FnOnce(&Result<T, E>) -> CallOutcome,
    ) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut running = Running::new(self, self.ticket()?);
        let mut future = pin!(f());
        let result = poll_fn(|cx| running.poll(future.as_mut(), cx)).await;
        running.record(result, judge).map_err(CallError::Failed)
    }
}

/// A call on this thread. It is dropped only if the call panics.
///
/// It is smaller than a [`Permit`](super::Permit), which has to find out whether a panic drops it, so that a call
/// stays in registers.
struct Unwinding<'b> {
    breaker: &'b CircuitBreaker,
    ticket: Ticket,
}

impl Unwinding<'_> {
    /// The call has returned.
    #[inline]
    const fn disarm(self) -> Ticket {
        let ticket = self.ticket;
        mem::forget(self);
        ticket
    }
}

impl Drop for Unwinding<'_> {
    #[cold]
    fn drop(&mut self) {
        self.breaker.settle(self.ticket, CallOutcome::Failure, None);
    }
}

/// Distinguishes a call that panicked from a dropped one. The thread cannot: under `join!`, it is
/// panicking in both cases.
#[derive(Debug)]
pub(super) struct Running<B: Borrow<CircuitBreaker>> {
    breaker: B,
    ticket: Ticket,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The caller's code runs.
    Inside,
    /// Until the next poll.
    Between,
    /// The outcome is known.
    Over,
}

impl<B: Borrow<CircuitBreaker>> Running<B> {
    /// The caller's code is about to be entered.
    #[inline]
    pub(super) const fn new(breaker: B, ticket: Ticket) -> Self {
        Self { breaker, ticket, stage: Stage::Inside }
    }

    /// The caller's code is left, and its future not yet polled.
    #[cfg(feature = "tower")]
    pub(super) const fn leave(&mut self) {
        self.stage = Stage::Between;
    }

    #[inline]
    pub(super) fn poll<F: Future>(
        &mut self,
        future: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        self.stage = Stage::Inside;
        let polled = future.poll(cx);
        // A result goes straight to the judge, which is the caller's code as well.
        if polled.is_pending() {
            self.stage = Stage::Between;
        }
        polled
    }

    #[inline]
    pub(super) fn record<T, E>(
        &mut self,
        result: Result<T, E>,
        judge: impl FnOnce(&Result<T, E>) -> CallOutcome,
    ) -> Result<T, E> {
        let outcome = judge(&result);
        self.stage = Stage::Over;
        self.breaker.borrow().end(self.ticket, outcome);
        result
    }
}

impl<B: Borrow<CircuitBreaker>> Drop for Running<B> {
    #[inline]
    fn drop(&mut self) {
        let outcome = match self.stage {
            Stage::Inside => CallOutcome::Failure,
            Stage::Between => CallOutcome::Ignored,
            Stage::Over => return,
        };
        self.breaker.borrow().settle(self.ticket, outcome, None);
    }
}
