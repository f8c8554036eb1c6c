//! How long to wait before another attempt.
//!
//! Exponential back-off with the jitter modes of Marc Brooker, [*Exponential Backoff And
//! Jitter*](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). With
//! `e = min(cap, base ^ attempt)` and `p` the previous delay, or `base` before there was one, in
//! seconds:
//!
//! | mode | drawn evenly from |
//! |---|---|
//! | [`None`](JitterMode::None) | always `e` |
//! | [`Full`](JitterMode::Full) | `0 ..= e` |
//! | [`Equal`](JitterMode::Equal) | `e / 2 ..= e` |
//! | [`Decorrelated`](JitterMode::Decorrelated) | `base ..= 3 p`, cut at `cap` |
//!
//! The cut comes before the draw. The formula in the article draws first: near the cap most of its
//! delays are exactly the cap, and the callers it is to keep apart come back together.

use std::time::Duration;

use runtime_events::wire_names;
use thiserror::Error;

wire_names! {
    /// How chance enters a delay.
    #[non_exhaustive]
    pub enum JitterMode: "jitter mode" {
        /// Not at all.
        None = "none",
        /// From nothing up to the exponential delay.
        Full = "full",
        /// From half of the exponential delay up to it.
        Equal = "equal",
        /// From the base up to three times the previous delay.
        Decorrelated = "decorrelated",
    }
}

/// The settings of a back-off.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::{Backoff, JitterMode};
///
/// let backoff = Backoff::default().jitter(JitterMode::None).cap(Duration::from_secs(10));
/// let delays: Vec<u64> = (0..5).map(|n| backoff.delay(n, None).as_secs()).collect();
/// assert_eq!(delays, [1, 2, 4, 8, 10]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Invariant: finite and positive.
    base: f64,
    cap: Duration,
    jitter: JitterMode,
}

/// A setting that no back-off can have.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("back-off base {base} is not a positive, finite number")]
#[non_exhaustive]
pub struct InvalidBackoffError {
    /// The base that was given.
    pub base: f64,
}

impl Backoff {
    /// Grows by powers of `base`, which is also the shortest decorrelated delay, in seconds. 2
    /// unless set.
    ///
    /// The delay before attempt 0 is one second whatever the base is, as `base ^ 0` is 1.
    ///
    /// # Errors
    ///
    /// [`InvalidBackoffError`] unless `base` is positive and finite.
    pub const fn with_base(base: f64) -> Result<Self, InvalidBackoffError> {
        if base.is_finite() && base > 0.0 {
            Ok(Self { base, ..Self::DEFAULT })
        } else {
            Err(InvalidBackoffError { base })
        }
    }

    /// Never waits longer than this. 60 seconds unless set.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Draws delays this way. Decorrelated unless set.
    #[must_use]
    pub const fn jitter(mut self, jitter: JitterMode) -> Self {
        self.jitter = jitter;
        self
    }

    /// The delay before attempt number `attempt`, counted from 0, with chance from the thread's
    /// generator.
    ///
    /// `previous` is the delay before; only [`JitterMode::Decorrelated`] looks at it, and takes
    /// none and zero alike.
    pub fn delay(&self, attempt: u32, previous: Option<Duration>) -> Duration {
        self.delay_from(attempt, previous, fastrand::f64())
    }

    /// As [`delay`](Self::delay), with chance from `rng`: the same seed gives the same delays.
    pub fn delay_with(
        &self,
        attempt: u32,
        previous: Option<Duration>,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        self.delay_from(attempt, previous, rng.f64())
    }

    /// As [`delay`](Self::delay), with `unit` for chance: 0 gives the shortest delay there can be,
    /// 1 the longest. What is outside counts as the nearer end, and NaN as 0.
    pub fn delay_from(&self, attempt: u32, previous: Option<Duration>, unit: f64) -> Duration {
        let unit = if unit.is_nan() { 0.0 } else { unit.clamp(0.0, 1.0) };
        match whole_nanos(self.cap) {
            Some(cap) => {
                let previous = previous.map(|p| whole_nanos(p).unwrap_or(cap));
                let drawn = self.draw(self.base * 1e9, 1e9, cap, previous, attempt, unit);
                // The cap is compared as a `Duration` below; here it is whole nanoseconds too.
                if drawn < cap { Duration::from_nanos(rounded(drawn)) } else { self.cap }
            }
            None => self.long_delay_from(attempt, previous, unit),
        }
    }

