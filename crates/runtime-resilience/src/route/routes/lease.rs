//! A selected route, for as long as a call is under way on it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Routes;
use crate::route::core::Pick;
use crate::route::error::NoRouteError;
use crate::route::place::Route;

/// A selected route. It counts as a call under way there until it is dropped.
///
/// It is `Send` and borrows nothing. It is no permit: ask the route's breaker for one.
#[must_use = "a lease that is dropped is a call that is over"]
pub struct RouteLease {
    routes: Routes,
    pick: Pick,
    /// The end of the route's rest that the caller knows of.
    known: Duration,
}

impl RouteLease {
    pub(super) fn new(routes: Routes, pick: Pick) -> Self {
        let known = routes.core().rests_until(pick.index);
        Self { routes, pick, known }
    }

    /// The route.
    pub fn route(&self) -> &Route {
        self.routes.at(self.pick)
    }

    /// Whether the route's breaker was half-open, so that the call finds out whether it is back.
    pub const fn is_probe(&self) -> bool {
        self.pick.probe
    }

    /// Notes a rest that begins now: the caller is the cause of it, and waits. A longer one, of which another caller is
    /// the cause, is not meant.
    pub fn note_rest(&mut self, rest: Duration) {
        let now = self.routes.shared.config.clock.now();
        let until = self.routes.core().since_origin(now).saturating_add(rest);
        self.known = self.known.max(until);
    }

    /// Looks whether the route still takes calls, before another one: it may have come to rest since it was
    /// selected, or for longer than was [noted](Self::note_rest). With [`fail_open`](Routes::fail_open) it is
    /// called all the same.
    ///
    /// # Errors
    ///
    /// [`NoRouteError`] with the time at which its rest is over.
    pub fn check(&self) -> Result<(), NoRouteError> {
        let config = &self.routes.shared.config;
        let core = self.routes.core();
        let is_known = core.rests_until(self.pick.index) <= self.known;
        let rest = core.rest_left(self.pick.index, config.clock.now());
        drop(core);
        if is_known || rest.is_zero() || config.fail_open {
            return Ok(());
        }
        let soonest = Some((self.route().shared_name(), rest));
        Err(NoRouteError { soonest, resting: 1, ..NoRouteError::NONE })
    }

    /// Whether the route was taken although it is out, because all are: see
    /// [`fail_open`](Routes::fail_open).
    pub const fn is_last_resort(&self) -> bool {
        self.pick.last_resort
    }
}

impl Drop for RouteLease {
    fn drop(&mut self) {
        self.routes.release(self.pick);
    }
}

impl fmt::Debug for RouteLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteLease")
            .field("route", &self.route().name())
            .field("is_probe", &self.is_probe())
            .field("is_last_resort", &self.is_last_resort())
            .finish_non_exhaustive()
    }
}

impl Routes {
    /// How many have the routes: clones of them, and leases.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.shared)
    }
}
