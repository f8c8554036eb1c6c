//! From events to spans, with findings on the way.

use std::collections::HashMap;
use std::sync::Arc;

use runtime_events::payload::{LogRecord, ToolRun, TurnEnded, TurnStarted, Wait, Word};
use runtime_events::{AgentEvent, AgentEventName, SpanId};

use super::parts::{Span, SpanKind, TokenUse, unnamed};
use super::pauses::Pauses;
use super::{Row, Timeline, bands, lives, names, placing, spending};
use crate::check::{Finding, Problem};

pub(super) fn read(events: Vec<AgentEvent>) -> Timeline {
    let timeline = placing::place(events);
    let mut reader = Reader {
        last_seq: vec![0; timeline.sessions.len()],
        pauses: Pauses::of(&timeline),
        timeline,
        known: HashMap::new(),
        anywhere: HashMap::new(),
    };
    for row in 0..reader.timeline.rows.len() {
        reader.count(row);
        reader.span(row);
        reader.pauses.see(&mut reader.timeline, row);
    }
    reader.close();
    let mut timeline = reader.timeline;
    nest(&mut timeline);
    lives::read(&mut timeline);
    names::tell_apart(&mut timeline.sessions);
    timeline.findings.sort_by_key(|finding| finding.event);
    bands::read(&mut timeline);
    spending::read(&mut timeline);
    timeline
}

struct Reader {
    timeline: Timeline,
    /// The highest sequence number of each session so far.
    last_seq: Vec<u64>,
    /// Ids are looked for in their own session first: tests number them from 1.
    known: HashMap<(usize, SpanId), usize>,
    anywhere: HashMap<SpanId, usize>,
    pauses: Pauses,
}

impl Reader {
    /// Compares the sequence number with the one before it.
    fn count(&mut self, row: usize) {
        let Row { event, session, .. } = &self.timeline.rows[row];
        match event.event {
            AgentEventName::LogDropped => {
                let count = LogRecord::of(event).count.unwrap_or(0);
                self.find(row, Problem::Dropped { count });
                return;
            }
            AgentEventName::LogRecovered => {
                let bytes = LogRecord::of(event).torn_bytes.unwrap_or(0);
                if bytes > 0 {
                    self.find(row, Problem::Torn { bytes });
                }
                return;
            }
            _ => {}
        }
        let (Some(session), Some(seq)) = (*session, event.seq) else { return };
        let last = self.last_seq[session];
        self.last_seq[session] = last.max(seq);
        if seq <= last {
            self.find(row, Problem::OutOfOrder { seq, after: last });
        } else if seq - last > 1 {
            let (from, count) = (last + 1, seq - last - 1);
            let held = &mut self.timeline.sessions[session];
            held.lost = held.lost.saturating_add(count);
            self.find(row, Problem::Missing { from, count });
        }
    }

    fn span(&mut self, row: usize) {
        let Row { event, session, .. } = &self.timeline.rows[row];
        let (Some(session), Some(id)) = (*session, event.span) else { return };
        let kind = SpanKind::begun_by(event.event).filter(|_| event.outcome.is_none());
        let known = self.known.get(&(session, id)).copied();
        let span = match (known, kind, event.outcome) {
            (None, Some(kind), _) => self.open(row, session, id, kind, true),
            (Some(span), Some(_), _) => {
                self.find(row, Problem::BegunTwice(id));
                self.timeline.spans[span].rows.push(row);
                span
            }
            (known, None, Some(_)) => self.end(row, session, id, known),
            (Some(span), None, None) => {
                self.timeline.spans[span].rows.push(row);
                span
            }
            (None, None, None) => {
                self.find(row, Problem::UnknownSpan(id));
                return;
            }
        };
        self.timeline.rows[row].span = Some(span);
    }

    fn end(&mut self, row: usize, session: usize, id: SpanId, known: Option<usize>) -> usize {
        let span = known.unwrap_or_else(|| {
            self.find(row, Problem::NotBegun(id));
            let kind = SpanKind::ended_by(self.timeline.rows[row].event.event);
            self.open(row, session, id, kind, false)
        });
        if self.timeline.spans[span].last.is_some() {
            self.find(row, Problem::EndedTwice(id));
            self.timeline.spans[span].rows.push(row);
            return span;
        }
        let Row { event, at, .. } = &self.timeline.rows[row];
        let held = &mut self.timeline.spans[span];
        held.last = Some(row);
        held.end = held.start.max(*at);
        held.outcome = event.outcome;
        held.failure = event.failure_class;
        held.used = TokenUse::of(event);
        if let Some(name) = name(held.kind, event) {
            held.name = name;
        }
        if let Some(model) = TurnEnded::of(event).model {
            held.model = Some(model.to_shared());
        }
        let outlives = held.parent.filter(|parent| {
            let parent = &self.timeline.spans[*parent];
            parent.session == session && parent.last.is_some()
        });
        if let Some(parent) = outlives {
            let parent = self.timeline.spans[parent].id;
            self.find(row, Problem::OutsideParent { span: id, parent });
        }
        span
    }

