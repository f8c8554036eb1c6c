//! [`SqliteReader`]: events and sessions, read back.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime_events::{AgentEvent, SpanOutcome};
use runtime_sinks::SinkError;
use runtime_usage::Usd;
use rusqlite::{Connection, params};

use crate::database;
use crate::error::OpenError;
use crate::options::SqliteConfig;

/// Reads a database of events, also while others write it.
///
/// It sees what is committed. For questions of other kinds there are the views, and SQL.
pub struct SqliteReader {
    path: PathBuf,
    connection: Connection,
}

/// What a database knows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionSummary {
    /// The session.
    pub session_id: String,
    /// The role of its agent.
    pub role: Option<String>,
    /// The phase it worked in.
    pub phase: Option<String>,
    /// The project it worked for.
    pub project_id: Option<i64>,
    /// The stamp of its first event, RFC 3339.
    pub first_at: Option<String>,
    /// How many events there are.
    pub events: u64,
    /// How many are missing below the last one.
    pub missing: u64,
    /// How long it had been open at its last event.
    pub elapsed: Option<Duration>,
    /// How it ended, if it has.
    pub outcome: Option<SpanOutcome>,
    /// What its calls have cost.
    pub cost: Usd,
}

const SESSIONS: &str = "SELECT
        s.session_id, s.role, s.phase, s.project_id, s.first_at, s.events, s.missing, s.elapsed_ns,
        s.outcome, coalesce(c.cost_nanos, 0)
    FROM sessions s LEFT JOIN cost_by_session c USING (session_id)
    ORDER BY s.first_at, s.session_id";

const EVENTS: &str =
    "SELECT seq, body FROM event WHERE session_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

const EVERYTHING: &str = "SELECT body FROM (
        SELECT emitted_at, '' AS session_id, 0 AS seq, body FROM log_record
        UNION ALL SELECT emitted_at, session_id, seq, body FROM event
    ) ORDER BY session_id, seq, emitted_at";

/// How many events are read at a time.
const PAGE: i64 = 512;

impl SqliteReader {
    /// Opens a database that a [`SqliteSink`](crate::SqliteSink) has written.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if there is none, or none of events.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let path = path.into();
        let connection = database::open_to_read(&path, &SqliteConfig::default())?;
        Ok(Self { path, connection })
    }

    /// The database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every session, by the stamp of its first event.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if they cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionSummary>, SinkError> {
        let read = || {
            let mut statement = self.connection.prepare(SESSIONS)?;
            let rows = statement.query_map([], SessionSummary::of)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.refused("read the sessions of", error))
    }

    /// The events of a session, in their order.
    ///
    /// They are read by the page, and no transaction is held between pages: events that come while
    /// it reads are read, too. An event that this version does not know is an error; the ones after it
    /// follow.
    #[must_use = "an iterator does nothing until it is asked"]
    pub fn events<'r>(&'r self, session_id: &str) -> Events<'r> {
        let session_id = session_id.to_owned();
        Events { reader: self, session_id, after: -1, page: VecDeque::new(), is_over: false }
    }

    /// Writes everything out as a JSON-lines log, session by session, and returns the number of
    /// lines. Each is what it was when it came, to the byte.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the database cannot be read or the log not be written.
    pub fn export(&self, mut log: impl Write) -> Result<u64, SinkError> {
        let read = |error| self.refused("export", error);
        let write = |error| SinkError::new("write an exported log", error);
        let mut statement = self.connection.prepare(EVERYTHING).map_err(read)?;
        let mut rows = statement.query([]).map_err(read)?;
        let mut lines = 0;
        while let Some(row) = rows.next().map_err(read)? {
            let body: String = row.get(0).map_err(read)?;
            log.write_all(body.as_bytes()).map_err(write)?;
            log.write_all(b"\n").map_err(write)?;
            lines += 1;
        }
        log.flush().map_err(write)?;
        Ok(lines)
    }

    fn refused(
        &self,
        attempted: &str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> SinkError {
        SinkError::new(format!("{attempted} `{}`", self.path.display()), error)
    }
}

impl SessionSummary {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let count =
            |column| row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0));
        let outcome: Option<String> = row.get(8)?;
        Ok(Self {
            session_id: row.get(0)?,
            role: row.get(1)?,
            phase: row.get(2)?,
            project_id: row.get(3)?,
            first_at: row.get(4)?,
            events: count(5)?,
            missing: count(6)?,
            elapsed: row
                .get::<_, Option<i64>>(7)?
                .and_then(|nanos| u64::try_from(nanos).ok())
                .map(Duration::from_nanos),
            outcome: outcome.and_then(|outcome| outcome.parse().ok()),
            cost: Usd::from_nanos(count(9)?),
        })
    }
}

impl fmt::Debug for SqliteReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteReader").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The events of a session: see [`SqliteReader::events`].
#[derive(Debug)]
pub struct Events<'r> {
    reader: &'r SqliteReader,
    session_id: String,
    /// The last number that was read.
    after: i64,
    page: VecDeque<(i64, String)>,
    is_over: bool,
}

impl Events<'_> {
    fn turn_page(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.reader.connection.prepare(EVENTS)?;
        let rows = statement
            .query_map(params![self.session_id, self.after, PAGE], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<rusqlite::Result<VecDeque<_>>>()?;
        self.page = rows;
        match self.page.back() {
            Some((seq, _)) => self.after = *seq,
            None => self.is_over = true,
        }
        Ok(())
    }
}

impl Iterator for Events<'_> {
    type Item = Result<AgentEvent, SinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && !self.is_over
            && let Err(error) = self.turn_page()
        {
            self.is_over = true;
            return Some(Err(self.reader.refused("read events of", error)));
        }
        let (seq, body) = self.page.pop_front()?;
        let event = AgentEvent::from_json(&body);
        Some(event.map_err(|error| {
            let session_id = &self.session_id;
            SinkError::new(format!("read event {seq} of session `{session_id}`"), error)
        }))
    }
}
