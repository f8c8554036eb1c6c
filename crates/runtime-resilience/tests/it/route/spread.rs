//! How calls are spread over routes that can take them.

use runtime_events::ManualClock;
use runtime_resilience::Routes;

use super::{abc, demand, first, provider, tried, trip};
use crate::support::{WAIT, count};

#[test]
fn weights_are_kept_exactly_and_spread_evenly() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = Routes::weighted([a.weight(count(5)), b.weight(count(1)), c.weight(count(1))]);
    let turns: String = (0..14).map(|_| provider(&routes)).collect();
    assert_eq!(turns, "aabacaaaabacaa");
}

#[test]
fn the_greatest_weights_do_not_overflow() {
    let clock = ManualClock::new();
    let routes = Routes::weighted(abc(&clock).map(|route| route.weight(count(u32::MAX))));
    let turns: String = (0..6).map(|_| provider(&routes)).collect();
    assert_eq!(turns, "abcabc");
}

#[test]
fn share_of_an_unavailable_route_goes_to_the_others() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = Routes::weighted([a.weight(count(2)), b.clone(), c]);
    trip(&b);
    let turns: String = (0..6).map(|_| provider(&routes)).collect();
    assert_eq!(turns, "acaaca");
    clock.advance(WAIT);
    b.breaker().try_acquire().unwrap().success();
    let mut turns: Vec<String> = (0..8).map(|_| provider(&routes)).collect();
    turns.sort();
    assert_eq!(turns.concat(), "aaaabbcc", "and it has its own back, and no more");
}

#[test]
fn a_round_goes_on_where_a_turn_left_it() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = Routes::round_robin([a.weight(count(9)), b.clone(), c]);
    let turns: String = (0..4).map(|_| provider(&routes)).collect();
    assert_eq!(turns, "abca");
    let lease = routes.select(&tried(&[&b]), demand()).unwrap();
    assert_eq!(lease.route().provider(), "c");
}

#[test]
fn the_route_with_the_fewest_calls_for_its_weight_is_next() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = Routes::least_loaded([a, b.weight(count(2)), c]);
    let mut leases = Vec::new();
    for expected in ["a", "b", "c", "b", "a", "b", "c", "b"] {
        let lease = first(&routes).unwrap();
        assert_eq!(lease.route().provider(), expected);
        leases.push(lease);
    }
    let in_flight: Vec<u32> = routes.snapshot().iter().map(|it| it.in_flight).collect();
    assert_eq!(in_flight, [2, 4, 2]);
    drop(leases.remove(2));
    assert_eq!(provider(&routes), "c");
    drop(leases);
    assert!(routes.snapshot().iter().all(|it| it.in_flight == 0));
}
