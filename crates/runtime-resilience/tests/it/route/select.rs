//! Which route is selected, and what is said when none is.

use std::slice::from_ref;
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_resilience::{
    CircuitBreakerConfig, CircuitState, FaultScope, Route, RouteLease, Routes,
};

use super::{
    INSTANT, abc, demand, first, limiter, ordered, provider, route, route_with, secs, tried, trip,
};
use crate::support::{WAIT, count};

#[test]
fn routes_are_taken_in_order_and_none_twice_in_a_turn() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = ordered(&[a.clone(), b.clone(), c.clone()], &clock);
    let mut turn = tried(&[]);
    for expected in [&a, &b, &c] {
        let lease = routes.select(&turn, demand()).unwrap();
        assert_eq!(lease.route(), expected);
        turn.add(lease.route());
    }
    let none = routes.select(&turn, demand()).unwrap_err();
    assert_eq!((none.tried, none.open, none.resting, none.rate_limited), (3, 0, 0, 0));
    assert_eq!(
        none.soonest,
        Some(("a/m".into(), Duration::ZERO)),
        "another round may begin at once"
    );
    turn.clear();
    assert_eq!(routes.select(&turn, demand()).unwrap().route(), &a);
}

#[test]
fn open_or_resting_route_is_passed_over_for_another() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = ordered(&[a.clone(), b.clone(), c], &clock);
    trip(&a);
    assert_eq!(provider(&routes), "b");
    assert_eq!(routes.rest(&b, FaultScope::Model, secs(3)), 1);
    assert_eq!(provider(&routes), "c");
    clock.advance(secs(3));
    assert_eq!(provider(&routes), "b");
}

#[test]
fn returning_first_route_gets_one_probe_in_its_place() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = ordered(&[a.clone(), b], &clock);
    trip(&a);
    clock.advance(WAIT);
    let probe = first(&routes).unwrap();
    assert!(probe.is_probe());
    assert_eq!(probe.route(), &a);
    // The probe may wait for its rate: no other call is sent meanwhile.
    assert_eq!(provider(&routes), "b");
    let permit = a.breaker().try_acquire().unwrap();
    assert_eq!(provider(&routes), "b");
    permit.success();
    assert_eq!(a.breaker().state(), CircuitState::Closed);
    assert_eq!(provider(&routes), "a");
}

#[test]
fn abandoned_probe_lets_the_next_call_probe() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = ordered(&[a.clone(), b], &clock);
    trip(&a);
    clock.advance(WAIT);
    drop(first(&routes).unwrap());
    assert!(first(&routes).unwrap().is_probe());
}

#[test]
fn hanging_probe_keeps_others_away_for_half_a_minute() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = ordered(&[a.clone(), b], &clock);
    trip(&a);
    clock.advance(WAIT);
    let hangs = first(&routes).unwrap();
    clock.advance(secs(30).saturating_sub(INSTANT));
    assert_eq!(provider(&routes), "b");
    clock.advance(INSTANT);
    let another = first(&routes).unwrap();
    assert_eq!(another.route(), &a);
    // The end of the hanging probe is not the end of the other.
    drop(hangs);
    assert_eq!(provider(&routes), "b");
    drop(another);
    assert_eq!(provider(&routes), "a");
}

#[test]
fn lone_half_open_route_takes_its_breakers_probes() {
    let clock = ManualClock::new();
    let two =
        CircuitBreakerConfig::default().failure_threshold(count(1)).half_open_max_probes(count(2));
    let a = route_with("a", "m", two, &clock);
    let routes = ordered(from_ref(&a), &clock);
    trip(&a);
    clock.advance(WAIT);
    let leases = [first(&routes).unwrap(), first(&routes).unwrap()];
    assert!(leases.iter().all(RouteLease::is_probe));
    let permits = [a.breaker().try_acquire().unwrap(), a.breaker().try_acquire().unwrap()];
    let none = first(&routes).unwrap_err();
    assert_eq!((none.open, none.soonest.clone()), (1, None), "nobody knows how long a probe takes");
    assert_eq!(none.to_string(), "no route is left: 1 open");
    drop(permits);
    assert!(first(&routes).is_ok());
}

#[test]
fn a_call_sent_after_a_probe_keeps_nobody_away() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = ordered(&[a.clone(), b.clone()], &clock);
    trip(&a);
    clock.advance(WAIT);
    let probe = first(&routes).unwrap();
    let behind = routes.select(&tried(&[&b]), demand()).unwrap();
    assert_eq!((behind.route(), behind.is_probe()), (&a, true));
    drop(probe);
    let next = first(&routes).unwrap();
    assert_eq!(next.route(), &a);
    drop(behind);
    assert_eq!(provider(&routes), "b", "the end of the other is not that of the probe");
}

#[test]
fn route_with_room_comes_before_full_before_none() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let [full, fuller] = [limiter(&clock), limiter(&clock)];
    let (a, b) = (a.rate_limiter(fuller.clone()), b.rate_limiter(full.clone()));
    let routes = ordered(&[a, b, c.clone()], &clock);
    full.pause(secs(2));
    fuller.pause(secs(3));
    assert_eq!(provider(&routes), "c");
    trip(&c);
    assert_eq!(provider(&routes), "b", "it has room first");
    clock.advance(secs(2));
    assert_eq!(provider(&routes), "b");
    clock.advance(secs(1));
    assert_eq!(provider(&routes), "a");
}

