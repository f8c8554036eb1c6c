//! The routes as sessions hold them: shared and timed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use runtime_events::{Clock, SystemClock};

use super::core::{Circuit, Core, Order, Pick, Room, Standing};
use super::error::NoRouteError;
use super::place::Route;
use super::rests::{RestListener, Rested, RouteRests};
use super::snapshot::RouteSnapshot;
use super::tried::TriedRoutes;
use crate::fault::{Fault, FaultKind, FaultScope};
use crate::rate::Demand;

mod lease;

pub use self::lease::RouteLease;

/// The routes that calls may take, in an order. Sessions share them by cloning: when one session is told
/// that a key is used up or a model overloaded, the others do not ask again.
///
/// A list has the rest of each route and the number of calls under way on it. A route in several lists
/// has the same breaker and limiter in all of them, and rests in each separately.
///
/// ```text
///                       apply(fault), rest           the rest is over
///           ┌─ ready ──────────────────────▶ resting ─────────────────▶ ready
///    route ─┤
///           └─ breaker: closed ──▶ open ──▶ half-open ──▶ closed
///                                    ▲          │
///                                    └──────────┘
/// ```
///
/// # Which route is next
///
/// [`select`](Self::select) never takes a route that was tried in this turn, rests, has an open
/// breaker, or has a limiter that will never have room. Of the others it takes the first of these that
/// there is:
///
/// 1. A route that can take the call at once. A half-open route with a free probe is among them, in
///    its own place of the order: otherwise a provider that came first would never be found to be
///    back. Its lease [is a probe](RouteLease::is_probe). While that is held, for at most half a
///    minute, no other call is sent there as a probe under this rule.
/// 2. The route whose limiter has room first.
/// 3. A half-open route with a free probe, while another lease is a probe.
/// 4. With [`fail_open`](Self::fail_open), the route that returns first of those that are out.
///
/// A selection asks breakers and limiters without taking a place. A route may go out before
/// [`try_acquire`](crate::CircuitBreaker::try_acquire): add it to the [tried](TriedRoutes::add) ones,
/// and select again.
///
/// # Example
///
/// ```
/// use runtime_resilience::{Demand, Fault, FaultKind, NoRouteError, Route, Routes, TriedRoutes};
///
/// # fn call(route: &Route) -> Result<&'static str, Fault> {
/// #     if route.provider() == "openai" { Err(Fault::of(FaultKind::Quota)) } else { Ok("an answer") }
/// # }
/// let routes = Routes::ordered([
///     Route::new("openai", "gpt-5").key("team-a"),
///     Route::new("openai", "gpt-5-mini").key("team-a"),
///     Route::new("anthropic", "claude-sonnet-4-5"),
/// ]);
///
/// let mut tried = TriedRoutes::default();
/// let answer = loop {
///     let lease = routes.select(&tried, Demand::default())?;
///     let route = lease.route();
///     tried.add(route);
///     let Ok(permit) = route.breaker().try_acquire() else { continue };
///     match call(route) {
///         Ok(answer) => {
///             permit.success();
///             break answer;
///         }
///         Err(fault) => {
///             if fault.counts { permit.failure() } else { permit.cancel() }
///             routes.apply(route, &fault);
///         }
///     }
/// };
/// assert_eq!(answer, "an answer");
/// // The key is used up, so its other model was not even tried.
/// assert_eq!(tried.len(), 2);
/// # Ok::<(), NoRouteError>(())
/// ```
///
/// Calls spread by weight:
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
    listener: Option<Arc<dyn RestListener>>,
}

/// Constructors. Of equal routes, the first is kept.
impl Routes {
    /// Each call goes to the first route that can take it. The later ones are fallbacks; a route takes
    /// calls again as soon as it is back.
    pub fn ordered(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::new(Order::Listed, routes)
    }

    /// Calls are spread evenly over the routes, in proportion to their [weights](Route::weight).
    pub fn weighted(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::new(Order::Weighted, routes)
    }

    /// Calls go to one route after the other.
    pub fn round_robin(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::new(Order::RoundRobin, routes)
    }

