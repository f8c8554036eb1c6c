//! What a breaker knows, at one moment.

use std::time::Duration;

use super::state::{CircuitCounts, CircuitState};

/// A breaker at one moment, for dashboards and for people who ask why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitSnapshot {
    /// Where it stands; as [`state`](super::CircuitBreaker::state) says it.
    pub state: CircuitState,
    /// How often its state has changed; wraps around after 16.7 million times.
    pub generation: u32,
    /// What is counted in this state.
    pub counts: CircuitCounts,
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
