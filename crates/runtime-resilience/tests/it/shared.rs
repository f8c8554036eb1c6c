//! What a fleet needs of breakers, limiters and routes: gates, followers, parts and listeners.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime_resilience::{
    BreakerFollower, CircuitBreaker, CircuitBreakerConfig, CircuitState, Demand, FaultScope,
    ManualClock, PauseListener, ProbeGate, RateLimiter, RateLimits, RestListener, Route, Routes,
    Transition, TransitionCause, TransitionListener, TriedRoutes,
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Gate {
    open: AtomicBool,
    asked: AtomicUsize,
}

impl ProbeGate for Gate {
    fn may_probe(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.open.load(Ordering::Relaxed)
    }
}

/// The texts that listeners heard.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl TransitionListener for Heard {
    fn on_transition(&self, _: &str, transition: Transition) {
        let Transition { from, to, cause, .. } = transition;
        self.0.lock().unwrap().push(format!("{from} {to} {cause}"));
    }
}

impl PauseListener for Heard {
    fn paused(&self, limiter: &str, wait: Duration) {
        self.0.lock().unwrap().push(format!("{limiter} {wait:?}"));
    }
}

impl RestListener for Heard {
    fn rests(&self, route: &Route, rest: Duration) {
        self.0.lock().unwrap().push(format!("{} {rest:?}", route.name()));
    }
}

fn gated() -> (BreakerFollower, ManualClock, Arc<Gate>, Arc<Heard>) {
    let (clock, gate, heard) = (ManualClock::new(), Arc::new(Gate::default()), Arc::default());
    let config = CircuitBreakerConfig::default()
        .failure_threshold(NonZeroU32::MIN)
        .recovery_timeout(SECOND * 10);
    let listener: Arc<Heard> = Arc::clone(&heard);
    let shared = Arc::new(clock.clone());
    let breaker = BreakerFollower::new("api", config, shared, listener, gate.clone());
    (breaker, clock, gate, heard)
}

#[test]
fn a_gate_is_asked_by_probes_alone() {
    let (follower, clock, gate, _) = gated();
    let breaker = follower.breaker();
    let asked = || gate.asked.load(Ordering::Relaxed);
    assert!(breaker.check().is_ok() && breaker.try_acquire().is_ok());
    breaker.record_failure();
    assert!(breaker.check().is_err() && breaker.try_acquire().is_err());
    assert_eq!(asked(), 0, "closed, and open before the wait is over");

    clock.advance(SECOND * 10);
    assert!(breaker.check().is_err() && breaker.try_borrow().is_err());
    assert_eq!(asked(), 2);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    assert_eq!(breaker.snapshot().probes, 0, "no place is taken");
    gate.open.store(true, Ordering::Relaxed);
    assert!(breaker.check().is_ok());
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);

    gate.open.store(false, Ordering::Relaxed);
    for pin in [CircuitBreaker::disable, CircuitBreaker::metrics_only] {
        pin(breaker);
        let before = asked();
        assert!(breaker.check().is_ok() && breaker.try_acquire().is_ok());
        assert_eq!(asked(), before, "a pinned breaker sends no probes");
    }
}

#[test]
fn a_breaker_follows_others_and_says_so() {
    let (follower, clock, gate, heard) = gated();
    let breaker = follower.breaker();
    follower.open(SECOND * 5);
    assert_eq!(breaker.check().unwrap_err().retry_after, Some(SECOND * 5));
    follower.open(SECOND * 2);
    assert_eq!(breaker.check().unwrap_err().retry_after, Some(SECOND * 5), "the longer wait");
    follower.close();
    follower.close();
    assert_eq!(heard.take(), ["closed open fleet", "open closed fleet"]);

    follower.open(SECOND);
    clock.advance(SECOND);
    gate.open.store(true, Ordering::Relaxed);
    let probe = breaker.try_acquire().unwrap();
    follower.open(SECOND);
    probe.success();
    assert_eq!(breaker.state(), CircuitState::Open, "the probe belonged to the state before");

    for pin in [CircuitBreaker::force_open, CircuitBreaker::disable, CircuitBreaker::metrics_only] {
        pin(breaker);
        let pinned = breaker.state();
        follower.open(SECOND);
        follower.close();
        assert_eq!(breaker.state(), pinned);
    }
    assert_eq!(TransitionCause::Fleet.as_str(), "fleet");
}

