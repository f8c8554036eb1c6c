//! The breaker as a [`tower`](https://docs.rs/tower) layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::call::Running;
use super::error::{CallError, CircuitOpenError};
use super::outcome::CallOutcome;
use super::shell::CircuitBreaker;
use super::ticket::Ticket;

/// A layer that puts a circuit breaker around a service.
///
/// ```
/// use runtime_resilience::{CallOutcome, CircuitBreaker, tower::BreakerLayer};
///
/// struct Reply { status: u16 }
///
/// let layer = BreakerLayer::new(CircuitBreaker::new("provider")).judged_by(
///     |reply: &Result<Reply, std::io::Error>| match reply {
///         Ok(Reply { status: 500.. }) | Err(_) => CallOutcome::Failure,
///         Ok(Reply { status: 429 }) => CallOutcome::Ignored,
///         Ok(_) => CallOutcome::Success,
///     },
/// );
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
pub struct BreakerLayer<J = EveryError> {
    breaker: CircuitBreaker,
    judge: J,
}

impl BreakerLayer {
    /// A layer whose services share `breaker`. Every error is a failure.
    pub const fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker, judge: EveryError }
    }
}

impl<J> BreakerLayer<J> {
    /// Lets `judge` decide the outcome of a result.
    #[must_use]
    pub fn judged_by<K>(self, judge: K) -> BreakerLayer<K> {
        BreakerLayer { breaker: self.breaker, judge }
    }
}

impl<S, J: Clone> Layer<S> for BreakerLayer<J> {
    type Service = BreakerService<S, J>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { breaker, judge } = self.clone();
        BreakerService { inner, breaker, judge, refused: None }
    }
}

/// Decides the outcome of a result. Every function of the result is a judge.
pub trait Judge<T, E> {
    /// The outcome of this result.
    fn judge(&self, result: &Result<T, E>) -> CallOutcome;
}

impl<T, E, F: Fn(&Result<T, E>) -> CallOutcome> Judge<T, E> for F {
    fn judge(&self, result: &Result<T, E>) -> CallOutcome {
        self(result)
    }
}

/// The judge that counts every error as a failure.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is nothing but its name")]
pub struct EveryError;

impl<T, E> Judge<T, E> for EveryError {
    fn judge(&self, result: &Result<T, E>) -> CallOutcome {
        CallOutcome::of(result)
    }
}

/// A service with a breaker around it.
///
/// It is ready when the service is, and also while the breaker refuses: the call then ends at once with
/// [`CallError::Open`], without a wait for a service that would not be called. A probe's place is taken
/// by `call`, not by `poll_ready`, so that a caller that waits for readiness holds none. An error of
/// the service's readiness is passed on and not counted.
#[derive(Debug)]
pub struct BreakerService<S, J = EveryError> {
    inner: S,
    breaker: CircuitBreaker,
    judge: J,
    /// Why the readiness of the service was not polled, so that it must not be called.
    refused: Option<CircuitOpenError>,
}

impl<S: Clone, J: Clone> Clone for BreakerService<S, J> {
    /// The readiness of the clone has not been polled.
    fn clone(&self) -> Self {
        let (inner, breaker, judge) =
            (self.inner.clone(), self.breaker.clone(), self.judge.clone());
        Self { inner, breaker, judge, refused: None }
    }
}

impl<S, J> BreakerService<S, J> {
    #[inline]
    fn admit(&mut self) -> Result<Ticket, CircuitOpenError> {
        if self.refused.is_none() {
            return self.breaker.ticket();
        }
        self.breaker.refuse();
        self.refused.take().map_or_else(|| self.breaker.ticket(), Err)
    }
}

impl<S, J, Request> Service<Request> for BreakerService<S, J>
where
    S: Service<Request>,
    J: Judge<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = BreakerFuture<S::Future, J>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self.breaker.check() {
            Ok(()) => {
                self.refused = None;
                self.inner.poll_ready(cx).map_err(CallError::Failed)
            }
            Err(refused) => {
                self.refused = Some(refused);
                Poll::Ready(Ok(()))
            }
        }
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let ticket = match self.admit() {
            Ok(ticket) => ticket,
            Err(refused) => {
                return BreakerFuture { state: State::Refused { refused: Some(refused) } };
            }
        };
        // A panic while the future is made is the service's as well.
        let mut running = Running::new(self.breaker.clone(), ticket);
        let future = self.inner.call(request);
        running.leave();
        BreakerFuture { state: State::Running { future, running, judge: self.judge.clone() } }
    }
}

pin_project! {
    /// The answer of a [`BreakerService`]. Dropped before it is ready, it is a cancelled call.
    #[derive(Debug)]
    pub struct BreakerFuture<F, J = EveryError> {
        #[pin]
        state: State<F, J>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F, J> {
        Running {
            #[pin]
            future: F,
            running: Running<CircuitBreaker>,
            judge: J,
        },
        Refused {
            refused: Option<CircuitOpenError>,
        },
    }
}

impl<F, T, E, J> Future for BreakerFuture<F, J>
where
    F: Future<Output = Result<T, E>>,
    J: Judge<T, E>,
{
    type Output = Result<T, CallError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Running { future, running, judge } => {
                let result = ready!(running.poll(future, cx));
                let result = running.record(result, |result| judge.judge(result));
                Poll::Ready(result.map_err(CallError::Failed))
            }
            StateProjection::Refused { refused } => {
                let refused = refused.take().expect("a future is not polled after it was ready");
                Poll::Ready(Err(refused.into()))
            }
        }
    }
}
