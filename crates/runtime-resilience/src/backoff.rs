//! Exponential back-off with jitter.

use std::time::Duration;

use runtime_events::wire_names;
use thiserror::Error;

wire_names! {
    /// How delays are drawn at random.
    #[non_exhaustive]
    pub enum JitterMode: "jitter mode" {
        /// Not at all: always the exponential delay.
        None = "none",
        /// Between zero and the exponential delay.
        Full = "full",
        /// Between half of the exponential delay and all of it.
        Equal = "equal",
        /// Between the base and three times the previous delay.
        Decorrelated = "decorrelated",
    }
}

/// Delays between attempts: exponential back-off with jitter.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::{Backoff, JitterMode};
///
/// let backoff = Backoff::default().jitter(JitterMode::None).cap(Duration::from_secs(10));
/// let delays: Vec<u64> = (0..5).map(|n| backoff.delay(n, None).as_secs()).collect();
/// assert_eq!(delays, [1, 2, 4, 8, 10]);
/// ```
///
/// Exponential back-off with the jitter modes of Marc Brooker, [*Exponential Backoff And
/// Jitter*](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). With
/// `e = min(cap, initial × factor ^ attempt)` and `p` the previous delay, or `shortest` for the first:
///
/// | mode | drawn evenly from |
/// |---|---|
/// | [`None`](JitterMode::None) | always `e` |
/// | [`Full`](JitterMode::Full) | `0 ..= e` |
/// | [`Equal`](JitterMode::Equal) | `e / 2 ..= e` |
/// | [`Decorrelated`](JitterMode::Decorrelated) | `shortest ..= 3 p`, cut at `cap` |
///
/// | made by | `initial` | `factor` | `shortest` |
/// |---|---|---|---|
/// | [`new(initial, factor)`](Self::new) | `initial` | `factor` | `initial` |
/// | [`with_base(base)`](Self::with_base) | 1 second | `base` | `base` seconds |
/// | [`default()`](Self::default) | 1 second | 2 | 2 seconds |
///
/// The cut comes before the draw. The formula in the article draws first: near the cap most of its
/// delays are exactly the cap, and the callers that jitter should separate come back together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// In seconds. Invariant: finite and positive.
    initial: f64,
    /// Invariant: finite and at least 1, so that delays do not shrink.
    factor: f64,
    /// The shortest decorrelated delay in seconds. Invariant: finite and positive.
    shortest: f64,
    cap: Duration,
    /// The cap in seconds: converting it would take longer than the draw.
    limit: f64,
    jitter: JitterMode,
}

/// A number that makes no back-off.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("back-off `{field}` of {value} must be {rule}")]
#[non_exhaustive]
pub struct InvalidBackoffError {
    /// The name of the argument.
    pub field: &'static str,
    /// The value of the argument. A duration is in seconds.
    pub value: f64,
    rule: &'static str,
}

impl Backoff {
    /// A back-off that begins with `initial`, and grows by `factor` from one delay to the next.
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime_resilience::{Backoff, JitterMode};
    ///
    /// let backoff = Backoff::new(Duration::from_millis(200), 2.0)?.jitter(JitterMode::None);
    /// let delays: Vec<u128> = (0..4).map(|n| backoff.delay(n, None).as_millis()).collect();
    /// assert_eq!(delays, [200, 400, 800, 1_600]);
    ///
    /// let shrinks = Backoff::new(Duration::from_secs(1), 0.2).unwrap_err();
    /// assert_eq!(shrinks.to_string(), "back-off `factor` of 0.2 must be at least 1 and finite");
    /// # Ok::<_, runtime_resilience::InvalidBackoffError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidBackoffError`] if `initial` is zero, or `factor` is less than 1 or not finite.
    pub const fn new(initial: Duration, factor: f64) -> Result<Self, InvalidBackoffError> {
        let seconds = initial.as_secs_f64();
        if initial.is_zero() {
            return Err(InvalidBackoffError { field: "initial", value: seconds, rule: "positive" });
        }
        match Self::growing("factor", factor) {
            Ok(backoff) => Ok(Self { initial: seconds, shortest: seconds, ..backoff }),
            Err(error) => Err(error),
        }
    }

    /// The back-off of the Python original: it begins with one second and grows by the factor `base`,
    /// and the shortest decorrelated delay is `base` seconds.
    ///
    /// For delays that begin with less than a second, see [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`InvalidBackoffError`] if `base` is less than 1 or not finite.
    pub const fn with_base(base: f64) -> Result<Self, InvalidBackoffError> {
        match Self::growing("base", base) {
            Ok(backoff) => Ok(Self { shortest: base, ..backoff }),
            Err(error) => Err(error),
        }
    }

