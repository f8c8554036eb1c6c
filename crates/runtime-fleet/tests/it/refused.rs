//! One thing that the backend cannot read, such as a key that somebody else has: it fails by its policy and is named, and
//! all else goes on.

use std::num::NonZeroU32;
use std::time::Duration;

use runtime_events::AgentEventName::{FleetDegraded, FleetRecovered};
use runtime_events::payload::FleetReach;
use runtime_fleet::{Policy, SharedKind};
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, CircuitState, Demand, FaultScope, RateLimits, Route,
    Routes,
};
use runtime_usage::{Limit, Usd};

use crate::support::{World, cents};

const SECOND: Duration = Duration::from_secs(1);

fn opens_at_once() -> CircuitBreakerConfig {
    CircuitBreakerConfig::default().failure_threshold(NonZeroU32::MIN).recovery_timeout(SECOND * 10)
}

fn limit() -> Limit {
    Limit::enforced(cents(1_000)).per_turn(cents(1))
}

fn fails(breaker: &CircuitBreaker) {
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.state(), CircuitState::Open);
}

/// What the first member has told since the last look, each with what it is about.
fn told(world: &World) -> Vec<(runtime_events::AgentEventName, String)> {
    let events = &world.members[0].events;
    let of = |event: &runtime_events::AgentEvent| {
        let of = FleetReach::of(event).of.map(|of| of.as_str().to_owned());
        (event.event, of.unwrap_or_default())
    };
    let told = events.events().iter().map(|event| of(event)).collect();
    events.clear();
    told
}

#[test]
fn one_damaged_thing_of_each_kind_cuts_nothing_else_off() {
    let mut world = World::new(2);
    let config = opens_at_once();
    let limits = RateLimits::default().requests_per_minute(NonZeroU32::new(600).unwrap());
    let fleets: Vec<_> = world.members.iter().map(|member| member.fleet.clone()).collect();
    let (bad, good) =
        (fleets[0].breaker("bad", config).unwrap(), fleets[0].breaker("good", config).unwrap());
    let sibling = fleets[1].breaker("good", config).unwrap();
    let limiters = ["bad-limit", "good-limit"].map(|name| fleets[0].limiter(name, limits).unwrap());
    let routes = |fleet: &runtime_fleet::Fleet, clock| {
        let routes = Routes::ordered([Route::new("bad", "m"), Route::new("good", "m")]);
        fleet.routes(routes.with_clock(std::sync::Arc::new(clock))).unwrap()
    };
    let own = routes(&fleets[0], world.clock.clone());
    let others = routes(&fleets[1], world.clock.clone());
    let accounts = ["bad", "good"].map(|path| world.members[0].account(path, limit()));
    world.ticks(4);
    world.members[0].damage(&["bad", "bad-limit", "route bad/m", "members"]);
    world.ticks(1);
    accounts[0].reserve(cents(1)).unwrap().settle(cents(1));
    own.rest(&Route::new("bad", "m"), FaultScope::Model, SECOND * 60);
    limiters[0].pause(SECOND);
    fails(&bad);
    let before = world.members[0].calls();
    world.ticks(2);
    let calls = world.members[0].calls() - before;
    assert!(calls < 12, "what is refused is not asked for without a pause: {calls}");

    let mut named = told(&world);
    named.sort_by(|a, b| a.1.cmp(&b.1));
    let expected = [
        "account `bad`",
        "breaker `bad`",
        "count `members`",
        "limit `bad-limit`",
        "pause `route bad/m`",
    ];
    assert_eq!(named, expected.map(|of| (FleetDegraded, of.to_owned())), "each once");
    let status = fleets[0].status();
    assert_eq!(
        (status.away, status.members, status.refused.len()),
        (None, 2, 4),
        "{:?}",
        status.refused
    );
    assert!(status.accounts[0].refused.is_some() && status.accounts[1].refused.is_none());

    // All else goes on.
    fails(&good);
    own.rest(&Route::new("good", "m"), FaultScope::Model, SECOND * 60);
    world.ticks(1);
    assert_eq!(sibling.state(), CircuitState::Open);
    assert!(others.snapshot()[1].rests.is_some() && others.snapshot()[0].rests.is_none());
    accounts[1].reserve(cents(1)).unwrap().settle(cents(1));
    world.clock.advance(SECOND);
    assert!(limiters[1].try_reserve(Demand::request()).is_ok());
    world.ticks(1);
    assert_eq!(world.state("good").spent, cents(1));

    // What could not be told is told when it can be read again.
    world.members[0].damage(&[]);
    world.ticks(4);
    let mut named = told(&world);
    named.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(named, expected.map(|of| (FleetRecovered, of.to_owned())));
    assert_eq!(world.state("bad").spent, cents(1));
    assert!(others.snapshot()[0].rests.is_some());
    assert_eq!(fleets[1].breaker("bad", config).unwrap().state(), CircuitState::Closed);
    world.ticks(1);
    assert_eq!(fleets[1].breaker("bad", config).unwrap().state(), CircuitState::Open);
}

/// What one that cannot be read does, by its policy.
#[test]
fn what_is_damaged_fails_by_its_policy() {
    for policy in Policy::ALL.iter().copied() {
        let mut world = World::empty(true);
        world.join(|config| {
            let kinds = [SharedKind::Money, SharedKind::Breakers, SharedKind::Limits];
            kinds.into_iter().fold(config, |config, kind| config.policy(kind, policy))
        });
        let fleet = world.members[0].fleet.clone();
        let account = world.members[0].account("bad", limit());
        let breaker = fleet.breaker("bad", opens_at_once()).unwrap();
        let requests = NonZeroU32::new(600).unwrap();
        let limits = RateLimits::default().requests_per_minute(requests).burst(SECOND);
        let limiter = fleet.limiter("bad", limits).unwrap();
        world.ticks(4);
        fails(&breaker);
        world.members[0].damage(&["bad"]);
        world.ticks(21);

        let held = fleet.status().accounts[0].idle;
        let mut spent = Usd::ZERO;
        while let Some(reserved) = world.reserve(&account, cents(1))
            && spent < cents(2_000)
        {
            reserved.settle(cents(1));
            spent = spent.saturating_add(cents(1));
        }
        match policy {
            Policy::FailClosed => assert_eq!(spent, held, "what it holds"),
            Policy::LocalShare => assert_eq!(spent, cents(1_000), "alone, it has all of the rest"),
            _ => assert_eq!(spent, cents(2_000), "without a limit"),
        }
        let probes = breaker.try_acquire().is_ok();
        assert_eq!(probes, policy != Policy::FailClosed, "{policy:?}");
        let part = limiter.limit(runtime_resilience::RateDimension::Requests).map(u64::from);
        let admits = limiter.check(Demand::request()).is_ok();
        match policy {
            Policy::FailClosed => assert!(!admits),
            // Halved after each of its times.
            Policy::LocalShare => assert_eq!((part, admits), (Some(150), true)),
            _ => assert_eq!((part, admits), (Some(600), true)),
        }
    }
}
