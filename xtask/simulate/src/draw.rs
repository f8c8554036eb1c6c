//! What plans are drawn from.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use runtime_testkit::simulation::{SimProvider, Trouble};

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
pub(crate) fn flaky(provider: SimProvider, rng: &mut Rng, within: Duration) -> SimProvider {
    let wait = millis(rng, 500..4_000);
    let all = [Trouble::Storm(wait), Trouble::Overload, Trouble::Cut, Trouble::Down];
    (0..2).fold(provider, |provider, _| {
        let (trouble, share) = (one_of(rng, &all), one_of(rng, &[0, 20, 40, 60]));
        provider.spell(trouble, Duration::ZERO..within).share(share)
    })
}

/// A provider that may also refuse a key, an account or a request, or say for how long it is busy.
pub(crate) fn refusing(provider: SimProvider, rng: &mut Rng, within: Duration) -> SimProvider {
    if rng.bool() {
        return provider;
    }
    let wait = Some(seconds(rng, 1..20));
    let all = [(400, None), (401, None), (402, None), (402, wait), (402, wait), (503, wait)];
    let status = one_of(rng, &all);
    let from = millis(rng, 0..u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
    let trouble = Trouble::Status(status.0, status.1);
    let share = one_of(rng, &[20, 50, 100]);
    provider.spell(trouble, from..from + seconds(rng, 1..40)).share(share)
}
