//! Delays: their bounds, their spread, and where their chance comes from.

use std::collections::HashSet;
use std::time::Duration;

use runtime_resilience::{Backoff, JitterMode, backoff_delay};

const JITTERED: [JitterMode; 3] = [JitterMode::Full, JitterMode::Equal, JitterMode::Decorrelated];

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn delays_without_jitter_are_powers_up_to_the_cap() {
    let backoff = Backoff::with_base(1.5).unwrap().jitter(JitterMode::None);
    assert_eq!(backoff.delay(0, None), secs(1.0));
    assert_eq!(backoff.delay(5, None), secs(7.593_75));
    assert_eq!(backoff.delay(10, Some(secs(3.0))), secs(57.665_039_062_5));
    assert_eq!(backoff.delay(11, None), secs(60.0));
}

#[test]
fn difference_8_delays_stay_in_bounds_at_any_attempt() {
    for attempt in [0, 1, 63, 64, 1_023, 1_024, 1_025, u32::MAX - 1, u32::MAX] {
        for &jitter in JitterMode::ALL {
            for cap in [Duration::ZERO, Duration::from_nanos(1), secs(60.0), Duration::MAX] {
                let backoff = Backoff::default().jitter(jitter).cap(cap);
                for previous in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
                    for unit in [0.0, 0.5, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
                        let delay = backoff.delay_from(attempt, previous, unit);
                        assert!(delay <= cap, "{delay:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn difference_8_the_cap_itself_is_reached_exactly() {
    for cap in [secs(0.1), secs(59.999_999_999), Duration::MAX] {
        let backoff = Backoff::default().jitter(JitterMode::None).cap(cap);
        assert_eq!(backoff.delay(u32::MAX, None), cap);
    }
}

#[test]
fn short_previous_delay_does_not_undercut_the_base() {
    let backoff = Backoff::with_base(3.0).unwrap();
    for unit in [0.0, 0.5, 1.0] {
        assert_eq!(backoff.delay_from(4, Some(secs(0.5)), unit), secs(3.0));
    }
}

#[test]
fn the_first_decorrelated_delay_counts_from_the_base() {
    let backoff = Backoff::default();
    for none in [None, Some(Duration::ZERO)] {
        assert_eq!(backoff.delay_from(7, none, 0.0), secs(2.0));
        assert_eq!(backoff.delay_from(7, none, 1.0), secs(6.0));
    }
}

#[test]
fn the_same_seed_gives_the_same_delays() {
    let draw = |seed| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let backoff = Backoff::default().jitter(JitterMode::Full);
        (0..20).map(|n| backoff.delay_with(n, None, &mut rng)).collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[test]
fn jittered_delays_are_spread_even_at_the_cap() {
    let cap = secs(60.0);
    let mut rng = fastrand::Rng::with_seed(1);
    for jitter in JITTERED {
        let backoff = Backoff::default().jitter(jitter).cap(cap);
        let delays: Vec<_> =
            (0..1_000).map(|_| backoff.delay_with(30, Some(cap), &mut rng)).collect();
        let distinct: HashSet<_> = delays.iter().collect();
        assert!(distinct.len() > 990, "{jitter}: {} distinct delays", distinct.len());
    }
}

#[test]
fn full_jitter_has_the_mean_of_an_even_draw() {
    let mut rng = fastrand::Rng::with_seed(2);
    let backoff = Backoff::default().jitter(JitterMode::Full);
    let sum: f64 = (0..10_000).map(|_| backoff.delay_with(4, None, &mut rng).as_secs_f64()).sum();
    let mean = sum / 10_000.0;
    assert!((7.6..8.4).contains(&mean), "{mean}");
}

#[test]
fn invalid_numbers_are_refused_by_name_and_value() {
    let second = secs(1.0);
    for bad in [0.0, -2.0, 0.2, 0.999_999, f64::NAN, f64::INFINITY] {
        let error = Backoff::with_base(bad).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("back-off `base` of {bad} must be at least 1 and finite")
        );
        let error = Backoff::new(second, bad).unwrap_err();
        let said = format!("back-off `factor` of {bad} must be at least 1 and finite");
        assert_eq!((error.field, error.to_string()), ("factor", said));
    }
    let error = Backoff::new(Duration::ZERO, 2.0).unwrap_err();
    assert_eq!(error.to_string(), "back-off `initial` of 0 must be positive");
}

#[test]
fn delays_grow_from_the_initial_one_by_the_factor() {
    let backoff = Backoff::new(secs(0.2), 3.0).unwrap();
    let plain = backoff.jitter(JitterMode::None);
    let delays: Vec<_> = (0..4).map(|n| plain.delay(n, None)).collect();
    assert_eq!(delays, [secs(0.2), secs(0.6), secs(1.8), secs(5.4)]);
    assert_eq!(backoff.delay_from(0, None, 0.0), secs(0.2));
    assert_eq!(backoff.delay_from(0, None, 1.0), secs(0.6));
    let constant = Backoff::new(secs(0.2), 1.0).unwrap().jitter(JitterMode::None);
    assert_eq!(constant.delay(u32::MAX, None), secs(0.2));
    let base = Backoff::with_base(2.0).unwrap();
    assert_eq!(base, Backoff::default());
}

#[test]
fn the_short_form_keeps_the_default_bounds() {
    for attempt in 0..100 {
        let delay = backoff_delay(attempt, Some(secs(4.0)));
        assert!(secs(2.0) <= delay && delay <= secs(12.0), "{delay:?}");
    }
}

#[test]
fn full_jitter_is_even_at_every_initial_delay_and_factor() {
    // tower's back-off has no jitter at all at a base of one second.
    let mut rng = fastrand::Rng::with_seed(3);
    for (initial, factor) in
        [(0.25, 1.0), (0.5, 2.0), (1.0, 1.5), (1.0, 2.0), (3.0, 3.0), (1.0, 10.0)]
    {
        for attempt in [0, 1, 3] {
            let longest = initial * f64::powi(factor, attempt);
            let backoff = Backoff::new(secs(initial), factor).unwrap().jitter(JitterMode::Full);
            let backoff = backoff.cap(Duration::from_hours(1));
            let delays: Vec<_> = (0..2_000)
                .map(|_| backoff.delay_with(attempt.unsigned_abs(), None, &mut rng))
                .collect();
            let distinct: HashSet<_> = delays.iter().collect();
            assert!(
                distinct.len() > 1_900,
                "{initial} × {factor} ^ {attempt}: {} distinct",
                distinct.len()
            );
            let mean = delays.iter().map(Duration::as_secs_f64).sum::<f64>() / 2_000.0;
            let of_half = mean / (longest / 2.0);
            assert!((0.95..1.05).contains(&of_half), "{initial} × {factor} ^ {attempt}: {of_half}");
        }
    }
}

#[test]
fn powers_of_two_are_exact_as_far_as_durations_go() {
    let backoff = Backoff::default().jitter(JitterMode::None).cap(Duration::MAX);
    for attempt in 0..64 {
        assert_eq!(backoff.delay(attempt, None), Duration::from_secs(1 << attempt));
    }
    for attempt in [64, 1_023, 1_024, 1_025] {
        assert_eq!(backoff.delay(attempt, None), Duration::MAX);
    }
}

#[test]
fn delays_round_to_the_nanosecond_like_std() {
    let mut rng = fastrand::Rng::with_seed(4);
    let fixed = |seconds: f64| {
        let (initial, factor) =
            if seconds < 1.0 { (secs(0.1), seconds * 10.0) } else { (secs(1.0), seconds) };
        let backoff = Backoff::new(initial, factor).unwrap().jitter(JitterMode::None);
        backoff.cap(Duration::from_hours(1_000_000)).delay(1, None)
    };
    let edges = [0.1, 0.123_456_789_1, 1.000_000_000_4, 1_048_575.999_999_999, 1_048_576.0, 1e7];
    let drawn = (0..2_000).map(|_| rng.f64() * 10_f64.powi(rng.i32(-1..7)));
    for seconds in edges.into_iter().chain(drawn.filter(|drawn| *drawn >= 0.1)) {
        let (ours, theirs) = (fixed(seconds), secs(seconds));
        assert!(ours.abs_diff(theirs) <= Duration::from_nanos(1), "{seconds}: {ours:?} {theirs:?}");
    }
}
