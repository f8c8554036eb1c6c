//! A run as OTLP JSON: what a collector's `otlpjsonfile` receiver reads, and Jaeger opens as a file.
//!
//! Spans carry the attributes of OpenTelemetry's conventions for generative AI where those have a
//! word, and `techrevati.*` where they have none. A session that is open inside another is of the
//! same trace. As the conventions ask, an attempt is no `chat` of its own: the turn around it is.

use chrono::{DateTime, Utc};
use runtime_events::{AgentEvent, Data, SpanOutcome};
use serde_json::{Value, json};

use crate::timeline::{Session, Span, SpanKind, Timeline};

const INTERNAL: u8 = 1;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;

impl Timeline {
    /// The run as one line of OTLP JSON, with a line's end.
    pub fn otlp_json(&self) -> String {
        let traces = self.traces();
        let numbered = self.spans.iter().enumerate();
        let spans: Vec<Value> =
            numbered.map(|(number, span)| self.otlp_span(number, &traces[span.session])).collect();
        let mut line = json!({
            "resourceSpans": [{
                "resource": { "attributes": [text("service.name", "techrevati-runtime")] },
                "scopeSpans": [{ "scope": { "name": "runtime-report" }, "spans": spans }],
            }],
        })
        .to_string();
        line.push('\n');
        line
    }

    /// The trace of each session: that of the outermost session around it.
    fn traces(&self) -> Vec<String> {
        let mut traces: Vec<String> = Vec::with_capacity(self.sessions.len());
        for session in &self.sessions {
            // The one around a session stands before it.
            let trace = match session.parent {
                Some(parent) => traces[parent].clone(),
                None => trace_id(session),
            };
            traces.push(trace);
        }
        traces
    }

    fn otlp_span(&self, number: usize, trace: &str) -> Value {
        let span = &self.spans[number];
        let session = &self.sessions[span.session];
        let parent = span.parent.map(|parent| self.spans[parent].id.to_string());
        let (name, kind, mut attributes) = self.described(span);
        attributes.push(text("techrevati.span.kind", span.kind.as_str()));
        if let Some(id) = &session.id {
            attributes.push(text("techrevati.session.id", id));
        }
        attributes.extend(session.role.as_ref().map(|role| text("gen_ai.agent.name", role)));
        attributes.extend(session.phase.as_ref().map(|phase| text("techrevati.phase", phase)));
        if let Some(class) = span.failure {
            attributes.push(text("error.type", class.as_str()));
        } else if span.is_failed() {
            attributes.push(text("error.type", "_OTHER"));
        }
        if let Some(outcome) = span.outcome {
            attributes.push(text("techrevati.outcome", outcome.as_str()));
        }
        if span.is_unfinished() {
            attributes.push(json!({
                "key": "techrevati.unfinished", "value": { "boolValue": true },
            }));
        }
        let ended = span.last.map(|last| &self.rows[last].event);
        let failed = span.is_failed() && span.outcome != Some(SpanOutcome::Cancelled);
        let message = ended.and_then(|event| event.detail.as_deref()).filter(|_| failed);
        let mut status = json!({ "code": if failed { ERROR } else { 0 } });
        if let Some(message) = message {
            status["message"] = message.into();
        }
        // What belongs to no span belongs to the session.
        let is_root = session.root == Some(number);
        let spanless = session.rows.iter().filter(|row| is_root && self.rows[**row].span.is_none());
        let mut inside: Vec<usize> = span.rows.iter().chain(spanless).copied().collect();
        inside.sort_unstable();
        let events: Vec<Value> = inside.into_iter().map(|row| self.otlp_event(row)).collect();
        json!({
            "traceId": trace,
            "spanId": span.id.to_string(),
            "parentSpanId": parent.unwrap_or_default(),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": self.unix(span.start),
            "endTimeUnixNano": self.unix(span.end),
            "attributes": attributes,
            "events": events,
            "status": status,
        })
    }

