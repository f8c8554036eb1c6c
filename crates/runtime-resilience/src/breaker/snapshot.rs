//! The state of a breaker at one moment.

use std::time::Duration;

use super::state::{CircuitCounts, CircuitState};

/// The state of a breaker at one moment, for dashboards and diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitSnapshot {
    /// Its state, as [`state`](super::CircuitBreaker::state) returns it.
    pub state: CircuitState,
    /// How often its state has changed; wraps around after 16.7 million times.
    pub generation: u32,
    /// What is counted in this state.
    pub counts: CircuitCounts,
    /// How many calls were refused since the breaker was made.
    pub not_permitted: u64,
    /// How long the breaker has been in this state.
    pub time_in_state: Duration,
    /// What is left of the wait, if the breaker is open.
    pub retry_after: Option<Duration>,
    /// How many probes are under way.
    pub probes: u32,
    /// How many recoveries in a row have failed. A
    /// [growing](super::OpenWait::Growing) wait grows with it.
    pub failed_recoveries: u32,
}
