//! How long a breaker stays open.

use std::num::NonZeroU32;
use std::time::Duration;

use super::percent::Percent;

/// How long a breaker stays open.
///
/// A wait that the provider asks for comes first: see [`Permit::open_for`](super::Permit::open_for).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenWait {
    /// Always this long.
    Fixed(Duration),
    /// Longer after each failed recovery.
    Growing(GrowingWait),
}

/// A wait that grows with each failed recovery, and starts over once the breaker has closed.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::{GrowingWait, OpenWait, Percent};
///
/// // 5 s, 10 s, 20 s … 300 s, each shortened at random by up to 50 %.
/// let wait = GrowingWait::from(Duration::from_secs(5)).max(Duration::from_secs(300));
/// # let _ = OpenWait::Growing(wait);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrowingWait {
    first: Duration,
    factor: NonZeroU32,
    max: Duration,
    jitter: Option<Percent>,
}

impl GrowingWait {
    /// A wait that is this long the first time.
    pub const fn from(first: Duration) -> Self {
        const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();
        Self { first, factor: TWO, max: Duration::from_secs(300), jitter: Some(Percent::HALF) }
    }

    /// How many times longer each wait is than the one before. 2 unless set.
    #[must_use]
    pub const fn factor(mut self, factor: NonZeroU32) -> Self {
        self.factor = factor;
        self
    }

    /// The longest wait, the first one included. 5 minutes unless set.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// The share by which each wait is shortened at random, at most: so that breakers which opened
    /// together do not probe together. 50 % unless set.
    #[must_use]
    pub const fn jitter(mut self, jitter: Percent) -> Self {
        self.jitter = Some(jitter);
        self
    }

    /// Does not shorten waits at random.
    #[must_use]
    pub const fn without_jitter(mut self) -> Self {
        self.jitter = None;
        self
    }

    /// The wait after this many failed recoveries, before chance shortens it.
    fn longest(&self, failed: u32) -> Duration {
        let mut wait = self.first;
        // A wait that has not reached any `max` after 128 doublings does not grow.
        for _ in 0..failed.min(128) {
            if wait >= self.max {
                break;
            }
            wait = wait.saturating_mul(self.factor.get());
        }
        wait.min(self.max)
    }
}

impl OpenWait {
    /// The wait after this many failed recoveries. `unit`, from 0 to 1, is the random number.
    pub(super) fn after(&self, failed: u32, unit: f64) -> Duration {
        match self {
            Self::Fixed(wait) => *wait,
            Self::Growing(growing) => {
                let longest = growing.longest(failed);
                let part = growing.jitter.map_or(0.0, Percent::part) * unit;
                let less = Duration::try_from_secs_f64(longest.as_secs_f64() * part);
                // A number that is no `Duration` is a rounding of the longest one.
                longest.saturating_sub(less.unwrap_or(longest))
            }
        }
    }

    /// The first wait, before chance shortens it.
    pub(super) fn first(&self) -> Duration {
        match self {
            Self::Fixed(wait) => *wait,
            Self::Growing(growing) => growing.longest(0),
        }
    }
}
