//! Batches of one case: their number of calls, and the time of a call.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::threads::{self, Batch};

/// The work of a batch: a number of calls on one thread, or on two threads with the same object.
pub(crate) enum Work {
    /// On one thread.
    Alone(Box<dyn FnMut(u64)>),
    /// On two threads at once.
    Shared(Arc<dyn Fn(u64) + Send + Sync>),
}

/// The length of a batch. On two threads it is longer, so that both work most of the time.
const ALONE: Duration = Duration::from_micros(40);
const SHARED: Duration = Duration::from_micros(200);

/// A batch on two threads that takes this many times its length was interrupted: both threads waited for
/// a processor. Their waits for each other vary by a factor of up to six.
const INTERRUPTED: f64 = 10.0;

/// Batches in a round.
const BATCHES: usize = 25;

impl Work {
    /// One thread that calls `op` again and again.
    pub(crate) fn alone<T>(mut op: impl FnMut() -> T + 'static) -> Self {
        // The loop is compiled together with `op`; only the batch is called through a pointer.
        Self::Alone(Box::new(move |calls| {
            for _ in 0..calls {
                black_box(op());
            }
        }))
    }

    /// Two threads that call `op` again and again.
    pub(crate) fn shared<T>(op: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self::Shared(Arc::new(move |calls| {
            for _ in 0..calls {
                black_box(op());
            }
        }))
    }

    /// About the number of calls that fill a batch.
    pub(crate) fn batch(&mut self) -> u64 {
        const STEPS: usize = 40;
        let whole = match self {
            Self::Alone(_) => nanos(ALONE),
            Self::Shared(_) => nanos(SHARED),
        };
        let mut calls = 1;
        for _ in 0..STEPS {
            let (took, typical) = self.trial(calls);
            if took < 0.5 * whole || (typical && took > 1.5 * whole) {
                calls = scaled(calls, (whole / took).clamp(0.5, 16.0));
            } else if typical {
                break;
            }
        }
        calls
    }

    /// The shortest of a few batches, because other programs can only make a batch longer, and whether it
    /// is typical. Two threads that do not run together do not slow each other down, and look fast.
    fn trial(&mut self, calls: u64) -> (f64, bool) {
        const TRIES: usize = 5;
        let shortest = |took: &mut dyn Iterator<Item = f64>| took.reduce(f64::min);
        match self {
            Self::Alone(work) => {
                let took = shortest(&mut (0..TRIES).map(|_| timed(|| work(calls))));
                (took.unwrap_or_default(), true)
            }
            Self::Shared(work) => {
                let batches = threads::batches(&**work, calls, TRIES);
                let together = batches.iter().filter(|batch| batch.together);
                let typical = shortest(&mut together.map(|batch| batch.nanos));
                let any = shortest(&mut batches.iter().map(|batch| batch.nanos));
                (typical.or(any).unwrap_or_default(), typical.is_some())
            }
        }
    }

    /// The nanoseconds per call in this round: the median of its batches. `None` if the threads never ran
    /// together.
    pub(crate) fn round(&mut self, calls: u64) -> Option<f64> {
        let mut took: Vec<f64> = match self {
            Self::Alone(work) => (0..BATCHES).map(|_| timed(|| work(calls))).collect(),
            Self::Shared(work) => {
                let batches = threads::batches(&**work, calls, BATCHES);
                let most = INTERRUPTED * nanos(SHARED);
                let counts = |batch: &&Batch| batch.together && batch.nanos < most;
                batches.iter().filter(counts).map(|batch| batch.nanos).collect()
            }
        };
        median(&mut took).map(|nanos| nanos / as_float(calls))
    }

    /// The allocations per call, on average. Unknown for two threads.
    pub(crate) fn allocations(&mut self) -> Option<f64> {
        const CALLS: u64 = 1_000;
        match self {
            Self::Alone(work) => {
                let counted = allocation_counter::measure(|| work(CALLS)).count_total;
                Some(as_float(counted) / as_float(CALLS))
            }
            Self::Shared(_) => None,
        }
    }
}

/// The median, or `None` of an empty list.
pub(crate) fn median(of: &mut [f64]) -> Option<f64> {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied()
}

#[expect(clippy::disallowed_methods, reason = "it measures real calls in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = now();
    work();
    nanos(now() - start)
}

pub(crate) fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

#[expect(clippy::cast_precision_loss, reason = "no number of calls is that large")]
fn as_float(calls: u64) -> f64 {
    calls as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the factor is positive and small"
)]
/// A multiple of a number of calls, at least 1.
fn scaled(calls: u64, factor: f64) -> u64 {
    ((as_float(calls) * factor) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_none_of_none() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [9.0, f64::INFINITY, 1.0]), Some(9.0));
    }

    #[test]
    fn allocations_are_counted_by_the_call() {
        assert_eq!(Work::alone(|| Box::new(1)).allocations(), Some(1.0));
        assert_eq!(Work::alone(|| 1).allocations(), Some(0.0));
        assert_eq!(Work::shared(|| 1).allocations(), None);
    }

    #[test]
    fn a_batch_grows_until_it_is_filled() {
        assert_eq!(scaled(1, 0.5), 1);
        assert_eq!(scaled(8, 1.5), 12);
        let slow = || (0..1_000_u64).map(black_box).sum::<u64>();
        assert!((1..1 << 20).contains(&Work::alone(slow).batch()));
    }
}
