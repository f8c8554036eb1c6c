//! What a breaker knows, at one moment.

use std::time::Duration;

use super::state::CircuitState;

/// A breaker at one moment, for dashboards and for people who ask why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Where it stands; as [`state`](super::CircuitBreaker::state) says it.
    pub state: CircuitState,
    /// How often its state has changed; wraps around after 16.7 million times.
    pub generation: u32,
    /// What is counted in this state.
    pub counts: Counts,
    /// How many calls were not admitted, ever.
    pub not_permitted: u64,
    /// How long it has been in this state.
    pub time_in_state: Duration,
    /// What is left of the wait, if it is open.
    pub retry_after: Option<Duration>,
    /// How many probes are out.
    pub probes: u32,
    /// How many probing phases in a row ended with a failure. A
    /// [growing](super::OpenWait::Growing) wait grows with it.
    pub failed_recoveries: u32,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// The calls in the window; none without one.
    pub calls: u32,
    /// Those that failed.
    pub failures: u32,
    /// Those that were slow.
    pub slow: u32,
}

impl Counts {
    /// The part of the calls that failed, from 0 to 1. `None` if there was no call.
    pub fn failure_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| f64::from(self.failures) / f64::from(self.calls))
    }

    /// The part of the calls that were slow, from 0 to 1. `None` if there was no call.
    pub fn slow_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| f64::from(self.slow) / f64::from(self.calls))
    }
}
