//! The settings of a circuit breaker.

use std::num::NonZeroU32;
use std::time::Duration;

use super::wait::OpenWait;
use super::window::CircuitWindow;

/// The settings of a [`CircuitBreaker`](super::CircuitBreaker): what opens it, for how long, and what
/// closes it again.
///
/// ```
/// use std::num::{NonZeroU16, NonZeroU32};
/// use std::time::Duration;
/// use runtime_resilience::{CircuitBreakerConfig, CircuitWindow, GrowingWait, OpenWait, Percent};
///
/// const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();
/// const HUNDRED: NonZeroU16 = NonZeroU16::new(100).unwrap();
///
/// let config = CircuitBreakerConfig::default()
///     .window(CircuitWindow::of_calls(HUNDRED).failure_rate(Percent::HALF))
///     .open_wait(OpenWait::Growing(GrowingWait::from(Duration::from_secs(5))))
///     .half_open_max_probes(TWO)
///     .successes_to_close(TWO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreakerConfig {
    pub(super) failure_threshold: Option<NonZeroU32>,
    pub(super) window: Option<CircuitWindow>,
    pub(super) open_wait: OpenWait,
    pub(super) half_open_max_probes: NonZeroU32,
    pub(super) successes_to_close: NonZeroU32,
    pub(super) half_open_lease: Option<Duration>,
}

/// What opens a breaker. Each of these is enough.
impl CircuitBreakerConfig {
    /// The number of failures in a row that opens the breaker. 5 unless set.
    #[must_use]
    pub const fn failure_threshold(mut self, failures: NonZeroU32) -> Self {
        self.failure_threshold = Some(failures);
        self
    }

    /// Failures in a row do not open the breaker, however many there are.
    #[must_use]
    pub const fn without_failure_threshold(mut self) -> Self {
        self.failure_threshold = None;
        self
    }

    /// Opens the breaker when too many of the latest calls failed or were slow. No window unless set.
    #[must_use]
    pub const fn window(mut self, window: CircuitWindow) -> Self {
        self.window = Some(window);
        self
    }
}

/// What closes a breaker again.
impl CircuitBreakerConfig {
    /// How long the breaker stays open. 60 seconds unless set.
    ///
    /// Short for [`open_wait`](Self::open_wait) with [`OpenWait::Fixed`].
    #[doc(alias = "recovery_timeout_seconds")]
    #[must_use]
    pub const fn recovery_timeout(self, timeout: Duration) -> Self {
        self.open_wait(OpenWait::Fixed(timeout))
    }

    /// How long the breaker stays open. 60 seconds each time unless set.
    ///
    /// A wait ends up to 10 ms late, never early. A wait of 43 years or more does not end.
    #[must_use]
    pub const fn open_wait(mut self, wait: OpenWait) -> Self {
        self.open_wait = wait;
        self
    }

    /// The number of probes that may run at the same time while the breaker is half-open. 1 unless set,
    /// at most 4095.
    #[must_use]
    pub const fn half_open_max_probes(mut self, probes: NonZeroU32) -> Self {
        self.half_open_max_probes = probes;
        self
    }

    /// The number of successful probes that closes the breaker. 1 unless set, at most 4 million.
    ///
    /// It may exceed [`half_open_max_probes`](Self::half_open_max_probes): probes then follow one
    /// another.
    #[must_use]
    pub const fn successes_to_close(mut self, successes: NonZeroU32) -> Self {
        self.successes_to_close = successes;
        self
    }

    /// How long probes may take before they are given up. When all places are taken, and the last one
    /// was taken this long ago, the next call becomes the new probe. As long as the (first) open wait
    /// unless set, and never shorter than 10 ms.
    ///
    /// The outcome of a given-up probe changes nothing. A lease may be shorter than a healthy call: so
    /// that it cannot keep the breaker from closing, it doubles each time it runs out, up to 16 times
    /// its length, until the breaker closes or opens.
    #[must_use]
    pub const fn half_open_lease(mut self, lease: Duration) -> Self {
        self.half_open_lease = Some(lease);
        self
    }

    /// How long probes may take before they are given up.
    pub fn lease(&self) -> Duration {
        self.half_open_lease.unwrap_or_else(|| self.first_wait())
    }

    /// How long the breaker stays open for the first time.
    pub fn first_wait(&self) -> Duration {
        self.open_wait.first()
    }
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
        Self {
            failure_threshold: Some(FIVE),
            window: None,
            open_wait: OpenWait::Fixed(Duration::from_secs(60)),
            half_open_max_probes: NonZeroU32::MIN,
            successes_to_close: NonZeroU32::MIN,
            half_open_lease: None,
        }
    }
}
