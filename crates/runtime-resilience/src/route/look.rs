//! What a route's breaker and limiter say, asked without taking a place.

use std::time::Duration;

use super::core::{Circuit, Room, Standing};
use super::place::Route;
use crate::breaker::{CircuitBreaker, CircuitState};
use crate::rate::{Demand, RateLimiter};

impl Standing {
    /// What a route that is passed over is taken for.
    pub(super) const TRIED: Self = Self { tried: true, circuit: Circuit::Closed, room: Room::Now };

    pub(super) fn of(route: &Route, demand: Demand) -> Self {
        let room = |limiter: &RateLimiter| match limiter.check(demand) {
            Ok(()) => Room::Now,
            Err(refused) => refused.retry_after.map_or(Room::Never, Room::In),
        };
        let room = route.limiter().map_or(Room::Now, room);
        Self { tried: false, circuit: Circuit::of(route.breaker()), room }
    }

    /// In how long the route returns, but for its rest: `None` if never, or if nobody knows.
    pub(super) fn returns_in(&self) -> Option<Duration> {
        let circuit = match self.circuit {
            Circuit::Closed | Circuit::Probe => Duration::ZERO,
            Circuit::Shut(wait) => wait?,
            Circuit::Pinned => return None,
        };
        match self.room {
            Room::Now => Some(circuit),
            Room::In(wait) => Some(wait.max(circuit)),
            Room::Never => None,
        }
    }
}

impl Circuit {
    fn of(breaker: &CircuitBreaker) -> Self {
        let state = breaker.state();
        if state == CircuitState::Closed {
            return Self::Closed;
        }
        match breaker.check() {
            // Open just now, with its wait over since.
            Ok(()) if matches!(state, CircuitState::Open | CircuitState::HalfOpen) => Self::Probe,
            Ok(()) => Self::Closed,
            Err(_) if state == CircuitState::ForcedOpen => Self::Pinned,
            Err(refused) => Self::Shut(refused.retry_after),
        }
    }
}
