//! [`otlp_json`]: the spans of a run as one line of OTLP/JSON.
//!
//! The format is protobuf's JSON with two exceptions: ids are in hexadecimal digits, and enums are
//! numbers. See <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

use std::borrow::Borrow;
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

/// The spans that [`replay()`](crate::replay()) makes, as one line of OTLP/JSON, with a line's end.
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
    let scope = config.profile.scope();
    let recorder = Recorder::default();
    replay_into(Starter::new(recorder.clone()), config, events);
    let spans: Vec<_> = recorder.take().iter().map(span).collect();
    let mut line = json!({
        "resourceSpans": [{
            "resource": { "attributes": attributes(&[KeyValue::new("service.name", SERVICE)]) },
            "scopeSpans": [{
                "scope": { "name": scope.name(), "version": scope.version() },
                "schemaUrl": scope.schema_url().unwrap_or_default(),
                "spans": spans,
            }],
        }],
    })
    .to_string();
    line.push('\n');
    line
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
