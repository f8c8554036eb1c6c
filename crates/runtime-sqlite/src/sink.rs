//! [`SqliteSink`]: events and usage records, written in batches.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtime_events::{AgentEvent, format_utc};
use runtime_sinks::{EventSink, SinkError, SinkStats, UsageRecord, UsageSink};

use crate::database;
use crate::error::OpenError;
use crate::import::{self, Imported};
use crate::options::SqliteConfig;
use crate::pending::{Full, State};
use crate::reader::SqliteReader;
use crate::stats::SqliteStats;
use crate::write::transact;

/// Writes events, and usage records, to a SQLite database.
///
/// Each event is a row, named by its session and its number in it, so that what is written twice is
/// there once. What is of no session, such as what sinks say of themselves, is in a table of its
/// own. Several sinks, in several processes, may write the same database; it must be on a disk of
/// this machine, for a write-ahead log does not work over a network.
///
/// Events are collected, and committed when a [batch](SqliteConfig::batch) of them is full, when
/// the oldest has waited [long enough](SqliteConfig::linger) and another one comes, and by a flush:
/// once [`flush`](EventSink::flush) has returned `Ok`, everything is committed that was emitted before
/// and not refused, and a process that is killed loses none of it. A session flushes when it ends, and dropping the sink
/// tries to.
///
/// The emission that fills a batch waits for the commit, and others for it: some hundred
/// microseconds, with [`SqliteDurability::Sync`](crate::SqliteDurability::Sync) as long as the disk takes, and
/// while another process writes up to a [timeout](SqliteConfig::busy_timeout). Put the sink behind a
/// queue where that is too long.
///
/// When a commit fails, because the disk is full or another process does not stop writing, its
/// events are kept and tried again later, up to a [backlog](SqliteConfig::backlog); beyond that they
/// are refused and counted, and once there is room, a `log.dropped` in the table `log_record` says how
/// many, and of which sessions.
///
/// ```
/// use runtime_sinks::{UsageRecord, UsageSink};
/// use runtime_sqlite::SqliteSink;
/// use runtime_usage::{UsageSnapshot, Usd};
///
/// # let path = std::env::temp_dir().join(format!("runtime-sqlite-sink-{}.db", std::process::id()));
/// let log = SqliteSink::open(&path)?;
/// log.record(&UsageRecord::new("gpt-5", UsageSnapshot::new(1_200, 80), Usd::from_cents(1)))?;
///
/// let told = br#"{"event":"agent.started","status":"running","session_id":"s1","seq":1}"#;
/// assert_eq!(log.import(&told[..])?.new, 1);
/// assert_eq!(log.import(&told[..])?.duplicates, 1);
/// # drop(log);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteSink {
    path: PathBuf,
    options: SqliteConfig,
    /// Names this sink among those whose usage records are in the database.
    writer: String,
    state: Mutex<State>,
}

