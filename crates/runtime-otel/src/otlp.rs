//! [`otlp_json`], [`write_otlp_json`]: the spans of a run as lines of OTLP/JSON.
//!
//! The format is protobuf's JSON with two exceptions: ids are in hexadecimal digits, and enums are
//! numbers. See <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

use std::borrow::Borrow;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value};
use runtime_events::AgentEvent;
use serde_json::{Value as Json, json};

use crate::config::OtelConfig;
use crate::recorder::{Recorded, Recorder};
use crate::replay::replay_into;
use crate::tracer::Starter;

/// The name of the service that the spans are of.
const SERVICE: &str = "techrevati-runtime";

/// The longest line, if no span is longer. A collector cuts lines of more than a mebibyte, and then reads
/// none of it (`max_log_size` of its receiver).
const LINE: usize = 1_000_000;

/// The spans that [`replay()`](crate::replay()) makes, as OTLP/JSON: one line, or several if one would have
/// more than a megabyte.
///
/// Jaeger opens it as a file, and a collector's `otlpjsonfile` receiver reads it. The spans have the
/// ids of their events, and are in the order in which they end: the same events give the same bytes.
/// With [`details`](OtelConfig::details), the file holds the texts that its log holds. Spans beyond
/// [`max_open`](OtelConfig::max_open) are left out.
///
/// ```
/// use runtime_events::{AgentEvent, SpanId};
/// use runtime_otel::{OtelConfig, otlp_json};
///
/// let started = AgentEvent::started("writer", "draft").with_span(SpanId::from_u64(1), None);
///
/// let line = otlp_json(OtelConfig::default().details(true), [started]);
/// assert!(line.contains(r#""name":"invoke_agent writer""#));
/// assert!(line.contains(r#""spanId":"0000000000000001""#));
/// ```
pub fn otlp_json<E>(config: OtelConfig, events: impl IntoIterator<Item = E>) -> String
where
    E: Borrow<AgentEvent>,
{
    let mut line = Vec::new();
    // A list takes every byte.
    let _ = write_otlp_json(config, events, &mut line);
    String::from_utf8_lossy(&line).into_owned()
}

/// Writes what [`otlp_json`] returns, each span as soon as it has ended.
///
/// So a log of any length takes the memory of the spans that are open in it at once:
///
/// ```no_run
/// use std::fs::File;
/// use std::io::BufWriter;
/// use runtime_otel::{OtelConfig, write_otlp_json};
/// use runtime_sinks::{LogEntry, LogReader};
///
/// let events = LogReader::open("run.jsonl")?.filter_map(|entry| match entry {
///     Ok(LogEntry::Event(event)) => Some(*event),
///     _ => None,
/// });
/// let file = BufWriter::new(File::create("run.json")?);
/// write_otlp_json(OtelConfig::default(), events, file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// An error of the writer. The remaining events are then not read.
pub fn write_otlp_json<E>(
    config: OtelConfig,
    events: impl IntoIterator<Item = E>,
    to: impl Write,
) -> io::Result<()>
where
    E: Borrow<AgentEvent>,
{
    let recorder = Recorder::default();
    let head = head(&config);
    let mut spans = Spans { to, head, recorder: recorder.clone(), length: 0, result: Ok(()) };
    // What an event has ended is written before the next one is read.
    let events = events.into_iter().take_while(|_| spans.write_ended());
    replay_into(Starter::new(recorder), config, events);
    spans.write_ended();
    spans.end()
}

/// What each line begins with: the resource and the scope of its spans.
fn head(config: &OtelConfig) -> String {
    let scope = config.profile.scope();
    let service = attributes(&[KeyValue::new("service.name", SERVICE)]);
    let service = json!({ "attributes": service });
    let named = json!({ "name": scope.name(), "version": scope.version() });
    let schema = json!(scope.schema_url().unwrap_or_default());
    format!(
        r#"{{"resourceSpans":[{{"resource":{service},"scopeSpans":[{{"schemaUrl":{schema},"scope":{named},"spans":["#
    )
}

const TAIL: &str = "]}]}]}\n";

