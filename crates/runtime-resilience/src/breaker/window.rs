//! The latest calls, and the limits that open a breaker.

mod ring;
mod slices;

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use super::percent::Percent;
use super::state::CircuitCounts;
use super::state::TransitionCause;
use ring::Ring;
use slices::Slices;

/// The latest calls that a breaker judges, and the limits that open it.
///
/// The window slides: a call that is older than the window is not counted. It is emptied by each change
/// of state.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::{CircuitBreakerConfig, CircuitWindow, Percent};
///
/// // Half of the calls failed, or nine of ten took longer than 20 s, during the last minute.
/// const NINETY: Percent = Percent::new(90).unwrap();
/// let window = CircuitWindow::of_time(Duration::from_secs(60))?
///     .failure_rate(Percent::HALF)
///     .slow_calls(Duration::from_secs(20), NINETY);
/// let config = CircuitBreakerConfig::default().window(window);
/// # Ok::<_, runtime_resilience::InvalidWindowError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitWindow {
    span: Span,
    minimum_calls: NonZeroU32,
    failure_rate: Percent,
    slow: Option<Slow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Calls(NonZeroU16),
    Time(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slow {
    from: Duration,
    rate: Percent,
}

/// The span of a window is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("window `span` of {span:?} is too short, a microsecond or longer is required")]
#[non_exhaustive]
pub struct InvalidWindowError {
    /// The span that was given.
    pub span: Duration,
}

impl CircuitWindow {
    /// A window of the last `calls` calls.
    pub const fn of_calls(calls: NonZeroU16) -> Self {
        Self::new(Span::Calls(calls))
    }

    /// A window of the calls that ended during the last `span`, to within a tenth of it.
    ///
    /// # Errors
    ///
    /// [`InvalidWindowError`] if `span` is shorter than a microsecond.
    pub const fn of_time(span: Duration) -> Result<Self, InvalidWindowError> {
        if span.as_nanos() < 1_000 {
            return Err(InvalidWindowError { span });
        }
        Ok(Self::new(Span::Time(span)))
    }

    const fn new(span: Span) -> Self {
        const TEN: NonZeroU32 = NonZeroU32::new(10).unwrap();
        Self { span, minimum_calls: TEN, failure_rate: Percent::HALF, slow: None }
    }

    /// The share of failed calls that opens the breaker. 50 % unless set.
    #[must_use]
    pub const fn failure_rate(mut self, rate: Percent) -> Self {
        self.failure_rate = rate;
        self
    }

    /// The share of slow calls that opens the breaker: of those that took `from` or longer, failed or
    /// not. Calls may take any time unless set.
    ///
    /// A slow probe counts as a failed one.
    #[must_use]
    pub const fn slow_calls(mut self, from: Duration, rate: Percent) -> Self {
        self.slow = Some(Slow { from, rate });
        self
    }

    /// The number of calls that the window must hold before it can open the breaker. 10 unless set. A
    /// window with room for fewer calls can open it when it is full.
    #[must_use]
    pub const fn minimum_calls(mut self, calls: NonZeroU32) -> Self {
        self.minimum_calls = calls;
        self
    }

    /// Whether it matters when a call ended.
    pub(super) const fn is_of_time(&self) -> bool {
        matches!(self.span, Span::Time(_))
    }

    /// Whether it matters how long a call took.
    pub(super) const fn times_calls(&self) -> bool {
        self.slow.is_some()
    }

    pub(super) fn is_slow(&self, took: Duration) -> bool {
        self.slow.is_some_and(|slow| took >= slow.from)
    }
}

/// How one call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

/// The calls in a window.
#[derive(Debug)]
pub(super) struct Record {
    window: CircuitWindow,
    minimum: u32,
    calls: Calls,
}

#[derive(Debug)]
enum Calls {
    Ring(Ring),
    Slices(Slices),
}

impl Record {
    pub(super) fn new(window: CircuitWindow) -> Self {
        let minimum = window.minimum_calls.get();
        let (minimum, calls) = match window.span {
            Span::Calls(calls) => {
                (minimum.min(calls.get().into()), Calls::Ring(Ring::new(calls.get())))
            }
            Span::Time(span) => (minimum, Calls::Slices(Slices::new(span))),
        };
        Self { window, minimum, calls }
    }

    /// Forgets all calls.
    pub(super) fn clear(&mut self) {
        match &mut self.calls {
            Calls::Ring(ring) => ring.clear(),
            Calls::Slices(slices) => slices.clear(),
        }
    }

    /// Adds a call that ended at this age of the breaker, and returns why the breaker must open now,
    /// if it must.
    ///
    /// A rate can only have been reached by a bad call, or by one that makes them enough to judge.
    #[inline]
    pub(super) fn add(&mut self, ended: Ended, age: Duration) -> Option<TransitionCause> {
        let counts = match &mut self.calls {
            Calls::Ring(ring) => ring.add(ended),
            Calls::Slices(slices) => slices.add(ended, age),
        };
        let matters = ended.failed || ended.slow || counts.calls == self.minimum;
        if !matters || counts.calls < self.minimum {
            return None;
        }
        if self.window.failure_rate.reached(counts.failures, counts.calls) {
            return Some(TransitionCause::FailureRate);
        }
        let slow = self.window.slow?;
        slow.rate.reached(counts.slow, counts.calls).then_some(TransitionCause::SlowRate)
    }

    /// Whether another good call would leave it as it is: a full window of good calls is the same wherever it
    /// begins. A window of time never is.
    pub(super) fn is_untouched(&self) -> bool {
        match &self.calls {
            Calls::Ring(ring) => ring.is_untouched(),
            Calls::Slices(_) => false,
        }
    }

    /// Its content at this age of the breaker.
    pub(super) fn counts(&mut self, age: Duration) -> CircuitCounts {
        match &mut self.calls {
            Calls::Ring(ring) => ring.counts(),
            Calls::Slices(slices) => slices.counts(age),
        }
    }
}

impl CircuitCounts {
    fn put(&mut self, ended: Ended) {
        self.calls = self.calls.saturating_add(1);
        self.failures = self.failures.saturating_add(ended.failed.into());
        self.slow = self.slow.saturating_add(ended.slow.into());
    }

    fn take(&mut self, ended: Ended) {
        self.calls -= 1;
        self.failures -= u32::from(ended.failed);
        self.slow -= u32::from(ended.slow);
    }

    fn take_all(&mut self, slice: &Self) {
        self.calls = self.calls.saturating_sub(slice.calls);
        self.failures = self.failures.saturating_sub(slice.failures);
        self.slow = self.slow.saturating_sub(slice.slow);
    }
}
