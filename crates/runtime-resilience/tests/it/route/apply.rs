//! What faults mean for routes.

use std::slice::from_ref;
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_resilience::{
    CircuitOpenError, Fault, FaultKind, FaultScope, Route, RouteRests, Routes, TimeoutPhase,
};

use super::{abc, demand, first, limiter, ordered, provider, route, secs, tried, trip};
use crate::fault::now;

fn asking(kind: FaultKind, asked: Duration) -> Fault {
    let mut fault = Fault::of(kind);
    fault.asked = Some(asked);
    fault
}

/// Two models with one key, and one of them with another key.
fn accounts(clock: &ManualClock) -> (Routes, [Route; 3]) {
    let route = |model, key: &str| route("a", model, clock).key(key);
    let all = [route("big", "1"), route("small", "1"), route("big", "2")];
    (ordered(&all, clock), all)
}

fn resting(routes: &Routes) -> Vec<u64> {
    routes.snapshot().iter().map(|it| it.rests.unwrap_or_default().as_secs()).collect()
}

#[test]
fn each_kind_rests_what_it_cools_for_its_usual_time() {
    let table: [(FaultKind, [u64; 3]); 9] = [
        (FaultKind::RateLimit, [5, 0, 0]),
        (FaultKind::Quota, [900, 900, 0]),
        (FaultKind::Auth, [900, 900, 0]),
        (FaultKind::Overload, [2, 0, 0]),
        (FaultKind::Server, [0, 0, 0]),
        (FaultKind::Network, [0, 0, 0]),
        (FaultKind::Timeout(TimeoutPhase::FirstToken), [0, 0, 0]),
        (FaultKind::ContextLength, [0, 0, 0]),
        (FaultKind::Cancelled, [0, 0, 0]),
    ];
    for (kind, expected) in table {
        let (routes, all) = accounts(&ManualClock::new());
        let rested = routes.apply(&all[0], &Fault::of(kind));
        assert_eq!(resting(&routes), expected, "{kind}");
        let count = expected.iter().filter(|rest| **rest > 0).count();
        assert_eq!(rested.map_or(0, |rested| rested.routes), count, "{kind}");
    }
}

#[test]
fn asked_rest_comes_first_up_to_the_longest() {
    let (routes, all) = accounts(&ManualClock::new());
    let rested = routes.apply(&all[0], &asking(FaultKind::Overload, secs(7))).unwrap();
    assert_eq!((rested.scope, rested.rest, rested.routes), (FaultScope::Provider, secs(7), 3));
    let days = asking(FaultKind::RateLimit, secs(3 * 24 * 3600));
    assert_eq!(routes.apply(&all[2], &days).unwrap().rest, secs(3_600));
    assert_eq!(resting(&routes), [7, 7, 3_600]);
}

#[test]
fn quota_with_a_short_delay_rests_for_its_usual_time() {
    let (routes, all) = accounts(&ManualClock::new());
    let rested = routes.apply(&all[0], &asking(FaultKind::Quota, secs(31))).unwrap();
    assert_eq!(rested.rest, secs(900));
    let rested = routes.apply(&all[0], &asking(FaultKind::Auth, secs(1_000))).unwrap();
    assert_eq!(rested.rest, secs(1_000));
}

#[test]
fn quota_rests_until_its_told_reset() {
    let (routes, all) = accounts(&ManualClock::new());
    let until = |days: u64| {
        let told = asking(FaultKind::Quota, secs(days * 24 * 3600));
        routes.apply(&all[0], &told).unwrap().rest
    };
    assert_eq!(until(2), secs(2 * 24 * 3600));
    assert_eq!(until(9_999), secs(31 * 24 * 3600), "a month at most");
}

#[test]
fn rests_can_be_set() {
    let (routes, all) = accounts(&ManualClock::new());
    let rests = RouteRests::default().quota(secs(60)).overload(Duration::ZERO).longest(secs(30));
    let routes = routes.rests(rests);
    assert_eq!(routes.apply(&all[0], &Fault::of(FaultKind::Overload)), None);
    assert_eq!(routes.apply(&all[0], &Fault::of(FaultKind::Quota)).unwrap().rest, secs(30));
}

#[test]
fn unasked_overload_does_not_rest_every_account() {
    let clock = ManualClock::new();
    let (routes, all) = accounts(&clock);
    for route in &all {
        let _ = routes.apply(route, &Fault::of(FaultKind::Overload));
    }
    assert_eq!(resting(&routes), [2, 2, 0], "the last one stays");
    assert_eq!(first(&routes).unwrap().route(), &all[2]);
}