/// The spans on their way out.
struct Spans<W> {
    to: W,
    head: String,
    recorder: Recorder,
    /// Of the line that is begun; zero before the first.
    length: usize,
    result: io::Result<()>,
}

impl<W: Write> Spans<W> {
    /// Writes the spans that have ended. Returns whether all could be written so far.
    fn write_ended(&mut self) -> bool {
        if self.length == 0 {
            self.write(&[""]);
        }
        for ended in self.recorder.take() {
            let span = span(&ended).to_string();
            let has_spans = self.length > self.head.len();
            if has_spans && self.length + span.len() + TAIL.len() >= LINE {
                self.write(&[TAIL]);
                self.length = 0;
            }
            let comma = if self.length > self.head.len() { "," } else { "" };
            self.write(&[comma, &span]);
        }
        self.result.is_ok()
    }

    /// Ends the last line.
    fn end(mut self) -> io::Result<()> {
        self.write(&[TAIL]);
        self.result?;
        self.to.flush()
    }

    /// Writes texts behind each other, in a new line behind its head. After an error, nothing more is written.
    fn write(&mut self, texts: &[&str]) {
        let head = Some(&*self.head).filter(|_| self.length == 0);
        for text in head.into_iter().chain(texts.iter().copied()) {
            self.length += text.len();
            if self.result.is_ok() {
                self.result = self.to.write_all(text.as_bytes());
            }
        }
    }
}

fn span(span: &Recorded) -> Json {
    let told = &span.told;
    json!({
        "traceId": span.cx.trace_id().to_string(),
        "spanId": span.cx.span_id().to_string(),
        "parentSpanId": span.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        "name": told.name,
        "kind": kind(told.span_kind.as_ref()),
        "startTimeUnixNano": nanos(told.start_time.unwrap_or(span.end)),
        "endTimeUnixNano": nanos(span.end),
        "attributes": attributes(told.attributes.as_deref().unwrap_or_default()),
        "events": told.events.iter().flatten().map(event).collect::<Vec<_>>(),
        "links": told.links.iter().flatten().map(link).collect::<Vec<_>>(),
        "status": status(&span.status),
    })
}

fn event(event: &Event) -> Json {
    json!({
        "timeUnixNano": nanos(event.timestamp),
        "name": event.name,
        "attributes": attributes(&event.attributes),
    })
}

fn link(link: &Link) -> Json {
    json!({
        "traceId": link.span_context.trace_id().to_string(),
        "spanId": link.span_context.span_id().to_string(),
        "attributes": attributes(&link.attributes),
    })
}

fn kind(kind: Option<&SpanKind>) -> u8 {
    match kind {
        None | Some(SpanKind::Internal) => 1,
        Some(SpanKind::Server) => 2,
        Some(SpanKind::Client) => 3,
        Some(SpanKind::Producer) => 4,
        Some(SpanKind::Consumer) => 5,
    }
}

fn status(status: &Status) -> Json {
    match status {
        Status::Unset => json!({}),
        Status::Ok => json!({ "code": 1 }),
        Status::Error { description } => json!({ "code": 2, "message": description }),
    }
}

/// Nanoseconds since 1970 in decimal digits: JSON's numbers would lose some.
fn nanos(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

fn attributes(said: &[KeyValue]) -> Vec<Json> {
    said.iter().map(|it| json!({ "key": it.key.as_str(), "value": value(&it.value) })).collect()
}

fn value(value: &Value) -> Json {
    match value {
        Value::Bool(mark) => json!({ "boolValue": mark }),
        // 64 bits are decimal digits in protobuf's JSON.
        Value::I64(number) => json!({ "intValue": number.to_string() }),
        // Numbers of events are finite: JSON has them all.
        Value::F64(number) => json!({ "doubleValue": number }),
        Value::Array(Array::String(texts)) => {
            let texts = texts.iter().map(|it| text(it.as_str()));
            json!({ "arrayValue": { "values": texts.collect::<Vec<_>>() } })
        }
        // Of texts; events become no others.
        other => text(&other.as_str()),
    }
}

fn text(text: &str) -> Json {
    json!({ "stringValue": text })
}
