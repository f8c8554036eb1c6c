//! A stand-in for the rate limiter, which is built elsewhere: it can only be paused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use runtime_events::Clock;

/// A rate limiter that threads and tasks share by cloning.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    paused: Mutex<Option<Instant>>,
}

/// What a call needs of a limiter.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Demand {}

/// A limiter has no room for a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate limiter '{limiter}' has no room for {dimension}")]
#[non_exhaustive]
pub struct RateLimitedError {
    /// The name of the limiter.
    pub limiter: Arc<str>,
    /// What there is no room for.
    pub dimension: &'static str,
    /// When there will be room. `None` if there never will be.
    pub retry_after: Option<Duration>,
}

impl Demand {
    /// One request.
    pub const fn request() -> Self {
        Self {}
    }
    /// Tokens in.
    #[must_use]
    pub const fn input_tokens(self, _tokens: u64) -> Self {
        self
    }
    /// Tokens out.
    #[must_use]
    pub const fn output_tokens(self, _tokens: u64) -> Self {
        self
    }
}

/// Reserved.
#[derive(Debug)]
pub struct RateReservation {}

impl RateReservation {
    /// Settles.
    pub fn settle(self, _used: Demand) {}
    /// Cancels.
    pub fn cancel(self) {}
}

impl RateLimiter {
    /// Reserves.
    pub fn try_reserve(&self, demand: Demand) -> Result<RateReservation, RateLimitedError> {
        self.check(demand).map(|()| RateReservation {})
    }
    /// Reserves.
    pub async fn reserve(
        &self,
        demand: Demand,
        _sleeper: &dyn runtime_events::Sleeper,
        _until: Option<Instant>,
    ) -> Result<RateReservation, RateLimitedError> {
        self.check(demand).map(|()| RateReservation {})
    }
    /// Reserves.
    pub fn reserve_blocking(
        &self,
        demand: Demand,
        _sleeper: &dyn runtime_events::Sleeper,
        _until: Option<Instant>,
    ) -> Result<RateReservation, RateLimitedError> {
        self.check(demand).map(|()| RateReservation {})
    }
    /// A limiter without limits.
    pub fn with_clock(name: impl Into<Arc<str>>, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { name: name.into(), clock, paused: Mutex::new(None) };
        Self { shared: Arc::new(shared) }
    }

    /// Asks whether a call would be admitted now, and takes nothing.
    ///
    /// # Errors
    ///
    /// [`RateLimitedError`] while it is paused.
    pub fn check(&self, _demand: Demand) -> Result<(), RateLimitedError> {
        let paused = *self.shared.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = paused else { return Ok(()) };
        match until.saturating_duration_since(self.shared.clock.now()) {
            Duration::ZERO => Ok(()),
            left => Err(RateLimitedError {
                limiter: self.shared.name.clone(),
                dimension: "requests",
                retry_after: Some(left),
            }),
        }
    }

    /// Admits nothing for so long. It only ever extends.
    pub fn pause(&self, wait: Duration) {
        let until = self.shared.clock.now().checked_add(wait);
        let mut paused = self.shared.paused.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = (*paused).max(until);
    }
}
