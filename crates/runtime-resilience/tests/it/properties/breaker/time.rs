//! The breaker under clocks that jump, and windows against the calls they claim to hold.

use std::time::Duration;

use proptest::prelude::*;
use runtime_events::Clock;
use runtime_resilience::{
    CircuitBreakerConfig, CircuitState, CircuitWindow, GrowingWait, OpenWait, Percent,
};

use crate::support::{WAIT, breaker, breaker_with, count};

/// From nothing through nanoseconds to decades.
fn jump() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        (0..40_000_000_u64).prop_map(Duration::from_nanos),
        (0..60_u64).prop_map(Duration::from_secs),
        (0..60 * 365 * 24_u64).prop_map(|hours| Duration::from_secs(hours * 3_600)),
    ]
}

fn wait() -> impl Strategy<Value = Duration> {
    prop_oneof![jump(), Just(Duration::MAX)]
}

proptest! {
    #[test]
    fn a_wait_ends_after_its_length_however_the_clock_gets_there(
        steps in prop::collection::vec(0..4_000_u64, 1..20),
    ) {
        let (breaker, clock, _) = breaker(CircuitBreakerConfig::default().failure_threshold(count(1)));
        let opened = clock.now();
        breaker.record_failure();
        for step in steps {
            clock.advance(Duration::from_millis(step));
            let left = WAIT.saturating_sub(clock.now() - opened);
            let expected = (!left.is_zero()).then_some(left);
            let refused = breaker.check().err().and_then(|refused| refused.retry_after);
            prop_assert_eq!(refused, expected);
        }
    }

    #[test]
    fn a_wait_is_never_shorter_than_asked_and_ends_within_a_tick(
        before in 0..50_000_000_u64,
        wait in 0..3_000_000_000_u64,
    ) {
        let (breaker, clock, _) = breaker(CircuitBreakerConfig::default());
        let wait = Duration::from_nanos(wait);
        clock.advance(Duration::from_nanos(before));
        breaker.trip(Some(wait));
        let left = breaker.snapshot().retry_after.unwrap_or_default();
        prop_assert!(left >= wait && left < wait + Duration::from_millis(10), "{left:?}");
        clock.advance(left.saturating_sub(Duration::from_nanos(1)));
        prop_assert_eq!(breaker.is_open(), !left.is_zero());
        clock.advance(Duration::from_nanos(1));
        prop_assert!(!breaker.is_open());
    }

    #[test]
    fn no_jump_of_the_clock_panics_or_waits_less_than_nothing(
        first in wait(),
        max in wait(),
        lease in wait(),
        span in jump(),
        jumps in prop::collection::vec((jump(), 0..6_u8), 1..60),
    ) {
        let config = CircuitBreakerConfig::default()
            .failure_threshold(count(2))
            .open_wait(OpenWait::Growing(GrowingWait::from(first).max(max)))
            .half_open_lease(lease);
        let config = match CircuitWindow::of_time(span) {
            Ok(window) => config.window(window.slow_calls(first, Percent::HALF)),
            Err(_) => config,
        };
        let (breaker, clock, _) = breaker_with(config);
        let mut held = Vec::new();
        for (jump, what) in jumps {
            clock.advance(jump);
            match (what, held.pop()) {
                (0, _) => breaker.record_failure(),
                (1, _) => breaker.trip(Some(first)),
                (2, Some(permit)) => runtime_resilience::Permit::failure(permit),
                (3, Some(permit)) => permit.success(),
                _ => held.extend(breaker.try_acquire()),
            }
            let snapshot = breaker.snapshot();
            prop_assert_ne!(snapshot.retry_after, Some(Duration::ZERO));
            if let Err(refused) = breaker.check() {
                prop_assert_ne!(refused.retry_after, Some(Duration::ZERO));
                prop_assert_eq!(refused.retry_after, snapshot.retry_after);
            }
        }
    }

    #[test]
    fn a_wait_grows_within_its_bounds_and_begins_anew_once_closed(
        first in 1..100_000_u64,
        max in 1..1_000_000_u64,
        factor in 1..5_u32,
        jitter in 1..=100_u8,
        rounds in 1..40_u32,
    ) {
        let (first, max) = (Duration::from_millis(first), Duration::from_millis(max));
        let jitter = Percent::new(jitter).expect("it is from 1 to 100");
        let growing = GrowingWait::from(first).max(max).factor(count(factor)).jitter(jitter);
        let config = CircuitBreakerConfig::default().failure_threshold(count(1));
        let (breaker, clock, heard) = breaker_with(config.open_wait(OpenWait::Growing(growing)));
        let tick = Duration::from_millis(10);
        let mut longest = first;
        breaker.record_failure();
        for round in 0..rounds {
            longest = longest.min(max);
            prop_assert_eq!(breaker.snapshot().failed_recoveries, round);
            let wait = heard.all().last().and_then(|opened| opened.wait).unwrap_or_default();
            let least = longest.mul_f64(1.0 - f64::from(jitter.get()) / 100.0);
            prop_assert!(wait + Duration::from_nanos(1) >= least, "{wait:?} of {longest:?}");
            prop_assert!(wait <= longest + tick, "{wait:?} of {longest:?}");
            clock.advance(wait);
            breaker.try_acquire().expect("the wait is over").failure();
            longest = longest.saturating_mul(factor);
        }
        clock.advance(max + tick);
        breaker.try_acquire().expect("the wait is over").success();
        breaker.record_failure();
        let wait = breaker.snapshot().retry_after.unwrap_or_default();
        prop_assert!(wait <= first.min(max) + tick);
        prop_assert_eq!(breaker.snapshot().failed_recoveries, 0);
    }

    #[test]
    fn a_window_of_time_errs_by_less_than_a_tenth_of_it(
        span in 1..10_000_u64,
        calls in prop::collection::vec((0..3_000_u64, any::<bool>()), 1..100),
    ) {
        let span = Duration::from_millis(span);
        let window = CircuitWindow::of_time(span).expect("it is long enough").failure_rate(Percent::ALL);
        let config = CircuitBreakerConfig::default().without_failure_threshold().window(window.minimum_calls(
            count(u32::MAX),
        ));
        let (breaker, clock, _) = breaker_with(config);
        let mut log = Vec::new();
        for (step, failed) in calls {
            clock.advance(Duration::from_millis(step));
            if failed { breaker.record_failure() } else { breaker.record_success() }
            log.push((clock.elapsed(), failed));
            let within = |length: Duration| {
                let since = clock.elapsed().saturating_sub(length);
                log.iter().filter(|(at, failed)| *failed && *at >= since).count()
            };
            let counts = breaker.snapshot().counts;
            prop_assert_eq!(breaker.state(), CircuitState::Closed);
            let failures = counts.failures as usize;
            let most = within(span + Duration::from_nanos(10));
            let least = within(span.mul_f64(0.9).saturating_sub(Duration::from_nanos(10)));
            prop_assert!(failures <= most, "{failures} of at most {most}");
            prop_assert!(failures >= least, "{failures} of at least {least}");
        }
    }

    #[test]
    fn a_window_of_calls_holds_just_the_last_ones(
        size in 1..20_u16,
        calls in prop::collection::vec(any::<bool>(), 1..100),
    ) {
        let window = CircuitWindow::of_calls(size.try_into().expect("at least one"));
        let config = CircuitBreakerConfig::default().window(window).without_failure_threshold();
        let (breaker, _, _) = breaker_with(config);
        breaker.metrics_only();
        for end in 1..=calls.len() {
            if calls[end - 1] { breaker.record_failure() } else { breaker.record_success() }
            let last = &calls[end.saturating_sub(size.into())..end];
            let counts = breaker.snapshot().counts;
            prop_assert_eq!(counts.calls as usize, last.len());
            prop_assert_eq!(counts.failures as usize, last.iter().filter(|failed| **failed).count());
        }
    }
}