    /// Each call goes to the route with the fewest calls under way for its [weight](Route::weight);
    /// of equals, to the first.
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
        let rests = RouteRests::default();
        Self::build(Config { routes, order, clock, rests, fail_open: false, listener: None })
    }

    fn build(config: Config) -> Self {
        let weights = config.routes.iter().map(Route::share);
        let core = Mutex::new(Core::new(config.order, weights, config.clock.now()));
        Self { shared: Arc::new(Shared { config, core }) }
    }
}

/// Settings. Each returns routes that begin anew, with none resting and no call under way: set them
/// before the routes are shared.
impl Routes {
    /// The clock by which routes rest. The system clock unless set. Breakers and limiters have
    /// clocks of their own.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.changed(|config| config.clock = clock)
    }

    /// How long routes rest where a fault does not say. [`RouteRests::default`] unless set.
    #[must_use]
    pub fn rests(self, rests: RouteRests) -> Self {
        self.changed(|config| config.rests = rests)
    }

    /// Takes a route even when all that are left are out: the first of them to return. Unless set,
    /// selecting fails then, and the error says which route returns when. A route whose breaker was
    /// [forced open](crate::CircuitBreaker::force_open) is never taken.
    ///
    /// Such a lease is a [last resort](RouteLease::is_last_resort). If the route's breaker is open, do
    /// not ask it for a permit; [record](crate::CircuitBreaker::record_success) the outcome of the call
    /// without one.
    #[doc(alias = "panic_mode")]
    #[must_use]
    pub fn fail_open(self) -> Self {
        self.changed(|config| config.fail_open = true)
    }

    /// Calls `listener` for every rest that begins here. Nobody is called unless set.
    #[must_use]
    pub fn on_rest(self, listener: Arc<dyn RestListener>) -> Self {
        self.changed(|config| config.listener = Some(listener))
    }

    fn changed(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.shared.config.clone();
        change(&mut config);
        Self::build(config)
    }
}

impl Routes {
    /// Selects the next route for a call that needs `demand` of the route's limiter:
    /// [which one](Self#which-route-is-next).
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

    /// Lets routes rest for `rest`, and returns their number. A longer rest of a route goes on.
    ///
    /// The scope says which: with [`FaultScope::Call`] none, with [`FaultScope::Model`] this route,
    /// with [`FaultScope::Key`] all routes of its provider and key, with [`FaultScope::Provider`] all
    /// routes of its provider.
    pub fn rest(&self, route: &Route, scope: FaultScope, rest: Duration) -> usize {
        let mut count = 0;
        for (index, route) in self.within(route, scope) {
            self.rest_at(index, rest);
            count += 1;
            if let Some(listener) = &self.shared.config.listener {
                listener.told(route, rest);
            }
        }
        count
    }

    /// Lets this route rest as it does in another process. A longer rest goes on, and nobody is told.
    pub fn follow_rest(&self, route: &Route, rest: Duration) {
        self.within(route, FaultScope::Model).for_each(|(index, _)| self.rest_at(index, rest));
    }

    fn rest_at(&self, index: usize, rest: Duration) {
        self.core().rest(index, rest, self.shared.config.clock.now());
    }

    /// Ends the rest of a route, for example after its key was replaced.
    pub fn wake(&self, route: &Route) {
        let mut core = self.core();
        for (index, _) in self.within(route, FaultScope::Model) {
            core.wake(index);
        }
    }

    /// Applies a fault of a call on `route`: what it [cools](Fault::cools) rests for as long as the
    /// provider asked, or else as [`RouteRests`] says. Returns what rests, for a log.
    ///
    /// - If the failure passes by itself and the provider asked for no rest, there is a rest only if
    ///   another route is left. One overload is no reason to leave none.
    /// - A rate limit also pauses the limiters of the routes in its scope, even where none rests.
    /// - The breaker is not informed: the call's permit does that.
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

    /// The state of each route, in the order they were given.
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

    /// Why nothing was selected. Reads all routes again, with the tried ones.
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
        // Nothing in the core panics half-way, so a poisoned lock holds a whole value.
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
