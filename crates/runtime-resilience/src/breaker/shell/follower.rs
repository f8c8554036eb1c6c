//! [`BreakerFollower`]: a breaker that goes along with those of other processes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::Clock;

use super::{CircuitBreaker, Shared, TransitionListener};
use crate::breaker::config::CircuitBreakerConfig;
use crate::breaker::state::TransitionCause;

/// Has a word before a breaker lets a probe through, such as that of a fleet, in which one process probes.
///
/// It is asked by calls that find the breaker half-open with a free place, and by nothing else: a closed breaker
/// does not know of it.
pub trait ProbeGate: fmt::Debug + Send + Sync {
    /// Whether a probe may go now. Otherwise the call is refused. It must not block.
    fn may_probe(&self) -> bool;
}

/// The right to open and close a breaker because others have done so with theirs.
///
/// Its transitions have the [cause](TransitionCause::Fleet) `fleet`: who tells others of the breaker's own must not
/// tell these.
#[derive(Clone, Debug)]
pub struct BreakerFollower {
    breaker: CircuitBreaker,
}

impl BreakerFollower {
    /// Makes a closed breaker that reports its transitions, and asks `gate` before it lets a probe through.
    pub fn new(
        name: impl Into<Arc<str>>,
        config: CircuitBreakerConfig,
        clock: Arc<dyn Clock>,
        listener: Arc<dyn TransitionListener>,
        gate: Arc<dyn ProbeGate>,
    ) -> Self {
        let shared = Shared::new(name.into(), config, clock, Some(listener), Some(gate));
        Self { breaker: CircuitBreaker { shared } }
    }

    /// The breaker.
    pub const fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    /// How many have the breaker: clones of it and of this follower, and permits.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.breaker.shared)
    }

    /// Opens the breaker for `wait`, as [`trip`](CircuitBreaker::trip) does, because another process has opened its
    /// own.
    pub fn open(&self, wait: Duration) {
        let shared = &self.breaker.shared;
        shared.report(shared.cell.trip(shared.now(), Some(wait), TransitionCause::Fleet));
    }

    /// Closes an open or half-open breaker because another process has found the dependency back. One that is
    /// forced open, disabled or counts only stays so.
    pub fn close(&self) {
        let shared = &self.breaker.shared;
        shared.report(shared.cell.follow_closed(shared.now()));
    }
}
