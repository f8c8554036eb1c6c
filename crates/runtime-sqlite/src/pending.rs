//! Events and usage records that wait for a commit.

use std::sync::Arc;
use std::time::Instant;

use runtime_events::AgentEvent;
use runtime_sinks::{Losses, UsageRecord};
use rusqlite::Connection;
use thiserror::Error;

use crate::options::SqliteConfig;
use crate::stats::SqliteStats;
use crate::write::{Conflict, Fate, Numbered, transact};

/// A connection, and the events and usage records that it has to write.
pub(crate) struct Pending {
    pub(crate) connection: Connection,
    pub(crate) options: SqliteConfig,
    /// The id under which usage records are stored.
    writer: String,
    events: Vec<Arc<AgentEvent>>,
    usage: Vec<Numbered>,
    /// When the oldest of them came.
    since: Option<Instant>,
    /// When the last commit failed, if it did.
    failed_at: Option<Instant>,
    /// The number of the next usage record.
    next: i64,
    /// The dropped events that no `log.dropped` reports yet.
    losses: Losses,
    /// Without the events that wait.
    stats: SqliteStats,
    lost_usage: u64,
}

/// Why an event is not in the database.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error("the backlog is full")]
    Full,
    #[error(transparent)]
    Conflict(Conflict),
    #[error("{0} events exceed the size limit of SQLite")]
    TooLarge(usize),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// The counts of one transaction, valid once it is committed.
#[derive(Default)]
struct Tally {
    written: u64,
    duplicates: u64,
    conflicts: u64,
    conflict: Option<Conflict>,
    too_large: Vec<Arc<AgentEvent>>,
}

impl Pending {
    pub(crate) fn new(connection: Connection, options: SqliteConfig) -> Self {
        Self {
            connection,
            writer: format!("{:032x}", options.ids.draw()),
            options,
            events: Vec::new(),
            usage: Vec::new(),
            since: None,
            failed_at: None,
            next: 0,
            losses: Losses::default(),
            stats: SqliteStats::default(),
            lost_usage: 0,
        }
    }

    pub(crate) fn stats(&self) -> SqliteStats {
        SqliteStats { pending: self.events.len() as u64, ..self.stats }
    }

    /// How many events and usage records will never be in the database.
    pub(crate) const fn lost(&self) -> u64 {
        self.stats.dropped + self.stats.conflicts + self.lost_usage
    }

    /// Adds an event, and commits if that is due.
    pub(crate) fn emit(&mut self, event: &Arc<AgentEvent>, now: Instant) -> Result<(), Refusal> {
        self.add(event, now)?;
        self.commit_if_due(now)
    }

    /// Adds several events, and commits. Returns the first error.
    pub(crate) fn emit_all(
        &mut self,
        events: &[Arc<AgentEvent>],
        now: Instant,
    ) -> Result<(), Refusal> {
        let add = |first: Result<(), Refusal>, event| {
            let added = self.add(event, now);
            first.and(added)
        };
        let added = events.iter().fold(Ok(()), add);
        let committed = if self.may_try(now) { self.commit(now) } else { Ok(()) };
        added.and(committed)
    }

    /// Adds a usage record, and commits if that is due.
    pub(crate) fn record(
        &mut self,
        record: &UsageRecord,
        recorded_at: String,
        now: Instant,
    ) -> Result<(), Refusal> {
        let tried = self.make_room(now);
        if self.is_full() {
            self.lost_usage += 1;
            return tried.and(Err(Refusal::Full));
        }
        self.usage.push(Numbered { number: self.next, recorded_at, record: record.clone() });
        self.next += 1;
        self.since.get_or_insert(now);
        tried?;
        self.commit_if_due(now)
    }

    /// Commits all that waits, and a report of losses, as one transaction. After a failure all of it
    /// goes on waiting.
    pub(crate) fn commit(&mut self, now: Instant) -> Result<(), Refusal> {
        let report = self.losses.to_record(&*self.options.clock);
        let Self { connection, writer, events, usage, .. } = self;
        if events.is_empty() && usage.is_empty() && report.is_none() {
            return Ok(());
        }
        let tally = transact(connection, |batch| {
            let mut tally = Tally::default();
            for event in &*events {
                tally.count(batch.event(event)?, event);
            }
            for record in &*usage {
                batch.usage(writer, record)?;
            }
            if let Some(report) = &report {
                batch.event(report)?;
            }
            Ok(tally)
        });
        match tally {
            Ok(tally) => self.committed(tally),
            Err(error) => {
                self.stats.errors += 1;
                self.failed_at = Some(now);
                Err(error.into())
            }
        }
    }

