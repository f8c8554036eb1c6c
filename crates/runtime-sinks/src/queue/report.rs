//! [`QueueShutdown`]: the result of shutting a queue down.

use std::fmt;

/// The numbers of written, dropped and pending events after a queue was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it tells whether events are lost or pending"]
pub struct QueueShutdown {
    /// Events that were passed on to the sink.
    pub written: u64,
    /// Events that were lost, because the queue was full or the sink failed.
    pub dropped: u64,
    /// Events in the queue. Its thread goes on with them as long as the process runs.
    pub pending: u64,
}

impl QueueShutdown {
    /// Whether every event was passed on.
    pub const fn is_complete(&self) -> bool {
        self.dropped == 0 && self.pending == 0
    }
}

impl fmt::Display for QueueShutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, dropped, pending } = self;
        write!(f, "{written} written, {dropped} dropped, {pending} pending")
    }
}
