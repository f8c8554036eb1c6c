//! The last calls, up to a number.

use std::mem;

use super::Ended;
use crate::breaker::state::CircuitCounts;

/// The last calls, one after the other; the oldest makes room for the newest.
#[derive(Debug)]
pub(super) struct Ring {
    calls: Box<[Ended]>,
    /// Where the next call goes.
    next: usize,
    /// Whether the next call takes the place of another.
    full: bool,
    counts: CircuitCounts,
}

impl Ring {
    pub(super) fn new(size: u16) -> Self {
        let calls = vec![Ended { failed: false, slow: false }; size.into()].into();
        Self { calls, next: 0, full: false, counts: CircuitCounts::default() }
    }

    pub(super) fn clear(&mut self) {
        self.next = 0;
        self.full = false;
        self.counts = CircuitCounts::default();
    }

    #[inline]
    pub(super) fn add(&mut self, ended: Ended) -> &CircuitCounts {
        let oldest = mem::replace(&mut self.calls[self.next], ended);
        self.next += 1;
        if self.next == self.calls.len() {
            self.next = 0;
        }
        if self.full {
            self.counts.take(oldest);
        }
        self.counts.put(ended);
        self.full |= self.next == 0;
        &self.counts
    }

    /// Whether it is full of good calls.
    pub(super) const fn is_untouched(&self) -> bool {
        self.full && self.counts.failures == 0 && self.counts.slow == 0
    }

    pub(super) const fn counts(&self) -> CircuitCounts {
        self.counts
    }
}
