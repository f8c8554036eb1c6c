//! The limiter: what it admits and when, how calls settle, who goes first, and what it learns.

mod alone;
mod fair;
mod learning;
mod settling;
mod support;

use std::num::NonZeroU64;
use std::time::Duration;

use runtime_resilience::{Demand, RateDimension, RateLimiter, RateLimits};

use self::support::{ASK, input, limiter, nanos, requests, secs, short_of, tokens};

#[test]
fn unlimited_dimensions_admit_everything() {
    let limiter = RateLimiter::new("x", RateLimits::default());
    for _ in 0..1_000 {
        drop(limiter.try_reserve(Demand::request().input_tokens(u64::MAX).output_tokens(u64::MAX)));
    }
    assert_eq!(limiter.available().requests, None);
    assert_eq!(limiter.check(Demand::request()), Ok(()));
}

#[test]
fn retry_after_is_exact_at_the_step() {
    // Seven a minute is no whole number of nanoseconds each.
    let (limiter, clock) = limiter(requests(7));
    (0..7).for_each(|_| drop(limiter.try_reserve(ASK).unwrap()));
    for _ in 0..20 {
        let error = limiter.try_reserve(ASK).unwrap_err();
        assert_eq!((error.dimension, &*error.limiter), (RateDimension::Requests, "openai"));
        let wait = error.retry_after.unwrap();
        clock.advance(short_of(wait));
        let error = limiter.check(ASK).unwrap_err();
        assert_eq!(error.retry_after, Some(nanos(1)), "never zero, and never too early");
        clock.advance(nanos(1));
        drop(limiter.try_reserve(ASK).unwrap());
    }
    let minutes = clock.elapsed().as_secs_f64() / 60.0;
    assert!((minutes - 20.0 / 7.0).abs() < 1e-9, "nothing is lost to rounding: {minutes}");
}

#[test]
fn a_refusal_by_the_second_dimension_takes_nothing_of_the_first() {
    // milvus #25597
    let (limiter, _) = limiter(requests(10).input_tokens_per_minute(NonZeroU64::new(100).unwrap()));
    for _ in 0..50 {
        let error = limiter.try_reserve(input(101)).unwrap_err();
        assert_eq!(error.dimension, RateDimension::InputTokens);
    }
    assert_eq!(limiter.available().requests, Some(10));
    drop(limiter.try_reserve(input(100)).unwrap());
    assert_eq!(limiter.available().requests, Some(9));
    assert_eq!(limiter.available().input_tokens, Some(0));
}

#[test]
fn total_limit_counts_input_and_output_together() {
    let (limiter, clock) = limiter(tokens(100));
    let ask = Demand::request().input_tokens(60).output_tokens(40);
    drop(limiter.try_reserve(ask).unwrap());
    let error = limiter.try_reserve(Demand::request().output_tokens(1)).unwrap_err();
    assert_eq!(error.dimension, RateDimension::Tokens);
    assert_eq!(error.retry_after, Some(Duration::from_millis(600)));
    clock.advance(secs(60));
    assert_eq!(limiter.check(ask), Ok(()));
}

#[test]
fn longest_wait_is_reported() {
    let (limiter, _) = limiter(requests(60).tokens_per_minute(NonZeroU64::new(60).unwrap()));
    (0..60).for_each(|_| drop(limiter.try_reserve(Demand::request()).unwrap()));
    let error = limiter.check(Demand::request()).unwrap_err();
    assert_eq!((error.dimension, error.retry_after), (RateDimension::Requests, Some(secs(1))));
    limiter.set_limit(RateDimension::InputTokens, NonZeroU64::new(60));
    limiter.try_reserve(Demand::request()).unwrap_err();
    let error = limiter.check(input(61)).unwrap_err();
    assert_eq!((error.dimension, error.retry_after), (RateDimension::Tokens, None));
}

#[test]
fn demand_beyond_the_burst_is_refused_for_good() {
    let (limiter, clock) = limiter(tokens(600).burst(secs(10)));
    let error = limiter.try_reserve(input(101)).unwrap_err();
    assert_eq!(error.retry_after, None);
    assert_eq!(error.to_string(), "rate limiter `openai` never admits so many tokens at once");
    clock.advance(secs(3_600));
    assert_eq!(limiter.try_reserve(input(101)).unwrap_err().retry_after, None);
    drop(limiter.try_reserve(input(100)).unwrap());
    let error = limiter.try_reserve(input(1)).unwrap_err();
    assert_eq!(error.to_string(), "rate limiter `openai` is out of tokens for 100ms");
}

#[test]
fn demand_beyond_the_burst_goes_alone_if_allowed() {
    let (limiter, clock) = limiter(tokens(600).burst(secs(10)).oversized_alone());
    drop(limiter.try_reserve(input(1)).unwrap());
    let wait = limiter.try_reserve(input(300)).unwrap_err().retry_after;
    assert_eq!(wait, Some(Duration::from_millis(100)), "until nothing is owed");
    clock.advance(Duration::from_millis(100));
    drop(limiter.try_reserve(input(300)).unwrap());
    // 300 are owed, and 100 are a burst.
    assert_eq!(
        limiter.check(input(1)).unwrap_err().retry_after,
        Some(Duration::from_millis(20_100))
    );
    assert_eq!(limiter.check(input(0)).unwrap_err().retry_after, Some(secs(20)));
}