#[test]
fn open_route_is_no_other_route() {
    let clock = ManualClock::new();
    let [a, b, _] = abc(&clock);
    let routes = ordered(&[a.clone(), b.clone()], &clock);
    trip(&b);
    assert_eq!(routes.apply(&a, &Fault::of(FaultKind::RateLimit)), None);
    assert_eq!(provider(&routes), "a");
}

#[test]
fn used_up_quota_rests_the_last_route_too() {
    let clock = ManualClock::new();
    let [a, ..] = abc(&clock);
    let routes = ordered(from_ref(&a), &clock);
    assert!(routes.apply(&a, &Fault::of(FaultKind::Quota)).is_some());
    let none = first(&routes).unwrap_err();
    assert_eq!(none.soonest, Some(("a/m".into(), secs(900))));
}

#[test]
fn unknown_model_rests_and_bad_request_does_not() {
    let (routes, all) = accounts(&ManualClock::new());
    let none = serde_json::Value::Null;
    let provider = runtime_resilience::Provider::OpenAi;
    let now = chrono::DateTime::UNIX_EPOCH;
    let reply = |status| Fault::from_json(provider, status, &(), &none, now);
    assert_eq!(routes.apply(&all[0], &reply(400)), None);
    let rested = routes.apply(&all[0], &reply(404)).unwrap();
    assert_eq!((rested.scope, rested.rest), (FaultScope::Model, secs(900)));
}

#[test]
fn rate_limit_pauses_the_limiters_in_its_scope() {
    let clock = ManualClock::new();
    let [own, other] = [limiter(&clock), limiter(&clock)];
    let a = route("a", "big", &clock).rate_limiter(own.clone());
    let b = route("a", "small", &clock).rate_limiter(other.clone());
    let routes = ordered(&[a.clone(), b], &clock);
    let _ = routes.apply(&a, &asking(FaultKind::RateLimit, secs(9)));
    assert_eq!(own.check(demand()).unwrap_err().retry_after, Some(secs(9)));
    assert!(other.check(demand()).is_ok());

    let mut key = asking(FaultKind::RateLimit, secs(20));
    key.cools = FaultScope::Key;
    let _ = routes.apply(&a, &key);
    assert_eq!(other.check(demand()).unwrap_err().retry_after, Some(secs(20)));
}

#[test]
fn a_lone_route_whose_rate_is_limited_waits_at_its_limiter() {
    let clock = ManualClock::new();
    let limiter = limiter(&clock);
    let a = route("a", "m", &clock).rate_limiter(limiter.clone());
    let routes = ordered(from_ref(&a), &clock);
    assert_eq!(routes.apply(&a, &Fault::of(FaultKind::RateLimit)), None);
    assert_eq!(limiter.check(demand()).unwrap_err().retry_after, Some(secs(5)));
    assert!(first(&routes).is_ok());
}

#[test]
fn refusing_breaker_rests_nothing() {
    let clock = ManualClock::new();
    let (routes, all) = accounts(&clock);
    trip(&all[0]);
    let refused: CircuitOpenError = all[0].breaker().check().unwrap_err();
    assert_eq!(routes.apply(&all[0], &Fault::from_error(&refused, now())), None);
}

#[test]
fn failures_of_a_fallback_open_its_breaker() {
    let clock = ManualClock::new();
    let [a, b, c] = abc(&clock);
    let routes = ordered(&[a.clone(), b, c], &clock);
    trip(&a);
    let lease = first(&routes).unwrap();
    lease.route().breaker().try_acquire().unwrap().failure();
    let _ = routes.apply(lease.route(), &Fault::of(FaultKind::Server));
    assert_eq!(provider(&routes), "c");
    let none = routes.select(&tried(&[&Route::new("c", "m")]), demand()).unwrap_err();
    assert_eq!((none.tried, none.open), (1, 2));
}

#[test]
fn unlisted_route_still_names_its_provider() {
    let (routes, _) = accounts(&ManualClock::new());
    assert_eq!(routes.rest(&Route::new("a", "huge"), FaultScope::Model, secs(1)), 0);
    assert_eq!(routes.rest(&Route::new("a", "huge").key("2"), FaultScope::Key, secs(1)), 1);
    assert_eq!(routes.rest(&Route::new("a", "huge"), FaultScope::Provider, secs(1)), 3);
    assert_eq!(routes.rest(&Route::new("b", "big"), FaultScope::Provider, secs(1)), 0);
}
