//! The last so many calls.

use std::mem;

use super::Ended;
use crate::breaker::snapshot::Counts;

/// The last calls, one after the other; the oldest makes room for the newest.
#[derive(Debug)]
pub(super) struct Ring {
    calls: Box<[Ended]>,
    /// Where the next call goes.
    next: usize,
    counts: Counts,
}

impl Ring {
    pub(super) fn new(size: u16) -> Self {
        let calls = vec![Ended { failed: false, slow: false }; size.into()].into();
        Self { calls, next: 0, counts: Counts::default() }
    }

    pub(super) fn clear(&mut self) {
        self.next = 0;
        self.counts = Counts::default();
    }

    pub(super) fn add(&mut self, ended: Ended) -> Counts {
        let full = usize::try_from(self.counts.calls) == Ok(self.calls.len());
        let oldest = mem::replace(&mut self.calls[self.next], ended);
        if full {
            let mut gone = Counts::default();
            gone.put(oldest);
            self.counts.take(gone);
        }
        self.next += 1;
        if self.next == self.calls.len() {
            self.next = 0;
        }
        self.counts.put(ended);
        self.counts
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }
}
