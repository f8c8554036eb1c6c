//! The ways to run a call inside a breaker. Sync and async differ by one `.await`.

use std::borrow::Borrow;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::error::CallError;
use super::outcome::CallOutcome;
use super::shell::{CircuitBreaker, Permit};

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
        let permit = self.try_borrow()?;
        let result = f();
        permit.record(judge(&result));
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
        let mut running = Running::new(self.try_borrow()?);
        let mut future = pin!(f());
        let result = poll_fn(|cx| running.poll(future.as_mut(), cx)).await;
        running.record(result, judge).map_err(CallError::Failed)
    }
}

/// Distinguishes a call that panicked from a dropped one. The thread cannot: under `join!`, it is
/// panicking in both cases.
#[derive(Debug)]
pub(super) struct Running<B: Borrow<CircuitBreaker>> {
    permit: Option<Permit<B>>,
    in_callers_code: bool,
}

impl<B: Borrow<CircuitBreaker>> Running<B> {
    /// The caller's code is about to be entered.
    #[inline]
    pub(super) const fn new(permit: Permit<B>) -> Self {
        Self { permit: Some(permit), in_callers_code: true }
    }

    /// The caller's code is left, and its future not yet polled.
    #[cfg(feature = "tower")]
    pub(super) const fn leave(&mut self) {
        self.in_callers_code = false;
    }

    #[inline]
    pub(super) fn poll<F: Future>(
        &mut self,
        future: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        self.in_callers_code = true;
        let polled = future.poll(cx);
        // A result goes straight to the judge, which is the caller's code as well.
        self.in_callers_code = polled.is_ready();
        polled
    }

    #[inline]
    pub(super) fn record<T, E>(
        &mut self,
        result: Result<T, E>,
        judge: impl FnOnce(&Result<T, E>) -> CallOutcome,
    ) -> Result<T, E> {
        let outcome = judge(&result);
        if let Some(permit) = self.permit.take() {
            permit.record(outcome);
        }
        result
    }
}

impl<B: Borrow<CircuitBreaker>> Drop for Running<B> {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            if self.in_callers_code { permit.failure() } else { permit.cancel() }
        }
    }
}
