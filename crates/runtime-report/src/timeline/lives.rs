//! Threads: the sessions of a durable agent, one for each process that it lived in, as one run.

use std::collections::HashMap;
use std::sync::Arc;

use runtime_events::payload::{SessionEnded, Word};
use runtime_events::{AgentEvent, SpanOutcome, thread_of};

use super::{Session, Span, SpanKind, Timeline};

/// A thread of a durable agent, with its lives in order.
#[derive(Clone, Debug)]
pub struct ThreadRun {
    pub(crate) name: Arc<str>,
    pub(crate) lives: Vec<Life>,
}

/// One life of a thread.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) number: u32,
    /// Its session.
    pub(crate) session: usize,
    pub(crate) end: LifeEnd,
    /// The last call that was under way when it broke off.
    pub(crate) inside: Option<usize>,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LifeEnd {
    Done,
    Failed,
    Cancelled,
    /// The thread waited for somebody, and the process did not.
    Parked,
    ShutDown,
    /// Its process was lost: there is no end, but a later life.
    Lost,
    /// The log ends before it.
    Open,
}

impl ThreadRun {
    /// The name of the thread.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its lives in the log.
    pub const fn lives(&self) -> usize {
        self.lives.len()
    }

    /// The events of all of its lives in a log as one stream: life by life, each in the order of the log.
    pub fn events<'t>(&self, log: &'t Timeline) -> Vec<&'t AgentEvent> {
        let of_it = log.rows.iter().filter_map(|row| {
            let (name, life) = row.event.labels.as_deref().and_then(thread_of)?;
            (*name == *self.name).then_some((life, &row.event))
        });
        let mut events: Vec<_> = of_it.collect();
        events.sort_by_key(|(life, _)| *life);
        events.into_iter().map(|(_, event)| event).collect()
    }
}

/// # Threads
impl Timeline {
    /// The threads of durable agents, in the order of their beginnings.
    pub fn threads(&self) -> &[ThreadRun] {
        &self.threads
    }
}

/// The spans that have no end, and whose session no later life went on with.
pub(crate) fn open(timeline: &Timeline) -> impl Iterator<Item = &Span> {
    let is_last = |span: &&Span| !timeline.sessions[span.session].is_continued;
    timeline.spans.iter().filter(is_last).filter(|span| span.is_unfinished())
}

/// The sessions that failed, without those that a later life went on with.
pub(crate) fn failed(timeline: &Timeline) -> impl Iterator<Item = &Span> {
    let is_last = |span: &&Span| !timeline.sessions[span.session].is_continued;
    let sessions = timeline.spans.iter().filter(|span| span.kind == SpanKind::Session);
    sessions.filter(is_last).filter(|span| span.is_failed())
}

/// Finds the threads, and which sessions were gone on with.
pub(super) fn read(timeline: &mut Timeline) {
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    let mut threads: Vec<ThreadRun> = Vec::new();
    for (number, session) in timeline.sessions.iter().enumerate() {
        let Some((name, life)) = session.thread() else { continue };
        // A session below another one lives in its life.
        if session.parent.is_some() {
            continue;
        }
        let place = *places.entry(Arc::from(name)).or_insert_with(|| {
            threads.push(ThreadRun { name: name.into(), lives: Vec::new() });
            threads.len() - 1
        });
        let (end, inside) = end(timeline, session);
        threads[place].lives.push(Life { number: life, session: number, end, inside });
    }
    for thread in &mut threads {
        thread.lives.sort_by_key(|life| (life.number, timeline.sessions[life.session].start));
        let last = thread.lives.len().saturating_sub(1);
        for life in &mut thread.lives[..last] {
            timeline.sessions[life.session].is_continued = true;
            if life.end == LifeEnd::Open {
                life.end = LifeEnd::Lost;
            }
        }
    }
    // A session stands behind the one around it.
    for number in 0..timeline.sessions.len() {
        if let Some(parent) = timeline.sessions[number].parent {
            timeline.sessions[number].is_continued |= timeline.sessions[parent].is_continued;
        }
    }
    timeline.threads = threads;
}

fn end(timeline: &Timeline, session: &Session) -> (LifeEnd, Option<usize>) {
    let root = session.root.map(|root| &timeline.spans[root]);
    let Some(last) = root.and_then(|root| root.last) else {
        let is_call = |span: &&usize| {
            let span = &timeline.spans[**span];
            span.is_unfinished() && matches!(span.kind, SpanKind::Turn | SpanKind::Tool)
        };
        return (LifeEnd::Open, session.spans.iter().rev().find(is_call).copied());
    };
    let reason = SessionEnded::of(&timeline.rows[last].event).reason;
    let end = match (reason.map(Word::as_str), root.and_then(Span::outcome)) {
        (Some("parked"), _) => LifeEnd::Parked,
        (Some("shutdown"), _) => LifeEnd::ShutDown,
        (_, Some(SpanOutcome::Ok)) => LifeEnd::Done,
        (_, Some(SpanOutcome::Cancelled)) => LifeEnd::Cancelled,
        _ => LifeEnd::Failed,
    };
    (end, None)
}
