//! A run as OTLP JSON: what a collector's `otlpjsonfile` receiver reads, and Jaeger opens as a file.
//!
//! Spans carry the attributes of OpenTelemetry's conventions for generative AI where those have a
//! word, and `techrevati.*` where they have none. A session that is open inside another is of the
//! same trace. As the conventions ask, an attempt is no `chat` of its own: the turn around it is.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use runtime_events::otel::{error_type, model_maker, route_provider};
use runtime_events::payload::{TurnEnded, TurnStarted, Word};
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
        let ended = span.last.map(|last| &self.rows[last].event);
        let error =
            if span.is_unfinished() { Some("abandoned") } else { ended.and_then(error_type) };
        attributes.extend(error.map(|error| text("error.type", error)));
        if let Some(outcome) = span.outcome {
            attributes.push(text("techrevati.outcome", outcome.as_str()));
        }
        if span.is_unfinished() {
            attributes.push(json!({
                "key": "techrevati.unfinished", "value": { "boolValue": true },
            }));
        }
        let failed = error.is_some();
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
                let mut attributes = vec![operation("invoke_agent")];
                let provider = self.sole_provider(span);
                attributes.extend(provider.map(|it| text("gen_ai.provider.name", &it)));
                (format!("invoke_agent {}", span.name), INTERNAL, attributes)
            }
            SpanKind::Turn => {
                let mut attributes = vec![operation("chat")];
                attributes
                    .extend(span.model.as_ref().map(|model| text("gen_ai.request.model", model)));
                let provider = self.provider(span);
                attributes.extend(provider.map(|it| text("gen_ai.provider.name", &it)));
                attributes.extend(self.used(span));
                let name = span
                    .model
                    .as_ref()
                    .map_or_else(|| "chat".to_owned(), |it| format!("chat {it}"));
                (name, CLIENT, attributes)
            }
            SpanKind::Attempt => {
                let route = self.route_of(span);
                let mut attributes: Vec<Value> =
                    route.map(|route| text("techrevati.provider", route)).into_iter().collect();
                attributes.extend(span.model.as_ref().map(|model| text("techrevati.model", model)));
                ("attempt".to_owned(), INTERNAL, attributes)
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

    /// Who serves all turns of an agent, if that is one.
    fn sole_provider(&self, agent: &Span) -> Option<Cow<'_, str>> {
        let spans = self.sessions[agent.session].spans.iter().map(|span| &self.spans[*span]);
        let turns = spans.filter(|it| it.kind == SpanKind::Turn);
        let mut providers: Vec<_> = turns.filter_map(|turn| self.provider(turn)).collect();
        providers.sort_unstable();
        providers.dedup();
        if providers.len() == 1 { providers.pop() } else { None }
    }

    /// Who serves a turn: the maker that the model's name tells, else the route of the attempt that
    /// was answered, or of the last one.
    fn provider(&self, turn: &Span) -> Option<Cow<'_, str>> {
        if let Some(maker) = turn.model.as_deref().and_then(model_maker) {
            return Some(maker.into());
        }
        let attempts = self.sessions[turn.session].spans.iter().map(|span| &self.spans[*span]);
        let mut attempts: Vec<&Span> = attempts
            .filter(|it| it.kind == SpanKind::Attempt)
            .filter(|it| it.parent.is_some_and(|parent| self.spans[parent].id == turn.id))
            .collect();
        attempts.sort_by_key(|it| (it.outcome == Some(SpanOutcome::Ok), it.start));
        attempts.last().and_then(|it| self.route_of(it)).map(route_provider)
    }

    fn route_of(&self, span: &Span) -> Option<&str> {
        let rows = [span.last, span.first].into_iter().flatten();
        let mut named = rows.filter_map(|row| TurnStarted::of(&self.rows[row].event).provider);
        named.next().map(Word::as_str)
    }

    /// What a turn used. The conventions count cached input as input.
    fn used(&self, turn: &Span) -> Vec<Value> {
        let Some(last) = turn.last else { return Vec::new() };
        let ended = TurnEnded::of(&self.rows[last].event);
        let mut attributes = Vec::new();
        if ended.has_usage() {
            attributes.push(int("gen_ai.usage.input_tokens", ended.total_input()));
            attributes.push(int("gen_ai.usage.output_tokens", ended.total_output()));
            for (key, tokens) in [
                ("gen_ai.usage.cache_read.input_tokens", ended.cache_read_tokens),
                ("gen_ai.usage.cache_creation.input_tokens", ended.cache_write()),
                ("gen_ai.usage.reasoning.output_tokens", ended.reasoning_tokens),
            ] {
                attributes.extend((tokens > 0).then(|| int(key, tokens)));
            }
        }
        let cost = ended.cost_usd;
        attributes.extend(
            cost.map(
                |cost| json!({ "key": "techrevati.cost_usd", "value": { "doubleValue": cost } }),
            ),
        );
        attributes.extend(ended.attempts.map(|made| int("techrevati.attempts", made.into())));
        attributes
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
