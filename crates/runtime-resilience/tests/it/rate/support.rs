//! What the tests of the limiter need.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_resilience::{Demand, RateLimiter, RateLimits};

pub(crate) const ASK: Demand = Demand::request();

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

pub(crate) fn requests(a_minute: u32) -> RateLimits {
    RateLimits::default().requests_per_minute(NonZeroU32::new(a_minute).expect("more than none"))
}

pub(crate) fn tokens(a_minute: u64) -> RateLimits {
    RateLimits::default().tokens_per_minute(NonZeroU64::new(a_minute).expect("more than none"))
}

pub(crate) fn input(tokens: u64) -> Demand {
    Demand::request().input_tokens(tokens)
}

pub(crate) fn limiter(limits: RateLimits) -> (RateLimiter, ManualClock) {
    let clock = ManualClock::new();
    (RateLimiter::with_clock("openai", limits, Arc::new(clock.clone())), clock)
}

/// The last moment at which so much time is not over yet.
pub(crate) fn short_of(time: Duration) -> Duration {
    time.saturating_sub(nanos(1))
}