    const fn growing(field: &'static str, factor: f64) -> Result<Self, InvalidBackoffError> {
        if factor.is_finite() && factor >= 1.0 {
            Ok(Self { factor, ..Self::DEFAULT })
        } else {
            Err(InvalidBackoffError { field, value: factor, rule: "at least 1 and finite" })
        }
    }

    /// The longest delay. 60 seconds unless set.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self.limit = cap.as_secs_f64();
        self
    }

    /// The longest delay.
    pub const fn longest(&self) -> Duration {
        self.cap
    }

    /// How delays are drawn. Decorrelated unless set.
    #[must_use]
    pub const fn jitter(mut self, jitter: JitterMode) -> Self {
        self.jitter = jitter;
        self
    }

    /// The delay before attempt number `attempt`, counted from 0, drawn from the thread's random
    /// generator.
    ///
    /// `previous` is the delay before that one. Only [`JitterMode::Decorrelated`] uses it, and treats
    /// `None` like zero.
    pub fn delay(&self, attempt: u32, previous: Option<Duration>) -> Duration {
        self.draw(attempt, previous, fastrand::f64())
    }

    /// As [`delay`](Self::delay), drawn from `rng`: the same seed gives the same delays.
    pub fn delay_with(
        &self,
        attempt: u32,
        previous: Option<Duration>,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        self.draw(attempt, previous, rng.f64())
    }

    /// As [`delay`](Self::delay), with `unit` in place of a random number: 0 gives the shortest possible
    /// delay, 1 the longest. Values outside count as the nearer end, NaN as 0.
    pub fn delay_from(&self, attempt: u32, previous: Option<Duration>, unit: f64) -> Duration {
        let unit = if unit.is_nan() { 0.0 } else { unit.clamp(0.0, 1.0) };
        self.draw(attempt, previous, unit)
    }

    /// `unit` is between 0 and 1.
    fn draw(&self, attempt: u32, previous: Option<Duration>, unit: f64) -> Duration {
        let (shortest, longest) = self.bounds(attempt, previous);
        let drawn = shortest + unit * (longest - shortest);
        self.within_cap(drawn.clamp(shortest, longest))
    }

    /// The bounds of a delay, in seconds.
    fn bounds(&self, attempt: u32, previous: Option<Duration>) -> (f64, f64) {
        let cap = self.limit;
        // Overflows to infinity, which the cap cuts off.
        let exponential = || (self.initial * self.power(attempt)).min(cap);
        match self.jitter {
            JitterMode::None => (exponential(), exponential()),
            JitterMode::Full => (0.0, exponential()),
            JitterMode::Equal => (exponential() / 2.0, exponential()),
            JitterMode::Decorrelated => {
                let shortest = self.shortest.min(cap);
                let anchor =
                    previous.filter(|p| !p.is_zero()).map_or(self.shortest, |p| p.as_secs_f64());
                (shortest, (anchor * 3.0).min(cap).max(shortest))
            }
        }
    }

    /// `factor ^ attempt`.
    fn power(&self, attempt: u32) -> f64 {
        // A power of two is an exponent, where the exponent has room for it.
        if self.factor.to_bits() == 2.0_f64.to_bits() && attempt < 1_024 {
            return f64::from_bits(u64::from(1_023 + attempt) << 52);
        }
        self.factor.powf(f64::from(attempt))
    }

    /// The cap is compared as a `Duration`: as an `f64` a long one is not exact.
    fn within_cap(&self, seconds: f64) -> Duration {
        // Up to 12 days, an `f64` distinguishes nanoseconds, and this is the fast path.
        const SHORT: f64 = 1_048_576.0;
        const WHOLE: f64 = 4_503_599_627_370_496.0;
        let delay = if seconds < SHORT {
            // From 2^52 on an `f64` holds whole numbers only, rounded half to even, in its lowest bits.
            let nanos = (seconds * 1e9 + WHOLE).to_bits() - WHOLE.to_bits();
            Duration::from_nanos(nanos)
        } else {
            Duration::try_from_secs_f64(seconds).unwrap_or(self.cap)
        };
        delay.min(self.cap)
    }

    const DEFAULT: Self = Self {
        initial: 1.0,
        factor: 2.0,
        shortest: 2.0,
        cap: Duration::from_secs(60),
        limit: 60.0,
        jitter: JitterMode::Decorrelated,
    };
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
