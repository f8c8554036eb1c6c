//! When to open, for how long, and what closes it again.

use std::num::NonZeroU32;
use std::time::Duration;

use super::wait::OpenWait;
use super::window::CircuitWindow;

/// The settings of a breaker.
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

/// What opens it. Each of these does so alone.
impl CircuitBreakerConfig {
    /// Opens after this many failures in a row. 5 unless set.
    #[must_use]
    pub const fn failure_threshold(mut self, failures: NonZeroU32) -> Self {
        self.failure_threshold = Some(failures);
        self
    }

    /// Does not open because of failures in a row, however many there are.
    #[must_use]
    pub const fn without_failure_threshold(mut self) -> Self {
        self.failure_threshold = None;
        self
    }

    /// Opens when too many of the last calls failed or were slow. There is no window unless set.
    #[must_use]
    pub const fn window(mut self, window: CircuitWindow) -> Self {
        self.window = Some(window);
        self
    }
}

/// What closes it again.
impl CircuitBreakerConfig {
    /// Admits no call for this long after opening. 60 seconds unless set.
    ///
    /// Short for [`open_wait`](Self::open_wait) with [`OpenWait::Fixed`].
    #[doc(alias = "recovery_timeout_seconds")]
    #[must_use]
    pub const fn recovery_timeout(self, timeout: Duration) -> Self {
        self.open_wait(OpenWait::Fixed(timeout))
    }

    /// Admits no call for this long after opening. 60 seconds each time unless set.
    ///
    /// A wait ends up to 10 ms late, and never early. One of 43 years or more does not end.
    #[must_use]
    pub const fn open_wait(mut self, wait: OpenWait) -> Self {
        self.open_wait = wait;
        self
    }

    /// Lets at most this many probes run at the same time while half-open. 1 unless set; more than
    /// 4095 are taken for 4095.
    #[must_use]
    pub const fn half_open_max_probes(mut self, probes: NonZeroU32) -> Self {
        self.half_open_max_probes = probes;
        self
    }

    /// Closes after this many successful probes. 1 unless set; more than 4 million are taken for 4
    /// million.
    ///
    /// More than [`half_open_max_probes`](Self::half_open_max_probes) is fine: probes then follow
    /// one another.
    #[must_use]
    pub const fn successes_to_close(mut self, successes: NonZeroU32) -> Self {
        self.successes_to_close = successes;
        self
    }

    /// Gives up probes that do not report: when all places are taken, and the last one was taken
    /// this long ago, the next call takes them over. As long as the open wait unless set (the first
    /// one, if it grows), and never shorter than 10 ms.
    ///
    /// A given-up probe changes nothing any more. So that a lease shorter than a healthy call cannot
    /// keep the breaker from closing, it doubles each time it runs out, up to 16 times its length,
    /// until the breaker closes or opens.
    #[must_use]
    pub const fn half_open_lease(mut self, lease: Duration) -> Self {
        self.half_open_lease = Some(lease);
        self
    }

    pub(super) fn lease(&self) -> Duration {
        self.half_open_lease.unwrap_or_else(|| self.open_wait.first())
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
