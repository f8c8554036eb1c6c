//! The routes as sessions hold them: shared and timed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use runtime_events::{Clock, SystemClock};

use super::core::{Circuit, Core, Order, Pick, Room, Standing};
use super::error::NoRouteError;
use super::place::Route;
use super::rests::{Rested, RouteRests};
use super::snapshot::RouteSnapshot;
use super::tried::TriedRoutes;
use crate::fault::{Fault, FaultKind, FaultScope};
use crate::rate::Demand;

mod lease;

pub use self::lease::RouteLease;

/// The places that calls go to, in an order, shared by cloning.
///
/// What is known of them beyond what their breakers and limiters know is known here: who rests, and
/// how many calls are under way. Routes that stand in several lists share breakers and limiters, and
/// rest in each list on its own.
///
/// ```
/// use std::num::NonZeroU32;
/// use runtime_resilience::{Demand, Route, Routes, TriedRoutes};
///
/// const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();
/// let routes = Routes::weighted([
///     Route::new("openai", "gpt-5").weight(TWO),
///     Route::new("azure", "gpt-5"),
/// ]);
/// let turns: Vec<_> = (0..6)
///     .filter_map(|_| routes.select(&TriedRoutes::default(), Demand::default()).ok())
///     .map(|lease| lease.route().provider().to_owned())
///     .collect();
/// assert_eq!(turns, ["openai", "azure", "openai", "openai", "azure", "openai"]);
/// ```
#[derive(Clone)]
pub struct Routes {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    core: Mutex<Core>,
}

#[derive(Clone)]
struct Config {
    routes: Arc<[Route]>,
    order: Order,
    clock: Arc<dyn Clock>,
    rests: RouteRests,
    fail_open: bool,
}

/// Constructors. Of routes that are equal, the first is taken.
impl Routes {
    /// The first route that can take a call gets it: one after the other is fallen back to, and a
    /// route gets its place back as soon as it is back.
    pub fn ordered(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::new(Order::Listed, routes)
    }

    /// Each route gets calls in turn, as many as its [weight](Route::weight) says, evenly spread.
    pub fn weighted(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::new(Order::Weighted, routes)
    }

    /// Each route gets a call in turn.
    pub fn round_robin(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::new(Order::RoundRobin, routes)
    }

    /// The route with the fewest calls under way for its [weight](Route::weight) gets the next one;
    /// of equals, the first.
    pub fn least_loaded(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::new(Order::LeastLoaded, routes)
    }

    fn new(order: Order, routes: impl IntoIterator<Item = Route>) -> Self {
        let mut distinct: Vec<Route> = Vec::new();
        for route in routes {
            if !distinct.contains(&route) {
                distinct.push(route);
            }
        }
        let (routes, clock) = (distinct.into(), Arc::new(SystemClock));
        Self::build(Config { routes, order, clock, rests: RouteRests::default(), fail_open: false })
    }

    fn build(config: Config) -> Self {
        let weights = config.routes.iter().map(Route::share);
        let core = Mutex::new(Core::new(config.order, weights, config.clock.now()));
        Self { shared: Arc::new(Shared { config, core }) }
    }
}

/// Settings. Each gives routes that begin anew, with none resting and no call under way: to be set
/// before they are shared.
impl Routes {
    /// The clock by which routes rest. The system's unless set. Breakers and limiters have their
    /// own.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.changed(|config| config.clock = clock)
    }

    /// For how long routes rest where a fault does not say. [`RouteRests::default`] unless set.
    #[must_use]
    pub fn rests(self, rests: RouteRests) -> Self {
        self.changed(|config| config.rests = rests)
    }

    /// When every route that is left is out, takes the first of them to return, now. Unless set,
    /// nothing is taken then, and the error says which one returns when. One whose breaker was
    /// [forced open](crate::CircuitBreaker::force_open) is never taken.
    ///
    /// Such a lease is a [last resort](RouteLease::is_last_resort). If it is the breaker that keeps
    /// the route out, the breaker still does: ask it for no permit, and
    /// [record](crate::CircuitBreaker::record_success) what came of the call.
    #[doc(alias = "panic_mode")]
    #[must_use]
    pub fn fail_open(self) -> Self {
        self.changed(|config| config.fail_open = true)
    }

    fn changed(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.shared.config.clone();
        change(&mut config);
        Self::build(config)
    }
}

impl Routes {
    /// Selects the route that comes next, for a call that needs `demand` of its limiter. See the
    /// [module](super) for which one that is.
    ///
    /// The lease counts as a call under way until it is dropped.
    ///
    /// # Errors
    ///
    /// [`NoRouteError`] if every route was tried in this turn, or is out.
    pub fn select(&self, tried: &TriedRoutes, demand: Demand) -> Result<RouteLease, NoRouteError> {
        /// So many routes cost no allocation.
        const FEW: usize = 8;
        let now = self.shared.config.clock.now();
        let count = self.shared.config.routes.len();
        let picked = if count <= FEW {
            self.pick(&mut [Standing::TRIED; FEW][..count], tried, demand, now)
        } else {
            self.pick(&mut vec![Standing::TRIED; count], tried, demand, now)
        };
        match picked {
            Some(pick) => Ok(RouteLease::new(self.clone(), pick)),
            None => Err(self.none(tried, demand, now)),
        }
    }

