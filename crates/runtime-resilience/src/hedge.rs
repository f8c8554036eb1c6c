//! When to send a second call beside one that is slow.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::histogram::{FadingHistogram, MANY};

/// The times that first tokens took, in a histogram of fixed size. Clones share it: keep one for each
/// provider and model.
///
/// Times are rounded up by at most 12.5 %. After 1,000 times, the weight of the old ones is halved.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::FirstTokens;
///
/// let times = FirstTokens::new();
/// (1..=100).for_each(|n| times.observe(Duration::from_millis(n * 10)));
/// let most = times.quantile(0.95).unwrap();
/// assert!((950..1_069).contains(&most.as_millis()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FirstTokens {
    seen: Arc<Mutex<FadingHistogram>>,
}

impl FirstTokens {
    /// A histogram without times.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the time that a first token took.
    pub fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.seen().add(micros);
    }

    /// The time that this share of first tokens does not exceed; `None` if no time is known. Shares
    /// outside 0 to 1 count as the nearer end, NaN as 1.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        self.seen().quantile(share).map(Duration::from_micros)
    }

    /// The number of known times. Old ones fade, so it is bounded.
    pub fn samples(&self) -> u32 {
        self.seen().samples()
    }

    // Nothing here panics half-way, so a poisoned lock holds a whole value.
    fn seen(&self) -> MutexGuard<'_, FadingHistogram> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to send a second call beside one that is slow.
///
/// The time to the *first token* tells a call that hangs from one that works: headers come at once, and
/// the last token depends on the length of the answer. Pay for the second call from a
/// [`RetryBudget`](crate::RetryBudget), and make none after the first token or after a failure.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::{FirstTokens, Hedge};
///
/// let times = FirstTokens::new();
/// assert_eq!(Hedge::default().delay(&times), None, "nothing is usual yet");
/// (0..20).for_each(|_| times.observe(Duration::from_millis(800)));
/// assert!(Hedge::default().delay(&times).unwrap() < Duration::from_millis(900));
/// assert_eq!(Hedge::after(Duration::from_secs(2)).delay(&times), Some(Duration::from_secs(2)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    at: HedgeAt,
    minimum_samples: u32,
    at_least: Duration,
}

/// The source of the delay of a hedge.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum HedgeAt {
    /// A fixed time.
    Fixed(Duration),
    /// The time that this share of first tokens does not exceed.
    Quantile(f64),
}

impl Hedge {
    /// A second call after this long.
    pub const fn after(delay: Duration) -> Self {
        Self { at: HedgeAt::Fixed(delay), ..Self::DEFAULT }
    }

    /// A second call once this share of first tokens would have come. 0.95 by default, which hedges one
    /// call in twenty.
    pub const fn at_quantile(share: f64) -> Self {
        Self { at: HedgeAt::Quantile(share), ..Self::DEFAULT }
    }

    /// The number of known times below which a quantile sends no second call. 20 unless set, at most
    /// 250.
    #[must_use]
    pub const fn minimum_samples(mut self, samples: NonZeroU32) -> Self {
        // More may never be known at once, since old ones fade.
        self.minimum_samples = if samples.get() < MANY / 4 { samples.get() } else { MANY / 4 };
        self
    }

    /// The shortest delay, whatever the times are. Zero unless set.
    #[must_use]
    pub const fn at_least(mut self, delay: Duration) -> Self {
        self.at_least = delay;
        self
    }

    /// How long to wait for the first token before a second call; `None` for no second call.
    pub fn delay(&self, times: &FirstTokens) -> Option<Duration> {
        let delay = match self.at {
            HedgeAt::Fixed(delay) => delay,
            HedgeAt::Quantile(share) => {
                let seen = times.seen();
                if seen.samples() < self.minimum_samples {
                    return None;
                }
                Duration::from_micros(seen.quantile(share)?)
            }
        };
        Some(delay.max(self.at_least))
    }

    /// The source of the delay.
    pub const fn at(&self) -> HedgeAt {
        self.at
    }

    const DEFAULT: Self =
        Self { at: HedgeAt::Quantile(0.95), minimum_samples: 20, at_least: Duration::ZERO };
}

impl Default for Hedge {
    fn default() -> Self {
        Self::DEFAULT
    }
}
