//! What a turn has tried.

use super::place::Route;

/// The routes that a turn has tried, and is not to be sent to again.
///
/// A turn begins with an empty one and adds each route it is given. So it never comes to the same
/// route twice by selection. A turn may repeat a call where it is, as recovery's recipes do after a
/// failure that passes: it keeps its lease, and selects nothing. Once all routes are tried or out, a
/// turn may begin a second round with an empty set, after the wait that
/// [`NoRouteError::soonest`](super::NoRouteError::soonest) tells.
#[derive(Clone, Debug, Default)]
pub struct TriedRoutes {
    /// A handful.
    routes: Vec<Route>,
}

impl TriedRoutes {
    /// Adds a route. One that is in it is not added again.
    pub fn add(&mut self, route: &Route) {
        if !self.contains(route) {
            self.routes.push(route.clone());
        }
    }

    /// Whether the route is in it.
    pub fn contains(&self, route: &Route) -> bool {
        self.routes.contains(route)
    }

    /// The routes, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// How many routes it has.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether nothing has been tried.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Forgets all, for a second round.
    pub fn clear(&mut self) {
        self.routes.clear();
    }
}
