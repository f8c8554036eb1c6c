//! What waits to be committed, and what became of the rest.

use std::sync::Arc;
use std::time::Instant;

use runtime_events::{AgentEvent, Clock};
use runtime_sinks::{Losses, UsageRecord};
use rusqlite::Connection;
use thiserror::Error;

use crate::import::Conflict;
use crate::options::SqliteConfig;
use crate::stats::SqliteStats;
use crate::write::{Fate, Numbered, transact};

/// A connection, and what it has still to write.
pub(crate) struct State {
    pub(crate) connection: Connection,
    /// Not committed yet.
    events: Vec<Arc<AgentEvent>>,
    usage: Vec<Numbered>,
    /// Since when the oldest of them waits.
    pub(crate) since: Option<Instant>,
    /// While commits fail: when the last one did.
    pub(crate) failed_at: Option<Instant>,
    /// How many usage records it was given.
    numbered: i64,
    losses: Losses,
    /// Without those that wait.
    pub(crate) stats: SqliteStats,
}

/// There is no room for more.
#[derive(Debug, Error)]
#[error("the backlog is full")]
pub(crate) struct Full;

/// What one transaction has done, to be counted once it is committed.
#[derive(Default)]
struct Tally {
    written: u64,
    duplicates: u64,
    conflicts: u64,
    conflict: Option<Conflict>,
    too_large: Vec<Arc<AgentEvent>>,
}

/// Why an event of a batch is not in the database, though the batch was committed.
#[derive(Debug, Error)]
pub(crate) enum Complaint {
    #[error(transparent)]
    Conflict(Conflict),
    #[error("{0} events are larger than SQLite takes")]
    TooLarge(usize),
}

impl State {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            events: Vec::new(),
            usage: Vec::new(),
            since: None,
            failed_at: None,
            numbered: 0,
            losses: Losses::default(),
            stats: SqliteStats::default(),
        }
    }

    /// Adds an event to those that wait; or counts it as lost.
    pub(crate) fn keep(
        &mut self,
        event: &Arc<AgentEvent>,
        options: &SqliteConfig,
    ) -> Result<(), Full> {
        self.stats.accepted += 1;
        if self.is_full(options) {
            self.stats.dropped += 1;
            self.losses.add(event);
            return Err(Full);
        }
        self.events.push(Arc::clone(event));
        Ok(())
    }

    /// The same for a usage record.
    pub(crate) fn keep_usage(
        &mut self,
        record: &UsageRecord,
        recorded_at: String,
        options: &SqliteConfig,
    ) -> Result<(), Full> {
        if self.is_full(options) {
            return Err(Full);
        }
        let (number, record) = (self.numbered, record.clone());
        self.numbered += 1;
        self.usage.push(Numbered { number, recorded_at, record });
        Ok(())
    }

    /// How many events wait.
    pub(crate) const fn pending(&self) -> u64 {
        self.events.len() as u64
    }

    pub(crate) fn is_full(&self, options: &SqliteConfig) -> bool {
        self.held() >= options.backlog.max(options.batch).get()
    }

    /// Whether what waits has waited long enough, or is enough.
    pub(crate) fn is_due(&self, now: Instant, options: &SqliteConfig) -> bool {
        let waited = |since| now.saturating_duration_since(since) >= options.linger;
        let enough = self.held() >= options.batch.get() || self.since.is_some_and(waited);
        enough && self.may_try(now, options)
    }

    /// Not again at once after a commit that failed.
    pub(crate) fn may_try(&self, now: Instant, options: &SqliteConfig) -> bool {
        self.failed_at.is_none_or(|at| now.saturating_duration_since(at) >= options.retry)
    }

    /// Commits what waits as one transaction, and what is to be told of losses; if that fails, all of
    /// it goes on waiting. Returns why an event of it is not there, if one is not.
    pub(crate) fn commit(
        &mut self,
        writer: &str,
        clock: &dyn Clock,
    ) -> rusqlite::Result<Option<Complaint>> {
        let told = self.losses.to_record(clock);
        let Self { connection, events, usage, .. } = self;
        if events.is_empty() && usage.is_empty() && told.is_none() {
            return Ok(None);
        }
        let tally = transact(connection, |batch| {
            let mut tally = Tally::default();
            for event in &*events {
                tally.count(batch.event(event)?, event);
            }
            for record in &*usage {
                batch.usage(writer, record)?;
            }
            if let Some(told) = &told {
                batch.event(told)?;
            }
            Ok(tally)
        })?;
        self.committed(&tally);
        Ok(match tally.too_large.len() {
            0 => tally.conflict.map(Complaint::Conflict),
            count => Some(Complaint::TooLarge(count)),
        })
    }

    fn held(&self) -> usize {
        self.events.len() + self.usage.len()
    }

    fn committed(&mut self, tally: &Tally) {
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

    use runtime_events::ManualClock;
    use rusqlite::limits::Limit;

    use super::*;

    #[test]
    fn an_event_that_can_never_be_written_does_not_stop_the_others() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::database::migrate(Path::new("memory"), &mut connection).unwrap();
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, 10_000).unwrap();
        let (mut state, options) = (State::new(connection), SqliteConfig::default());
        for (seq, length) in [(1, 10), (2, 20_000), (3, 9_900), (4, 10)] {
            let mut event = AgentEvent::started("r".repeat(length), "draft");
            (event.session_id, event.seq) = (Some("s".into()), Some(seq));
            state.keep(&Arc::new(event), &options).unwrap();
        }
        let clock = ManualClock::new();
        let complaint = state.commit("w", &clock).unwrap().unwrap();
        assert_eq!(complaint.to_string(), "2 events are larger than SQLite takes");
        let SqliteStats { accepted, written, dropped, .. } = state.stats;
        assert_eq!((accepted, written, dropped, state.pending()), (4, 2, 2, 0));
        // The next commit tells the log of them.
        assert!(state.commit("w", &clock).unwrap().is_none());
        let told = "SELECT body ->> '$.data.sessions[0].first_seq' FROM log_record";
        let first: i64 = state.connection.query_row(told, [], |row| row.get(0)).unwrap();
        assert_eq!(first, 2);
    }
}
