//! Batches of one case: how many calls they hold, and what one took.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::threads;

/// What one thread, or two on the same object, do so many times.
pub(crate) enum Work {
    /// On one thread.
    Alone(Box<dyn FnMut(u64)>),
    /// On two threads at once.
    Shared(Arc<dyn Fn(u64) + Send + Sync>),
}

/// How long a batch is. On two threads it is longer, for both to be at it most of the time.
const ALONE: Duration = Duration::from_micros(40);
const SHARED: Duration = Duration::from_micros(200);

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

    /// How many calls fill a batch.
    pub(crate) fn batch(&mut self) -> u64 {
        let whole = match self {
            Self::Alone(_) => ALONE,
            Self::Shared(_) => SHARED,
        };
        let mut calls = 1;
        loop {
            // The shortest of three: what else runs on the machine can only add to it.
            let took = (0..3).filter_map(|_| self.once(calls)).reduce(f64::min);
            let took = took.unwrap_or_default();
            let whole = whole.as_secs_f64() * 1e9;
            if took >= whole / 2.0 || calls >= 1 << 40 {
                return scaled(calls, whole / took.max(1.0));
            }
            calls *= 2;
        }
    }

    /// What a call took in this round, in nanoseconds: the median of its batches. None if the
    /// threads never ran together.
    pub(crate) fn round(&mut self, calls: u64) -> Option<f64> {
        let mut took = match self {
            Self::Alone(work) => (0..BATCHES).map(|_| timed(|| work(calls))).collect(),
            Self::Shared(work) => threads::batches(&**work, calls, BATCHES),
        };
        median(&mut took).map(|nanos| nanos / as_float(calls))
    }

    /// How often a call allocates, on average of many. Not known of two threads.
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

    /// What a batch took, in nanoseconds.
    fn once(&mut self, calls: u64) -> Option<f64> {
        match self {
            Self::Alone(work) => Some(timed(|| work(calls))),
            Self::Shared(work) => median(&mut threads::batches(&**work, calls, 3)),
        }
    }
}

/// The middle one; none of none.
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
    reason = "the factor is positive, and a batch has at least one call"
)]
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
    fn a_batch_has_at_least_one_call() {
        assert_eq!(scaled(1, 0.25), 1);
        assert_eq!(scaled(8, 1.5), 12);
    }
}
