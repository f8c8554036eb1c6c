//! Limits of a fleet: parts that are never more than the whole, pauses and rests, and a backend that is away.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use proptest::prelude::*;
use runtime_fleet::{Policy, SharedKind};
use runtime_resilience::{
    Demand, FaultScope, RateDimension, RateLimiter, RateLimits, Route, Routes, TriedRoutes,
};

use crate::support::{Line, TICK, World};

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> RateLimits {
    RateLimits::default().requests_per_minute(NonZeroU32::new(600).unwrap()).burst(SECOND)
}

fn limiters(world: &World) -> Vec<RateLimiter> {
    let limiters =
        world.members.iter().map(|member| member.fleet.limiter("api", limits()).unwrap());
    limiters.collect()
}

/// What a limiter goes by, if it admits anything.
fn part(limiter: &RateLimiter) -> u64 {
    let closed = limiter.check(Demand::default()).is_err();
    let part = limiter.limit(RateDimension::Requests);
    if closed { 0 } else { part.map_or(0, NonZeroU64::get) }
}

fn parts(limiters: &[RateLimiter]) -> Vec<u64> {
    limiters.iter().map(part).collect()
}

/// Ticks, and looks after each that all parts together are within the limit.
fn ticks(world: &mut World, limiters: &[RateLimiter], count: u32) {
    for _ in 0..count {
        world.ticks(1);
        let parts = parts(limiters);
        assert!(parts.iter().sum::<u64>() <= 600, "{parts:?}");
    }
}

/// Asks for this many requests.
fn ask(limiter: &RateLimiter, count: usize) -> usize {
    (0..count).filter(|_| limiter.try_reserve(Demand::request()).is_ok()).count()
}

#[test]
fn a_limiter_admits_nothing_before_its_first_share() {
    let mut world = World::new(1);
    let limiter = limiters(&world).remove(0);
    assert_eq!(ask(&limiter, 5), 0);
    world.drive();
    assert_eq!(ask(&limiter, 50), 10, "a burst of all of it");
    assert_eq!(limiter.limits(), limits());
}

#[test]
fn a_backend_that_forgets_everything_gives_no_more_than_the_whole() {
    let mut world = World::new(3);
    let mut limiters = limiters(&world);
    ticks(&mut world, &limiters, 6);
    for round in 0..20 {
        ask(&limiters[0], 20);
        if round % 7 == 0 {
            world.forget();
        }
        if round == 15 {
            // A new one comes before the backend has heard of all others again.
            world.join(|config| config);
            limiters.push(world.members[3].fleet.limiter("api", limits()).unwrap());
        }
        for member in 0..limiters.len() {
            world.clock.advance(TICK / 4);
            world.members[member].drive();
            let parts = parts(&limiters);
            assert!(parts.iter().sum::<u64>() <= 600, "round {round}, member {member}: {parts:?}");
        }
    }
    ticks(&mut world, &limiters, 40);
    let parts = parts(&limiters);
    assert!(parts.iter().sum::<u64>() > 590, "all of it is in use again: {parts:?}");
}