impl SqliteSink {
    /// Opens a database, and creates it where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if it cannot be opened, if it is another application's or of a later version, or
    /// if the SQLite that was linked is one that corrupts write-ahead logs.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Self::options().open(path)
    }

    /// Durability, batches and more.
    pub fn options() -> SqliteConfig {
        SqliteConfig::default()
    }

    pub(crate) fn with_options(path: PathBuf, options: SqliteConfig) -> Result<Self, OpenError> {
        let state = State::new(database::open(&path, &options)?);
        let writer = format!("{:032x}", options.ids.draw());
        Ok(Self { path, options, writer, state: Mutex::new(state) })
    }

    /// The database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A second connection, to read what is committed.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if there can be none.
    pub fn reader(&self) -> Result<SqliteReader, OpenError> {
        SqliteReader::open(&self.path)
    }

    /// What became of the events so far.
    pub fn books(&self) -> SqliteStats {
        let state = self.state();
        SqliteStats { pending: state.pending(), ..state.stats }
    }

    /// Takes several events and commits them, with those that were waiting, as one batch: for a queue
    /// that has collected them.
    ///
    /// # Errors
    ///
    /// [`SinkError`] as of [`emit`](EventSink::emit).
    pub fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        let now = self.options.clock.now();
        let mut state = self.state();
        let mut first = Ok(());
        for event in events {
            let kept = self.keep(&mut state, now, |state| state.keep(event, &self.options));
            first = first.and(kept);
        }
        if state.may_try(now, &self.options) {
            let committed = self.commit(&mut state, now);
            first = first.and(committed);
        }
        drop(state);
        first
    }

    /// Reads a JSON-lines log in: each event that is not there yet, and the lines this version does
    /// not know as they are.
    ///
    /// Doing so twice changes nothing, and so a log may be imported while it grows, or together with
    /// its copies. An event in whose place another one is already is reported, and does not replace
    /// it. Lines that are no JSON objects, because a writer was killed within them, are counted.
    ///
    /// It commits every thousand lines. When it fails, what it has committed stays, and it can be
    /// tried again.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the log cannot be read or the database not be written.
    pub fn import(&self, log: impl BufRead) -> Result<Imported, SinkError> {
        import::import(log, |chunk| transact(&mut self.state().connection, chunk)).map_err(
            |failure| match failure {
                import::Failure::Read(error) => SinkError::new("read a log to import", error),
                import::Failure::Write(error) => self.refused(error),
            },
        )
    }

    /// Adds to what waits, and commits it if that is due.
    fn take(
        &self,
        state: &mut State,
        now: Instant,
        keep: impl FnOnce(&mut State) -> Result<(), Full>,
    ) -> Result<(), SinkError> {
        self.keep(state, now, keep)?;
        if state.is_due(now, &self.options) { self.commit(state, now) } else { Ok(()) }
    }

    /// Adds to what waits. Where there is no room, and it is time to try again, that may make some.
    fn keep(
        &self,
        state: &mut State,
        now: Instant,
        keep: impl FnOnce(&mut State) -> Result<(), Full>,
    ) -> Result<(), SinkError> {
        let tried = if state.is_full(&self.options) && state.may_try(now, &self.options) {
            self.commit(state, now)
        } else {
            Ok(())
        };
        match keep(state) {
            Ok(()) => {
                state.since.get_or_insert(now);
                tried
            }
            Err(full) => tried.and_then(|()| Err(SinkError::new(self.attempt(), full))),
        }
    }

    /// Commits what waits, all of it. What fails to be committed goes on waiting.
    fn commit(&self, state: &mut State, now: Instant) -> Result<(), SinkError> {
        match state.commit(&self.writer, &*self.options.clock) {
            Ok(None) => Ok(()),
            Ok(Some(complaint)) => Err(self.refused(complaint)),
            Err(error) => {
                state.stats.errors += 1;
                state.failed_at = Some(now);
                Err(self.refused(error))
            }
        }
    }

    fn flush_all(&self) -> Result<(), SinkError> {
        let now = self.options.clock.now();
        self.commit(&mut self.state(), now)
    }

    fn attempt(&self) -> String {
        format!("write to `{}`", self.path.display())
    }

    fn refused(&self, error: impl std::error::Error + Send + Sync + 'static) -> SinkError {
        SinkError::new(self.attempt(), error)
    }

    // A panic within a transaction rolls it back, and what waits is cleared after a commit only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for SqliteSink {
    /// An error means that the event was refused, or that it is kept but could not be committed yet;
    /// or that the batch it has filled met another event in the place of one of its own.
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        let now = self.options.clock.now();
        self.take(&mut self.state(), now, |state| state.keep(event, &self.options))
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.flush_all()
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        Self::emit_all(self, events)
    }

    /// Duplicates count as written; conflicts, where another event is kept, as dropped.
    fn stats(&self) -> Option<SinkStats> {
        let own = Self::books(self);
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
        let now = self.options.clock.now();
        let recorded_at = format_utc(self.options.clock.utc_now());
        let keep = |state: &mut State| state.keep_usage(record, recorded_at, &self.options);
        self.take(&mut self.state(), now, keep)
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.flush_all()
    }
}

impl Drop for SqliteSink {
    fn drop(&mut self) {
        // Nobody is left to tell. Who wants to know flushes before.
        let _ = self.flush_all();
    }
}

impl fmt::Debug for SqliteSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSink")
            .field("path", &self.path)
            .field("options", &self.options)
            .field("stats", &self.books())
            .finish_non_exhaustive()
    }
}
