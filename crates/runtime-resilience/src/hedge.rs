//! When a call has been silent for so long that a second one is worth its price: [`Hedge`], over
//! [`FirstTokens`].
//!
//! What tells a call that hangs from one that works is the time to its *first token*: headers come at
//! once, and the last token says more about the length of the answer. Everything here is arithmetic;
//! who makes the second call pays for it from a [`RetryBudget`](crate::RetryBudget), and never makes
//! one after the first token or after a failure.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long first tokens take: remembers many in little room.
///
/// It keeps a histogram whose buckets are an eighth of a power of two of a microsecond wide: a time is
/// told to within 12.5 %, and always rounded up. After 1,000 times the old ones count half. Clones share
/// what they know: keep one for each provider and model.
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
    seen: Arc<Mutex<Histogram>>,
}

impl FirstTokens {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A first token came after so long.
    pub fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.seen().add(micros);
    }

    /// The time that this share of first tokens does not exceed; `None` if nothing is known. Shares
    /// outside of 0 and 1 count as the nearer end, and NaN as 1.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        self.seen().quantile(share)
    }

    /// How many times count. Old ones count half, so it does not grow without end.
    pub fn samples(&self) -> u32 {
        self.seen().times
    }

    // Nothing panics half-way through a change, so what a poisoned lock holds is whole.
    fn seen(&self) -> MutexGuard<'_, Histogram> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to send a second call.
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

/// What a hedge's delay is taken from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum HedgeAt {
    /// Always the same.
    Fixed(Duration),
    /// The time that this share of first tokens does not exceed.
    Quantile(f64),
}

impl Hedge {
    /// Sends a second call after this long.
    pub const fn after(delay: Duration) -> Self {
        Self { at: HedgeAt::Fixed(delay), ..Self::DEFAULT }
    }

    /// Sends a second call when this share of first tokens would have come. 0.95 by default: one call
    /// in twenty is hedged.
    pub const fn at_quantile(share: f64) -> Self {
        Self { at: HedgeAt::Quantile(share), ..Self::DEFAULT }
    }

    /// Sends none by quantile before this many times are known, of which 250 are enough. 20 unless set.
    #[must_use]
    pub const fn minimum_samples(mut self, samples: NonZeroU32) -> Self {
        // More may never be known at once: old ones fade.
        self.minimum_samples = if samples.get() < MANY / 4 { samples.get() } else { MANY / 4 };
        self
    }

    /// Waits at least this long, whatever is usual. Nothing unless set.
    #[must_use]
    pub const fn at_least(mut self, delay: Duration) -> Self {
        self.at_least = delay;
        self
    }

    /// How long to wait for the first token before a second call; `None` if none is to be sent.
    pub fn delay(&self, times: &FirstTokens) -> Option<Duration> {
        let delay = match self.at {
            HedgeAt::Fixed(delay) => delay,
            HedgeAt::Quantile(share) => {
                let seen = times.seen();
                if seen.times < self.minimum_samples {
                    return None;
                }
                seen.quantile(share)?
            }
        };
        Some(delay.max(self.at_least))
    }

    /// What the delay is taken from.
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

/// From how many times on the old ones fade.
const MANY: u32 = 1_000;

/// Buckets of a power of two.
const WIDTH: u32 = 8;
const BITS: u32 = WIDTH.trailing_zeros();

#[derive(Debug)]
struct Histogram {
    counts: Box<[u32]>,
    times: u32,
}

impl Histogram {
    fn add(&mut self, micros: u64) {
        if self.times >= MANY {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.times = self.counts.iter().sum();
        }
        self.counts[bucket(micros)] += 1;
        self.times += 1;
    }

    /// The upper end of the bucket in which the time of this rank is.
    fn quantile(&self, share: f64) -> Option<Duration> {
        let share = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
        let rank = (share * f64::from(self.times)).ceil().max(1.0);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            f64::from(seen) >= rank
        });
        found.map(|bucket| Duration::from_micros(upper_end(bucket)))
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; bucket(u64::MAX) + 1].into(), times: 0 }
    }
}

fn bucket(micros: u64) -> usize {
    if micros < u64::from(WIDTH) {
        return usize::try_from(micros).unwrap_or(0); // below 8
    }
    let shift = micros.ilog2() - BITS;
    let within = usize::try_from(micros >> shift).unwrap_or(0) - WIDTH as usize; // 0 to 7
    (shift as usize + 1) * WIDTH as usize + within
}

/// The largest number in a bucket.
fn upper_end(bucket: usize) -> u64 {
    let (power, within) = (bucket / WIDTH as usize, bucket % WIDTH as usize);
    if power == 0 {
        return within as u64;
    }
    let first = u128::from(WIDTH) + within as u128;
    let end = ((first + 1) << (power - 1)) - 1;
    u64::try_from(end).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_in_the_bucket_that_ends_with_it_or_soon_after() {
        let edges = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1, power | (power >> 1)]
        });
        for micros in edges.chain(0..5_000).chain([u64::MAX]) {
            let bucket = bucket(micros);
            let end = upper_end(bucket);
            assert!(end >= micros && end - micros <= micros / 8, "{micros} in {bucket} to {end}");
            assert!(bucket == 0 || upper_end(bucket - 1) < micros, "{micros}");
        }
    }
}
