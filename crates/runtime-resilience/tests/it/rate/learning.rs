//! What the limiter learns from replies.

use std::num::NonZeroU64;

use chrono::{TimeZone, Utc};
use runtime_resilience::{Demand, RateDimension, RateLimits, RateQuota, RateSnapshot};

use super::support::{ASK, input, limiter, requests, secs, tokens};

fn told(remaining: u64) -> RateSnapshot {
    RateSnapshot::default().requests(RateQuota::default().remaining(remaining))
}

#[test]
fn header_with_less_room_counts_and_with_more_does_not() {
    let (limiter, clock) = limiter(requests(60));
    let call = limiter.try_reserve(ASK).unwrap();
    limiter.observe_snapshot(&told(10), Some(call.sent()));
    assert_eq!(limiter.available().requests, Some(10));
    limiter.observe_snapshot(&told(40), Some(call.sent()));
    assert_eq!(limiter.available().requests, Some(10));
    clock.advance(secs(5));
    assert_eq!(limiter.available().requests, Some(15), "upwards by what comes in");
    limiter.observe_snapshot(&told(3), None);
    assert_eq!(limiter.available().requests, Some(3));
}

#[test]
fn late_header_does_not_grant_quota_twice() {
    let (limiter, _) = limiter(requests(60));
    let first = limiter.try_reserve(ASK).unwrap();
    (0..4).for_each(|_| drop(limiter.try_reserve(ASK).unwrap()));
    // The provider had 20 left when the first call came, and four more have gone since.
    limiter.observe_snapshot(&told(20), Some(first.sent()));
    assert_eq!(limiter.available().requests, Some(16));
    // Nor if it had fewer than that: nothing is left, and nothing is owed for it.
    limiter.observe_snapshot(&told(2), Some(first.sent()));
    assert_eq!(limiter.available().requests, Some(0));
    assert_eq!(limiter.check(ASK).unwrap_err().retry_after, Some(secs(1)));
}

#[test]
fn overdrawn_units_are_not_given_back() {
    let (limiter, clock) = limiter(requests(60));
    let first = limiter.try_reserve(ASK).unwrap();
    let since = [(); 4].map(|()| limiter.try_reserve(ASK).unwrap());
    limiter.observe_snapshot(&told(2), Some(first.sent()));
    since.into_iter().for_each(runtime_resilience::RateReservation::cancel);
    assert_eq!(limiter.available().requests, Some(0));
    clock.advance(secs(3));
    limiter.try_reserve(ASK).unwrap().cancel();
    assert_eq!(limiter.available().requests, Some(3), "those that come later are");
}

#[test]
fn old_header_counts_with_later_refill() {
    let (limiter, clock) = limiter(requests(60));
    let slow = limiter.try_reserve(ASK).unwrap();
    clock.advance(secs(30));
    limiter.observe_snapshot(&told(0), Some(slow.sent()));
    assert_eq!(limiter.available().requests, Some(30));
}

#[test]
fn counted_call_is_not_given_back() {
    let (limiter, _) = limiter(tokens(1_000));
    let early = limiter.try_reserve(input(300)).unwrap();
    let call = limiter.try_reserve(input(300)).unwrap();
    let late = limiter.try_reserve(input(100)).unwrap();
    let tokens = RateSnapshot::default().tokens(RateQuota::default().remaining(350));
    limiter.observe_snapshot(&tokens, Some(call.sent()));
    assert_eq!(limiter.available().tokens, Some(250));
    early.cancel();
    call.adjust(input(200));
    assert_eq!(limiter.available().tokens, Some(250), "the 350 were what is left after them");
    late.adjust(input(20));
    assert_eq!(limiter.available().tokens, Some(330), "of this one, it did not know");
}

#[test]
fn refund_stops_at_the_providers_number() {
    let (limiter, _) = limiter(tokens(1_000));
    let call = limiter.try_reserve(input(600)).unwrap();
    let tokens = RateSnapshot::default().tokens(RateQuota::default().remaining(700));
    limiter.observe_snapshot(&tokens, Some(call.sent()));
    assert_eq!(limiter.available().tokens, Some(400), "we count more than the provider");
    call.adjust(input(10));
    assert_eq!(limiter.available().tokens, Some(700));
}

#[test]
fn told_limit_lowers_ours_and_never_raises_it() {
    let (limiter, _) = limiter(requests(60));
    let limit = |limit| RateSnapshot::default().requests(RateQuota::default().limit(limit));
    let now = || limiter.limit(RateDimension::Requests).map(NonZeroU64::get);
    limiter.observe_snapshot(&limit(30), None);
    assert_eq!((now(), limiter.available().requests), (Some(30), Some(30)));
    limiter.observe_snapshot(&limit(0), None);
    limiter.observe_snapshot(&RateSnapshot::default(), None);
    assert_eq!(now(), Some(30), "nothing sensible was said");
    limiter.observe_snapshot(&limit(4_000), None);
    assert_eq!(now(), Some(60));
    assert_eq!(limiter.limits(), requests(60), "what is set stays what is set");
}

#[test]
fn learned_limit_refuses_nothing_for_good() {
    let (limiter, clock) = limiter(RateLimits::default());
    let headers = [
        ("Anthropic-RateLimit-Requests-Limit", "50"),
        ("anthropic-ratelimit-output-tokens-limit", "8000"),
        ("anthropic-ratelimit-output-tokens-remaining", "6000"),
        ("anthropic-ratelimit-output-tokens-reset", "2026-01-01T00:00:20Z"),
    ];
    limiter.observe(&headers, None);
    let left = limiter.available();
    assert_eq!((left.requests, left.output_tokens, left.tokens), (Some(50), Some(6_000), None));
    let large = Demand::request().output_tokens(16_000);
    assert_eq!(limiter.check(large).unwrap_err().retry_after, Some(secs(15)));
    clock.advance(secs(15));
    drop(limiter.try_reserve(large).unwrap());
}

