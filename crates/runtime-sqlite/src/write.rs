//! Transactions: what is in one is there as a whole, or not at all.

use runtime_events::AgentEvent;
use runtime_sinks::UsageRecord;
use rusqlite::{Connection, ErrorCode, Statement, TransactionBehavior, params};
use serde_json::Value;

use crate::import::Conflict;
use crate::row::{INSERT, Row, clamp};

/// What became of one event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    New,
    /// It was there before.
    Duplicate,
    /// Another was in its place.
    Conflict(Conflict),
    /// SQLite takes nothing that large.
    TooLarge,
}

/// A usage record with its name in the database.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) number: i64,
    pub(crate) recorded_at: String,
    pub(crate) record: UsageRecord,
}

/// One transaction. Its statements are prepared when they are first needed.
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

/// Runs `work` as one transaction that has the right to write from its beginning.
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

    /// An event, and the very JSON it was read from.
    pub(crate) fn event_as(&mut self, event: &AgentEvent, body: &str) -> rusqlite::Result<Fate> {
        if let Some(row) = Row::of(event) {
            return self.row(&row, body);
        }
        let at = runtime_events::format_utc(event.emitted_at);
        self.record(&at, Some(event.event.as_str()), body)
    }

    /// JSON that is no event of this version, in the place that it names.
    pub(crate) fn unknown(
        &mut self,
        object: &serde_json::Map<String, Value>,
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

/// One event that can never be written must not stand in the way of all others.
fn too_large(error: rusqlite::Error) -> rusqlite::Result<Fate> {
    match error.sqlite_error_code() {
        Some(ErrorCode::TooBig) => Ok(Fate::TooLarge),
        _ => Err(error),
    }
}

/// Whether two texts are the same JSON, however it is written.
fn is_same(one: &str, other: &str) -> bool {
    let parse = serde_json::from_str::<Value>;
    one == other || matches!((parse(one), parse(other)), (Ok(one), Ok(other)) if one == other)
}
