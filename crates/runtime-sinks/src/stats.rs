//! [`SinkStats`]: what became of the events that a sink was given.

/// What became of the events that a sink was given, as of one moment.
///
/// `accepted == written + dropped + pending` in every reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStats {
    /// The events it was given.
    pub accepted: u64,
    /// Those that left it: a file's are with the operating system, a queue's with the sink behind.
    pub written: u64,
    /// Of those written, the ones that a sync of the disk has covered.
    pub synced: u64,
    /// Those that are lost.
    pub dropped: u64,
    /// Those that it still holds.
    pub pending: u64,
    /// How often something went wrong: a write, a sync, a panic behind a queue.
    pub errors: u64,
}
