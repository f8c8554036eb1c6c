//! Sessions, parallel turns and tools, cancellations, handoffs and crashes in any order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{SpanId as OtelSpanId, Status};
use opentelemetry_sdk::trace::SpanData;
use proptest::prelude::*;
use runtime_events::{AgentEvent, AgentEventName, Data, SpanId, SpanOutcome};
use runtime_sinks::EventSink;

use crate::otlp::{broken_rule, exported, spans};
use crate::replay::{replayed, whole};
use crate::support::{Rig, Told, said, telling};

#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Child,
    Turn,
    Attempt,
    Tool,
    Note,
    Content(&'static str),
    Wait(u16),
    End(SpanOutcome),
    Close(SpanOutcome),
    HandOver,
}

fn steps() -> impl Strategy<Value = Vec<(Step, prop::sample::Index)>> {
    let outcome = || {
        prop::sample::select(vec![
            SpanOutcome::Ok,
            SpanOutcome::Failed,
            SpanOutcome::TimedOut,
            SpanOutcome::Cancelled,
            SpanOutcome::Panicked,
        ])
    };
    let step = prop_oneof![
        2 => Just(Step::Open),
        1 => Just(Step::Child),
        3 => Just(Step::Turn),
        3 => Just(Step::Attempt),
        4 => Just(Step::Tool),
        2 => Just(Step::Note),
        3 => prop::sample::select(vec!["prompt", "answer", "arguments", "result", "unheard of"])
            .prop_map(Step::Content),
        1 => any::<u16>().prop_map(Step::Wait),
        6 => outcome().prop_map(Step::End),
        1 => outcome().prop_map(Step::Close),
        1 => Just(Step::HandOver),
    ];
    prop::collection::vec((step, any::<prop::sample::Index>()), 1..120)
}

/// A session under way: what it has open, and which call each is.
struct Live {
    told: Told,
    open: Vec<(SpanId, Option<SpanId>, AgentEventName)>,
    children: Vec<usize>,
    over: bool,
}

/// A world that does as it is told, and keeps the laws of streams.
#[derive(Default)]
struct World {
    sessions: Vec<Live>,
    events: Vec<AgentEvent>,
}

impl World {
    fn step(&mut self, step: Step, pick: prop::sample::Index) {
        if let Step::Open = step {
            let number = self.sessions.len() as u64 + 1;
            self.open(Told::new(number, "writer"), None);
            return;
        }
        let alive: Vec<_> =
            (0..self.sessions.len()).filter(|&it| !self.sessions[it].over).collect();
        if alive.is_empty() {
            return;
        }
        let at = alive[pick.index(alive.len())];
        match step {
            Step::Open => {}
            Step::Child => {
                let number = self.sessions.len() as u64 + 1;
                let child = Told::below(number, "helper", &self.sessions[at].told);
                self.open(child, Some(at));
            }
            Step::Turn => self.begin(at, None, AgentEventName::TurnStarted),
            Step::Tool => self.begin(at, None, AgentEventName::ToolCalled),
            Step::Attempt => {
                let turns = self.sessions[at].open.iter();
                let turns = turns.filter(|it| it.2 == AgentEventName::TurnStarted);
                let turns: Vec<_> = turns.map(|it| it.0).collect();
                if !turns.is_empty() {
                    let turn = turns[pick.index(turns.len())];
                    self.begin(at, Some(turn), AgentEventName::AttemptStarted);
                }
            }
            Step::Note => {
                let session = &mut self.sessions[at];
                let event = session.told.event(AgentEventName::BudgetMark);
                let inside = session.open.get(pick.index(session.open.len() + 1));
                let data = Data::new().with("percent", 80);
                let event = match inside {
                    Some((span, parent, _)) => event.with_span(*span, *parent),
                    None => event,
                };
                self.events.push(event.with_data(data));
            }
            Step::Content(content) => {
                let session = &mut self.sessions[at];
                let inside = session.open.get(pick.index(session.open.len() + 1));
                let span = inside.map_or(session.told.root, |it| it.0);
                let value = format!("{content} {}", pick.index(3)).into();
                self.events.push(session.told.content(span, content, value));
            }
            Step::Wait(millis) => {
                self.sessions[at].told.clock.advance(Duration::from_millis(millis.into()));
            }
            Step::End(outcome) => {
                let open = &self.sessions[at].open;
                // A turn ends after its attempts.
                let leaves: Vec<_> = (0..open.len())
                    .filter(|&it| open.iter().all(|other| other.1 != Some(open[it].0)))
                    .collect();
                if !leaves.is_empty() {
                    self.end(at, leaves[pick.index(leaves.len())], outcome);
                }
            }
            Step::Close(outcome) => self.close(at, outcome),
            Step::HandOver => {
                let number = self.sessions.len() as u64 + 1;
                let event = self.sessions[at].told.event(AgentEventName::HandedOver);
                let worker = format!("editor-{number}");
                let data = Data::new().with("target_worker_id", &*worker);
                self.events.push(event.with_data(data));
                self.close(at, SpanOutcome::Ok);
                self.open(Told::new(number, "editor"), None);
                let started = self.events.last_mut().expect("it has just been opened");
                started.data = Some(Data::new().with("worker_id", worker));
            }
        }
    }

