//! The state of a breaker at one moment.

use std::time::Duration;

use super::state::{CircuitCounts, CircuitState};

/// The state of a breaker at one moment, for dashboards and diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitSnapshot {
    /// Its state, as [`state`](super::CircuitBreaker::state) returns it.
    pub state: CircuitState,
    /// The number of changes of its state; wraps around after 16.7 million.
    pub generation: u32,
    /// The counts in this state.
    pub counts: CircuitCounts,
    /// The number of calls refused since the breaker was made.
    pub not_permitted: u64,
    /// How long the breaker has been in this state.
    pub time_in_state: Duration,
    /// The rest of the wait, if the breaker is open.
    pub retry_after: Option<Duration>,
    /// The number of probes under way.
    pub probes: u32,
    /// The number of recoveries in a row that failed. A [growing](super::OpenWait::Growing) wait grows
    /// with it.
    pub failed_recoveries: u32,
}