const fn part(requests: u64) -> [Option<NonZeroU64>; 4] {
    [NonZeroU64::new(requests * 1_000), None, None, None]
}

fn limiter(clock: &ManualClock, heard: &Arc<Heard>) -> RateLimiter {
    let limits = RateLimits::default().requests_per_minute(NonZeroU32::new(60).unwrap());
    let (clock, listener): (Arc<_>, Arc<Heard>) = (Arc::new(clock.clone()), Arc::clone(heard));
    RateLimiter::with_listener("api", limits, clock, listener)
}

/// How many calls are admitted at once.
fn burst(limiter: &RateLimiter) -> usize {
    std::iter::from_fn(|| limiter.try_reserve(Demand::request()).ok()).count()
}

#[test]
fn bursts_of_all_parts_are_never_more_than_that_of_the_limit() {
    let (clock, heard) = (ManualClock::new(), Arc::default());
    let (one, two) = (limiter(&clock, &heard), limiter(&clock, &heard));
    for limiter in [&one, &two] {
        limiter.set_part(None);
        let refused = limiter.try_reserve(Demand::request()).unwrap_err();
        assert!(refused.retry_after.is_some() && burst(limiter) == 0, "no part yet");
        limiter.set_part(Some(part(30)));
    }
    assert_eq!(burst(&one), 30);
    // The part moves to where nothing was used, and back.
    for _ in 0..3 {
        one.set_part(Some(part(1)));
        two.set_part(Some(part(59)));
        assert!(burst(&two) <= 30);
        two.set_part(None);
        one.set_part(Some(part(59)));
        assert_eq!(burst(&one), 0);
        two.set_part(Some(part(1)));
    }
    one.set_part(Some(part(59)));
    clock.advance(SECOND * 2);
    assert_eq!(burst(&one), 1, "room comes in at the rate of the part");
    assert_eq!(
        one.limits().per_minute(runtime_resilience::RateDimension::Requests).unwrap().get(),
        60
    );
}

#[test]
fn a_part_of_less_than_a_call_begins_with_less_and_wastes_nothing() {
    let (clock, heard) = (ManualClock::new(), Arc::default());
    // Of 60 requests a minute, 90 have two thirds of one each.
    let all: Vec<_> = (0..90).map(|_| limiter(&clock, &heard)).collect();
    for limiter in &all {
        limiter.set_part(None);
        limiter.set_part(Some([NonZeroU64::new(666), None, None, None]));
    }
    let admitted = || all.iter().map(burst).sum::<usize>();
    assert_eq!(admitted(), 0, "of the burst, each has less than a call");
    clock.advance(SECOND * 31);
    assert_eq!(admitted(), 90, "once the rest of the call has come in");
    for _ in 0..10 {
        clock.advance(SECOND * 91);
        assert_eq!(admitted(), 90);
    }
    clock.advance(SECOND * 3_600);
    assert_eq!(admitted(), 90, "no more than one is saved");
}

#[test]
fn a_call_larger_than_a_part_goes_alone() {
    let (clock, heard) = (ManualClock::new(), Arc::default());
    let limits = RateLimits::default().input_tokens_per_minute(NonZeroU64::new(1_000).unwrap());
    let listener: Arc<Heard> = Arc::clone(&heard);
    let limiter = RateLimiter::with_listener("api", limits, Arc::new(clock), listener);
    limiter.set_part(Some([None, NonZeroU64::new(100_000), None, None]));
    let ask = |tokens| limiter.try_reserve(Demand::request().input_tokens(tokens));
    assert_eq!(ask(1_001).unwrap_err().retry_after, None, "more than the limit ever has");
    assert!(ask(500).is_ok());
    let wait = ask(1).unwrap_err().retry_after.unwrap();
    assert!(wait > SECOND * 200, "and pays for it: {wait:?}");
}