    fn open(&mut self, mut told: Told, parent: Option<usize>) {
        self.events.push(told.started());
        if let Some(parent) = parent {
            let child = self.sessions.len();
            self.sessions[parent].children.push(child);
        }
        self.sessions.push(Live { told, open: Vec::new(), children: Vec::new(), over: false });
    }

    fn begin(&mut self, at: usize, parent: Option<SpanId>, name: AgentEventName) {
        let Live { told, open, .. } = &mut self.sessions[at];
        let parent = parent.unwrap_or(told.root);
        let data = Data::new()
            .with("model", "gpt-5")
            .with("tool", "search")
            .with("provider", "primary")
            .with("attempt", 1);
        let (span, event) = told.begin(name, parent, data);
        open.push((span, Some(parent), name));
        self.events.push(event);
    }

    fn end(&mut self, at: usize, which: usize, outcome: SpanOutcome) {
        let Live { told, open, .. } = &mut self.sessions[at];
        let (span, parent, began) = open.remove(which);
        let ok = outcome == SpanOutcome::Ok;
        let name = match began {
            AgentEventName::TurnStarted if ok => AgentEventName::TurnCompleted,
            AgentEventName::TurnStarted => AgentEventName::TurnFailed,
            AgentEventName::AttemptStarted if ok => AgentEventName::AttemptCompleted,
            AgentEventName::AttemptStarted => AgentEventName::AttemptFailed,
            _ => AgentEventName::ToolCompleted,
        };
        let data = Data::new()
            .with("model", "gpt-5")
            .with("input_tokens", 7)
            .with("output_tokens", 3)
            .with("cost_usd", 0.1);
        self.events.push(told.end(name, span, parent, outcome).with_data(data));
    }

    /// A session ends after all that is inside it.
    fn close(&mut self, at: usize, outcome: SpanOutcome) {
        for child in self.sessions[at].children.clone() {
            if !self.sessions[child].over {
                self.close(child, SpanOutcome::Cancelled);
            }
        }
        while let Some(last) = self.sessions[at].open.len().checked_sub(1) {
            self.end(at, last, SpanOutcome::Cancelled);
        }
        self.sessions[at].over = true;
        let event = self.sessions[at].told.ended(outcome);
        self.events.push(event);
    }
}

fn told(steps: Vec<(Step, prop::sample::Index)>) -> Vec<AgentEvent> {
    let mut world = World::default();
    for (step, pick) in steps {
        world.step(step, pick);
    }
    world.events
}

/// What the live sink makes of events; what they leave open is abandoned.
fn live(events: &[AgentEvent]) -> Vec<SpanData> {
    let rig = Rig::with(telling());
    for event in events {
        rig.emit(event);
    }
    rig.sink.abandon();
    rig.spans()
}

fn starts(event: &AgentEvent) -> bool {
    use AgentEventName::{AgentStarted, AttemptStarted, ToolCalled, TurnStarted};
    matches!(event.event, AgentStarted | ToolCalled | AttemptStarted | TurnStarted)
}

