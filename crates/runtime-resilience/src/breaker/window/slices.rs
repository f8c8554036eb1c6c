//! The calls of the last stretch of time.

use std::time::Duration;

use super::Ended;
use crate::breaker::state::CircuitCounts;
use crate::breaker::tick::nanos;

/// The number of slices of a window of time, which moves on by a slice at a time.
const SLICES: u8 = 10;

/// The calls that ended in each of the last ten slices of time, the one that runs included.
#[derive(Debug)]
pub(super) struct Slices {
    each: [CircuitCounts; SLICES as usize],
    /// The length of a slice in nanoseconds; at least 1.
    width: u64,
    /// The number of the running slice, counted from the breaker's beginning.
    running: u64,
    /// The first nanosecond that is not in it.
    end: u64,
    /// The sum of the slices.
    counts: CircuitCounts,
}

impl Slices {
    pub(super) fn new(span: Duration) -> Self {
        let width = nanos(span).div_ceil(SLICES.into());
        Self {
            each: Default::default(),
            width,
            running: 0,
            end: width,
            counts: CircuitCounts::default(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.each = Default::default();
        self.counts = CircuitCounts::default();
    }

    #[inline]
    pub(super) fn add(&mut self, ended: Ended, age: Duration) -> &CircuitCounts {
        self.move_on(age);
        let place = place(self.running);
        self.each[place].put(ended);
        self.counts.put(ended);
        &self.counts
    }

    pub(super) fn counts(&mut self, age: Duration) -> CircuitCounts {
        self.move_on(age);
        self.counts
    }

    /// Empties the slices that are over. An earlier age comes from a thread that waited for the lock;
    /// its call counts as of now.
    #[inline]
    fn move_on(&mut self, age: Duration) {
        let age = nanos(age);
        if age >= self.end {
            self.move_to(age / self.width);
        }
    }

    #[cold]
    fn move_to(&mut self, now: u64) {
        for slice in (self.running + 1..=now).take(SLICES.into()) {
            let over = &mut self.each[place(slice)];
            self.counts.take_all(over);
            *over = CircuitCounts::default();
        }
        self.running = now;
        // With an earlier end, `move_on` would only run more often, which no test can see.
        self.end = (now + 1).saturating_mul(self.width);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is less than ten")]
fn place(slice: u64) -> usize {
    (slice % u64::from(SLICES)) as usize
}
