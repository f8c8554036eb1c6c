//! The limits of a limiter.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::demand::RateDimension;

/// The limits of a [`RateLimiter`](super::RateLimiter).
///
/// Nothing is limited unless set, or named by a reply that the limiter
/// [observes](super::RateLimiter::observe).
///
/// ```
/// use std::num::{NonZeroU32, NonZeroU64};
/// use runtime_resilience::RateLimits;
///
/// const REQUESTS: NonZeroU32 = NonZeroU32::new(50).unwrap();
/// const INPUT: NonZeroU64 = NonZeroU64::new(30_000).unwrap();
/// const OUTPUT: NonZeroU64 = NonZeroU64::new(8_000).unwrap();
/// let limits = RateLimits::default()
///     .requests_per_minute(REQUESTS)
///     .input_tokens_per_minute(INPUT)
///     .output_tokens_per_minute(OUTPUT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    pub(super) per_minute: [Option<NonZeroU64>; 4],
    pub(super) burst: Duration,
    pub(super) oversized_alone: bool,
    pub(super) restart_interval: Duration,
}

impl RateLimits {
    /// Requests a minute. Not limited unless set.
    #[must_use]
    pub const fn requests_per_minute(mut self, requests: NonZeroU32) -> Self {
        // Wider, so not zero either.
        self.per_minute[0] = NonZeroU64::new(requests.get() as u64);
        self
    }

    /// Input tokens a minute. Not limited unless set.
    #[must_use]
    pub const fn input_tokens_per_minute(mut self, tokens: NonZeroU64) -> Self {
        self.per_minute[1] = Some(tokens);
        self
    }

    /// Output tokens a minute. Not limited unless set.
    #[must_use]
    pub const fn output_tokens_per_minute(mut self, tokens: NonZeroU64) -> Self {
        self.per_minute[2] = Some(tokens);
        self
    }

    /// Input and output tokens together, a minute. Not limited unless set.
    #[must_use]
    pub const fn tokens_per_minute(mut self, tokens: NonZeroU64) -> Self {
        self.per_minute[3] = Some(tokens);
        self
    }

    /// After a quiet time, admits at once as much as comes in during `burst`, and at least one unit. 60
    /// seconds unless set.
    ///
    /// Set it shorter for providers that enforce a minute's limit to the second.
    #[must_use]
    pub const fn burst(mut self, burst: Duration) -> Self {
        self.burst = burst;
        self
    }

    /// Admits a call that asks for more than a burst ever holds, once nothing else is owed. The calls
    /// behind it wait until the rest has come in. Such calls are refused unless set.
    #[must_use]
    pub const fn oversized_alone(mut self) -> Self {
        self.oversized_alone = true;
        self
    }

    /// The shortest time between the calls that waited for the end of a
    /// [pause](super::RateLimiter::pause), even where no limit asks for one. 100 milliseconds unless
    /// set.
    #[must_use]
    pub const fn restart_interval(mut self, interval: Duration) -> Self {
        self.restart_interval = interval;
        self
    }

    /// The limit a minute of one dimension.
    pub const fn per_minute(&self, dimension: RateDimension) -> Option<NonZeroU64> {
        match dimension.index() {
            Some(index) => self.per_minute[index],
            None => None,
        }
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            per_minute: [None; 4],
            burst: Duration::from_secs(60),
            oversized_alone: false,
            restart_interval: Duration::from_millis(100),
        }
    }
}
