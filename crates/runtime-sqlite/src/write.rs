//! Transactions: all of a batch is written, or nothing.

use runtime_events::AgentEvent;
use runtime_sinks::UsageRecord;
use rusqlite::{Connection, ErrorCode, Statement, TransactionBehavior, params};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::row::{INSERT, Row, clamp};

/// The fate of one event in a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    New,
    /// The database has the same event.
    Duplicate,
    /// The database has another event in its place.
    Conflict(Conflict),
    /// The event exceeds the limit of SQLite.
    TooLarge,
}

/// An event whose place in the database is taken by an event with other contents.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event {seq} of session `{session_id}` is in the database with other contents")]
#[non_exhaustive]
pub struct Conflict {
    /// The session of both events.
    pub session_id: String,
    /// The sequence number of both events.
    pub seq: u64,
}

/// A usage record with its number among those of its writer.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) number: i64,
    pub(crate) recorded_at: String,
    pub(crate) record: UsageRecord,
}

/// One transaction. Its statements are prepared at their first use.
pub(crate) struct Batch<'c> {
    connection: &'c Connection,
    event: Option<Statement<'c>>,
    record: Option<Statement<'c>>,
    usage: Option<Statement<'c>>,
    body: Option<Statement<'c>>,
}

const INSERT_RECORD: &str = "INSERT INTO log_record (emitted_at, event, body) VALUES (?1, ?2, ?3)
    ON CONFLICT (emitted_at, body) DO NOTHING";

const INSERT_USAGE: &str = "INSERT INTO usage (
    writer, number, recorded_at, session_id, role, model, cost_nanos, estimated, cost_reported,
    input_tokens, output_tokens, cache_write_tokens, cache_write_1h_tokens, cache_read_tokens,
    input_audio_tokens, output_audio_tokens, reasoning_tokens
) VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17
) ON CONFLICT (writer, number) DO NOTHING";

const SELECT_BODY: &str = "SELECT body FROM event WHERE session_id = ?1 AND seq = ?2";

/// Runs `work` as one transaction, which has the write lock from its begin.
pub(crate) fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Batch<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut batch =
        Batch { connection: &transaction, event: None, record: None, usage: None, body: None };
    let result = work(&mut batch)?;
    drop(batch);
    transaction.commit()?;
    Ok(result)
}

impl Batch<'_> {
    pub(crate) fn event(&mut self, event: &AgentEvent) -> rusqlite::Result<Fate> {
        self.event_as(event, &event.to_json())
    }

    /// Writes an event with the JSON that it was read from.
    pub(crate) fn event_as(&mut self, event: &AgentEvent, body: &str) -> rusqlite::Result<Fate> {
        if let Some(row) = Row::of(event) {
            return self.row(&row, body);
        }
        let at = runtime_events::format_utc(event.emitted_at);
        self.record(&at, Some(event.event.as_str()), body)
    }

    /// Writes JSON that is not an event of this version.
    pub(crate) fn unknown(
        &mut self,
        object: &Map<String, Value>,
        body: &str,
    ) -> rusqlite::Result<Fate> {
        if let Some(row) = Row::of_unknown(object) {
            return self.row(&row, body);
        }
        let text = |key| object.get(key).and_then(Value::as_str);
        self.record(text("emitted_at").unwrap_or_default(), text("event"), body)
    }

    pub(crate) fn usage(&mut self, writer: &str, usage: &Numbered) -> rusqlite::Result<()> {
        let Numbered { number, recorded_at, record } = usage;
        let tokens = &record.usage;
        let result = prepared(self.connection, &mut self.usage, INSERT_USAGE)?.execute(params![
            writer,
            number,
            recorded_at,
            record.session_id.as_deref(),
            record.role.as_deref(),
            &*record.model,
            clamp(record.cost.nanos()),
            record.estimated,
            record.cost_reported,
            clamp(tokens.input_tokens),
            clamp(tokens.output_tokens),
            clamp(tokens.cache_write_tokens),
            clamp(tokens.cache_write_1h_tokens),
            clamp(tokens.cache_read_tokens),
            clamp(tokens.input_audio_tokens),
            clamp(tokens.output_audio_tokens),
            clamp(tokens.reasoning_tokens),
        ]);
        result.map(drop)
    }

    fn row(&mut self, row: &Row<'_>, body: &str) -> rusqlite::Result<Fate> {
        let statement = prepared(self.connection, &mut self.event, INSERT)?;
        match row.insert(body, statement) {
            Ok(true) => return Ok(Fate::New),
            Ok(false) => {}
            Err(error) => return too_large(error),
        }
        let statement = prepared(self.connection, &mut self.body, SELECT_BODY)?;
        let found: String =
            statement.query_row(params![row.session_id, row.seq], |it| it.get(0))?;
        if is_same(&found, body) {
            return Ok(Fate::Duplicate);
        }
        let seq = row.seq.unsigned_abs();
        Ok(Fate::Conflict(Conflict { session_id: row.session_id.to_owned(), seq }))
    }

    fn record(&mut self, at: &str, event: Option<&str>, body: &str) -> rusqlite::Result<Fate> {
        let statement = prepared(self.connection, &mut self.record, INSERT_RECORD)?;
        match statement.execute(params![at, event, body]) {
            Ok(0) => Ok(Fate::Duplicate),
            Ok(_) => Ok(Fate::New),
            Err(error) => too_large(error),
        }
    }
}

fn prepared<'s, 'c>(
    connection: &'c Connection,
    place: &'s mut Option<Statement<'c>>,
    sql: &str,
) -> rusqlite::Result<&'s mut Statement<'c>> {
    match place {
        Some(statement) => Ok(statement),
        None => Ok(place.insert(connection.prepare(sql)?)),
    }
}

/// An event that can never be written must not block the others.
fn too_large(error: rusqlite::Error) -> rusqlite::Result<Fate> {
    match error.sqlite_error_code() {
        Some(ErrorCode::TooBig) => Ok(Fate::TooLarge),
        _ => Err(error),
    }
}

/// Whether two texts are the same JSON, apart from order and white space.
fn is_same(one: &str, other: &str) -> bool {
    let parse = serde_json::from_str::<Value>;
    one == other || matches!((parse(one), parse(other)), (Ok(one), Ok(other)) if one == other)
}
