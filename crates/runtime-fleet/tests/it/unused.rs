//! Accounts, breakers and limiters that nobody of a process has had for a while.

use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;

use runtime_fleet::{AccountPath, Accounts as _, Policy, Rules, SharedKind};
use runtime_resilience::{CircuitBreakerConfig, CircuitState, Demand, RateLimits};
use runtime_usage::{Limit, Usd};

use crate::support::{Line, World, cents, poll};

const KEEP: Duration = Duration::from_secs(60);

fn limit(cents: u64) -> Limit {
    Limit::enforced(Usd::from_cents(cents)).per_turn(Usd::from_cents(1))
}

fn limits(per_minute: u32) -> RateLimits {
    RateLimits::default().requests_per_minute(NonZeroU32::new(per_minute).unwrap())
}

fn world() -> World {
    let mut world = World::empty(true);
    world.join(|config| config.keep_unused(KEEP));
    world
}

/// Heartbeats for longer than anything is kept that nobody has.
fn pass(world: &mut World) {
    for _ in 0..20 {
        world.clock.advance(Duration::from_secs(4));
        world.drive();
    }
}

/// How many accounts, breakers and limiters the member remembers.
fn kept(world: &World) -> (usize, usize, usize) {
    let status = world.members[0].fleet.status();
    (status.accounts.len(), status.breakers, status.limiters)
}

#[test]
fn ten_thousand_tenants_that_come_once_are_forgotten() {
    const AT_ONCE: usize = 50;
    let mut world = world();
    let fleet = world.members[0].fleet.clone();
    let mut most = 0;
    for round in 0..10_000 / AT_ONCE {
        // Each is a tree of its own.
        let names = (0..AT_ONCE).map(|tenant| format!("tenant-{:05}", round * AT_ONCE + tenant));
        let come = |name: String| {
            let account = world.members[0].account(&name, limit(100));
            let breaker = fleet.breaker(&*name, CircuitBreakerConfig::default()).unwrap();
            let _limiter = fleet.limiter(&*name, limits(600)).unwrap();
            world.reserve(&account, cents(1)).unwrap().settle(cents(1));
            breaker.try_acquire().unwrap().success();
            name
        };
        let names: Vec<_> = names.map(come).collect();
        pass(&mut world);
        let (accounts, breakers, limiters) = kept(&world);
        most = most.max(accounts + breakers + limiters);
        for name in names {
            let state = world.state(&name);
            assert_eq!((state.spent, state.granted), (cents(1), Usd::ZERO), "{name}");
        }
    }
    assert_eq!(most, 0, "so many were remembered after each round");
}

#[test]
fn an_account_is_taken_up_again_with_what_the_fleet_knows() {
    let mut world = world();
    let company = world.members[0].account("company", limit(100));
    let tenant = world.members[0].account("company/tenant", limit(50));
    world.reserve(&tenant, cents(20)).unwrap().settle(cents(20));
    drop(tenant);
    pass(&mut world);
    assert_eq!(kept(&world).0, 1);
    let state = world.state("company/tenant");
    assert_eq!((state.spent, state.granted, state.members), (cents(20), Usd::ZERO, 0));

    // Somebody changes its rules meanwhile.
    let (path, rules) = (AccountPath::new("company/tenant").unwrap(), Rules::of(&limit(60)));
    poll(pin!(world.backend.set(&path, &rules))).unwrap().unwrap();
    for spent in [40, 60] {
        let tenant = world.members[0].account("company/tenant", limit(50));
        assert_eq!(tenant.balance().spent, Usd::ZERO, "of this process, since it was taken up");
        assert!(world.reserve(&tenant, cents(41)).is_none());
        world.reserve(&tenant, cents(20)).unwrap().settle(cents(20));
        drop(tenant);
        pass(&mut world);
        assert_eq!(world.state("company/tenant").spent, cents(spent));
    }
    assert_eq!(world.state("company").spent, cents(60));
    assert!(world.reserve(&company, cents(41)).is_none());
    assert!(world.reserve(&company, cents(40)).is_some());
}

#[test]
fn what_somebody_has_is_not_forgotten() {
    let mut world = world();
    let fleet = world.members[0].fleet.clone();
    let account = world.members[0].account("company", limit(100));
    let held = world.reserve(&account, cents(1)).unwrap();
    let child = account.child(Limit::enforced(cents(5)));
    let breaker = fleet.breaker("openai", CircuitBreakerConfig::default()).unwrap();
    let limiter = fleet.limiter("openai", limits(600)).unwrap();
    world.ticks(4);
    let (permit, sent) = (breaker.try_acquire(), limiter.try_reserve(Demand::request()));
    drop((account, breaker, limiter));
    pass(&mut world);
    assert_eq!(kept(&world), (1, 1, 1), "a reservation, a permit and a call");
    drop(held);
    pass(&mut world);
    assert_eq!(kept(&world), (1, 1, 1), "an account below");
    drop((child, permit, sent));
    pass(&mut world);
    assert_eq!(kept(&world), (0, 0, 0));
}

#[test]
fn an_account_is_not_forgotten_before_the_backend_has_heard_all_of_it() {
    for line in [Line::Cut, Line::Deaf, Line::Stalled] {
        let mut world = World::empty(true);
        world.join(|config| config.keep_unused(KEEP).policy(SharedKind::Money, Policy::FailOpen));
        let account = world.members[0].account("company", limit(100));
        world.ticks(2);
        world.members[0].line(line);
        world.ticks(8);
        account.reserve(cents(30)).unwrap().settle(cents(30));
        drop(account);
        for _ in 0..3 {
            pass(&mut world);
        }
        assert_eq!(kept(&world).0, 1, "{line:?}");
        world.members[0].line(Line::Up);
        pass(&mut world);
        let state = world.state("company");
        assert_eq!((state.spent, state.granted), (cents(30), Usd::ZERO), "{line:?}");
        assert_eq!(kept(&world).0, 0, "{line:?}");
    }
}

#[test]
fn a_breaker_that_is_open_and_a_limit_that_is_paused_are_not_forgotten() {
    let mut world = world();
    let fleet = world.members[0].fleet.clone();
    let breaker = fleet.breaker("openai", CircuitBreakerConfig::default()).unwrap();
    let pinned = fleet.breaker("azure", CircuitBreakerConfig::default()).unwrap();
    let limiter = fleet.limiter("openai", limits(600)).unwrap();
    world.ticks(2);
    breaker.trip(Some(Duration::from_secs(300)));
    pinned.force_open();
    limiter.pause(Duration::from_secs(300));
    drop((breaker, pinned, limiter));
    pass(&mut world);
    assert_eq!(kept(&world), (0, 2, 1));
    let again = fleet.breaker("openai", CircuitBreakerConfig::default()).unwrap();
    assert_eq!(again.state(), CircuitState::Open);
}

#[test]
fn who_opens_an_account_and_does_not_look_for_long_has_it_still() {
    let mut world = world();
    let fleet = world.members[0].fleet.clone();
    let mut opening = pin!(fleet.account("company", limit(100)));
    assert!(poll(opening.as_mut()).is_none());
    // One that nobody waits for any more, and one that the backend refuses.
    drop(Box::pin(fleet.account("other", limit(100))));
    let refused = world.members[0].until(fleet.account("nobody/here", limit(1)));
    assert!(refused.is_err());
    pass(&mut world);
    assert_eq!(kept(&world).0, 0);
    let account = world.until(opening).unwrap();
    world.reserve(&account, cents(100)).unwrap().settle(cents(100));
    world.ticks(2);
    assert_eq!(world.state("company").spent, cents(100));
}
