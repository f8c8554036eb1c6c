//! Every delay against the bounds of its mode, worked out by multiplication.

use std::time::Duration;

use proptest::prelude::*;
use runtime_resilience::{Backoff, JitterMode};

/// `min(cap, initial × factor ^ attempt)`, by squaring.
fn exponential((initial, factor): (f64, f64), attempt: u32, cap: f64) -> f64 {
    let (mut power, mut square, mut left) = (initial, factor, attempt);
    while left > 0 {
        if left % 2 == 1 {
            power *= square;
        }
        square *= square;
        left /= 2;
    }
    power.min(cap)
}

fn previous() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![
        Just(None),
        (0..100_000_u64).prop_map(|ms| Some(Duration::from_millis(ms))),
        any::<(u64, u32)>().prop_map(|(s, n)| Some(Duration::new(s, n % 1_000_000_000))),
    ]
}

fn attempt() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 0..40_u32, 1 => 900..1_200_u32, 1 => any::<u32>()]
}

/// A back-off, with its initial delay, its factor and its shortest decorrelated delay.
fn backoff() -> impl Strategy<Value = (Backoff, [f64; 3])> {
    let factor = prop_oneof![Just(1.0), 1.0..4.0_f64, 1.0..1e6_f64];
    let initial =
        prop_oneof![1..10_000_u64, 1..1_000_000_000_000_u64].prop_map(Duration::from_nanos);
    prop_oneof![
        factor
            .clone()
            .prop_map(|base| (Backoff::with_base(base).expect("it grows"), [1.0, base, base])),
        (initial, factor).prop_map(|(initial, factor)| {
            let seconds = initial.as_secs_f64();
            (Backoff::new(initial, factor).expect("it grows"), [seconds, factor, seconds])
        }),
    ]
}

proptest! {
    #[test]
    fn delays_stay_inside_the_bounds_of_their_mode(
        (backoff, [initial, factor, least]) in backoff(),
        cap_ms in prop_oneof![0..120_000_u64, any::<u64>()],
        jitter in prop::sample::select(JitterMode::ALL),
        attempt in attempt(),
        previous in previous(),
        unit in prop_oneof![8 => 0.0..1.0_f64, 1 => any::<f64>()],
        seed in any::<u64>(),
    ) {
        let cap = Duration::from_millis(cap_ms);
        let backoff = backoff.cap(cap).jitter(jitter);
        let limit = cap.as_secs_f64();
        let power = exponential((initial, factor), attempt, limit);
        let (shortest, longest) = match jitter {
            JitterMode::None => (power, power),
            JitterMode::Full => (0.0, power),
            JitterMode::Equal => (power / 2.0, power),
            _ => {
                let before = previous.map_or(0.0, |p| p.as_secs_f64());
                let anchor = if before > 0.0 { before } else { least };
                (least.min(limit), (anchor * 3.0).max(least).min(limit))
            }
        };
        // A delay is whole nanoseconds, and each factor of the model adds an error of its own.
        let slack = |bound: f64| 1e-9 + bound * f64::EPSILON * (4.0 * f64::from(attempt) + 16.0);
        let mut rng = fastrand::Rng::with_seed(seed);
        for delay in [
            backoff.delay(attempt, previous),
            backoff.delay_with(attempt, previous, &mut rng),
            backoff.delay_from(attempt, previous, unit),
        ] {
            prop_assert!(delay <= cap);
            let delay = delay.as_secs_f64();
            prop_assert!(delay >= shortest - slack(shortest), "{} < {}", delay, shortest);
            prop_assert!(delay <= longest + slack(longest), "{} > {}", delay, longest);
        }

        // Both ends of the range can be drawn.
        let at = |unit| backoff.delay_from(attempt, previous, unit).as_secs_f64();
        prop_assert!((at(0.0) - shortest).abs() <= slack(shortest));
        prop_assert!((at(1.0) - longest).abs() <= slack(longest));
    }

    #[test]
    fn drawn_delays_are_spread_over_their_range(
        (backoff, _) in backoff(),
        seed in any::<u64>(),
        jitter in prop::sample::select(JitterMode::ALL),
        attempt in 0..30_u32,
        previous in previous(),
    ) {
        const DRAWS: u32 = 64;
        let backoff = backoff.jitter(jitter);
        let [shortest, longest] = [0.0, 1.0].map(|unit| backoff.delay_from(attempt, previous, unit));
        let mut rng = fastrand::Rng::with_seed(seed);
        let range = longest.saturating_sub(shortest);
        // Without jitter there is one delay; a rejected case would be counted against the property.
        if range <= Duration::from_micros(1) {
            return Ok(());
        }
        let (mut low, mut low_with) = (0, 0);
        for _ in 0..DRAWS {
            let is_low = |delay: Duration| u32::from(delay < shortest + range / 2);
            low += is_low(backoff.delay(attempt, previous));
            low_with += is_low(backoff.delay_with(attempt, previous, &mut rng));
        }
        // By chance, all draws are in one half with a probability of 2^-63.
        prop_assert!((1..DRAWS).contains(&low), "{low} of {DRAWS} in the lower half");
        prop_assert!((1..DRAWS).contains(&low_with), "{low_with} of {DRAWS} in the lower half");
    }

    #[test]
    fn delays_without_jitter_never_shrink((backoff, _) in backoff(), attempt in 0..2_000_u32) {
        let backoff = backoff.jitter(JitterMode::None);
        let [one, next] = [attempt, attempt + 1].map(|attempt| backoff.delay(attempt, None));
        prop_assert!(Duration::ZERO < one && one <= next, "{:?} {:?}", one, next);
    }
}
