//! An event as a row: columns for questions, and the JSON.

use std::borrow::Cow;

use runtime_events::payload::{ToolRun, TurnEnded, Word};
use runtime_events::{AgentEvent, format_utc};
use rusqlite::{Statement, params};
use serde_json::{Map, Value};

/// One row of the table `event`.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) seq: i64,
    elapsed_ns: Option<i64>,
    emitted_at: Option<Cow<'a, str>>,
    event: &'a str,
    status: Option<&'a str>,
    role: Option<&'a str>,
    phase: Option<&'a str>,
    project_id: Option<i64>,
    span: Option<Cow<'a, str>>,
    parent: Option<Cow<'a, str>>,
    outcome: Option<&'a str>,
    failure_class: Option<&'a str>,
    facts: Facts<'a>,
}

/// The columns from the data of an event.
#[derive(Debug, Default)]
struct Facts<'a> {
    model: Option<&'a str>,
    provider: Option<&'a str>,
    tool: Option<&'a str>,
    attempts: Option<i64>,
    cost_nanos: Option<i64>,
    estimated: Option<bool>,
    cost_reported: Option<bool>,
    tokens: [Option<i64>; 8],
}

pub(crate) const INSERT: &str = "INSERT INTO event (
    session_id, seq, elapsed_ns, emitted_at, event, status, role, phase, project_id, span, parent,
    outcome, failure_class, model, provider, tool, attempts, cost_nanos, estimated, cost_reported,
    input_tokens, output_tokens, cache_write_tokens, cache_write_1h_tokens, cache_read_tokens,
    input_audio_tokens, output_audio_tokens, reasoning_tokens, body
) VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
    ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29
) ON CONFLICT (session_id, seq) DO NOTHING";

impl<'a> Row<'a> {
    /// The row of an event with a session and a sequence number.
    pub(crate) fn of(event: &'a AgentEvent) -> Option<Self> {
        let session_id = event.session_id.as_deref()?;
        let seq = i64::try_from(event.seq?).ok()?;
        let hex = |span: runtime_events::SpanId| Cow::Owned(span.to_string());
        Some(Self {
            session_id,
            seq,
            elapsed_ns: event.elapsed.map(|elapsed| clamp(elapsed.as_nanos())),
            emitted_at: Some(Cow::Owned(format_utc(event.emitted_at))),
            event: event.event.as_str(),
            status: Some(event.status.as_str()),
            role: event.role.as_deref(),
            phase: event.phase.as_deref(),
            project_id: event.project_id,
            span: event.span.map(hex),
            parent: event.parent.map(hex),
            outcome: event.outcome.map(runtime_events::SpanOutcome::as_str),
            failure_class: event.failure_class.map(runtime_events::AgentFailureClass::as_str),
            facts: Facts::of(&TurnEnded::of(event), &ToolRun::of(event)),
        })
    }

    /// The row of JSON that is not an event of this version, but has a session, a sequence number and
    /// a name.
    pub(crate) fn of_unknown(object: &'a Map<String, Value>) -> Option<Self> {
        let text = |key| object.get(key).and_then(Value::as_str);
        let number = |key| object.get(key).and_then(Value::as_i64);
        let data = object.get("data").and_then(Value::as_object);
        let facts =
            data.map(|data| Facts::of(&TurnEnded::read_json(data), &ToolRun::read_json(data)));
        Some(Self {
            session_id: text("session_id")?,
            seq: number("seq").filter(|seq| *seq >= 0)?,
            elapsed_ns: number("elapsed_ns"),
            emitted_at: text("emitted_at").map(Cow::Borrowed),
            event: text("event")?,
            status: text("status"),
            role: text("role"),
            phase: text("phase"),
            project_id: number("project_id"),
            span: text("span").map(Cow::Borrowed),
            parent: text("parent").map(Cow::Borrowed),
            outcome: text("outcome"),
            failure_class: text("failure_class"),
            facts: facts.unwrap_or_default(),
        })
    }

    /// Inserts the row. Returns whether its place was free.
    pub(crate) fn insert(&self, body: &str, into: &mut Statement<'_>) -> rusqlite::Result<bool> {
        let Facts { model, provider, tool, attempts, cost_nanos, .. } = self.facts;
        let Facts { estimated, cost_reported, tokens, .. } = self.facts;
        let changed = into.execute(params![
            self.session_id,
            self.seq,
            self.elapsed_ns,
            self.emitted_at,
            self.event,
            self.status,
            self.role,
            self.phase,
            self.project_id,
            self.span,
            self.parent,
            self.outcome,
            self.failure_class,
            model,
            provider,
            tool,
            attempts,
            cost_nanos,
            estimated,
            cost_reported,
            tokens[0],
            tokens[1],
            tokens[2],
            tokens[3],
            tokens[4],
            tokens[5],
            tokens[6],
            tokens[7],
            body,
        ])?;
        Ok(changed > 0)
    }
}

impl<'a> Facts<'a> {
    fn of(ended: &TurnEnded<'a>, tool: &ToolRun<'a>) -> Self {
        let count = |tokens: u64| (tokens > 0).then(|| clamp(tokens.min(MOST_TOKENS)));
        let side = |tokens: Option<u64>| tokens.map(|tokens| clamp(tokens.min(MOST_TOKENS)));
        Self {
            model: ended.model.map(Word::as_str),
            provider: ended.provider.map(Word::as_str),
            tool: tool.tool.map(Word::as_str),
            attempts: ended.attempts.map(i64::from),
            cost_nanos: ended.cost_nanousd().map(|cost| clamp(cost.min(MOST_NANOS))),
            estimated: ended.estimated.then_some(true),
            cost_reported: ended.cost_reported.then_some(true),
            tokens: [
                side(ended.input_tokens),
                side(ended.output_tokens),
                count(ended.cache_write_tokens),
                count(ended.cache_write_1h_tokens),
                count(ended.cache_read_tokens),
                count(ended.input_audio_tokens),
                count(ended.output_audio_tokens),
                count(ended.reasoning_tokens),
            ],
        }
    }
}

/// The most tokens that an event counts with. No real event has as many, and the sum of a few million
/// such events is still a number. The JSON keeps the original.
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// The most nano-dollars that an event counts with: $9,007,199, above the exact numbers of JSON.
const MOST_NANOS: u64 = 1 << 53;

/// A number as an integer of SQLite, cut at the largest one.
pub(crate) fn clamp(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
