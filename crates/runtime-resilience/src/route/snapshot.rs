//! The state of a route, for dashboards.

use std::time::Duration;

use super::place::Route;
use crate::breaker::CircuitState;

/// The state of a route, for dashboards. See [`Routes::snapshot`](super::Routes::snapshot).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouteSnapshot {
    /// The route, with its limiter.
    pub route: Route,
    /// The state of its breaker.
    pub circuit: CircuitState,
    /// The rest of the breaker's wait.
    pub retry_after: Option<Duration>,
    /// The time left of its rest.
    pub rests: Option<Duration>,
    /// The number of calls under way on it.
    pub in_flight: u32,
}

impl RouteSnapshot {
    /// Without the state that only the list has.
    pub(super) fn of(route: &Route) -> Self {
        let breaker = route.breaker();
        Self {
            route: route.clone(),
            circuit: breaker.state(),
            retry_after: breaker.check().err().and_then(|refused| refused.retry_after),
            rests: None,
            in_flight: 0,
        }
    }
}
