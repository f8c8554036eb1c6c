//! The two ways to run a call inside a breaker. They differ by one `.await`.

use std::future::{Future, poll_fn};
use std::pin::pin;

use super::error::CallError;
use super::permit::Permit;
use super::shell::CircuitBreaker;

impl CircuitBreaker {
    /// Runs `f` if the breaker admits it. A panic in `f` counts as a failure.
    ///
    /// # Errors
    ///
    /// [`CallError::Open`] if the breaker does not admit it, [`CallError::Failed`] if `f` fails.
    pub fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        let permit = self.try_acquire()?;
        permit.record(f()).map_err(CallError::Failed)
    }

    /// Runs the future that `f` makes, if the breaker admits it.
    ///
    /// Admission is asked for at the first poll; when it is refused, `f` is not called. Dropping
    /// the future after that cancels the call: it counts neither way. A panic in it counts as a
    /// failure; a panic beside it, under `join!`, does not.
    ///
    /// It is `Send` when `f` and its future are.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    #[doc(alias = "AsyncCircuitBreaker")]
    pub async fn call_async<T, E, F>(&self, f: impl FnOnce() -> F) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut running = Running { permit: Some(self.try_acquire()?), in_callers_code: true };
        let mut future = pin!(f());
        let result = poll_fn(|cx| {
            running.in_callers_code = true;
            let polled = future.as_mut().poll(cx);
            running.in_callers_code = false;
            polled
        })
        .await;
        running.record(result).map_err(CallError::Failed)
    }
}

/// Tells a call that panicked from one that was dropped, which the thread cannot: it is panicking
/// in both cases when a neighbour under `join!` panics.
struct Running {
    permit: Option<Permit>,
    in_callers_code: bool,
}

impl Running {
    fn record<T, E>(&mut self, result: Result<T, E>) -> Result<T, E> {
        match self.permit.take() {
            Some(permit) => permit.record(result),
            None => result,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            if self.in_callers_code { permit.failure() } else { permit.cancel() }
        }
    }
}
