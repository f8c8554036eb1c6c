//! What plans are drawn from.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;

pub(crate) fn seconds(rng: &mut Rng, range: Range<u64>) -> Duration {
    Duration::from_secs(rng.u64(range))
}

pub(crate) fn millis(rng: &mut Rng, range: Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

pub(crate) fn one_of<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}
