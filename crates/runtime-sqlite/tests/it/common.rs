//! Helpers of several tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, SpanId, SpanOutcome};
use rusqlite::{Connection, types::Value};

/// The folder of a test, removed at its end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("runtime-sqlite-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder of our own");
        Self(path)
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.0.join("events.db")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Another connection to the database.
    pub(crate) fn sql(&self) -> Connection {
        Connection::open(self.db()).expect("the database is there")
    }

    /// All rows, with columns joined by `|`.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.sql(), sql)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect(sql);
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let texts = (0..columns).map(|column| Ok(text(&row.get(column)?)));
        texts.collect::<rusqlite::Result<Vec<_>>>().map(|texts| texts.join("|"))
    });
    rows.expect(sql).map(|row| row.expect(sql)).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("{bytes:?}"),
    }
}

/// An event that depends only on its session and sequence number.
pub(crate) fn numbered(session: &str, seq: u64) -> Arc<AgentEvent> {
    let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(seq).expect("few"));
    let mut event = AgentEvent::new(AgentEventName::TurnCompleted, AgentEventStatus::Running, at)
        .with_role("writer")
        .with_phase("draft")
        .with_data(Data::new().with("model", "gpt-5").with("number", seq));
    event.session_id = Some(session.into());
    event.seq = Some(seq);
    event.elapsed = Some(Duration::from_millis(seq));
    Arc::new(event)
}

/// A session written by hand: each call adds an event at the time that it names.
pub(crate) struct Story {
    session: Arc<str>,
    role: Arc<str>,
    elapsed: Duration,
    pub(crate) events: Vec<Arc<AgentEvent>>,
}

impl Story {
    pub(crate) fn new(session: &str, role: &str) -> Self {
        let (elapsed, events) = (Duration::ZERO, Vec::new());
        let mut story = Self { session: session.into(), role: role.into(), elapsed, events };
        story.tell(AgentEventName::AgentStarted, Some((1, None)), None, Data::new());
        story
    }

    pub(crate) fn pass(&mut self, millis: u64) -> &mut Self {
        self.elapsed += Duration::from_millis(millis);
        self
    }

    pub(crate) fn tell(
        &mut self,
        name: AgentEventName,
        span: Option<(u64, Option<u64>)>,
        outcome: Option<SpanOutcome>,
        data: Data,
    ) -> &mut Self {
        let at = DateTime::UNIX_EPOCH + self.elapsed;
        let mut event = AgentEvent::new(name, AgentEventStatus::Running, at)
            .with_role(Arc::clone(&self.role))
            .with_phase("draft");
        if !data.is_empty() {
            event.data = Some(data);
        }
        event.session_id = Some(Arc::clone(&self.session));
        event.seq = Some(self.events.len() as u64 + 1);
        event.elapsed = Some(self.elapsed);
        event.span = span.map(|(span, _)| SpanId::from_u64(span));
        event.parent = span.and_then(|(_, parent)| parent).map(SpanId::from_u64);
        event.outcome = outcome;
        self.events.push(Arc::new(event));
        self
    }
}

/// The events as a JSON-lines log.
pub(crate) fn lines(events: &[Arc<AgentEvent>]) -> String {
    events.iter().map(|event| event.to_json() + "\n").collect()
}
