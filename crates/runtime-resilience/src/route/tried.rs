//! The routes that a turn has tried.

use super::place::Route;

/// The routes that a turn has tried: [`Routes::select`](super::Routes::select) does not take them
/// again.
///
/// A turn begins with an empty set and adds each route that it selects. To repeat a call on the same
/// route, keep the lease and select nothing. Once all routes are tried or out, a turn may begin a
/// second round with an empty set, after the wait that
/// [`NoRouteError::soonest`](super::NoRouteError::soonest) names.
#[derive(Clone, Debug, Default)]
pub struct TriedRoutes {
    /// A handful.
    routes: Vec<Route>,
}

impl TriedRoutes {
    /// Adds a route, unless it is in the set.
    pub fn add(&mut self, route: &Route) {
        if !self.contains(route) {
            self.routes.push(route.clone());
        }
    }

    /// Whether a route is in the set.
    pub fn contains(&self, route: &Route) -> bool {
        self.routes.contains(route)
    }

    /// The routes, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The number of routes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether no route has been tried.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Removes all routes, for a second round.
    pub fn clear(&mut self) {
        self.routes.clear();
    }
}
