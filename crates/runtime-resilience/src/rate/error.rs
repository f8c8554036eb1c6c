//! Why a limiter did not admit a call.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::bucket::Full;
use super::core::Refusal;
use super::demand::RateDimension;

/// A rate limiter did not admit a call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("rate limiter `{limiter}` {}", self.reason())]
#[non_exhaustive]
pub struct RateLimitedError {
    /// The name of the limiter.
    pub limiter: Arc<str>,
    /// The dimension with the longest wait.
    pub dimension: RateDimension,
    /// When the call would be admitted if nothing else happened: not a nanosecond earlier, and later
    /// if others come first. `None` if it never would be, because it asks for more than a burst ever
    /// holds.
    pub retry_after: Option<Duration>,
}

impl RateLimitedError {
    pub(super) fn new(limiter: Arc<str>, refusal: Refusal) -> Self {
        let retry_after = match refusal.full {
            Full::For(nanos) => Some(Duration::from_nanos(nanos)),
            Full::Forever => None,
        };
        Self { limiter, dimension: refusal.dimension, retry_after }
    }

    fn reason(&self) -> String {
        let dimension = self.dimension.as_str().replace('_', " ");
        match (self.dimension, self.retry_after) {
            (_, None) => format!("never admits so many {dimension} at once"),
            (RateDimension::Pause, Some(wait)) => format!("is paused for {wait:?}"),
            (RateDimension::Queue, Some(_)) => "admits calls that came before".to_owned(),
            (_, Some(wait)) => format!("is out of {dimension} for {wait:?}"),
        }
    }
}