    /// Name, kind and what the conventions know of a span.
    fn described(&self, span: &Span) -> (String, u8, Vec<Value>) {
        let operation = |name: &str| text("gen_ai.operation.name", name);
        match span.kind {
            SpanKind::Session => {
                (format!("invoke_agent {}", span.name), INTERNAL, vec![operation("invoke_agent")])
            }
            SpanKind::Turn => {
                let mut attributes = vec![operation("chat")];
                attributes
                    .extend(span.model.as_ref().map(|model| text("gen_ai.request.model", model)));
                attributes.extend(self.provider(span));
                attributes.extend(used(span));
                (format!("chat {}", span.name), CLIENT, attributes)
            }
            SpanKind::Attempt => {
                let mut attributes: Vec<Value> = self.provider(span).into_iter().collect();
                attributes.extend(span.model.as_ref().map(|model| text("techrevati.model", model)));
                (format!("attempt {}", span.name), INTERNAL, attributes)
            }
            SpanKind::Tool => {
                let attributes =
                    vec![operation("execute_tool"), text("gen_ai.tool.name", &span.name)];
                (format!("execute_tool {}", span.name), INTERNAL, attributes)
            }
            SpanKind::Wait => {
                (format!("wait {}", span.name), INTERNAL, vec![text("techrevati.wait", &span.name)])
            }
        }
    }

    fn provider(&self, span: &Span) -> Option<Value> {
        let rows = [span.last, span.first].into_iter().flatten();
        let mut named =
            rows.filter_map(|row| self.rows[row].event.data.as_ref()?.get("provider")?.as_str());
        named.next().map(|provider| text("gen_ai.provider.name", provider))
    }

    fn otlp_event(&self, row: usize) -> Value {
        let row = &self.rows[row];
        json!({
            "timeUnixNano": self.unix(row.at),
            "name": row.event.event.as_str(),
            "attributes": facts(&row.event),
        })
    }

    /// Nanoseconds since 1970, in decimal digits as the format asks.
    fn unix(&self, at: u64) -> String {
        let began = self.began().map_or(0, unix_nanos);
        began.saturating_add(at).to_string()
    }
}

fn unix_nanos(at: DateTime<Utc>) -> u64 {
    // Micros reach further than nanos; what is before 1970 cannot be told.
    u64::try_from(at.timestamp_micros()).unwrap_or(0).saturating_mul(1_000)
}

/// The tokens of a turn. The conventions count cached input as input.
fn used(span: &Span) -> Vec<Value> {
    let used = span.used;
    if used.is_nothing() {
        return Vec::new();
    }
    let mut attributes = vec![
        int("gen_ai.usage.input_tokens", used.input_tokens.saturating_add(used.cached_tokens)),
        int("gen_ai.usage.output_tokens", used.output_tokens),
    ];
    if used.cached_tokens > 0 {
        attributes.push(int("gen_ai.usage.cache_read.input_tokens", used.cached_tokens));
    }
    if used.cost_nanousd > 0 {
        #[expect(clippy::cast_precision_loss, reason = "exact below nine million dollars")]
        let dollars = used.cost_nanousd as f64 / 1e9;
        attributes
            .push(json!({ "key": "techrevati.cost_usd", "value": { "doubleValue": dollars } }));
    }
    attributes
}

/// The detail and the data of an event as attributes.
fn facts(event: &AgentEvent) -> Vec<Value> {
    let mut facts = Vec::new();
    facts.extend(event.detail.as_deref().map(|detail| text("techrevati.detail", detail)));
    for (key, value) in event.data.iter().flat_map(Data::iter) {
        facts.push(json!({ "key": format!("techrevati.{key}"), "value": any(&value.to_value()) }));
    }
    facts
}

fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => json!({ "intValue": whole.to_string() }),
            None => json!({ "doubleValue": number.as_f64() }),
        },
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(values) => {
            json!({ "arrayValue": { "values": values.iter().map(any).collect::<Vec<_>>() } })
        }
        Value::Object(_) => json!({ "stringValue": value.to_string() }),
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn int(key: &str, value: u64) -> Value {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

/// A session's id, where it is 32 hexadecimal digits without its hyphens, and else a hash of it:
/// the same session is always the same trace.
fn trace_id(session: &Session) -> String {
    let id = session.id.as_deref().or(session.role.as_deref()).unwrap_or("");
    let digits: String = id.chars().filter(|char| *char != '-').collect();
    let is_hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && digits.bytes().any(|byte| byte != b'0') {
        return digits.to_ascii_lowercase();
    }
    // FNV-1a with 128 bits.
    let hash = id.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    format!("{:032x}", hash.max(1))
}
