//! The state of a route's breaker and limiter, read without taking a place.

use std::time::Duration;

use super::core::{Circuit, Room, Standing};
use super::place::Route;
use crate::breaker::{CircuitBreaker, CircuitState};
use crate::rate::{Demand, RateLimiter};

impl Standing {
    /// The standing of a tried route, which is passed over.
    pub(super) const TRIED: Self = Self { tried: true, circuit: Circuit::Closed, room: Room::Now };

    pub(super) fn of(route: &Route, demand: Demand) -> Self {
        let room = |limiter: &RateLimiter| match limiter.check(demand) {
            Ok(()) => Room::Now,
            Err(refused) => refused.retry_after.map_or(Room::Never, Room::In),
        };
        let room = route.limiter().map_or(Room::Now, room);
        Self { tried: false, circuit: Circuit::of(route.breaker()), room }
    }

    /// The time until the route returns, without its rest: `None` if never, or if it is not known.
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
