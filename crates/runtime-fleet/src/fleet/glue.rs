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

/// A breaker of the fleet.
pub(crate) fn breaker(
    shared: &Arc<Shared>,
    name: Arc<str>,
    config: CircuitBreakerConfig,
) -> CircuitBreaker {
    let now = shared.now();
    let mut core = shared.core();
    let mut seats = shared.seats();
    let known = core.followers.place_of(|follower| follower.name == name);
    if let Some((place, own)) = known.and_then(|place| Some((place, seats.breakers.get(place)?))) {
        core.followers.get_mut(place).into_iter().for_each(|own| own.asked_for(now));
        return own.breaker().clone();
    }
    let told = Arc::new(Told { shared: Arc::downgrade(shared), place: core.followers.next() });
    let clock: Arc<dyn Clock> = shared.clock.clone();
    let gate: Arc<Told> = Arc::clone(&told);
    let own = BreakerFollower::new(name.clone(), config, clock, told, gate);
    let breaker = own.breaker().clone();
    seats.breakers.push(own);
    let mut follower = Follower::new(name, config.lease(), config.first_wait());
    follower.asked_for(now);
    core.add(now, |core| core.followers.push(follower));
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
    let known = core.parts.place_of(|part| part.name == name);
    if let Some((place, seat)) = known.and_then(|place| Some((place, seats.limiters.get(place)?))) {
        let limiter = seat.limiter.clone();
        core.add(now, |core| {
            core.parts.get_mut(place).into_iter().for_each(|part| part.asked_for(now));
        });
        drop(seats);
        drop(core);
        shared.wake();
        return limiter;
    }
    let told = Arc::new(Paused { shared: Arc::downgrade(shared) });
    let clock: Arc<dyn Clock> = shared.clock.clone();
    let limiter = RateLimiter::with_listener(name.clone(), limits, clock, told);
    limiter.set_part(None);
    seats.limiters.push(LimiterSeat { limiter: limiter.clone(), applied: Applied::Nothing });
    core.add(now, |core| {
        let mut part = Part::new(name, whole(limits));
        part.asked_for(now);
        core.parts.push(part);
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
    core.add(now, |core| core.pauses.follow(routes.iter().map(rest_of)));
    let mut seats = shared.seats();
    // Those of a session, for example, that is over.
    let gone: Vec<_> = seats.routes.extract_if(.., |routes| routes.handles() == 1).collect();
    seats.routes.push(routes.clone());
    drop(seats);
    drop(core);
    drop(gone);
    shared.wake();
    routes
}

/// The name of a route's pauses.
pub(crate) fn rest_of(route: &Route) -> Arc<str> {
    format!("route {}", route.name()).into()
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
        let alone = core.probes_alone();
        let Some(own) = core.followers.get_mut(self.place) else { return alone };
        let may = own.may_probe(alone, now);
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