#[test]
fn a_limiter_knows_what_was_asked_of_it() {
    let (clock, heard) = (ManualClock::new(), Arc::default());
    let limiter = limiter(&clock, &heard);
    limiter.set_part(Some(part(2)));
    for _ in 0..5 {
        let _ = limiter.try_reserve(Demand::request().input_tokens(10));
    }
    assert_eq!(limiter.asked().units, [5, 50, 0, 50], "the refused ones, too");
    let until = Some(runtime_resilience::Clock::now(&clock) + SECOND * 300);
    let mut waiting = Box::pin(limiter.reserve(Demand::request(), &clock, until));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    assert_eq!(limiter.asked().waiting, [1, 0, 0, 0]);
    drop(waiting);
    assert_eq!(limiter.asked().waiting, [0; 4]);
}

#[test]
fn pauses_and_rests_are_told_unless_they_follow_others() {
    let (clock, heard): (_, Arc<Heard>) = (ManualClock::new(), Arc::default());
    let limiter = limiter(&clock, &heard);
    limiter.follow_pause(SECOND * 5);
    assert_eq!(heard.take(), [""; 0]);
    limiter.pause(SECOND * 7);
    assert_eq!(heard.take(), ["api 7s"]);
    assert_eq!(limiter.available().paused, Some(SECOND * 7));

    let route = |model| Route::new("openai", model);
    let routes = Routes::ordered([route("a"), route("b"), Route::new("other", "c")]);
    let listener: Arc<Heard> = Arc::clone(&heard);
    let routes = routes.with_clock(Arc::new(clock.clone())).on_rest(listener);
    assert_eq!(routes.rest(&route("a"), FaultScope::Provider, SECOND * 3), 2);
    assert_eq!(heard.take(), ["openai/a 3s", "openai/b 3s"]);
    routes.follow_rest(&Route::new("other", "c"), SECOND * 2);
    routes.follow_rest(&Route::new("nobody", "c"), SECOND * 2);
    assert_eq!(heard.take(), [""; 0]);
    assert!(routes.select(&TriedRoutes::default(), Demand::default()).is_err(), "all rest");
    clock.advance(SECOND * 2);
    let lease = routes.select(&TriedRoutes::default(), Demand::default()).unwrap();
    assert_eq!(lease.route().name(), "other/c");
}

/// Panics at whatever it hears.
#[derive(Debug)]
struct Bomb;

impl PauseListener for Bomb {
    fn paused(&self, _: &str, _: Duration) {
        std::panic::resume_unwind(Box::new("bomb"));
    }
}

impl RestListener for Bomb {
    fn rests(&self, _: &Route, _: Duration) {
        std::panic::resume_unwind(Box::new("bomb"));
    }
}

#[test]
fn a_panic_of_a_listener_goes_no_further() {
    let clock = Arc::new(ManualClock::new());
    let limits = RateLimits::default();
    let limiter = RateLimiter::with_listener("api", limits, clock.clone(), Arc::new(Bomb));
    limiter.pause(SECOND);
    assert_eq!(limiter.available().paused, Some(SECOND));

    let routes = [Route::new("openai", "a"), Route::new("openai", "b")];
    let all = Routes::ordered(routes.clone()).with_clock(clock).on_rest(Arc::new(Bomb));
    assert_eq!(all.rest(&routes[0], FaultScope::Provider, SECOND), 2);
    assert!(all.select(&TriedRoutes::default(), Demand::default()).is_err(), "both rest");
}
