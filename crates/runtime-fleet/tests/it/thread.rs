//! A member with its thread, on the system's clock: facts are waited for, times are not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_executor::block_on;
use runtime_events::{AgentEvent, Sleeper as _, ThreadSleeper};
use runtime_fleet::{Accounts as _, Fleet, FleetConfig, FleetError, MemoryState};
use runtime_resilience::{CircuitBreakerConfig, CircuitState, Demand, RateLimits, Route, Routes};
use runtime_sinks::{EventSink, SinkError};
use runtime_usage::{Limit, Usd};

use crate::support::cents;

/// Waits for a fact, for at most half a minute.
fn wait_for(what: &str, fact: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if fact() {
            return;
        }
        ThreadSleeper.park(Duration::from_millis(10));
    }
    panic!("waited in vain: {what}")
}

#[test]
fn two_processes_share_without_being_driven() {
    let backend = MemoryState::new();
    let config = || FleetConfig::default().tick(Duration::from_millis(20));
    let member = || Fleet::with_config(backend.clone(), config()).unwrap();
    let (one, two) = (member(), member());
    assert_ne!(one.member(), two.member());
    let company = "company".parse().unwrap();
    let limit = || Limit::strict(cents(10));
    let account = block_on(one.account("company", limit())).unwrap();
    let other = block_on(two.account("company", limit())).unwrap();
    for account in [&account, &other].into_iter().cycle().take(20) {
        while account.reserve(cents(1)).map(|held| held.settle(cents(1))).is_err() {
            if !block_on(account.fund(cents(1))) {
                break;
            }
        }
    }
    let all = account.balance().spent.saturating_add(other.balance().spent);
    assert_eq!(all, cents(10));

    let breakers =
        [&one, &two].map(|it| it.breaker("api", CircuitBreakerConfig::default()).unwrap());
    breakers[0].trip(Some(Duration::from_secs(600)));
    wait_for("the opening", || breakers[1].state() == CircuitState::Open);
    let rpm = std::num::NonZeroU32::new(6_000).unwrap();
    let limiter = two.limiter("api", RateLimits::default().requests_per_minute(rpm)).unwrap();
    wait_for("a share", || limiter.try_reserve(Demand::request()).is_ok());

    block_on(one.shutdown()).unwrap();
    drop(two);
    let left = || block_on(backend.account(&company)).unwrap().unwrap();
    wait_for("the last word", || left().members == 0 && left().spent == cents(10));
    assert_eq!(left().granted, Usd::ZERO);
    assert!(other.reserve(cents(1)).is_err() && !block_on(other.fund(cents(1))));
}

#[test]
fn names_that_no_backend_can_keep_are_refused_when_they_are_given() {
    let fleet = Fleet::new(MemoryState::new()).unwrap();
    let long = "x".repeat(8_000);
    for name in ["", "a\0b", "a\nb", &long] {
        let limits = RateLimits::default();
        let route = Routes::ordered([Route::new("openai", name)]);
        let refused = [
            fleet.breaker(name, CircuitBreakerConfig::default()).map(drop).unwrap_err(),
            fleet.limiter(name, limits).map(drop).unwrap_err(),
            Fleet::with_config(MemoryState::new(), FleetConfig::default().name(name)).unwrap_err(),
        ];
        let of = ["breaker", "limiter", "fleet"];
        let found = format!("{:?}", name.chars().take(200).collect::<String>());
        for (error, of) in refused.iter().zip(of) {
            assert!(matches!(error, FleetError::Name(_)), "{error:?}");
            let text = error.to_string();
            assert!(
                text.contains(&format!("the name of a {of} ")) && text.contains(&found),
                "{text}"
            );
        }
        // A route without a model has a name all the same.
        assert_eq!(fleet.routes(route).is_err(), !name.is_empty(), "{name:?}");
    }
    // What a route's pause may be called.
    let of_a_route = fleet.limiter("route openai/gpt-5", RateLimits::default());
    assert!(matches!(of_a_route.unwrap_err(), FleetError::Name(_)));
}

#[test]
fn times_that_are_of_no_use_are_refused() {
    let (none, long) = (Duration::ZERO, Duration::MAX);
    let config = FleetConfig::default;
    let wrong = [
        ("tick", config().tick(none)),
        ("timeout", config().timeout(none)),
        // Each word of such a member would be a farewell.
        ("ttl", config().ttl(none)),
        ("ttl", config().ttl(long)),
        ("ttl", config().ttl(Duration::from_secs(1)).tick(Duration::from_secs(1))),
        ("ttl", config().tick(long)),
    ];
    for (named, config) in wrong {
        let refused = Fleet::with_config(MemoryState::new(), config).unwrap_err();
        let is_it = matches!(&refused, FleetError::Time { field, .. } if *field == named);
        assert!(is_it && refused.to_string().contains(named), "{refused}");
    }
}

/// A sink that does nothing until it may.
struct Blocked(Arc<Mutex<()>>);

impl EventSink for Blocked {
    fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
        drop(self.0.lock().unwrap());
        Ok(())
    }
}

#[test]
fn a_sink_that_blocks_does_not_stop_the_member() {
    let (backend, may) = (MemoryState::new(), Arc::new(Mutex::new(())));
    let config = FleetConfig::default().tick(Duration::from_millis(20));
    let config = config.event_sink(Blocked(Arc::clone(&may)));
    let fleet = Fleet::with_config(backend, config).unwrap();
    let blocked = may.lock().unwrap();
    let account = block_on(fleet.account("company", Limit::strict(cents(10)).marks([50]))).unwrap();
    assert!(block_on(account.fund(cents(6))));
    account.reserve(cents(6)).unwrap().settle(cents(6));
    let calls = || fleet.status().calls;
    let before = calls();
    wait_for("heartbeats after the mark", || calls() > before + 5);
    drop(blocked);
    block_on(fleet.shutdown()).unwrap();
}