    /// The same in seconds, where nanoseconds would not be exact. The cap is compared as a
    /// `Duration`: as an `f64` a long one is not exact either.
    #[cold]
    fn long_delay_from(&self, attempt: u32, previous: Option<Duration>, unit: f64) -> Duration {
        let (cap, previous) = (self.cap.as_secs_f64(), previous.map(|p| p.as_secs_f64()));
        let drawn = self.draw(self.base, 1.0, cap, previous, attempt, unit);
        Duration::try_from_secs_f64(drawn).map_or(self.cap, |delay| delay.min(self.cap))
    }

    /// A delay in the unit of `base`, `cap` and `previous`; a second is `second` of these.
    #[inline]
    fn draw(
        &self,
        base: f64,
        second: f64,
        cap: f64,
        previous: Option<f64>,
        attempt: u32,
        unit: f64,
    ) -> f64 {
        // Overflows to infinity, which the cap cuts off.
        let exponential = || (power(self.base, attempt) * second).min(cap);
        let (shortest, longest) = match self.jitter {
            JitterMode::None => return exponential(),
            JitterMode::Full => (0.0, exponential()),
            JitterMode::Equal => {
                let longest = exponential();
                (longest / 2.0, longest)
            }
            JitterMode::Decorrelated => {
                let shortest = base.min(cap);
                let anchor = previous.filter(|p| *p > 0.0).unwrap_or(base);
                (shortest, (anchor * 3.0).min(cap).max(shortest))
            }
        };
        (shortest + unit * (longest - shortest)).clamp(shortest, longest)
    }

    const DEFAULT: Self =
        Self { base: 2.0, cap: Duration::from_mins(1), jitter: JitterMode::Decorrelated };
}

/// `base ^ attempt`, which for the attempts that are made is a few multiplications.
#[inline]
fn power(base: f64, attempt: u32) -> f64 {
    const FEW: u32 = 64;
    if attempt >= FEW {
        return base.powf(f64::from(attempt));
    }
    let (mut power, mut square, mut left) = (1.0, base, attempt);
    while left > 0 {
        if left % 2 == 1 {
            power *= square;
        }
        square *= square;
        left /= 2;
    }
    power
}

/// Below this, whole nanoseconds are exact as an `f64`, and halves of one too. It is 52 days.
const EXACT: u64 = 1 << 52;

/// A duration in nanoseconds, if that is exact.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "it is below what an `f64` holds exactly")]
fn whole_nanos(duration: Duration) -> Option<f64> {
    let nanos = duration.as_secs().checked_mul(1_000_000_000)?;
    let nanos = nanos.checked_add(u64::from(duration.subsec_nanos()))?;
    (nanos < EXACT).then_some(nanos as f64)
}

/// The nearest whole number, of two the even one, as `Duration::from_secs_f64` rounds.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "it is positive and below `EXACT`"
)]
fn rounded(nanos: f64) -> u64 {
    // From here on upwards there are no fractions, so that the sum is rounded.
    const NO_FRACTIONS: f64 = EXACT as f64;
    ((nanos + NO_FRACTIONS) - NO_FRACTIONS) as u64
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The delay before attempt number `attempt`, counted from 0, by the [default](Backoff::default)
/// settings. `previous` is the delay before.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::backoff_delay;
///
/// let first = backoff_delay(0, None);
/// let second = backoff_delay(1, Some(first));
/// assert!(Duration::from_secs(2) <= second && second <= first * 3);
/// ```
pub fn backoff_delay(attempt: u32, previous: Option<Duration>) -> Duration {
    Backoff::DEFAULT.delay(attempt, previous)
}
