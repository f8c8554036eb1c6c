//! [`SqliteSink`]: events and usage records, written in batches.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtime_events::{AgentEvent, format_utc};
use runtime_sinks::{EventSink, SinkError, SinkStats, UsageRecord, UsageSink};
use rusqlite::Connection;

use crate::database;
use crate::error::OpenError;
use crate::import::{self, Conflict, Imported};
use crate::losses::Losses;
use crate::options::SqliteOptions;
use crate::reader::SqliteReader;
use crate::stats::SqliteStats;
use crate::write::{Fate, Numbered, transact};

/// Writes events, and usage records, to a SQLite database.
///
/// Each event is a row, named by its session and its number in it, so that what is written twice is
/// there once. What is of no session, such as what sinks say of themselves, is in a table of its
/// own. Several sinks, in several processes, may write the same database; it must be on a disk of
/// this machine, for a write-ahead log does not work over a network.
///
/// Events are collected, and committed when a [batch](SqliteOptions::batch) of them is full, when
/// the oldest has waited [long enough](SqliteOptions::linger) and another one comes, and by a flush:
/// once [`flush`](EventSink::flush) has returned `Ok`, everything emitted before is committed, and a
/// process that is killed loses none of it. A session flushes when it ends, and dropping the sink
/// tries to.
///
/// The emission that fills a batch waits for the commit, and others for it: some hundred
/// microseconds, with [`Durability::Sync`](crate::Durability::Sync) as long as the disk takes. Put
/// the sink behind a queue where that is too long.
///
/// When a commit fails, because the disk is full or another process does not stop writing, its
/// events are kept and tried again later, up to a [backlog](SqliteOptions::backlog); beyond that they
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
    options: SqliteOptions,
    /// Names this sink among those whose usage records are in the database.
    writer: String,
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    /// Not committed yet.
    events: Vec<Arc<AgentEvent>>,
    usage: Vec<Numbered>,
    /// Since when the oldest of them waits.
    since: Option<Instant>,
    /// While commits fail: when the last one did.
    failed_at: Option<Instant>,
    /// How many usage records it was given.
    numbered: i64,
    losses: Losses,
    stats: SqliteStats,
}

/// What one transaction has done, to be counted once it is committed.
#[derive(Default)]
struct Tally {
    written: u64,
    duplicates: u64,
    conflicts: u64,
    conflict: Option<Conflict>,
    too_large: Vec<Arc<AgentEvent>>,
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
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    pub(crate) fn with_options(path: PathBuf, options: SqliteOptions) -> Result<Self, OpenError> {
        let state = State {
            connection: database::open(&path, &options)?,
            events: Vec::new(),
            usage: Vec::new(),
            since: None,
            failed_at: None,
            numbered: 0,
            losses: Losses::default(),
            stats: SqliteStats::default(),
        };
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
    pub fn stats(&self) -> SqliteStats {
        let state = self.state();
        SqliteStats { pending: state.events.len() as u64, ..state.stats }
    }

    /// Takes several events and commits them, with those that were waiting, as one batch.
    ///
    /// # Errors
    ///
    /// [`SinkError`] as of [`emit`](EventSink::emit).
    pub fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        let now = self.options.clock.now();
        let mut state = self.state();
        let mut refused = Ok(());
        for event in events {
            if let Err(error) = self.take(&mut state, event, now) {
                refused = Err(error);
            }
        }
        let committed =
            if self.may_try(&state, now) { self.commit(&mut state, now) } else { Ok(()) };
        drop(state);
        refused.and(committed)
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

    /// Adds an event to those that wait, if there is room.
    fn take(
        &self,
        state: &mut State,
        event: &Arc<AgentEvent>,
        now: Instant,
    ) -> Result<(), SinkError> {
        state.stats.accepted += 1;
        if state.held() >= self.backlog() {
            let made_room = self.may_try(state, now).then(|| self.commit(state, now));
            if state.held() >= self.backlog() {
                state.stats.dropped += 1;
                state.losses.add(event);
                let full = || SinkError::new(self.attempt(), "the backlog is full");
                return Err(made_room.and_then(Result::err).unwrap_or_else(full));
            }
        }
        state.events.push(Arc::clone(event));
        state.since.get_or_insert(now);
        Ok(())
    }

    /// Whether those who wait have waited long enough, or are enough.
    fn is_due(&self, state: &State, now: Instant) -> bool {
        let waited = state
            .since
            .is_some_and(|since| now.saturating_duration_since(since) >= self.options.linger);
        (waited || state.held() >= self.options.batch.get()) && self.may_try(state, now)
    }

    fn may_try(&self, state: &State, now: Instant) -> bool {
        state.failed_at.is_none_or(|at| now.saturating_duration_since(at) >= self.options.retry)
    }

    /// Commits what waits, all of it. What fails to be committed goes on waiting.
    fn commit(&self, state: &mut State, now: Instant) -> Result<(), SinkError> {
        let told = state.losses.to_record(&*self.options.clock);
        let State { connection, events, usage, .. } = state;
        if events.is_empty() && usage.is_empty() && told.is_none() {
            return Ok(());
        }
        let committed = transact(connection, |batch| {
            let mut tally = Tally::default();
            for event in &*events {
                tally.count(batch.event(event)?, event);
            }
            for record in &*usage {
                batch.usage(&self.writer, record)?;
            }
            if let Some(told) = &told {
                batch.event(told)?;
            }
            Ok(tally)
        });
        match committed {
            Ok(tally) => {
                state.committed(&tally);
                tally.conflict.map_or(Ok(()), |conflict| Err(self.refused(conflict)))
            }
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

    fn backlog(&self) -> usize {
        self.options.backlog.max(self.options.batch).get()
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

impl State {
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

impl EventSink for SqliteSink {
    /// An error means that the event was refused, or that it is kept but could not be committed yet;
    /// or that the batch it has filled met another event in the place of one of its own.
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        let now = self.options.clock.now();
        let mut state = self.state();
        self.take(&mut state, event, now)?;
        if self.is_due(&state, now) { self.commit(&mut state, now) } else { Ok(()) }
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.flush_all()
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        Self::emit_all(self, events)
    }

    /// Duplicates count as written; conflicts, where another event is kept, as dropped.
    fn stats(&self) -> Option<SinkStats> {
        let own = Self::stats(self);
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
        let mut state = self.state();
        if state.held() >= self.backlog() {
            let made_room = self.may_try(&state, now).then(|| self.commit(&mut state, now));
            if state.held() >= self.backlog() {
                let full = || SinkError::new(self.attempt(), "the backlog is full");
                return Err(made_room.and_then(Result::err).unwrap_or_else(full));
            }
        }
        let number = state.numbered;
        state.numbered += 1;
        state.usage.push(Numbered { number, recorded_at, record: record.clone() });
        state.since.get_or_insert(now);
        if self.is_due(&state, now) { self.commit(&mut state, now) } else { Ok(()) }
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
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
