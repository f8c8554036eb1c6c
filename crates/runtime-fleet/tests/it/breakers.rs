//! Breakers of a fleet: openings that reach siblings, one probe per cool-down, pins, and a backend that is away.

use std::num::NonZeroU32;
use std::time::Duration;

use runtime_fleet::{Policy, SharedKind};
use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig, CircuitState};

use crate::support::{Line, TICK, World};

const WAIT: Duration = Duration::from_secs(10);

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig::default()
        .failure_threshold(NonZeroU32::MIN)
        .recovery_timeout(WAIT)
        .half_open_lease(WAIT)
}

fn breakers(world: &mut World) -> Vec<CircuitBreaker> {
    let breakers =
        world.members.iter().map(|member| member.fleet.breaker("api", config()).unwrap());
    let breakers = breakers.collect();
    world.ticks(1);
    breakers
}

fn states(breakers: &[CircuitBreaker]) -> Vec<CircuitState> {
    breakers.iter().map(CircuitBreaker::state).collect()
}

fn fail(breaker: &CircuitBreaker) {
    breaker.try_acquire().unwrap().failure();
}

/// Calls of every member until one is let through.
fn probe(world: &mut World, breakers: &[CircuitBreaker]) -> (usize, runtime_resilience::Permit) {
    for _ in 0..40 {
        for (index, breaker) in breakers.iter().enumerate() {
            if let Ok(permit) = breaker.try_acquire() {
                return (index, permit);
            }
        }
        world.drive();
        world.clock.advance(TICK / 10);
    }
    panic!("one of them was to probe: {:?}", states(breakers))
}

/// It would be open for the rest of a tick of its clock, and a call that comes then asks for no probe.
#[test]
fn a_heartbeat_does_not_open_a_breaker_again_that_is_due() {
    let mut world = World::new(1);
    let breakers = breakers(&mut world);
    // Between two ticks of a breaker.
    world.clock.advance(Duration::from_millis(1));
    fail(&breakers[0]);
    world.ticks(u32::try_from(WAIT.as_millis() / TICK.as_millis()).unwrap() + 2);
    for _ in 0..10 {
        world.ticks(1);
        assert_eq!(breakers[0].state(), CircuitState::HalfOpen, "it is due, also just then");
    }
}

#[test]
fn an_opening_that_is_heard_late_does_not_last_longer() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    world.members[1].stop();
    fail(&breakers[0]);
    world.members[0].drive();
    world.clock.advance(TICK * 19);
    world.members[1].go_on();
    world.members[1].drive();
    assert_eq!(breakers[1].state(), CircuitState::Open);
    world.clock.advance(TICK);
    assert_ne!(breakers[1].state(), CircuitState::Open, "its wait is over");
}

#[test]
fn an_opening_reaches_siblings_at_once_or_with_the_next_heartbeat() {
    for pushes in [true, false] {
        let mut world = World::empty(pushes);
        (0..3).for_each(|_| world.join(|config| config));
        let breakers = breakers(&mut world);
        fail(&breakers[0]);
        world.drive();
        let expected = if pushes { CircuitState::Open } else { CircuitState::Closed };
        assert_eq!(states(&breakers)[1..], [expected; 2]);
        world.ticks(1);
        assert_eq!(states(&breakers), [CircuitState::Open; 3]);
        let left = breakers[2].check().unwrap_err().retry_after.unwrap();
        assert!(left <= WAIT && left + TICK * 2 >= WAIT, "{left:?}");
    }
}

#[test]
fn one_member_probes_and_all_follow_what_it_finds() {
    for pushes in [true, false] {
        let mut world = World::empty(pushes);
        (0..4).for_each(|_| world.join(|config| config));
        let breakers = breakers(&mut world);
        fail(&breakers[0]);
        for cooldown in 1..=20 {
            world.ticks(20);
            assert_eq!(world.probes(), cooldown - 1, "nobody asked");
            let (prober, permit) = probe(&mut world, &breakers);
            world.ticks(2);
            for (index, breaker) in breakers.iter().enumerate() {
                assert!(index == prober || breaker.try_acquire().is_err(), "one at a time");
            }
            permit.failure();
            world.ticks(2);
            assert_eq!(states(&breakers), [CircuitState::Open; 4]);
            assert_eq!(world.probes(), cooldown, "one probe for each cool-down");
            assert!(breakers.iter().all(|breaker| breaker.try_acquire().is_err()));
        }
        world.ticks(20);
        probe(&mut world, &breakers).1.success();
        world.ticks(2);
        assert_eq!(states(&breakers), [CircuitState::Closed; 4]);
        assert_eq!(world.probes(), 21);
    }
}

