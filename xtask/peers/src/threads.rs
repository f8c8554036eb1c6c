//! Batches on two threads at once.

use std::hint;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::measure::{median, nanos, now};

/// The part of the longer batch in which both threads must work.
const TOGETHER: f64 = 0.9;

/// One batch, on both threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Batch {
    /// Its duration: the mean of both threads.
    pub(crate) nanos: f64,
    /// Whether both threads worked nearly all the time.
    pub(crate) together: bool,
}

/// Times `count` batches on two threads that start each one together.
pub(crate) fn batches(work: &(dyn Fn(u64) + Send + Sync), calls: u64, count: usize) -> Vec<Batch> {
    let gate = Gate::default();
    let run = || -> Vec<(Instant, Instant)> {
        let batch = |number| {
            gate.pass(number);
            let start = now();
            work(calls);
            (start, now())
        };
        (0..count).map(batch).collect()
    };
    let (one, two) = thread::scope(|scope| {
        let other = scope.spawn(run);
        (run(), other.join().unwrap_or_default())
    });
    one.into_iter().zip(two).map(|(a, b)| Batch::of(a, b)).collect()
}

/// The nanoseconds until a thread sees what another one has written, on two processors: what threads pay for each
/// thing that they both write.
pub(crate) fn told() -> f64 {
    const EXCHANGES: u32 = 1_000;
    const ROUNDS: u32 = 101;
    let number = AtomicU32::new(0);
    // Acquire and Release: a thread that sees a number has seen the ones before.
    let answer = |from: u32, until: u32| {
        for own in (from..until).step_by(2) {
            while number.load(Ordering::Acquire) != own {
                hint::spin_loop();
            }
            number.store(own + 1, Ordering::Release);
        }
    };
    let mut rounds: Vec<f64> = thread::scope(|scope| {
        scope.spawn(|| answer(1, 2 * ROUNDS * EXCHANGES));
        let round = |round| {
            let start = now();
            answer(2 * round * EXCHANGES, 2 * (round + 1) * EXCHANGES);
            nanos(now() - start) / f64::from(2 * EXCHANGES)
        };
        (0..ROUNDS).map(round).collect()
    });
    median(&mut rounds).unwrap_or_default()
}

impl Batch {
    /// A batch from its start and end on each thread.
    fn of(a: (Instant, Instant), b: (Instant, Instant)) -> Self {
        let common = nanos(a.1.min(b.1).saturating_duration_since(a.0.max(b.0)));
        let (a, b) = (nanos(a.1 - a.0), nanos(b.1 - b.0));
        Self { nanos: f64::midpoint(a, b), together: common >= TOGETHER * a.max(b) }
    }
}

/// A gate that lets two threads through together, any number of times.
#[derive(Default)]
struct Gate {
    arrived: AtomicUsize,
}

impl Gate {
    /// Waits until both threads are here for the `number`th time, counted from 0.
    fn pass(&self, number: usize) {
        /// After so many, the other thread may be waiting for the processor of this one.
        const LONG: u32 = 1 << 14;
        // AcqRel, and Acquire below: a thread sees the work of the other one before the gate.
        self.arrived.fetch_add(1, Ordering::AcqRel);
        let mut turns = 0;
        while self.arrived.load(Ordering::Acquire) < 2 * (number + 1) {
            if turns < LONG {
                hint::spin_loop();
                turns += 1;
            } else {
                thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn batches_that_did_not_run_together_are_recognized() {
        let start = now();
        let at = |from: u64, to: u64| {
            (start + Duration::from_micros(from), start + Duration::from_micros(to))
        };
        let together = |a, b| Batch::of(a, b).together;
        assert!(together(at(0, 100), at(5, 105)));
        assert!(together(at(0, 100), at(0, 100)));
        assert!(!together(at(0, 100), at(20, 120)));
        assert!(!together(at(0, 100), at(0, 50)));
        assert!(!together(at(0, 100), at(200, 300)));
        let mean = Batch::of(at(0, 100), at(0, 50)).nanos;
        assert!((mean - 75_000.0).abs() < 1.0);
    }

    #[test]
    fn both_threads_do_the_work_of_every_batch() {
        let calls = AtomicUsize::new(0);
        // Relaxed: the threads have ended when it is read.
        let work = |_| {
            calls.fetch_add(1, Ordering::Relaxed);
        };
        batches(&work, 1, 100);
        assert_eq!(calls.load(Ordering::Relaxed), 200);
    }
}
