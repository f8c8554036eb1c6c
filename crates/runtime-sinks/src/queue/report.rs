//! What was left when a queue was shut down: [`Shutdown`].

use std::fmt;

/// What became of the events of a queue, by the time that waiting for it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it says what was lost or left behind"]
pub struct Shutdown {
    /// Handed on to the sink behind it.
    pub written: u64,
    /// Lost: there was no room for them, or the sink behind failed.
    pub dropped: u64,
    /// Left in the queue. Its thread goes on with them as long as the process does.
    pub pending: u64,
}

impl Shutdown {
    /// Whether every event was handed on.
    pub const fn is_complete(&self) -> bool {
        self.dropped == 0 && self.pending == 0
    }
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, dropped, pending } = self;
        write!(f, "{written} events written, {dropped} dropped, {pending} left behind")
    }
}
