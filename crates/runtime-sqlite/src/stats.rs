//! [`SqliteStats`]: counts of events by fate.

/// Counts of events by fate, at one moment.
///
/// `accepted == written + duplicates + conflicts + dropped + pending` in every reading. Usage
/// records and imported events are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteStats {
    /// The number of events that the sink was given.
    pub accepted: u64,
    /// The number of committed events.
    pub written: u64,
    /// The number of events that were in the database, the same to the last key.
    pub duplicates: u64,
    /// The number of events whose place another event had. That event stays.
    pub conflicts: u64,
    /// The number of lost events: the backlog was full, or the event exceeded the limit of SQLite.
    pub dropped: u64,
    /// The number of events that wait for a commit.
    pub pending: u64,
    /// The number of failed commits.
    pub errors: u64,
}