    fn open(
        &mut self,
        row: usize,
        session: usize,
        id: SpanId,
        kind: SpanKind,
        begun: bool,
    ) -> usize {
        let Row { event, at, .. } = &self.timeline.rows[row];
        let (at, named) = (*at, event.parent);
        let name = name(kind, event).unwrap_or_else(|| unnamed(kind));
        // A parent began earlier in the log, so that nothing is inside itself.
        let parent = named.and_then(|parent| {
            let here = self.known.get(&(session, parent));
            here.or_else(|| self.anywhere.get(&parent)).copied()
        });
        let span = self.timeline.spans.len();
        let model = TurnStarted::of(event).model.map(Word::to_shared);
        if let (SpanKind::Attempt, Some(turn)) = (kind, parent) {
            self.timeline.spans[turn].has_attempts = true;
        }
        self.timeline.spans.push(Span {
            parent,
            name,
            model,
            first: begun.then_some(row),
            ..Span::new(id, kind, session, at)
        });
        self.known.insert((session, id), span);
        self.anywhere.entry(id).or_insert(span);
        let held = &mut self.timeline.sessions[session];
        held.spans.push(span);
        if kind == SpanKind::Session && held.root.is_none() {
            held.root = Some(span);
        }
        match (named, parent.map(|parent| &self.timeline.spans[parent])) {
            // A session may be inside one that another log tells of.
            (Some(_), None) if kind == SpanKind::Session => {}
            (Some(parent), None) => self.find(row, Problem::UnknownParent { span: id, parent }),
            (_, Some(parent)) if parent.session == session && parent.last.is_some() => {
                let parent = parent.id;
                self.find(row, Problem::OutsideParent { span: id, parent });
            }
            _ => {}
        }
        span
    }

    /// A span without an end lasts as long as its session, as far as the log tells.
    fn close(&mut self) {
        for span in 0..self.timeline.spans.len() {
            let held = &mut self.timeline.spans[span];
            if held.last.is_some() {
                continue;
            }
            held.end = held.start.max(self.timeline.sessions[held.session].end);
            // The beginning of a pause is no beginning of a span.
            if let Some(first) = held.first.filter(|_| held.is_told) {
                let id = held.id;
                self.find(first, Problem::NotEnded(id));
            }
        }
    }

    fn find(&mut self, event: usize, problem: Problem) {
        let session = self.timeline.rows[event].event.session_id.clone();
        self.timeline.findings.push(Finding { event, session, problem });
    }
}

/// Which session is around which, how deep spans are, and the order sessions are shown in.
fn nest(timeline: &mut Timeline) {
    for span in 0..timeline.spans.len() {
        let held = &timeline.spans[span];
        let inside = held.parent.filter(|parent| timeline.spans[*parent].session == held.session);
        // A parent stands before its children, so its depth is known.
        let depth = inside.map_or(0, |parent| timeline.spans[parent].depth + 1);
        timeline.spans[span].depth = depth;
    }
    let mut inside = vec![Vec::new(); timeline.sessions.len()];
    let mut roots = Vec::new();
    for session in 0..timeline.sessions.len() {
        let root = timeline.sessions[session].root.map(|root| &timeline.spans[root]);
        let parent = root.and_then(|root| root.parent).map(|span| timeline.spans[span].session);
        // Sessions are numbered by their first event, and so is the one around them before them.
        match parent.filter(|parent| *parent < session) {
            Some(parent) => {
                timeline.sessions[session].parent = Some(parent);
                timeline.sessions[session].depth = timeline.sessions[parent].depth + 1;
                inside[parent].push(session);
            }
            None => roots.push(session),
        }
    }
    let start = |session: &usize| timeline.sessions[*session].start;
    // The lives of a thread follow each other.
    let mut threads: HashMap<&str, u64> = HashMap::new();
    for session in &roots {
        if let Some((thread, _)) = timeline.sessions[*session].thread() {
            let begun = threads.entry(thread).or_insert(u64::MAX);
            *begun = start(session).min(*begun);
        }
    }
    roots.sort_by_key(|session| match timeline.sessions[*session].thread() {
        Some((thread, life)) => (threads[thread], life, start(session)),
        None => (start(session), 0, 0),
    });
    for sessions in &mut inside {
        sessions.sort_by_key(start);
    }
    let mut open: Vec<usize> = roots.into_iter().rev().collect();
    while let Some(session) = open.pop() {
        open.extend(inside[session].iter().rev());
        timeline.order.push(session);
    }
}

/// The name of a span, as far as this event tells.
fn name(kind: SpanKind, event: &AgentEvent) -> Option<Arc<str>> {
    let called = TurnStarted::of(event);
    let word = match kind {
        SpanKind::Session => return event.role.clone(),
        SpanKind::Turn => called.model,
        SpanKind::Attempt => called.provider.or(called.model),
        SpanKind::Tool => ToolRun::of(event).tool,
        SpanKind::Wait => Wait::of(event).reason,
    };
    word.map(Word::to_shared)
}
