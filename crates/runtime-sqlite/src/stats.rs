//! [`SqliteStats`]: what became of the events that a sink was given.

/// What became of the events that a sink was given, as of one moment.
///
/// `accepted == written + duplicates + conflicts + dropped + pending` in every reading. Usage
/// records are not among them, nor is what was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteStats {
    /// The events it was given.
    pub accepted: u64,
    /// Those committed.
    pub written: u64,
    /// Those that were in the database before, the same to the last key.
    pub duplicates: u64,
    /// Those in whose place another event was: that one is kept.
    pub conflicts: u64,
    /// Those that are lost: the backlog was full, or SQLite takes nothing that large.
    pub dropped: u64,
    /// Those that wait for a commit.
    pub pending: u64,
    /// How many commits failed.
    pub errors: u64,
}
