//! What calls give back and what they take later.

use std::thread;

use runtime_resilience::{Demand, RateLimiter, RateLimits};

use super::support::{input, limiter, requests, secs, tokens};

fn left(limiter: &RateLimiter) -> u64 {
    limiter.available().tokens.expect("tokens are limited")
}

#[test]
fn unused_reservation_is_given_back() {
    // governor #186
    let (limiter, _) = limiter(tokens(1_000));
    let reserved = limiter.try_reserve(input(400).output_tokens(400)).unwrap();
    assert_eq!(left(&limiter), 200);
    reserved.adjust(input(390).output_tokens(10));
    assert_eq!(left(&limiter), 600);
}

#[test]
fn use_beyond_the_reservation_is_taken_even_below_zero() {
    // fenic #313: settle in both directions.
    let (limiter, _) = limiter(tokens(60));
    let reserved = limiter.try_reserve(input(10)).unwrap();
    reserved.adjust(input(80));
    assert_eq!(left(&limiter), 0);
    assert_eq!(limiter.check(input(1)).unwrap_err().retry_after, Some(secs(21)));
    assert_eq!(
        limiter.check(input(0)).unwrap_err().retry_after,
        Some(secs(20)),
        "who does not know what a call takes waits until nothing is overdrawn"
    );
}

#[test]
fn cancel_returns_all_and_drop_keeps_all() {
    let (limiter, clock) = limiter(tokens(60).requests_per_minute(std::num::NonZeroU32::MIN));
    limiter.try_reserve(input(50)).unwrap().cancel();
    assert_eq!((left(&limiter), limiter.available().requests), (60, Some(1)));
    let reserved = limiter.try_reserve(input(50)).unwrap();
    clock.advance(secs(5));
    drop(reserved);
    assert_eq!((left(&limiter), limiter.available().requests), (15, Some(0)));
}

#[test]
fn one_dimension_gives_back_while_another_takes() {
    let limits = RateLimits::default()
        .input_tokens_per_minute(std::num::NonZeroU64::new(100).unwrap())
        .output_tokens_per_minute(std::num::NonZeroU64::new(100).unwrap());
    let (limiter, _) = limiter(limits);
    limiter.try_reserve(input(50).output_tokens(50)).unwrap().adjust(input(20).output_tokens(70));
    let left = limiter.available();
    assert_eq!((left.input_tokens, left.output_tokens), (Some(80), Some(30)));
}

#[test]
fn stream_is_debited_on_its_way() {
    let (limiter, _) = limiter(tokens(1_000));
    let mut reserved = limiter.try_reserve(input(100).output_tokens(50)).unwrap();
    for streamed in [10, 50, 60, 200, 120] {
        reserved.debit(input(100).output_tokens(streamed));
    }
    assert_eq!(left(&limiter), 700, "the most that was seen");
    reserved.adjust(input(100).output_tokens(180));
    assert_eq!(left(&limiter), 720);
}

#[test]
fn refund_of_a_refilled_bucket_is_not_granted_twice() {
    let (limiter, clock) = limiter(tokens(60));
    let early = limiter.try_reserve(input(60)).unwrap();
    clock.advance(secs(60));
    drop(limiter.try_reserve(input(60)).unwrap());
    early.cancel();
    assert!(limiter.check(input(1)).is_err(), "it was full again, and could not hold more");
}

#[test]
fn refund_leaves_the_same_as_a_smaller_reservation() {
    let (limiter, clock) = limiter(tokens(60));
    let early = limiter.try_reserve(input(60)).unwrap();
    clock.advance(secs(50));
    // Had nothing been reserved, 60 would have been there, and 50 of them been taken.
    drop(limiter.try_reserve(input(50)).unwrap());
    early.cancel();
    assert_eq!(left(&limiter), 10);
}

#[test]
fn two_refunds_of_the_same_time_do_not_count_it_twice() {
    let (limiter, clock) = limiter(tokens(60));
    let [one, other] = [30, 30].map(|ask| limiter.try_reserve(input(ask)).unwrap());
    clock.advance(secs(20));
    drop(limiter.try_reserve(input(20)).unwrap());
    one.cancel();
    assert_eq!(left(&limiter), 30);
    other.cancel();
    assert_eq!(left(&limiter), 40, "only the 20 are owed: the rest was never used");
}

#[test]
fn many_calls_get_back_at_most_their_refunds() {
    let (limiter, clock) = limiter(tokens(60_000));
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(limiter.try_reserve(input(150)).unwrap());
        clock.advance(std::time::Duration::from_millis(50));
    }
    let before = left(&limiter);
    held.drain(..).for_each(|reserved| reserved.adjust(input(140)));
    let after = left(&limiter);
    assert!(before < after && after <= before + 3_000, "{before} {after}");
}

#[test]
fn later_dimension_refunds_nothing_it_never_took() {
    let (limiter, _) = limiter(requests(10));
    let early = limiter.try_reserve(input(500)).unwrap();
    limiter.set_limits(tokens(1_000));
    drop(limiter.try_reserve(input(400)).unwrap());
    early.cancel();
    assert_eq!(left(&limiter), 600);
}

#[test]
fn reservation_is_send_and_outlives_its_limiter() {
    let (limiter, _) = limiter(tokens(10));
    let reserved = limiter.try_reserve(input(5)).unwrap();
    let other = limiter.clone();
    drop(limiter);
    thread::spawn(move || reserved.adjust(Demand::request())).join().unwrap();
    assert_eq!(left(&other), 10);
}

#[test]
fn smaller_total_takes_no_more_of_the_sum() {
    let (limiter, clock) = limiter(tokens(60));
    let reserved = limiter.try_reserve(input(10).output_tokens(30)).unwrap();
    clock.advance(secs(60));
    reserved.adjust(input(20).output_tokens(5));
    assert_eq!(left(&limiter), 60, "more input, but fewer tokens");
}

#[test]
fn underestimated_input_does_not_use_up_reserved_output() {
    let (limiter, _) = limiter(tokens(100));
    let mut reserved = limiter.try_reserve(input(10).output_tokens(30)).unwrap();
    reserved.debit(input(20).output_tokens(1));
    assert_eq!(left(&limiter), 50);
    reserved.adjust(input(20).output_tokens(2));
    assert_eq!(left(&limiter), 78);
}

#[test]
fn a_borrowed_reservation_settles_like_one_that_is_owned() {
    let (limiter, _) = limiter(tokens(100));
    limiter.try_borrow(input(60)).unwrap().adjust(input(10));
    assert_eq!(limiter.available().tokens, Some(90));
    limiter.try_borrow(input(60)).unwrap().cancel();
    drop(limiter.try_borrow(input(60)).unwrap());
    assert_eq!(limiter.available().tokens, Some(30));
    assert!(limiter.try_borrow(input(31)).is_err());
}
