//! When to open, for how long, and what closes it again.

use std::num::NonZeroU32;
use std::time::Duration;

/// The settings of a breaker.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use runtime_resilience::breaker::Config;
///
/// const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();
/// let config = Config::default().failure_threshold(THREE).recovery_timeout(Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) failure_threshold: NonZeroU32,
    pub(super) recovery_timeout: Duration,
    pub(super) half_open_max_probes: NonZeroU32,
    pub(super) successes_to_close: NonZeroU32,
}

impl Config {
    /// Opens after this many failures in a row. 5 unless set.
    #[must_use]
    pub const fn failure_threshold(mut self, failures: NonZeroU32) -> Self {
        self.failure_threshold = failures;
        self
    }

    /// Admits no call for this long after opening. 60 seconds unless set.
    #[doc(alias = "recovery_timeout_seconds")]
    #[must_use]
    pub const fn recovery_timeout(mut self, timeout: Duration) -> Self {
        self.recovery_timeout = timeout;
        self
    }

    /// Lets at most this many probes run at the same time while half-open. 1 unless set.
    #[must_use]
    pub const fn half_open_max_probes(mut self, probes: NonZeroU32) -> Self {
        self.half_open_max_probes = probes;
        self
    }

    /// Closes after this many successful probes. 1 unless set.
    ///
    /// More than [`half_open_max_probes`](Self::half_open_max_probes) is fine: probes then follow
    /// one another.
    #[must_use]
    pub const fn successes_to_close(mut self, successes: NonZeroU32) -> Self {
        self.successes_to_close = successes;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
        Self {
            failure_threshold: FIVE,
            recovery_timeout: Duration::from_mins(1),
            half_open_max_probes: NonZeroU32::MIN,
            successes_to_close: NonZeroU32::MIN,
        }
    }
}
