//! Breakers, limiters and routes that tell the fleet, and follow it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use runtime_events::Clock;
use runtime_resilience::{
    BreakerFollower, CircuitBreaker, CircuitBreakerConfig, PauseListener, ProbeGate, RateLimiter,
    RateLimits, RestListener, Route, Routes, Transition, TransitionCause, TransitionListener,
};

use super::seats::{LimiterSeat, whole};
use super::shared::Shared;
use crate::core::{Applied, Follower, Part};
use crate::name::OF_ROUTES;

/// A breaker of the fleet.
pub(crate) fn breaker(
    shared: &Arc<Shared>,
    name: Arc<str>,
    config: CircuitBreakerConfig,
) -> CircuitBreaker {
    let now = shared.now();
    let mut core = shared.core();
    let mut seats = shared.seats();
    if let Some((place, follower)) = core.followers.named(&name)
        && let Some(own) = seats.breakers.get(place)
    {
        follower.asked_for(now);
        return own.breaker().clone();
    }
    let told = Arc::new(Told { shared: Arc::downgrade(shared), place: core.followers.next() });
    let clock: Arc<dyn Clock> = shared.clock.clone();
    let gate: Arc<Told> = Arc::clone(&told);
    let own = BreakerFollower::new(name.clone(), config, clock, told, gate);
    let breaker = own.breaker().clone();
    seats.breakers.push(name.clone(), own);
    let mut follower = Follower::new(name.clone(), config.lease(), config.first_wait());
    follower.asked_for(now);
    core.add(now, |core| core.followers.push(name, follower));
    drop(seats);
    drop(core);
    shared.wake();
    breaker
}

/// A limiter of the fleet.
pub(crate) fn limiter(shared: &Arc<Shared>, name: Arc<str>, limits: RateLimits) -> RateLimiter {
    let now = shared.now();
    let mut core = shared.core();
    let mut seats = shared.seats();
    if let Some((place, part)) = core.parts.named(&name)
        && let Some(seat) = seats.limiters.get(place)
    {
        part.asked_for(now);
        let limiter = seat.limiter.clone();
        core.add(now, |_| ());
        drop(seats);
        drop(core);
        shared.wake();
        return limiter;
    }
    let told = Arc::new(Paused { shared: Arc::downgrade(shared) });
    let clock: Arc<dyn Clock> = shared.clock.clone();
    let limiter = RateLimiter::with_listener(name.clone(), limits, clock, told);
    limiter.set_part(None);
    let seat = LimiterSeat { limiter: limiter.clone(), applied: Applied::Nothing };
    seats.limiters.push(name.clone(), seat);
    core.add(now, |core| {
        let mut part = Part::new(name.clone(), whole(limits));
        part.asked_for(now);
        core.parts.push(name, part);
    });
    drop(seats);
    drop(core);
    shared.wake();
    limiter
}

/// Routes whose rests the fleet shares.
pub(crate) fn routes(shared: &Arc<Shared>, routes: Routes) -> Routes {
    let now = shared.now();
    let routes = routes.on_rest(Arc::new(Paused { shared: Arc::downgrade(shared) }));
    let mut core = shared.core();
    let mut rests = Vec::new();
    core.add(now, |core| {
        rests.extend(routes.iter().map(|route| core.pauses.follow(rest_of(route), now)));
    });
    shared.seats().routes.push(routes.clone());
    drop(core);
    // What others of this process know already.
    for (route, wait) in routes.iter().zip(rests).filter(|(_, wait)| !wait.is_zero()) {
        routes.follow_rest(route, wait);
    }
    shared.wake();
    routes
}

/// The name of a route's pauses: as the route's, with what divides its parts escaped within them. So no two routes have
/// one, and no limiter has it.
pub(crate) fn rest_of(route: &Route) -> Arc<str> {
    let model = |part: &str| part.replace('%', "%25").replace('(', "%28");
    let provider = model(route.provider()).replace('/', "%2F");
    let key = route.key_label().map_or_else(String::new, |key| format!(" ({key})"));
    format!("{OF_ROUTES}{provider}/{}{key}", model(route.model())).into()
}

/// What a breaker tells and asks.
#[derive(Debug)]
struct Told {
    shared: Weak<Shared>,
    place: usize,
}

impl TransitionListener for Told {
    fn on_transition(&self, _: &str, transition: Transition) {
        if transition.cause == TransitionCause::Fleet {
            return;
        }
        if let Some(shared) = self.shared.upgrade() {
            let now = shared.now();
            if let Some(own) = shared.core().followers.get_mut(self.place) {
                own.changed(transition, now);
            }
            shared.wake();
        }
    }
}

impl ProbeGate for Told {
    fn may_probe(&self) -> bool {
        // Without a fleet, each probes for itself.
        let Some(shared) = self.shared.upgrade() else { return true };
        let now = shared.now();
        let mut core = shared.core();
        let may = core.may_probe(self.place, now);
        drop(core);
        // Many calls may be refused while a sibling probes.
        if may == Err(true) {
            shared.wake();
        }
        may.is_ok()
    }
}

/// What limiters and routes tell.
#[derive(Debug)]
struct Paused {
    shared: Weak<Shared>,
}

impl Paused {
    fn tell(&self, name: Arc<str>, wait: Duration) {
        if let Some(shared) = self.shared.upgrade() {
            let now = shared.now();
            shared.core().pauses.ask(name, wait, now);
            shared.wake();
        }
    }
}

impl PauseListener for Paused {
    fn paused(&self, limiter: &str, wait: Duration) {
        self.tell(limiter.into(), wait);
    }
}

impl RestListener for Paused {
    fn rests(&self, route: &Route, rest: Duration) {
        self.tell(rest_of(route), rest);
    }
}
