//! Routes: which place a call goes to.

mod apply;
mod place;
mod select;
mod spread;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, Demand, NoRouteError, RateLimiter, RateLimits, Route,
    RouteLease, Routes, TriedRoutes,
};

use crate::support::{WAIT, threshold};

/// A route whose breaker opens after one failure, for [`WAIT`].
pub(crate) fn route(provider: &str, model: &str, clock: &ManualClock) -> Route {
    route_with(provider, model, threshold(1), clock)
}

pub(crate) fn route_with(
    provider: &str,
    model: &str,
    config: CircuitBreakerConfig,
    clock: &ManualClock,
) -> Route {
    let name = format!("{provider}/{model}");
    // Without a lease: the breaker decides when a hanging probe is given up.
    let config = config.recovery_timeout(WAIT).half_open_lease(Duration::MAX);
    let breaker = CircuitBreaker::with_clock(name, config, Arc::new(clock.clone()));
    Route::new(provider, model).circuit_breaker(breaker)
}

pub(crate) fn trip(route: &Route) {
    route.breaker().record_failure();
}

/// A limiter that has room for everything unless it is paused.
pub(crate) fn limiter(clock: &ManualClock) -> RateLimiter {
    RateLimiter::with_clock("limiter", RateLimits::default(), Arc::new(clock.clone()))
}

/// What a usual call needs.
pub(crate) fn demand() -> Demand {
    Demand::default()
}

/// A selection at the beginning of a turn.
pub(crate) fn first(routes: &Routes) -> Result<RouteLease, NoRouteError> {
    routes.select(&TriedRoutes::default(), demand())
}

/// The provider that a turn begins with.
pub(crate) fn provider(routes: &Routes) -> String {
    first(routes).map_or_else(|none| none.to_string(), |lease| lease.route().provider().to_owned())
}

/// Routes that rest by this clock.
pub(crate) fn ordered(routes: &[Route], clock: &ManualClock) -> Routes {
    Routes::ordered(routes.to_vec()).with_clock(Arc::new(clock.clone()))
}

/// As short as a time can be.
pub(crate) const INSTANT: Duration = Duration::from_nanos(1);

/// Three providers, in this order.
pub(crate) fn abc(clock: &ManualClock) -> [Route; 3] {
    ["a", "b", "c"].map(|provider| route(provider, "m", clock))
}

pub(crate) fn tried(routes: &[&Route]) -> TriedRoutes {
    let mut tried = TriedRoutes::default();
    for route in routes {
        tried.add(route);
    }
    tried
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
