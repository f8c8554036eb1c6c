//! What a route is.

use runtime_events::ManualClock;
use runtime_resilience::{Route, Routes};

use super::{first, limiter, route, tried, trip};

#[test]
fn a_route_is_its_provider_model_and_key() {
    let plain = Route::new("openai", "gpt-5");
    assert_eq!(plain, Route::new("openai", "gpt-5"));
    assert_ne!(plain, Route::new("openai", "gpt-5").key("a"));
    assert_ne!(plain, Route::new("openai", "gpt-5-mini"));
    assert_ne!(plain, Route::new("azure", "gpt-5"));
    let keyed = plain.clone().key("a");
    assert_eq!(keyed, Route::new("openai", "gpt-5").key("a"));
    assert_eq!(
        (keyed.provider(), keyed.model(), keyed.key_label()),
        ("openai", "gpt-5", Some("a"))
    );
    assert_eq!((plain.name(), plain.key_label()), ("openai/gpt-5", None));
}

#[test]
fn another_key_has_another_breaker_and_a_clone_has_the_same() {
    let a = Route::new("openai", "gpt-5").key("a");
    let b = a.clone().key("b");
    let same = a.clone();
    (0..5).for_each(|_| a.breaker().record_failure());
    assert!(same.breaker().is_open());
    assert!(!b.breaker().is_open());
    assert_eq!(b.breaker().name(), "openai/gpt-5 (b)");
}

#[test]
fn given_breaker_stays_whatever_is_set_later() {
    let clock = ManualClock::new();
    let given = route("openai", "gpt-5", &clock).key("a").rate_limiter(limiter(&clock));
    assert_eq!(given.breaker().name(), "openai/gpt-5");
    assert!(given.limiter().is_some());
    trip(&given);
    assert!(given.breaker().is_open());
}

#[test]
fn of_equal_routes_the_first_is_taken() {
    let clock = ManualClock::new();
    let (one, same) = (route("a", "m", &clock), route("a", "m", &clock));
    let routes = Routes::ordered([one.clone(), same]);
    assert_eq!(routes.iter().count(), 1);
    trip(&one);
    first(&routes).unwrap_err();
}

#[test]
fn a_set_of_tried_routes_holds_each_once_and_can_be_cleared() {
    let (a, b) = (Route::new("a", "m"), Route::new("b", "m"));
    let mut set = tried(&[&a, &b, &Route::new("a", "m")]);
    assert_eq!(set.len(), 2);
    assert!(set.contains(&a.clone().weight(std::num::NonZeroU32::MAX)));
    assert!(!set.contains(&a.key("k")));
    assert_eq!(set.iter().last(), Some(&b));
    set.clear();
    assert!(set.is_empty());
}