#[test]
fn headers_of_all_providers_are_read_if_they_make_sense() {
    let now = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
    let read = |headers: &[(&str, &str)]| RateSnapshot::from_headers(headers, now);
    let openai = read(&[
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", " 499 "),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "59.9s"),
    ]);
    let requests = RateQuota::default().limit(500).remaining(499);
    let tokens = RateQuota::default().limit(30_000).remaining(0);
    let tokens = tokens.reset(std::time::Duration::from_millis(59_900));
    let requests = requests.reset(std::time::Duration::from_millis(120));
    assert_eq!(openai, RateSnapshot::default().requests(requests).tokens(tokens));

    let anthropic = read(&[
        ("anthropic-ratelimit-requests-remaining", "1"),
        ("anthropic-ratelimit-input-tokens-limit", "2"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-01-01T00:01:00Z"),
        ("anthropic-ratelimit-output-tokens-remaining", "3"),
        ("anthropic-ratelimit-tokens-remaining", "4"),
        ("x-ratelimit-remaining-requests", "99"),
    ]);
    assert_eq!(anthropic.quota(RateDimension::Requests), Some(RateQuota::default().remaining(1)));
    let input = RateQuota::default().limit(2).reset(secs(60));
    assert_eq!(anthropic.quota(RateDimension::InputTokens), Some(input));
    assert_eq!(
        anthropic.quota(RateDimension::OutputTokens),
        Some(RateQuota::default().remaining(3))
    );
    assert_eq!(anthropic.quota(RateDimension::Tokens), Some(RateQuota::default().remaining(4)));
    assert_eq!(anthropic.quota(RateDimension::Pause), None);

    for nonsense in ["-1", "1.5", "NaN", "", "1e3", "99999999999999999999", "many"] {
        let read = read(&[("x-ratelimit-remaining-tokens", nonsense)]);
        assert_eq!(read, RateSnapshot::default(), "{nonsense}");
    }
}

#[test]
fn headers_that_name_the_minute_or_the_side_of_tokens_are_read() {
    let now = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
    let read = |headers: &[(&str, &str)]| RateSnapshot::from_headers(headers, now);
    let quota = |limit, remaining| RateQuota::default().limit(limit).remaining(remaining);
    // https://github.com/mistralai/client-ts/issues/169
    let mistral = read(&[
        ("x-ratelimit-limit-tokens-minute", "5000000"),
        ("x-ratelimit-remaining-tokens-minute", "4999911"),
        ("x-ratelimit-limit-req-minute", "720"),
        ("x-ratelimit-remaining-req-minute", "717"),
    ]);
    let told = RateSnapshot::default().requests(quota(720, 717));
    assert_eq!(mistral, told.tokens(quota(5_000_000, 4_999_911)));
    // https://inference-docs.cerebras.ai/support/rate-limits
    let cerebras = read(&[
        ("x-ratelimit-limit-requests-day", "14400"),
        ("x-ratelimit-remaining-requests-day", "3"),
        ("x-ratelimit-reset-requests-day", "33011.382867097855"),
        ("x-ratelimit-limit-tokens-minute", "60000"),
        ("x-ratelimit-remaining-tokens-minute", "58298"),
    ]);
    assert_eq!(cerebras, RateSnapshot::default().tokens(quota(60_000, 58_298)));
    // https://docs.fireworks.ai/serverless/rate-limits
    let fireworks = read(&[
        ("x-ratelimit-limit-tokens-prompt", "3600000"),
        ("x-ratelimit-remaining-tokens-prompt", "3599000"),
        ("x-ratelimit-limit-tokens-generated", "36000"),
        ("x-ratelimit-remaining-tokens-generated", "35900"),
    ]);
    let told = RateSnapshot::default().input_tokens(quota(3_600_000, 3_599_000));
    assert_eq!(fireworks, told.output_tokens(quota(36_000, 35_900)));
}

#[test]
fn limit_of_a_day_is_not_taken_for_one_of_a_minute() {
    let now = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
    // Groq: https://console.groq.com/docs/rate-limits
    let headers = [
        ("x-ratelimit-limit-requests", "20"),
        ("x-ratelimit-remaining-requests", "18"),
        ("x-ratelimit-reset-requests", "2h24m0s"),
    ];
    let told = RateSnapshot::from_headers(&headers, now);
    let rest = RateQuota::default().remaining(18).reset(secs(8_640));
    assert_eq!(told, RateSnapshot::default().requests(rest));
    let (limiter, _) = limiter(requests(60));
    limiter.observe_snapshot(&told, None);
    assert_eq!(limiter.limit(RateDimension::Requests), NonZeroU64::new(60));
    assert_eq!(limiter.available().requests, Some(18), "what is left of the day still counts");
}

#[test]
fn sent_of_another_limiter_does_no_harm() {
    let (limiter, _) = limiter(requests(60));
    let (other, clock) = self::limiter(requests(60));
    clock.advance(secs(1_000));
    (0..9).for_each(|_| drop(other.try_reserve(input(7)).unwrap()));
    let strange = other.try_reserve(ASK).unwrap().sent();
    limiter.observe_snapshot(&told(20), Some(strange));
    assert_eq!(limiter.available().requests, Some(20));
}