#[test]
fn a_burst_holds_a_unit_at_least() {
    let (limiter, clock) = limiter(requests(6).burst(Duration::ZERO));
    drop(limiter.try_reserve(ASK).unwrap());
    assert_eq!(limiter.check(ASK).unwrap_err().retry_after, Some(secs(10)));
    clock.advance(secs(3_600));
    drop(limiter.try_reserve(ASK).unwrap());
    assert!(limiter.check(ASK).is_err());
}

#[test]
fn an_idle_year_brings_one_burst_and_huge_numbers_do_no_harm() {
    let (limiter, clock) = limiter(tokens(u64::MAX).burst(Duration::MAX));
    for _ in 0..3 {
        let ask = Demand::request().input_tokens(u64::MAX).output_tokens(u64::MAX);
        drop(limiter.try_reserve(ask).unwrap());
        clock.advance(secs(400 * 365 * 86_400));
    }
    let (limiter, clock) = self::limiter(requests(1));
    drop(limiter.try_reserve(ASK).unwrap());
    for _ in 0..3 {
        clock.advance(secs(365 * 86_400));
        drop(limiter.try_reserve(ASK).unwrap());
        assert_eq!(limiter.check(ASK).unwrap_err().retry_after, Some(secs(60)));
    }
}

#[test]
fn limits_change_at_run_time_and_taken_units_stay_taken() {
    // governor #273, #39
    let (limiter, clock) = limiter(requests(10));
    (0..4).for_each(|_| drop(limiter.try_reserve(ASK).unwrap()));
    limiter.set_limits(requests(5));
    assert_eq!(limiter.available().requests, Some(1));
    limiter.set_limits(requests(3));
    assert_eq!(limiter.available().requests, Some(0));
    assert_eq!(
        limiter.check(ASK).unwrap_err().retry_after,
        Some(secs(40)),
        "two, at three a minute"
    );
    limiter.set_limit(RateDimension::Requests, NonZeroU64::new(60));
    assert_eq!(limiter.available().requests, Some(56));
    limiter.set_limit(RateDimension::Requests, None);
    assert_eq!(limiter.available().requests, None);
    clock.advance(secs(1));
    limiter.set_limit(RateDimension::Requests, NonZeroU64::new(60));
    assert_eq!(limiter.available().requests, Some(60));
    assert_eq!(limiter.limits().per_minute(RateDimension::Requests), NonZeroU64::new(60));
    limiter.set_limit(RateDimension::Pause, NonZeroU64::new(1));
    assert_eq!(limiter.limits(), requests(60));
}

#[test]
fn a_peek_takes_nothing() {
    // governor #211
    let (limiter, _) = limiter(requests(1));
    (0..10).for_each(|_| assert_eq!(limiter.check(ASK), Ok(())));
    drop(limiter.try_reserve(ASK).unwrap());
    assert!(limiter.check(ASK).is_err());
}

#[test]
fn pause_holds_for_all_and_only_extends() {
    // producer-pal #1021
    let (limiter, clock) = limiter(requests(60));
    let other = limiter.clone();
    limiter.pause(secs(10));
    limiter.pause(secs(3));
    let error = other.try_reserve(ASK).unwrap_err();
    assert_eq!((error.dimension, error.retry_after), (RateDimension::Pause, Some(secs(10))));
    assert_eq!(error.to_string(), "rate limiter `openai` is paused for 10s");
    assert_eq!(limiter.available().paused, Some(secs(10)));
    clock.advance(secs(4));
    limiter.pause(secs(7));
    assert_eq!(other.check(ASK).unwrap_err().retry_after, Some(secs(7)));
    limiter.pause(Duration::ZERO);
    clock.advance(short_of(secs(7)));
    assert_eq!(other.check(ASK).unwrap_err().retry_after, Some(nanos(1)));
    clock.advance(nanos(1));
    assert_eq!(limiter.available().paused, None);
    drop(other.try_reserve(ASK).unwrap());
}

#[test]
fn after_a_pause_one_goes_at_once_and_the_others_at_their_rate() {
    // All agents wake at the same instant after one 429: jp #1080.
    let (limiter, clock) = limiter(requests(60));
    limiter.pause(secs(100));
    clock.advance(secs(100));
    drop(limiter.try_reserve(ASK).unwrap());
    assert_eq!(limiter.available().requests, Some(0), "what came in meanwhile is given up");
    for _ in 0..5 {
        assert_eq!(limiter.check(ASK).unwrap_err().retry_after, Some(secs(1)));
        clock.advance(secs(1));
        drop(limiter.try_reserve(ASK).unwrap());
    }
}

#[test]
fn an_endless_pause_does_not_overflow() {
    let (limiter, clock) = limiter(requests(60));
    clock.advance(secs(60));
    limiter.pause(Duration::MAX);
    assert!(limiter.check(ASK).unwrap_err().retry_after.unwrap() > secs(500 * 365 * 86_400));
}

#[test]
fn pause_can_be_ended_early() {
    let (limiter, clock) = limiter(requests(60));
    limiter.pause(secs(1_000_000));
    clock.advance(secs(60));
    limiter.resume();
    assert_eq!(limiter.available().paused, None);
    drop(limiter.try_reserve(ASK).unwrap());
    assert_eq!(limiter.available().requests, Some(0), "carefully, all the same");
}