    /// Breakers and limiters are asked with no lock held: theirs nest in no other.
    fn pick(
        &self,
        standings: &mut [Standing],
        tried: &TriedRoutes,
        demand: Demand,
        now: Instant,
    ) -> Option<Pick> {
        let Config { routes, order, fail_open, .. } = &self.shared.config;
        for (index, route) in routes.iter().enumerate() {
            if tried.contains(route) {
                continue;
            }
            let standing = Standing::of(route, demand);
            // In the order of the list, the first that can take the call spares the others.
            if *order == Order::Listed
                && let Some(pick) = self.core().pick_at(index, &standing, now)
            {
                return Some(pick);
            }
            standings[index] = standing;
        }
        self.core().pick(standings, *fail_open, now)
    }

    /// Lets what `scope` means of `route` rest for `rest`, and says how many of these routes that is.
    /// A route that rests for longer still does.
    ///
    /// [`FaultScope::Call`] is nothing, [`FaultScope::Model`] the route, [`FaultScope::Key`] every route of its
    /// provider and key, [`FaultScope::Provider`] every route of its provider.
    pub fn rest(&self, route: &Route, scope: FaultScope, rest: Duration) -> usize {
        let now = self.shared.config.clock.now();
        let mut core = self.core();
        let mut count = 0;
        for (index, _) in self.within(route, scope) {
            core.rest(index, rest, now);
            count += 1;
        }
        drop(core);
        count
    }

    /// Ends the rest of a route, as after its key was replaced.
    pub fn wake(&self, route: &Route) {
        let mut core = self.core();
        for (index, _) in self.within(route, FaultScope::Model) {
            core.wake(index);
        }
    }

    /// Does what a fault of a call on `route` means for the routes: what it [cools](Fault::cools)
    /// rests for as long as was asked for, or as [`RouteRests`] says. What came of it is returned,
    /// for a log.
    ///
    /// - A rest after a failure that passes, which nobody asked for, spares the last: it begins
    ///   only if a route outside of it is left. One overload is no reason to leave nothing.
    /// - A rate limit also pauses the limiters of the routes it means, even where none rests.
    /// - The breaker is not told: that is done by the call's permit.
    pub fn apply(&self, route: &Route, fault: &Fault) -> Option<Rested> {
        let (scope, rest) = self.shared.config.rests.of(fault)?;
        if fault.kind == FaultKind::RateLimit {
            let meant = self.within(route, scope).filter_map(|(_, route)| route.limiter());
            meant.for_each(|limiter| limiter.pause(rest));
        }
        let spares = fault.asked.is_none() && fault.kind.may_pass();
        if spares && !self.has_another(route, scope) {
            return None;
        }
        let routes = self.rest(route, scope, rest);
        (routes > 0).then_some(Rested { scope, rest, routes })
    }

    /// How each route stands, in the order they were given.
    pub fn snapshot(&self) -> Vec<RouteSnapshot> {
        let config = &self.shared.config;
        let now = config.clock.now();
        let mut snapshots: Vec<_> = config.routes.iter().map(RouteSnapshot::of).collect();
        let core = self.core();
        for (index, snapshot) in snapshots.iter_mut().enumerate() {
            let rest = core.rest_left(index, now);
            snapshot.rests = (!rest.is_zero()).then_some(rest);
            snapshot.in_flight = core.in_flight(index);
        }
        drop(core);
        snapshots
    }

    /// The routes, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.shared.config.routes.iter()
    }

    pub(super) fn at(&self, pick: Pick) -> &Route {
        &self.shared.config.routes[pick.index]
    }

    pub(super) fn release(&self, pick: Pick) {
        self.core().release(pick);
    }

    fn within(&self, route: &Route, scope: FaultScope) -> impl Iterator<Item = (usize, &Route)> {
        self.iter().enumerate().filter(move |(_, other)| other.rests_with(route, scope))
    }

    /// Whether a route outside of `scope` neither rests nor has an open breaker.
    fn has_another(&self, route: &Route, scope: FaultScope) -> bool {
        let now = self.shared.config.clock.now();
        let others = self.iter().enumerate().filter(|(_, other)| !other.rests_with(route, scope));
        let mut closed = others.filter(|(_, other)| !other.breaker().is_open());
        closed.any(|(index, _)| self.core().rest_left(index, now).is_zero())
    }

    /// Why nothing was selected. Looks again, at the tried ones, too.
    #[cold]
    fn none(&self, tried: &TriedRoutes, demand: Demand, now: Instant) -> NoRouteError {
        let routes = &self.shared.config.routes;
        let standings: Vec<_> = routes.iter().map(|route| Standing::of(route, demand)).collect();
        let core = self.core();
        let rests: Vec<_> = (0..routes.len()).map(|index| core.rest_left(index, now)).collect();
        drop(core);

        let mut none = NoRouteError::NONE;
        for ((route, standing), rest) in routes.iter().zip(standings).zip(rests) {
            let count = match (standing.circuit, standing.room) {
                _ if tried.contains(route) => &mut none.tried,
                (Circuit::Shut(_) | Circuit::Pinned, _) => &mut none.open,
                (_, Room::Never) if rest.is_zero() => &mut none.rate_limited,
                _ => &mut none.resting,
            };
            *count += 1;
            let wait = standing.returns_in().map(|wait| wait.max(rest));
            if let Some(wait) = wait
                && none.soonest.as_ref().is_none_or(|(_, soonest)| wait < *soonest)
            {
                none.soonest = Some((route.shared_name(), wait));
            }
        }
        none
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        // Nothing in the core panics half-way, so poison carries no news.
        self.shared.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("order", &self.shared.config.order)
            .field("routes", &self.snapshot())
            .finish_non_exhaustive()
    }
}
