//! [`Ticket`]: what an admitted call remembers.

use std::time::Duration;

use super::tick::nanos;
use super::word::Word;

/// An admitted call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    /// The state and generation that admitted it.
    pub(super) home: Word,
    /// The breaker's age then, in nanoseconds; [`UNTIMED`] if the length of the call does not matter.
    /// Not an `Option`: tickets are small so that permits stay in registers.
    began: u64,
}

const UNTIMED: u64 = u64::MAX;

impl Ticket {
    /// A ticket of this word. `age` is that of the breaker, if the length of the call matters.
    #[inline]
    pub(super) fn new(word: Word, age: Option<Duration>) -> Self {
        Self { home: word.home(), began: age.map_or(UNTIMED, nanos) }
    }

    /// The length of the call, if that matters.
    pub(super) fn took(&self, age: Duration) -> Option<Duration> {
        let timed = self.began != UNTIMED;
        timed.then(|| age.saturating_sub(Duration::from_nanos(self.began)))
    }
}
