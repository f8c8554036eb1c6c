//! [`SqliteReader`]: reads events and sessions.

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

/// Reads the committed events of a database, also while sinks write it.
///
/// Other questions can be asked in SQL, of the tables and the views.
pub struct SqliteReader {
    path: PathBuf,
    connection: Connection,
}

/// The summary of a session in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionSummary {
    /// The id of the session.
    pub session_id: String,
    /// The role of its agent.
    pub role: Option<String>,
    /// The phase of its agent.
    pub phase: Option<String>,
    /// The project of its agent.
    pub project_id: Option<i64>,
    /// The time of its first event, in RFC 3339.
    pub first_at: Option<String>,
    /// The number of its events.
    pub events: u64,
    /// The number of events that are missing before the last one.
    pub missing: u64,
    /// The time from its start to its last event.
    pub elapsed: Option<Duration>,
    /// Its outcome, if it ended.
    pub outcome: Option<SpanOutcome>,
    /// The cost of its calls.
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

/// The sessions of a thread, life by life; those below another one come behind it.
const THREAD: &str = "SELECT session_id FROM event
    WHERE body ->> '$.labels.thread' = ?1
    GROUP BY session_id
    ORDER BY min(CAST(body ->> '$.labels.life' AS INTEGER)), min(emitted_at), session_id";

/// The number of events that are read at a time.
const PAGE: i64 = 512;

impl SqliteReader {
    /// Opens a database of a [`SqliteSink`](crate::SqliteSink).
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the database does not exist, cannot be opened or is not a database of events.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let path = path.into();
        let connection = database::open_to_read(&path, &SqliteConfig::default())?;
        Ok(Self { path, connection })
    }

    /// The path of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All sessions, by the time of their first events.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the database cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionSummary>, SinkError> {
        let read = || {
            let mut statement = self.connection.prepare(SESSIONS)?;
            let rows = statement.query_map([], SessionSummary::of)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.refused("read the sessions of", error))
    }

    /// The events of a session, in order.
    ///
    /// They are read page by page, without a transaction between pages: events that are committed
    /// meanwhile are read, too. An event that this version does not know is an error, after which the
    /// iterator goes on.
    #[must_use = "an iterator reads nothing until `next`"]
    pub fn events<'r>(&'r self, session_id: &str) -> Events<'r> {
        let session_id = session_id.to_owned();
        Events { reader: self, session_id, after: -1, page: VecDeque::new(), is_over: false }
    }

    /// The events of all lives of a thread of a durable agent, as one stream: life by life, session by session,
    /// each in order, as by [`events`](Self::events).
    ///
    /// The lives are those that are there now. They are found by the label `thread`, so all events are looked
    /// through.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the database cannot be read.
    pub fn thread<'r>(
        &'r self,
        thread: &str,
    ) -> Result<impl Iterator<Item = Result<AgentEvent, SinkError>> + use<'r>, SinkError> {
        let read = || {
            let mut statement = self.connection.prepare(THREAD)?;
            let rows = statement.query_map([thread], |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let sessions = read().map_err(|error| self.refused("read a thread of", error))?;
        Ok(sessions.into_iter().flat_map(|session| self.events(&session)))
    }

    /// Writes all events as a JSON-lines log, session by session. Returns the number of lines.
    ///
    /// Each line has the bytes that were written or imported.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the database cannot be read or the log cannot be written.
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

/// An iterator over the events of a session: see [`SqliteReader::events`].
#[derive(Debug)]
pub struct Events<'r> {
    reader: &'r SqliteReader,
    session_id: String,
    /// The last sequence number that was read.
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
