//! A run as a Chrome trace, which opens in Perfetto and `chrome://tracing`.
//!
//! A session is a process. On one of its tracks, complete events (`X`) must nest: the session and
//! its turns do, each turn on the first track that is free. Attempts, tools and waits may overlap as
//! they like, and are asynchronous pairs (`b`, `e`). Cost, tokens and states of breakers are counters.

use std::io::{self, Write};

use runtime_events::payload::{HandedOver, SessionStarted, Word};
use runtime_events::{AgentEvent, AgentEventName};
use serde_json::{Map, Value, json};

use crate::timeline::{Breaker, Charge, Row, Session, Span, SpanKind, Timeline};

/// Counters are of the run, not of a session.
const RUN: usize = 0;

impl Timeline {
    /// The run as a Chrome trace, in the object form.
    pub fn chrome_trace(&self) -> String {
        let mut text = Vec::new();
        // A list takes every byte.
        let _ = self.write_chrome_trace(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Writes [`chrome_trace`](Self::chrome_trace), event by event.
    ///
    /// # Errors
    ///
    /// An error of the writer.
    pub fn write_chrome_trace(&self, mut to: impl Write) -> io::Result<()> {
        let began = self.began().map(runtime_events::format_utc);
        let other = json!({ "began": began, "events_lost": self.lost() });
        write!(to, r#"{{"displayTimeUnit":"ms","otherData":{other},"traceEvents":["#)?;
        let mut events = Events { to: &mut to, any: false, result: Ok(()) };
        events.push(name("process_name", RUN, 0, "run"));
        for (number, session) in self.sessions.iter().enumerate() {
            self.chrome_session(number, session, &mut events);
        }
        counters(&self.charges, &self.breakers, &mut events);
        events.result?;
        to.write_all(b"]}")?;
        to.flush()
    }

    fn chrome_session(&self, number: usize, session: &Session, events: &mut Events<'_>) {
        let process = number + 1;
        events.push(name("process_name", process, 0, &session.full_name()));
        events.push(json!({
            "name": "process_sort_index", "ph": "M", "pid": process, "tid": 0,
            "args": { "sort_index": process },
        }));
        events.push(name("thread_name", process, 0, "session"));
        // When each track of turns is free again.
        let mut tracks: Vec<u64> = Vec::new();
        for span in session.spans.iter().map(|span| &self.spans[*span]) {
            match span.kind {
                SpanKind::Session => events.push(self.complete(process, 0, span)),
                SpanKind::Turn => {
                    let free = tracks.iter().position(|free| *free <= span.start);
                    let track = free.unwrap_or_else(|| {
                        tracks.push(0);
                        events.push(name("thread_name", process, tracks.len(), "turns"));
                        tracks.len() - 1
                    });
                    tracks[track] = span.end;
                    events.push(self.complete(process, track + 1, span));
                }
                SpanKind::Attempt | SpanKind::Tool | SpanKind::Wait => {
                    events.extend(self.pair(process, span));
                }
            }
        }
        for (place, row) in session.rows.iter().map(|row| &self.rows[*row]).enumerate() {
            if is_instant(row) {
                events.push(json!({
                    "name": row.event.event.as_str(), "cat": "event", "ph": "i", "s": "t",
                    "pid": process, "tid": 0, "ts": micros(row.at), "args": details(row),
                }));
            }
            events.extend(self.handover(process, place, row).into_iter().flatten());
        }
    }

    fn complete(&self, process: usize, track: usize, span: &Span) -> Value {
        json!({
            "name": span.name, "cat": span.kind.as_str(), "ph": "X", "pid": process, "tid": track,
            "ts": micros(span.start), "dur": micros(span.nanos()), "args": self.arguments(span),
        })
    }

    fn pair(&self, process: usize, span: &Span) -> [Value; 2] {
        let half = |phase: &str, at: u64, arguments: Value| {
            json!({
                "name": span.name, "cat": span.kind.as_str(), "ph": phase, "pid": process, "tid": 0,
                "id2": { "local": format!("0x{}", span.id) }, "ts": micros(at), "args": arguments,
            })
        };
        [half("b", span.start, self.arguments(span)), half("e", span.end, json!({}))]
    }

    fn arguments(&self, span: &Span) -> Value {
        let mut arguments = Map::new();
        arguments.insert("span".into(), span.id.to_string().into());
        let outcome = span.outcome.map_or("unfinished", |outcome| outcome.as_str());
        arguments.insert("outcome".into(), outcome.into());
        if let Some(last) = span.last {
            arguments.extend(details(&self.rows[last]));
        }
        Value::Object(arguments)
    }

    /// An arrow from the session that hands over to the one that takes over, once that has begun.
    fn handover(&self, process: usize, place: usize, row: &Row) -> Option<[Value; 2]> {
        if row.event.event != AgentEventName::HandedOver {
            return None;
        }
        let target = self.taker(&row.event)?;
        let id = format!("{process}.{place}");
        let taken = self.sessions[target].start.max(row.at);
        let base = |phase: &str, process: usize, at: u64| {
            json!({
                "name": "handover", "cat": "handover", "ph": phase, "id": id, "pid": process,
                "tid": 0, "ts": micros(at), "args": {},
            })
        };
        let mut end = base("f", target + 1, taken);
        end["bp"] = "e".into();
        Some([base("s", process, row.at), end])
    }

    /// The session that takes over: the one that is named, or the one of the worker that is.
    fn taker(&self, handover: &AgentEvent) -> Option<usize> {
        let handed = HandedOver::of(handover);
        if let Some(id) = handed.target_session.map(Word::as_str) {
            return self.sessions.iter().position(|session| session.id.as_deref() == Some(id));
        }
        let worker = handed.target_worker_id?;
        self.sessions.iter().position(|session| {
            let first = session.rows.first().map(|row| &self.rows[*row].event);
            let started = first.filter(|event| event.event == AgentEventName::AgentStarted);
            started.and_then(|event| SessionStarted::of(event).worker_id) == Some(worker)
        })
    }
}

/// The events of a trace on their way out. After an error, nothing more is written.
struct Events<'w> {
    to: &'w mut dyn Write,
    any: bool,
    result: io::Result<()>,
}

impl Events<'_> {
    #[expect(clippy::needless_pass_by_value, reason = "events are made for it alone")]
    fn push(&mut self, event: Value) {
        let comma = if self.any { "," } else { "" };
        self.any = true;
        if self.result.is_ok() {
            self.result = write!(self.to, "{comma}{event}");
        }
    }

    fn extend(&mut self, events: impl IntoIterator<Item = Value>) {
        events.into_iter().for_each(|event| self.push(event));
    }
}

/// Cost, tokens and the states of breakers over time.
fn counters(charges: &[Charge], breakers: &[Breaker], events: &mut Events<'_>) {
    let counter = |name: &str, at: u64, series: &str, value: Value| {
        json!({
            "name": name, "cat": "counter", "ph": "C", "pid": RUN, "tid": 0, "ts": micros(at),
            "args": { series: value },
        })
    };
    let mut sum = crate::timeline::TokenUse::default();
    for charge in charges {
        sum = sum.plus(charge.spent);
        events.push(counter("cost", charge.at, "usd", dollars(sum.cost_nanousd).into()));
        events.push(counter("tokens", charge.at, "output", sum.output_tokens.into()));
    }
    for breaker in breakers {
        for segment in &breaker.states {
            let level = match &*segment.state {
                "closed" => 0,
                "half_open" => 1,
                _ => 2,
            };
            let name = format!("breaker {}", breaker.name);
            events.push(counter(
                &name,
                segment.from,
                "closed 0, half-open 1, open 2",
                level.into(),
            ));
        }
    }
}

fn name(what: &str, process: usize, track: usize, name: &str) -> Value {
    json!({ "name": what, "ph": "M", "pid": process, "tid": track, "args": { "name": name } })
}

/// Whether an event is shown by itself: it begins and ends no span.
const fn is_instant(row: &Row) -> bool {
    row.event.outcome.is_none() && SpanKind::begun_by(row.event.event).is_none()
}

fn details(row: &Row) -> Map<String, Value> {
    let mut details: Map<String, Value> = row.event.data.clone().unwrap_or_default().into();
    if let Some(detail) = &row.event.detail {
        details.insert("detail".into(), detail.as_ref().into());
    }
    if let Some(class) = row.event.failure_class {
        details.insert("failure_class".into(), class.as_str().into());
    }
    details
}

/// Microseconds with fractions.
#[expect(clippy::cast_precision_loss, reason = "exact for the first 104 days of a run")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "exact below nine million dollars")]
fn dollars(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
