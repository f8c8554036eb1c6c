//! What plans are drawn from.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use runtime_testkit::simulation::{Provider, Trouble};

pub(crate) fn seconds(rng: &mut Rng, range: Range<u64>) -> Duration {
    Duration::from_secs(rng.u64(range))
}

pub(crate) fn millis(rng: &mut Rng, range: Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

pub(crate) fn one_of<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

/// A provider that fails in two ways, now and then and all the time, so that calls are made again.
pub(crate) fn flaky(provider: Provider, rng: &mut Rng, within: Duration) -> Provider {
    let wait = millis(rng, 500..4_000);
    let all = [Trouble::Storm(wait), Trouble::Overload, Trouble::Cut, Trouble::Down];
    (0..2).fold(provider, |provider, _| {
        let (trouble, share) = (one_of(rng, &all), one_of(rng, &[0, 20, 40, 60]));
        provider.spell(trouble, Duration::ZERO..within).share(share)
    })
}