#[test]
fn the_longer_wait_counts() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    fail(&breakers[0]);
    world.ticks(1);
    breakers[1].trip(Some(WAIT * 6));
    world.ticks(1);
    // A breaker that is open already tells nothing; what opens one does.
    breakers[0].reset();
    breakers[0].trip(Some(WAIT * 3));
    world.ticks(1);
    let left = breakers[1].check().unwrap_err().retry_after.unwrap();
    assert!(left > WAIT * 5, "{left:?}");
}

#[test]
fn a_probe_that_is_never_heard_of_counts_as_failed() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    fail(&breakers[0]);
    world.ticks(20);
    let (prober, _permit) = probe(&mut world, &breakers);
    world.members[prober].line(Line::Cut);
    world.ticks(19);
    let other = &breakers[1 - prober];
    assert!(other.try_acquire().is_err(), "its time is not over");
    world.ticks(15);
    assert!(other.try_acquire().is_err(), "and then one more wait");
    world.ticks(10);
    probe(&mut world, &breakers[1 - prober..=1 - prober]).1.success();
    assert_eq!(world.probes(), 2);
}

#[test]
fn a_probe_for_which_no_call_comes_goes_to_a_sibling() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    fail(&breakers[0]);
    world.ticks(20);
    assert!(breakers[0].try_acquire().is_err(), "it asks for a probe");
    world.drive();
    assert_eq!(world.probes(), 1);
    let mut tried = 0;
    while breakers[1].try_acquire().is_err() {
        world.ticks(1);
        tried += 1;
        assert!(tried < 20, "the first has no call");
    }
}

#[test]
fn pins_and_resets_stay_with_their_member() {
    let mut world = World::new(3);
    let breakers = breakers(&mut world);
    breakers[0].force_open();
    breakers[1].disable();
    world.ticks(2);
    assert_eq!(breakers[2].state(), CircuitState::Closed);
    fail(&breakers[2]);
    world.ticks(2);
    let expected = [CircuitState::ForcedOpen, CircuitState::Disabled, CircuitState::Open];
    assert_eq!(states(&breakers), expected);
    breakers[2].reset();
    world.ticks(2);
    assert_eq!(breakers[2].state(), CircuitState::Closed, "by order, and for itself");
}

#[test]
fn a_member_that_joins_learns_of_an_open_breaker() {
    let mut world = World::new(1);
    let first = breakers(&mut world).remove(0);
    fail(&first);
    world.ticks(1);
    world.join(|config| config);
    let late = world.members[1].fleet.breaker("api", config()).unwrap();
    world.ticks(1);
    assert_eq!(late.state(), CircuitState::Open);
    let again = world.members[1].fleet.breaker("api", CircuitBreakerConfig::default()).unwrap();
    assert_eq!(again.state(), CircuitState::Open, "the same one");
}

#[test]
fn without_the_backend_each_probes_for_itself_or_not_at_all() {
    let probed = |policy| {
        let mut world = World::empty(true);
        world.join(|config| config.policy(SharedKind::Breakers, policy));
        let breaker = breakers(&mut world).remove(0);
        world.members[0].line(Line::Cut);
        fail(&breaker);
        world.ticks(22);
        let probe = breaker.try_acquire();
        let went = probe.is_ok();
        if let Ok(permit) = probe {
            permit.failure();
        }
        world.members[0].line(Line::Up);
        world.ticks(12);
        went
    };
    assert!(probed(Policy::LocalShare) && probed(Policy::FailOpen));
    assert!(!probed(Policy::FailClosed));
}

