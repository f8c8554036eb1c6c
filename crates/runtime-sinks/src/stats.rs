//! [`SinkStats`]: the numbers of written, pending and lost events of a sink.

/// The numbers of written, pending and lost events of a sink, at one moment:
/// `accepted == written + dropped + pending`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStats {
    /// The events that the sink was given.
    pub accepted: u64,
    /// The events that a file has passed to the operating system, or a queue to its sink.
    pub written: u64,
    /// The written events that are synced to the disk.
    pub synced: u64,
    /// The events that are lost.
    pub dropped: u64,
    /// The events that the sink still holds.
    pub pending: u64,
    /// The number of failures, such as a write, a sync or a panic behind a queue.
    pub errors: u64,
}
