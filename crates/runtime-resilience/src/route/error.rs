//! Why no route was selected.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// No route can take the call.
///
/// Each route is counted once: as tried, else as open, else as resting, else as without room.
///
/// ```
/// use runtime_resilience::{Demand, Fault, FaultKind, Route, Routes, TriedRoutes};
///
/// let route = Route::new("openai", "gpt-5");
/// let routes = Routes::ordered([route.clone()]);
/// let mut tried = TriedRoutes::default();
/// tried.add(&route);
/// let none = routes.select(&tried, Demand::default()).unwrap_err();
/// assert_eq!(none.to_string(), "no route is left: 1 tried; `openai/gpt-5` can be tried again now");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoRouteError {
    /// The name of the route that returns first, and when: its rest is over, its breaker admits a
    /// probe, and its limiter has room. Tried routes are among them, so it may be at once: after the
    /// wait, begin a new round.
    ///
    /// `None` if it is unknown, because probes are under way, or if there is none, because no limiter
    /// will have room for so much or there are no routes.
    pub soonest: Option<(Arc<str>, Duration)>,
    /// The number of routes that were tried in this turn.
    pub tried: usize,
    /// The number of routes with an open breaker, or a half-open one with all probes under way.
    pub open: usize,
    /// The number of routes that rest.
    pub resting: usize,
    /// The number of routes whose limiter will never have room for so much.
    pub rate_limited: usize,
}

impl NoRouteError {
    pub(super) const NONE: Self =
        Self { soonest: None, tried: 0, open: 0, resting: 0, rate_limited: 0 };
}

impl fmt::Display for NoRouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no route is left")?;
        let counts = [
            (self.tried, "tried"),
            (self.open, "open"),
            (self.resting, "resting"),
            (self.rate_limited, "without room"),
        ];
        let mut between = ": ";
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{between}{count} {what}")?;
            between = ", ";
        }
        match &self.soonest {
            Some((name, Duration::ZERO)) => write!(f, "; `{name}` can be tried again now"),
            Some((name, wait)) => write!(f, "; `{name}` returns in {wait:.1?}"),
            None => Ok(()),
        }
    }
}

impl Error for NoRouteError {}