#[test]
fn parts_follow_demand_and_are_never_more_than_the_whole() {
    let mut world = World::new(3);
    let limiters = limiters(&world);
    ticks(&mut world, &limiters, 6);
    assert_eq!(parts(&limiters), [200; 3], "equal, while nobody asks");
    // One is busy, refused calls included.
    for _ in 0..40 {
        ask(&limiters[1], 20);
        ticks(&mut world, &limiters, 1);
    }
    let busy = parts(&limiters);
    assert!(busy[1] >= 450 && busy[0] >= 50, "the others can begin: {busy:?}");
    for _ in 0..40 {
        for limiter in &limiters {
            ask(limiter, 20);
        }
        ticks(&mut world, &limiters, 1);
    }
    assert!(
        parts(&limiters).iter().all(|part| (190..=200).contains(part)),
        "{:?}",
        parts(&limiters)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Also of fewer requests than members: each gets its turn, and none is left over.
    #[test]
    fn a_limit_is_used_up_by_any_number_of_members(
        members in 1..9_u32, limit in 1..12_u32, burst in 0..61_u32
    ) {
        const MINUTE: u32 = 120;
        let mut world = World::new(members as usize);
        let limits = RateLimits::default()
            .requests_per_minute(NonZeroU32::new(limit).unwrap())
            .burst(SECOND * burst);
        let limiters: Vec<_> =
            world.members.iter().map(|member| member.fleet.limiter("api", limits).unwrap()).collect();
        world.ticks(8);
        let mut admitted = vec![0; limiters.len()];
        let most = |ticks: u32| 1 + limit * (ticks + 8 + 2 * burst) / MINUTE;
        // As long as three requests of each take, and a minute.
        let ticks = MINUTE + 3 * MINUTE * members / limit;
        for tick in 1..=ticks {
            world.ticks(1);
            for (admitted, limiter) in admitted.iter_mut().zip(&limiters) {
                *admitted += ask(limiter, 2);
            }
            let sum: usize = admitted.iter().sum();
            prop_assert!(sum <= most(tick) as usize, "{sum} in {tick} half seconds");
        }
        let least = (ticks * limit / MINUTE / members - 1) as usize;
        prop_assert!(admitted.iter().all(|admitted| *admitted >= least), "{admitted:?} < {least}");
    }
}

#[test]
fn a_new_member_gets_a_part_soon_and_a_dead_one_loses_it() {
    let mut world = World::new(1);
    let mut all = limiters(&world);
    ticks(&mut world, &all, 4);
    assert_eq!(parts(&all), [600]);
    world.join(|config| config);
    all.push(world.members[1].fleet.limiter("api", limits()).unwrap());
    ticks(&mut world, &all, 4);
    assert_eq!(parts(&all), [300, 300], "within two seconds");
    world.members[0].line(Line::Cut);
    world.ticks(14);
    assert_eq!(part(&all[1]), 600);
    let fleet = world.members[1].fleet.clone();
    world.until(fleet.shutdown()).unwrap();
    assert_eq!(part(&all[1]), 0);
}

#[test]
fn parts_are_within_the_whole_whatever_answers_are_lost() {
    let mut world = World::empty(true);
    (0..3).for_each(|_| world.join(|config| config.policy(SharedKind::Limits, Policy::FailClosed)));
    let limiters = limiters(&world);
    let lines = [Line::Up, Line::Deaf, Line::Cut, Line::Up, Line::Stalled];
    for round in 0..120_usize {
        let of = round % 3;
        world.members[of].line(lines[(round / 3) % lines.len()]);
        ask(&limiters[(round / 7) % 3], 30);
        ticks(&mut world, &limiters, 1 + u32::try_from(round % 4).unwrap());
    }
    world.members.iter().for_each(|member| member.line(Line::Up));
    ticks(&mut world, &limiters, 60);
    assert!(parts(&limiters).iter().all(|part| *part > 0), "{:?}", parts(&limiters));
}

#[test]
fn changed_limits_of_one_member_count_for_all() {
    let mut world = World::new(2);
    let limiters = limiters(&world);
    ticks(&mut world, &limiters, 4);
    limiters[0].set_limits(RateLimits::default().requests_per_minute(NonZeroU32::new(60).unwrap()));
    ticks(&mut world, &limiters, 4);
    assert_eq!(parts(&limiters), [30, 30]);
}

#[test]
fn a_pause_reaches_all() {
    for pushes in [true, false] {
        let mut world = World::empty(pushes);
        (0..2).for_each(|_| world.join(|config| config));
        let limiters = limiters(&world);
        world.ticks(4);
        limiters[0].pause(SECOND * 30);
        world.ticks(1);
        let left = limiters[1].available().paused.unwrap();
        assert!(left > SECOND * 28 && left <= SECOND * 30, "{left:?}");
        world.ticks(59);
        assert_eq!(limiters[1].available().paused, None, "and ends");
    }
}

#[test]
fn a_pause_that_is_heard_late_ends_with_its_time() {
    let mut world = World::new(2);
    let limiters = limiters(&world);
    world.ticks(4);
    // Its process is stopped. What was pushed comes first, once it goes on.
    world.members[1].stop();
    limiters[0].pause(SECOND * 30);
    world.members[0].drive();
    world.clock.advance(SECOND * 20);
    world.members[1].go_on();
    world.members[1].drive();
    let left = limiters[1].available().paused.unwrap();
    assert!(left > SECOND * 9 && left <= SECOND * 10, "{left:?}");
    world.ticks(22);
    assert_eq!(limiters[1].available().paused, None);

    // One that is over is none.
    world.members[1].stop();
    limiters[0].pause(SECOND * 30);
    world.members[0].drive();
    world.clock.advance(SECOND * 31);
    world.members[1].go_on();
    world.members[1].drive();
    assert_eq!(limiters[1].available().paused, None);
    world.ticks(2);

    // Or it is stopped while an answer is on its way.
    limiters[0].pause(SECOND * 30);
    world.members[1].stop();
    world.members[1].line(Line::Slow);
    world.ticks(1);
    world.clock.advance(SECOND * 20);
    world.members[1].line(Line::Up);
    world.members[1].drive();
    let left = limiters[1].available().paused.unwrap();
    assert!(left > SECOND * 9 && left <= SECOND * 10, "{left:?}");
}

#[test]
fn a_longer_pause_is_told_though_a_shorter_one_was_heard_meanwhile() {
    let mut world = World::new(2);
    let limiters = limiters(&world);
    world.ticks(4);
    world.members[0].line(Line::Slow);
    limiters[0].pause(SECOND * 10);
    world.members[0].drive();
    // The answer to the shorter one comes now, and the longer one gets lost.
    world.members[0].line(Line::Cut);
    limiters[0].pause(SECOND * 60);
    world.members[0].drive();
    world.members[0].line(Line::Up);
    world.ticks(12);
    let left = limiters[1].available().paused.unwrap();
    assert!(left > SECOND * 50, "{left:?}");
}

#[test]
fn rests_of_routes_are_shared() {
    let mut world = World::new(2);
    let route = || Route::new("openai", "gpt-5").key("a");
    let other = || Route::new("anthropic", "claude");
    let of = |member: &crate::support::Member, clock| {
        let routes = Routes::ordered([route(), other()]).with_clock(std::sync::Arc::new(clock));
        member.fleet.routes(routes).unwrap()
    };
    let clock = world.clock.clone();
    let all: Vec<_> = world.members.iter().map(|member| of(member, clock.clone())).collect();
    world.ticks(1);
    all[0].rest(&route(), FaultScope::Key, SECOND * 60);
    world.ticks(1);
    let lease = all[1].select(&TriedRoutes::default(), Demand::default()).unwrap();
    assert_eq!(lease.route().name(), "anthropic/claude");
    let rest = all[1].snapshot()[0].rests.unwrap();
    assert!(rest > SECOND * 58 && rest <= SECOND * 60, "{rest:?}");
}

#[test]
fn routes_that_nobody_has_any_more_are_dropped() {
    let mut world = World::new(1);
    let clock = std::sync::Arc::new(world.clock.clone());
    let fleet = world.members[0].fleet.clone();
    let of = |model: String| {
        let routes = Routes::ordered([Route::new("openai", &*model)]).with_clock(clock.clone());
        fleet.routes(routes).unwrap()
    };
    let kept = of("gpt-5".to_owned());
    (0..100).for_each(|tenant| drop(of(format!("gpt-5-{tenant}"))));
    drop(of("gpt-5".to_owned()));
    world.ticks(1);
    let held = std::sync::Arc::strong_count(&clock);
    assert!(held < 10, "{held} have the clock");
    assert_eq!(world.members[0].routes(), 1, "no others are asked for");

    // Asked for again, a route is known to rest, at once or with the next heartbeat.
    let rest = |routes: &Routes| routes.snapshot()[0].rests;
    let route = || Route::new("openai", "gpt-5");
    kept.rest(&route(), FaultScope::Model, SECOND * 60);
    world.ticks(1);
    assert!(rest(&of("gpt-5".to_owned())).is_some(), "others of this process know");
    drop(kept);
    world.ticks(1);
    assert_eq!(world.members[0].routes(), 0);
    let again = of("gpt-5".to_owned());
    world.ticks(1);
    let left = rest(&again).unwrap();
    assert!(left > SECOND * 57 && left < SECOND * 60, "{left:?}");
}

#[test]
fn without_the_backend_a_member_goes_by_its_policy() {
    let after = |policy, line_at_start: bool| {
        let mut world = World::empty(true);
        world.join(|config| config.policy(SharedKind::Limits, policy));
        world.join(|config| config);
        if !line_at_start {
            world.members[0].line(Line::Cut);
        }
        let limiters = limiters(&world);
        world.ticks(4);
        world.members[0].line(Line::Cut);
        let mut seen = vec![part(&limiters[0])];
        for _ in 0..3 {
            world.ticks(11);
            seen.push(part(&limiters[0]));
        }
        world.members[0].line(Line::Up);
        world.ticks(24);
        assert_eq!(part(&limiters[0]), 300, "back among the others");
        seen
    };
    assert_eq!(after(Policy::LocalShare, true), [300, 150, 75, 37]);
    assert_eq!(after(Policy::FailClosed, true), [300, 0, 0, 0]);
    assert_eq!(after(Policy::FailOpen, true), [300, 600, 600, 600]);
    assert_eq!(after(Policy::LocalShare, false)[0], 150, "a quarter, as four are expected");
    assert_eq!(after(Policy::FailClosed, false)[0], 0);
}

#[test]
fn limits_that_are_set_hold_before_the_fleet_divides_them() {
    let mut world = World::new(1);
    let limiter = limiters(&world).remove(0);
    world.ticks(2);
    world.members[0].line(Line::Cut);
    world.ticks(1);
    let lower = RateLimits::default().requests_per_minute(NonZeroU32::new(60).unwrap());
    limiter.set_limits(lower.tokens_per_minute(NonZeroU64::new(900).unwrap()));
    let limit = |of| limiter.limit(of).map(NonZeroU64::get);
    assert_eq!(limit(RateDimension::Requests), Some(60));
    assert_eq!(limit(RateDimension::Tokens), Some(900));
}

#[test]
fn a_limiter_that_nobody_has_any_more_is_left_out_of_heartbeats() {
    let mut world = World::new(2);
    let mut all = limiters(&world);
    world.ticks(8);
    assert_eq!(part(&all[1]), 300);
    let waits = all.remove(0);
    let held = waits.try_reserve(Demand::request()).unwrap();
    drop(waits);
    world.ticks(200);
    assert_eq!(world.members[0].wants(), 1, "a reservation has it");
    drop(held);
    world.ticks(140);
    assert_eq!((world.members[0].wants(), part(&all[0])), (0, 600), "the other one has it all");
    // Who asks for it now and then, and keeps none, has it all the same.
    for _ in 0..5 {
        let again = world.members[0].fleet.limiter("api", limits()).unwrap();
        world.ticks(8);
        assert_eq!(part(&again), 300);
        drop(again);
        world.ticks(90);
        assert_eq!(world.members[0].wants(), 1);
    }
}