    fn add(&mut self, event: &Arc<AgentEvent>, now: Instant) -> Result<(), Refusal> {
        let tried = self.make_room(now);
        self.stats.accepted += 1;
        if self.is_full() {
            self.stats.dropped += 1;
            self.losses.add(event);
            return tried.and(Err(Refusal::Full));
        }
        self.events.push(Arc::clone(event));
        self.since.get_or_insert(now);
        tried
    }

    /// Commits if the backlog is full.
    fn make_room(&mut self, now: Instant) -> Result<(), Refusal> {
        if self.is_full() && self.may_try(now) { self.commit(now) } else { Ok(()) }
    }

    /// Commits if the batch is full or its oldest part has waited long enough.
    fn commit_if_due(&mut self, now: Instant) -> Result<(), Refusal> {
        let waited = |since| now.saturating_duration_since(since) >= self.options.linger;
        let due = self.len() >= self.options.batch.get() || self.since.is_some_and(waited);
        if due && self.may_try(now) { self.commit(now) } else { Ok(()) }
    }

    /// Whether no commit failed just now.
    fn may_try(&self, now: Instant) -> bool {
        let waited = |at| now.saturating_duration_since(at) >= self.options.retry;
        self.failed_at.is_none_or(waited)
    }

    fn is_full(&self) -> bool {
        self.len() >= self.options.backlog.max(self.options.batch).get()
    }

    fn len(&self) -> usize {
        self.events.len() + self.usage.len()
    }

    fn committed(&mut self, tally: Tally) -> Result<(), Refusal> {
        self.events.clear();
        self.usage.clear();
        (self.since, self.failed_at) = (None, None);
        self.losses = Losses::default();
        for event in &tally.too_large {
            self.losses.add(event);
        }
        self.stats.written += tally.written;
        self.stats.duplicates += tally.duplicates;
        self.stats.conflicts += tally.conflicts;
        self.stats.dropped += tally.too_large.len() as u64;
        match (tally.too_large.len(), tally.conflict) {
            (0, None) => Ok(()),
            (0, Some(conflict)) => Err(Refusal::Conflict(conflict)),
            (count, _) => Err(Refusal::TooLarge(count)),
        }
    }
}

impl Tally {
    fn count(&mut self, fate: Fate, event: &Arc<AgentEvent>) {
        match fate {
            Fate::New => self.written += 1,
            Fate::Duplicate => self.duplicates += 1,
            Fate::TooLarge => self.too_large.push(Arc::clone(event)),
            Fate::Conflict(conflict) => {
                self.conflicts += 1;
                self.conflict.get_or_insert(conflict);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use runtime_events::{Clock as _, ManualClock};
    use rusqlite::limits::Limit;

    use super::*;

    #[test]
    fn an_event_above_the_size_limit_does_not_block_others() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::database::EVENTS.migrate(Path::new("memory"), &mut connection).unwrap();
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, 10_000).unwrap();
        let now = ManualClock::new().now();
        let mut pending = Pending::new(connection, SqliteConfig::default());
        for (seq, length) in [(1, 10), (2, 20_000), (3, 9_900), (4, 10)] {
            let mut event = AgentEvent::started("r".repeat(length), "draft");
            (event.session_id, event.seq) = (Some("s".into()), Some(seq));
            pending.emit(&Arc::new(event), now).unwrap();
        }
        let refusal = pending.commit(now).unwrap_err();
        assert_eq!(refusal.to_string(), "2 events exceed the size limit of SQLite");
        let SqliteStats { accepted, written, dropped, pending: waiting, .. } = pending.stats();
        assert_eq!((accepted, written, dropped, waiting), (4, 2, 2, 0));
        // The next commit reports them in the log.
        pending.commit(now).unwrap();
        let reported = "SELECT body ->> '$.data.sessions[0].first_seq' FROM log_record";
        let first: i64 = pending.connection.query_row(reported, [], |row| row.get(0)).unwrap();
        assert_eq!(first, 2);
    }
}
