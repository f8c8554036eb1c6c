//! When a second call is sent.

use std::num::NonZeroU32;
use std::time::Duration;

use runtime_resilience::{FirstTokens, Hedge, HedgeAt};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// As measured at a provider: half within 4.3 s, and one in a hundred takes 85 s (agent-afk #584).
fn tail() -> FirstTokens {
    let times = FirstTokens::new();
    for n in 0..500 {
        times.observe(ms(2_000 + n * 5));
        times.observe(if n % 50 == 0 { ms(85_000) } else { ms(4_500) });
    }
    times
}

#[test]
fn quantile_is_within_an_eighth_and_never_too_low() {
    let times = FirstTokens::new();
    assert_eq!((times.quantile(0.5), times.samples()), (None, 0));
    (1..=900).for_each(|n| times.observe(ms(n)));
    assert_eq!(times.samples(), 900);
    for (share, exact) in [(0.01, 9), (0.5, 450), (0.95, 855), (0.99, 891), (1.0, 900)] {
        let told = times.quantile(share).unwrap();
        assert!(ms(exact) <= told && told <= ms(exact) * 9 / 8, "{share}: {told:?}");
    }
}

#[test]
fn invalid_shares_count_as_the_nearest_valid_one() {
    let times = tail();
    assert_eq!(times.quantile(-1.0), times.quantile(0.0));
    assert_eq!(times.quantile(f64::INFINITY), times.quantile(1.0));
    assert_eq!(times.quantile(f64::NAN), times.quantile(1.0));
    assert!(times.quantile(0.0).unwrap() >= ms(2_000));
}

#[test]
fn the_slow_few_are_hedged_and_the_usual_are_not() {
    let delay = Hedge::default().delay(&tail()).unwrap();
    assert!(ms(4_500) <= delay && delay < ms(5_100), "{delay:?}");
    assert_eq!(Hedge::default(), Hedge::at_quantile(0.95));
    assert_eq!(Hedge::default().at(), HedgeAt::Quantile(0.95));
    assert!(Hedge::at_quantile(0.995).delay(&tail()).unwrap() >= ms(85_000));
}

#[test]
fn nothing_is_hedged_before_enough_is_known() {
    let times = FirstTokens::new();
    (0..19).for_each(|_| times.observe(ms(10)));
    assert_eq!(Hedge::default().delay(&times), None);
    times.observe(ms(10));
    assert!(Hedge::default().delay(&times).is_some());
    let many = Hedge::default().minimum_samples(NonZeroU32::new(21).unwrap());
    assert_eq!(many.delay(&times), None);
    let never = Hedge::default().minimum_samples(NonZeroU32::MAX);
    (0..229).for_each(|_| times.observe(ms(10)));
    assert_eq!(never.delay(&times), None);
    times.observe(ms(10));
    assert!(never.delay(&times).is_some(), "250 are enough for anyone");
}

#[test]
fn fixed_delay_needs_no_samples_and_minimum_holds_for_both() {
    let times = FirstTokens::new();
    assert_eq!(Hedge::after(ms(2_000)).delay(&times), Some(ms(2_000)));
    assert_eq!(Hedge::after(ms(1)).at_least(ms(50)).delay(&times), Some(ms(50)));
    (0..20).for_each(|_| times.observe(Duration::ZERO));
    assert_eq!(Hedge::default().delay(&times), Some(Duration::ZERO));
    assert_eq!(Hedge::default().at_least(ms(50)).delay(&times), Some(ms(50)));
}

#[test]
fn old_times_fade() {
    let times = FirstTokens::new();
    (0..5_000).for_each(|_| times.observe(ms(60_000)));
    assert!(times.samples() <= 1_000);
    (0..2_000).for_each(|_| times.observe(ms(500)));
    assert!(Hedge::at_quantile(0.5).delay(&times).unwrap() < ms(600));
    (0..4_000).for_each(|_| times.observe(ms(500)));
    assert!(Hedge::default().delay(&times).unwrap() < ms(600));
    times.observe(Duration::MAX);
    assert!(times.quantile(1.0).unwrap() > Duration::from_hours(24));
}
