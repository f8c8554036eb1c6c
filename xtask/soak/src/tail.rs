//! How long turns wait for their admission.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of durations, in eight classes for each doubling of the nanoseconds.
pub(crate) struct Tail([AtomicU64; Self::CLASSES]);

impl Tail {
    const CLASSES: usize = 8 * 61;

    pub(crate) fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Self::CLASSES])
    }

    pub(crate) fn add(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(8);
        let doublings = nanos.ilog2() - 3;
        let class = u64::from(8 * doublings) + (nanos >> doublings & 7);
        let class = usize::try_from(class).unwrap_or_default();
        // Relaxed: the number orders nothing.
        self.0[class].fetch_add(1, Ordering::Relaxed);
    }

    /// The upper end of the class that this share of the durations reaches.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        // Relaxed: read once everybody is done.
        let counts = self.0.each_ref().map(|count| count.load(Ordering::Relaxed));
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count"
        )]
        let rank = (share * counts.iter().sum::<u64>() as f64).ceil() as u64;
        let mut seen = 0;
        let class = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        let class = class.unwrap_or_default() as u64;
        Duration::from_nanos((9 + class % 8) << (class / 8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_an_eighth() {
        let tail = Tail::new();
        (1..=1_000).for_each(|micros| tail.add(Duration::from_micros(micros)));
        for (share, micros) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let found = tail.quantile(share).as_secs_f64() * 1e6;
            assert!((micros..micros * 1.15).contains(&found), "{share}: {found}");
        }
    }
}
