//! The calls of an event log.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use runtime_events::payload::{Any, ContentCaptured, ToolRun, TurnStarted, Word};
use runtime_events::{AgentEvent, AgentEventName as Name, AgentFailureClass, SpanId, SpanOutcome};
use runtime_resilience::RecordedFailure;
use serde_json::{Value, json};

use super::Export;
use crate::cassette::format::{End, Port, Recording};

/// A span whose call is made by the caller of the runtime.
struct Span {
    port: Port,
    name: String,
    model: Option<String>,
    begun: DateTime<Utc>,
    parent: Option<Place>,
    /// A turn with attempts made no call itself.
    has_attempts: bool,
    /// A prompt, or arguments.
    asked: Option<Value>,
    /// An answer, or a result.
    said: Option<Value>,
    end: Option<(DateTime<Utc>, Ended)>,
}

enum Ended {
    Ok,
    Failed(String, AgentFailureClass),
    Left,
    Panicked,
}

/// A session and a span of it.
type Place = (String, SpanId);

pub(super) fn read(events: &[AgentEvent], export: &mut Export) {
    let mut spans: Vec<Span> = Vec::new();
    let mut places: HashMap<Place, usize> = HashMap::new();
    for event in events {
        let Some(span) = event.span else { continue };
        let session = event.session_id.as_deref().unwrap_or_default();
        let place = |span: SpanId| (session.to_owned(), span);
        match event.event {
            Name::TurnStarted | Name::AttemptStarted | Name::ToolCalled => {
                let parent = event.parent.map(place);
                if event.event == Name::AttemptStarted
                    && let Some(turn) = parent.as_ref().and_then(|turn| places.get(turn))
                {
                    spans[*turn].has_attempts = true;
                }
                places.insert(place(span), spans.len());
                spans.push(Span::of(event, parent));
            }
            Name::ContentCaptured => {
                if let Some(at) = places.get(&place(span)) {
                    spans[*at].hear(event);
                }
            }
            Name::TurnCompleted
            | Name::TurnFailed
            | Name::AttemptCompleted
            | Name::AttemptFailed
            | Name::ToolCompleted => {
                if let Some(at) = places.get(&place(span)) {
                    spans[*at].end = Some((event.emitted_at, Ended::of(event)));
                }
            }
            _ => {}
        }
    }
    write(&spans, &places, export);
}

/// Adds the calls, in the order in which they began.
fn write(spans: &[Span], places: &HashMap<Place, usize>, export: &mut Export) {
    let (mut unsaid, mut open) = (0, 0);
    for span in spans.iter().filter(|span| !span.has_attempts) {
        let Some((ended, how)) = &span.end else {
            open += 1;
            continue;
        };
        // The prompt and the answer of a turn may be told of the turn, and not of its attempts.
        let turn = span.parent.as_ref().and_then(|turn| places.get(turn)).map(|at| &spans[*at]);
        let turn = turn.filter(|turn| turn.has_attempts);
        let of_turn = |read: fn(&Span) -> &Option<Value>| turn.and_then(|turn| read(turn).clone());
        let end = match how {
            Ended::Ok => {
                let said = span.said.clone().or_else(|| of_turn(|turn| &turn.said));
                let Some(said) = said else {
                    unsaid += 1;
                    continue;
                };
                End::Reply(said)
            }
            Ended::Failed(text, class) => {
                End::Error(Box::new(RecordedFailure::told(text, *class, *ended)))
            }
            Ended::Left => End::Dropped,
            Ended::Panicked => End::Panicked,
        };
        let asked = span.asked.clone().or_else(|| of_turn(|turn| &turn.asked));
        let (request, any) = match span.port {
            // The arguments are the whole request.
            Port::Tool => (asked.clone().unwrap_or_default(), asked.is_none()),
            _ => (json!({ "model": span.model, "prompt": asked }), true),
        };
        let recording = Recording { any, ..Recording::of(span.port, &span.name, request, end) };
        export.add((span.begun, *ended), recording);
    }
    export.miss(
        unsaid,
        "the log has no reply, since its sessions captured none (`TelemetryConfig::capture`)",
    );
    export.miss(open, "the log has no end of it");
}

impl Span {
    fn of(event: &AgentEvent, parent: Option<Place>) -> Self {
        let (port, name, model) = if event.event == Name::ToolCalled {
            let tool = ToolRun::of(event).tool.map(|tool| tool.as_str().to_owned());
            (Port::Tool, tool.unwrap_or_default(), None)
        } else {
            let model = TurnStarted::of(event).model.map(|model| model.as_str().to_owned());
            (Port::Model, String::new(), model)
        };
        let (has_attempts, asked, said, end) = (false, None, None, None);
        let begun = event.emitted_at;
        Self { port, name, model, begun, parent, has_attempts, asked, said, end }
    }

    fn hear(&mut self, event: &AgentEvent) {
        let captured = ContentCaptured::of(event);
        let Some(value) = captured.value.map(Any::to_value) else { return };
        match captured.content.map(Word::as_str) {
            Some("prompt" | "arguments") => self.asked = Some(value),
            Some("answer" | "result") => self.said = Some(value),
            _ => {}
        }
    }
}

impl Ended {
    fn of(event: &AgentEvent) -> Self {
        match event.outcome {
            Some(SpanOutcome::Ok) => Self::Ok,
            Some(SpanOutcome::TimedOut | SpanOutcome::Cancelled) => Self::Left,
            Some(SpanOutcome::Panicked) => Self::Panicked,
            _ => {
                let text = event.detail.as_deref().unwrap_or_default().to_owned();
                Self::Failed(text, event.failure_class.unwrap_or(AgentFailureClass::Unknown))
            }
        }
    }
}
