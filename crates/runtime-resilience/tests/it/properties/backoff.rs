//! Every delay against the bounds of its mode, worked out by multiplication.

use std::time::Duration;

use proptest::prelude::*;
use runtime_resilience::{Backoff, JitterMode};

/// `min(cap, base ^ attempt)`, by squaring.
fn exponential(base: f64, attempt: u32, cap: f64) -> f64 {
    let (mut power, mut square, mut left) = (1.0_f64, base, attempt);
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

proptest! {
    #[test]
    fn delays_stay_inside_the_bounds_of_their_mode(
        base in prop_oneof![0.5..4.0_f64, 1e-3..1e6_f64],
        cap_ms in prop_oneof![0..120_000_u64, any::<u64>()],
        jitter in prop::sample::select(JitterMode::ALL),
        attempt in attempt(),
        previous in previous(),
        unit in prop_oneof![8 => 0.0..1.0_f64, 1 => any::<f64>()],
    ) {
        let cap = Duration::from_millis(cap_ms);
        let backoff = Backoff::with_base(base).unwrap().cap(cap).jitter(jitter);
        let delay = backoff.delay_from(attempt, previous, unit);
        prop_assert!(delay <= cap);

        let limit = cap.as_secs_f64();
        let power = exponential(base, attempt, limit);
        let (shortest, longest) = match jitter {
            JitterMode::None => (power, power),
            JitterMode::Full => (0.0, power),
            JitterMode::Equal => (power / 2.0, power),
            _ => {
                let before = previous.map_or(0.0, |p| p.as_secs_f64());
                let anchor = if before > 0.0 { before } else { base };
                (base.min(limit), (anchor * 3.0).max(base).min(limit))
            }
        };
        // A delay is whole nanoseconds, and each factor of the model adds an error of its own.
        let slack = |bound: f64| 1e-9 + bound * f64::EPSILON * (4.0 * f64::from(attempt) + 16.0);
        let delay = delay.as_secs_f64();
        prop_assert!(delay >= shortest - slack(shortest), "{} < {}", delay, shortest);
        prop_assert!(delay <= longest + slack(longest), "{} > {}", delay, longest);

        // Both ends of the range can be drawn.
        let at = |unit| backoff.delay_from(attempt, previous, unit).as_secs_f64();
        prop_assert!((at(0.0) - shortest).abs() <= slack(shortest));
        prop_assert!((at(1.0) - longest).abs() <= slack(longest));
    }

    #[test]
    fn drawn_delays_stay_inside_the_bounds_too(
        seed in any::<u64>(),
        jitter in prop::sample::select(JitterMode::ALL),
    ) {
        let backoff = Backoff::default().jitter(jitter);
        let (mut rng, mut previous) = (fastrand::Rng::with_seed(seed), None);
        for attempt in 0..30 {
            let delay = backoff.delay_with(attempt, previous, &mut rng);
            prop_assert!(backoff.delay_from(attempt, previous, 0.0) <= delay);
            prop_assert!(delay <= backoff.delay_from(attempt, previous, 1.0));
            previous = Some(delay);
        }
    }
}