#[test]
fn what_happened_while_the_backend_was_away_is_told_when_it_is_back() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    world.members[0].line(Line::Cut);
    breakers[0].trip(Some(WAIT * 9));
    world.ticks(6);
    assert_eq!(breakers[1].state(), CircuitState::Closed);
    world.members[0].line(Line::Up);
    world.ticks(16);
    assert_eq!(states(&breakers), [CircuitState::Open; 2]);
}

#[test]
fn a_failure_from_before_a_recovery_opens_nothing() {
    let mut world = World::empty(false);
    (0..2).for_each(|_| world.join(|config| config));
    let breakers = breakers(&mut world);
    fail(&breakers[0]);
    world.ticks(1);
    // One member does not hear that the breaker opened and closed again.
    world.members[1].line(Line::Deaf);
    world.ticks(19);
    let _ = breakers[0].try_acquire();
    world.drive();
    breakers[0].try_acquire().unwrap().success();
    world.ticks(1);
    breakers[1].reset();
    world.ticks(1);
    fail(&breakers[1]);
    world.ticks(2);
    world.members[1].line(Line::Up);
    world.ticks(16);
    assert_eq!(states(&breakers), [CircuitState::Closed; 2]);
}

#[test]
fn an_opening_of_a_member_that_has_just_begun_reaches_all() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    fail(&breakers[0]);
    world.ticks(20);
    let (_, permit) = probe(&mut world, &breakers);
    permit.success();
    world.ticks(1);
    assert_eq!(states(&breakers), [CircuitState::Closed; 2]);
    // A new one meets an outage before it has heard anything.
    world.join(|config| config);
    let breaker = world.members[2].fleet.breaker("api", config()).unwrap();
    world.members[2].line(Line::Slow);
    world.members[2].drive();
    fail(&breaker);
    world.members[2].drive();
    world.members[2].line(Line::Up);
    world.ticks(2);
    assert_eq!(breaker.state(), CircuitState::Open);
    assert_eq!(states(&breakers), [CircuitState::Open; 2]);
}

#[test]
fn a_probe_that_succeeds_too_late_closes_nothing() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    fail(&breakers[0]);
    world.ticks(20);
    let (prober, late) = probe(&mut world, &breakers);
    // Its time ends between two heartbeats.
    world.ticks(19);
    world.clock.advance(TICK * 2);
    late.success();
    assert_eq!(breakers[prober].state(), CircuitState::Closed, "until the fleet is heard");
    world.ticks(1);
    assert_eq!(states(&breakers), [CircuitState::Open; 2], "the fleet has counted it as failed");
}

#[test]
fn a_probe_ends_with_its_time_even_between_two_heartbeats() {
    let mut world = World::new(1);
    let breaker = breakers(&mut world).remove(0);
    fail(&breaker);
    world.ticks(20);
    let (_, first) = probe(&mut world, std::slice::from_ref(&breaker));
    first.cancel();
    breaker.try_acquire().expect("its place is free, and it has the right still").cancel();
    world.clock.advance(WAIT);
    assert!(breaker.try_acquire().is_err());
}

#[test]
fn a_member_that_leaves_gives_back_no_probe_that_is_under_way() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    fail(&breakers[0]);
    world.ticks(20);
    let (prober, _under_way) = probe(&mut world, &breakers);
    let fleet = world.members[prober].fleet.clone();
    world.until(fleet.shutdown()).unwrap();
    for _ in 0..10 {
        assert!(breakers[1 - prober].try_acquire().is_err(), "its time is not over");
        world.ticks(1);
    }
    assert_eq!(world.probes(), 1);
}

#[test]
fn a_longer_opening_is_told_though_a_shorter_one_was_heard_meanwhile() {
    let mut world = World::new(2);
    let breakers = breakers(&mut world);
    world.members[0].line(Line::Slow);
    breakers[0].trip(Some(WAIT));
    world.members[0].drive();
    // The answer to the shorter one comes now, and the longer one gets lost.
    world.members[0].line(Line::Cut);
    breakers[0].reset();
    breakers[0].trip(Some(WAIT * 6));
    world.members[0].drive();
    world.members[0].line(Line::Up);
    world.ticks(12);
    let left = breakers[1].check().unwrap_err().retry_after.unwrap();
    assert!(left > WAIT * 5, "{left:?}");
}