proptest! {
    #[test]
    fn every_span_ends_once_and_inside_its_parent(steps in steps()) {
        let events = told(steps);
        let spans = live(&events);
        let begun: Vec<_> = events.iter().filter(|it| starts(it)).collect();
        prop_assert_eq!(spans.len(), begun.len());
        let by_id: HashMap<_, _> =
            spans.iter().map(|it| (it.span_context.span_id(), it)).collect();
        prop_assert_eq!(by_id.len(), spans.len(), "each id once");
        let ends: HashMap<_, _> =
            events.iter().filter_map(|it| Some((it.span?, it.outcome?))).collect();
        for event in begun {
            let id = event.span.unwrap();
            let span = by_id[&OtelSpanId::from(id.get())];
            let parent = event.parent.map_or(OtelSpanId::INVALID, |it| it.get().into());
            prop_assert_eq!(span.parent_span_id, parent);
            prop_assert!(span.start_time <= span.end_time);
            if let Some(around) = by_id.get(&parent) {
                prop_assert_eq!(around.span_context.trace_id(), span.span_context.trace_id());
                prop_assert!(around.start_time <= span.start_time);
                prop_assert!(span.end_time <= around.end_time);
            }
            let said = said(span);
            let error = said.get("error.type").map(ToString::to_string);
            let expected = match ends.get(&id) {
                None => Some("abandoned"),
                Some(SpanOutcome::Failed) => Some("llm_error"),
                Some(SpanOutcome::TimedOut) => Some("timeout"),
                Some(SpanOutcome::Panicked) => Some("panic"),
                Some(_) => None,
            };
            prop_assert_eq!(error.as_deref(), expected);
            prop_assert_eq!(span.status != Status::Unset, expected.is_some());
            for note in span.events.iter() {
                prop_assert!(span.start_time <= note.timestamp);
                prop_assert!(note.timestamp <= span.end_time);
            }
        }
    }

    #[test]
    fn a_replay_makes_the_live_spans_wherever_the_log_is_cut(
        steps in steps(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut events = told(steps);
        prop_assert_eq!(whole(&replayed(&telling(), &events)), whole(&live(&events)));
        events.truncate(cut.index(events.len() + 1));
        prop_assert_eq!(whole(&replayed(&telling(), &events)), whole(&live(&events)));
    }

    #[test]
    fn unrelated_sessions_may_be_logged_in_any_order(
        steps in steps(),
    ) {
        let events = told(steps);
        // A family is a session with all below it; they were opened one after the other.
        let mut families: HashMap<Arc<str>, usize> = HashMap::new();
        let mut roots: HashMap<SpanId, usize> = HashMap::new();
        for event in events.iter().filter(|it| it.event == AgentEventName::AgentStarted) {
            let next = families.len();
            let family = event.parent.map_or(next, |parent| roots[&parent]);
            families.insert(event.session_id.clone().unwrap(), family);
            roots.insert(event.span.unwrap(), family);
        }
        let mut sorted = events.clone();
        sorted.sort_by_key(|event| families[event.session_id.as_ref().unwrap()]);
        prop_assert_eq!(whole(&replayed(&telling(), &sorted)), whole(&live(&events)));
    }

    #[test]
    fn spans_of_any_stream_end_once(
        steps in steps(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..150),
    ) {
        let events = told(steps);
        let rig = Rig::with(telling());
        for pick in order.iter().filter(|_| !events.is_empty()) {
            let _ = rig.sink.emit(&Arc::new(events[pick.index(events.len())].clone()));
        }
        rig.sink.abandon();
        let stats = rig.sink.stats();
        let spans = rig.spans();
        prop_assert_eq!((stats.begun, stats.open), (spans.len() as u64, 0));
        for span in &spans {
            prop_assert!(span.start_time <= span.end_time);
            said(span);
        }
    }

    #[test]
    fn otlp_json_of_any_stream_has_the_spans_of_the_sdk(
        steps in steps(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..150),
    ) {
        let told = told(steps);
        let picks = order.iter().filter(|_| !told.is_empty());
        let shuffled: Vec<_> = picks.map(|pick| told[pick.index(told.len())].clone()).collect();
        for events in [&told, &shuffled] {
            let exported: Vec<_> = replayed(&telling(), events).iter().map(exported).collect();
            let spans = spans(telling(), events);
            prop_assert_eq!(&spans, &exported);
            for span in &spans {
                prop_assert_eq!(broken_rule(span), None, "{:#}", span);
            }
        }
    }
}
