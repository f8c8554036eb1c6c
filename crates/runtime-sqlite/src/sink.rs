//! [`SqliteSink`]: writes events and usage records in batches.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtime_events::{AgentEvent, Clock, format_utc};
use runtime_sinks::{EventSink, SinkError, SinkStats, UsageRecord, UsageSink};

use crate::database;
use crate::error::OpenError;
use crate::import::{self, Imported};
use crate::options::SqliteConfig;
use crate::pending::{Pending, Refusal};
use crate::reader::SqliteReader;
use crate::stats::SqliteStats;
use crate::write::transact;

/// Writes events and usage records to a SQLite database. Clones share one connection.
///
/// Each event is a row, identified by its session and its sequence number: an event that is written
/// twice is stored once. Events without a session, such as those of sinks, are in the table
/// `log_record`. Several sinks, in several processes, may write the same database. It must be on a
/// local disk, because a write-ahead log does not work over a network.
///
/// Events are collected. They are committed when a [batch](SqliteConfig::batch) is full, when an event
/// comes after the oldest has waited [long enough](SqliteConfig::linger), and by a flush. Once
/// [`flush`](EventSink::flush) returns `Ok`, all events that were emitted before and not refused are
/// committed, and survive a kill of the process. A session flushes at its end. Dropping the
/// last clone flushes, too, and ignores errors.
///
/// The emission that fills a batch waits for the commit, and other emissions wait for it: some hundred
/// microseconds, or as long as the disk takes with
/// [`SqliteDurability::Sync`](crate::SqliteDurability::Sync), or up to a
/// [timeout](SqliteConfig::busy_timeout) while another process writes. Put the sink behind a queue where
/// that is too long.
///
/// When a commit fails, because the disk is full or another process does not stop writing, its
/// events are kept and tried again later, up to a [backlog](SqliteConfig::backlog). Further events are
/// refused and counted. Once there is room, a `log.dropped` in the table `log_record` reports their
/// number and their sessions.
///
/// ```
/// use runtime_sinks::{UsageRecord, UsageSink};
/// use runtime_sqlite::SqliteSink;
/// use runtime_usage::{UsageSnapshot, Usd};
///
/// # let path = std::env::temp_dir().join(format!("runtime-sqlite-sink-{}.db", std::process::id()));
/// let sink = SqliteSink::open(&path)?;
/// sink.record(&UsageRecord::new("gpt-5", UsageSnapshot::new(1_200, 80), Usd::from_cents(1)))?;
///
/// let log = br#"{"event":"agent.started","status":"running","session_id":"s1","seq":1}"#;
/// assert_eq!(sink.import(&log[..])?.new, 1);
/// assert_eq!(sink.import(&log[..])?.duplicates, 1);
/// # drop(sink);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SqliteSink {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    pending: Mutex<Pending>,
}

impl SqliteConfig {
    /// Opens a database, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// [`OpenError`] as of [`SqliteSink::open`].
    pub fn open(self, path: impl Into<PathBuf>) -> Result<SqliteSink, OpenError> {
        let path = path.into();
        let connection = database::open(&path, &self, &database::EVENTS)?;
        let clock = Arc::clone(&self.clock);
        let pending = Mutex::new(Pending::new(connection, self));
        Ok(SqliteSink { shared: Arc::new(Shared { path, clock, pending }) })
    }
}

impl SqliteSink {
    /// Opens a database with the default settings, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the database cannot be opened, if it belongs to another application or a later
    /// version, or if the linked SQLite can corrupt write-ahead logs.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Self::options().open(path)
    }

    /// The default settings, to change before opening.
    pub fn options() -> SqliteConfig {
        SqliteConfig::default()
    }

    /// The path of the database.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Opens a second connection, which reads committed events.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the database cannot be opened.
    pub fn reader(&self) -> Result<SqliteReader, OpenError> {
        SqliteReader::open(&self.shared.path)
    }

    /// Counts of events by fate.
    pub fn books(&self) -> SqliteStats {
        self.pending().stats()
    }

    /// Commits several events, with those that wait, as one batch: for a queue that collects them.
    ///
    /// # Errors
    ///
    /// [`SinkError`] as of [`emit`](EventSink::emit).
    pub fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        self.write(|pending, now| pending.emit_all(events, now))
    }

    /// Imports a JSON-lines log: the events that the database does not have, and the lines that this
    /// version does not know as they are.
    ///
    /// Importing a log again changes nothing, so it may be imported while it grows, or together with
    /// copies. An event whose place another event has is reported and not stored. Lines that are not
    /// JSON objects, because a writer was killed within them, are counted.
    ///
    /// A commit has a thousand lines. After an error the committed lines stay, and the import can be
    /// tried again.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the log cannot be read or the database cannot be written.
    pub fn import(&self, log: impl BufRead) -> Result<Imported, SinkError> {
        let transact = |chunk: import::Work<'_>| transact(&mut self.pending().connection, chunk);
        import::import(log, transact).map_err(|failure| match failure {
            import::Failure::Read(error) => SinkError::new("read a log to import", error),
            import::Failure::Write(error) => self.refused(error.into()),
        })
    }

    fn write(
        &self,
        write: impl FnOnce(&mut Pending, Instant) -> Result<(), Refusal>,
    ) -> Result<(), SinkError> {
        let now = self.shared.clock.now();
        let mut pending = self.pending();
        let before = pending.lost();
        let written = write(&mut pending, now);
        // What a failed commit keeps is not lost.
        let lost = pending.lost() - before;
        drop(pending);
        written.map_err(|refusal| self.refused(refusal).losing(lost))
    }

    fn commit(&self) -> Result<(), SinkError> {
        self.write(Pending::commit)
    }

    fn refused(&self, refusal: Refusal) -> SinkError {
        let what = format!("write to `{}`", self.shared.path.display());
        // A caller can look at the cause itself.
        match refusal {
            Refusal::Sqlite(error) => SinkError::new(what, error),
            other => SinkError::new(what, other),
        }
    }

    // A panic in a transaction rolls it back, and events are removed only after a commit.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for SqliteSink {
    /// Returns an error if the event is refused, if it is kept because a commit failed, or if an event
    /// of its batch conflicts with another one or exceeds the size limit of SQLite.
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.write(|pending, now| pending.emit(event, now))
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.commit()
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        Self::emit_all(self, events)
    }

    /// Duplicates count as written, and conflicts as dropped.
    fn stats(&self) -> Option<SinkStats> {
        let own = self.books();
        let mut stats = SinkStats::default();
        stats.accepted = own.accepted;
        stats.written = own.written + own.duplicates;
        stats.dropped = own.dropped + own.conflicts;
        stats.pending = own.pending;
        stats.errors = own.errors;
        Some(stats)
    }
}

impl UsageSink for SqliteSink {
    fn record(&self, record: &UsageRecord) -> Result<(), SinkError> {
        let recorded_at = format_utc(self.shared.clock.utc_now());
        self.write(|pending, now| pending.record(record, recorded_at, now))
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.commit()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let pending = self.pending.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A caller that needs the error flushes before.
        let _ = pending.commit(self.clock.now());
    }
}

impl fmt::Debug for SqliteSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.pending();
        f.debug_struct("SqliteSink")
            .field("path", &self.shared.path)
            .field("options", &pending.options)
            .field("stats", &pending.stats())
            .finish_non_exhaustive()
    }
}