#[test]
fn a_rest_is_only_ever_extended_until_it_is_ended() {
    let clock = ManualClock::new();
    let [a, ..] = abc(&clock);
    let routes = ordered(from_ref(&a), &clock);
    let rests = || routes.snapshot()[0].rests;
    routes.rest(&a, FaultScope::Model, secs(60));
    routes.rest(&a, FaultScope::Model, secs(5));
    assert_eq!(rests(), Some(secs(60)));
    routes.rest(&a, FaultScope::Call, secs(600));
    assert_eq!(rests(), Some(secs(60)));
    clock.advance(secs(50));
    routes.rest(&a, FaultScope::Model, secs(20));
    assert_eq!(rests(), Some(secs(20)));
    routes.rest(&a, FaultScope::Model, Duration::MAX);
    clock.advance(Duration::from_hours(24 * 365 * 999));
    first(&routes).unwrap_err();
    routes.wake(&a);
    assert!(first(&routes).is_ok());
    assert_eq!(rests(), None);
}

#[test]
fn a_rest_covers_the_model_the_key_or_the_provider() {
    let clock = ManualClock::new();
    let all = [
        Route::new("a", "big").key("1"),
        Route::new("a", "small").key("1"),
        Route::new("a", "big").key("2"),
        Route::new("b", "big").key("1"),
    ];
    let resting = |scope| {
        let routes = ordered(&all, &clock);
        let count = routes.rest(&all[0], scope, secs(9));
        let rests: Vec<bool> = routes.snapshot().iter().map(|it| it.rests.is_some()).collect();
        assert_eq!(rests.iter().filter(|rests| **rests).count(), count);
        rests
    };
    assert_eq!(resting(FaultScope::Call), [false, false, false, false]);
    assert_eq!(resting(FaultScope::Model), [true, false, false, false]);
    assert_eq!(resting(FaultScope::Key), [true, true, false, false]);
    assert_eq!(resting(FaultScope::Provider), [true, true, true, false]);
}

#[test]
fn no_route_says_which_one_returns_first_and_when() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = ordered(&[a.clone(), b.clone(), c.clone()], &clock);
    trip(&a);
    trip(&b);
    routes.rest(&b, FaultScope::Model, secs(60));
    routes.rest(&c, FaultScope::Model, secs(12));
    let none = first(&routes).unwrap_err();
    assert_eq!((none.open, none.resting), (2, 1));
    assert_eq!(none.soonest, Some(("a/m".into(), WAIT)));
    let text = "no route is left: 2 open, 1 resting; `a/m` returns in 10.0s";
    assert_eq!(none.to_string(), text);

    // Just before, no route; then exactly that one.
    clock.advance(WAIT.saturating_sub(INSTANT));
    first(&routes).unwrap_err();
    clock.advance(INSTANT);
    assert_eq!(provider(&routes), "a");
}

#[test]
fn turn_that_tried_all_can_wait_for_the_first_to_return() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = ordered(&[a.clone(), b.clone()], &clock);
    routes.rest(&a, FaultScope::Model, secs(5));
    trip(&b);
    let mut turn = tried(&[&a]);
    let none = routes.select(&turn, demand()).unwrap_err();
    assert_eq!((none.tried, none.open), (1, 1));
    let (name, wait) = none.soonest.unwrap();
    assert_eq!((&*name, wait), ("a/m", secs(5)), "tried, but back before the other");
    clock.advance(wait);
    turn.clear();
    assert_eq!(routes.select(&turn, demand()).unwrap().route(), &a);
}

#[test]
fn without_routes_there_is_none() {
    let none = first(&Routes::round_robin([])).unwrap_err();
    assert_eq!((none.to_string().as_str(), none.soonest), ("no route is left", None));
}

#[test]
fn fail_open_takes_the_first_route_to_return() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = ordered(&[a.clone(), b.clone()], &clock).fail_open();
    trip(&a);
    assert!(!first(&routes).unwrap().is_last_resort(), "another is there");
    routes.rest(&b, FaultScope::Model, secs(3));
    let lease = first(&routes).unwrap();
    assert_eq!((lease.route(), lease.is_last_resort(), lease.is_probe()), (&b, true, false));
    let lease = routes.select(&tried(&[&b]), demand()).unwrap();
    assert_eq!((lease.route(), lease.is_last_resort()), (&a, true));
    routes.select(&tried(&[&a, &b]), demand()).unwrap_err();
}

#[test]
fn many_routes_are_selected_like_few() {
    let clock = ManualClock::new();
    let many: Vec<Route> = (0..20).map(|n| route(&format!("p{n}"), "m", &clock)).collect();
    let routes = ordered(&many, &clock);
    many[..19].iter().for_each(trip);
    assert_eq!(provider(&routes), "p19");
}

#[test]
fn forced_open_route_is_no_last_resort() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = ordered(&[a.clone(), b.clone()], &clock).fail_open();
    a.breaker().force_open();
    trip(&b);
    let lease = first(&routes).unwrap();
    assert_eq!((lease.route(), lease.is_last_resort()), (&b, true));
    let none = routes.select(&tried(&[&b]), demand()).unwrap_err();
    assert_eq!((none.open, none.tried), (1, 1));
}
