//! Events in, spans out: the common part of a live sink, a replay and a file.
//!
//! ```text
//!   agent.started                invoke_agent {role}     INTERNAL   (in invoke_workflow {name})
//!     agent.turn_started           chat {model}          CLIENT     one, over all its attempts
//!       agent.attempt_started        attempt             INTERNAL   of recovering turns only
//!     agent.tool_called            execute_tool {tool}   INTERNAL
//!     agent.started                invoke_agent {role}   INTERNAL   a child session
//! ```
//!
//! Everything else is an event on the span around it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::{Link, SpanContext, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use runtime_events::payload::{HandedOver, SessionEnded, SessionStarted, TurnEnded, Word};
use runtime_events::{AgentEvent, AgentEventName, SpanId, SpanOutcome};
use runtime_sinks::SinkError;

use crate::attributes::{self, Beginning, failure, told};
use crate::call::Call;
use crate::config::OtelConfig;
use crate::meters::Meters;
use crate::names::own;
use crate::note;
use crate::table::{Ended, Open, Table, What};
use crate::tokens::Used;
use crate::tracer::{Ids, Starter};

/// Spans that are made of events.
pub(crate) struct Projection {
    config: OtelConfig,
    tracer: Starter,
    meters: Option<Meters>,
    table: Mutex<Table>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    abandoned: AtomicU64,
    unmatched: AtomicU64,
    refused: AtomicU64,
}

/// Counts of spans by fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtelStats {
    /// Spans that have begun.
    pub begun: u64,
    /// Spans that have begun and are open.
    pub open: u64,
    /// Spans that have begun and were ended without an event for their end.
    pub abandoned: u64,
    /// Ends of spans that had not begun, or not in that session.
    pub unmatched: u64,
    /// Spans that were refused because too many were open.
    pub refused: u64,
}

impl Projection {
    pub(crate) fn new(config: OtelConfig, tracer: Starter, meters: Option<Meters>) -> Self {
        Self { config, tracer, meters, table: Mutex::default(), counts: Counts::default() }
    }

    /// Takes one event. `around` gives the context of a session that is below no other.
    pub(crate) fn take(
        &self,
        event: &AgentEvent,
        around: impl FnOnce() -> Context,
    ) -> Result<(), SinkError> {
        match (event.span, event.outcome) {
            (Some(span), None) => match self.beginning(event) {
                Some(beginning) => return self.begin(event, span, beginning, around),
                None => self.inside(event),
            },
            // Waits are told as two events.
            (Some(span), Some(_)) if event.event != AgentEventName::WaitEnded => {
                self.end(event, span);
            }
            _ => self.inside(event),
        }
        Ok(())
    }

    /// The context of an open span.
    pub(crate) fn context(&self, span: SpanId) -> Option<Context> {
        self.table().get(span).map(|open| open.cx.clone())
    }

    /// Ends every open span as abandoned, and says how many there were.
    pub(crate) fn abandon(&self) -> u64 {
        let ended = self.table().end_all();
        let count = ended.len() as u64;
        for ended in ended {
            self.finish(&ended, None);
        }
        count
    }

    pub(crate) fn stats(&self) -> OtelStats {
        // Relaxed: each number for itself.
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        OtelStats {
            begun: read(&self.counts.begun),
            open: self.table().len() as u64,
            abandoned: read(&self.counts.abandoned),
            unmatched: read(&self.counts.unmatched),
            refused: read(&self.counts.refused),
        }
    }

    fn beginning(&self, event: &AgentEvent) -> Option<Beginning> {
        Some(match event.event {
            AgentEventName::AgentStarted => self.config.agent(event),
            AgentEventName::TurnStarted => self.config.chat(event),
            AgentEventName::ToolCalled => self.config.tool(event),
            AgentEventName::AttemptStarted => self.config.attempt(event),
            _ => return None,
        })
    }

    fn begin(
        &self,
        event: &AgentEvent,
        span: SpanId,
        beginning: Beginning,
        around: impl FnOnce() -> Context,
    ) -> Result<(), SinkError> {
        let Beginning { span: mut builder, mut what } = beginning;
        let mut table = self.table();
        if table.len() >= self.config.max_open.get() {
            drop(table);
            count(&self.counts.refused);
            let most = self.config.max_open;
            return Err(SinkError::new(
                "begin a span",
                format!("{most} are open, the most that `max_open` allows"),
            ));
        }
        let parent = event.parent.filter(|parent| *parent != span);
        let open = parent.and_then(|parent| table.get(parent));
        let near = open.and_then(|open| open.session);
        let (above, earliest) = open.map(|open| (open.cx.clone(), open.start)).unzip();
        let (session, at) = table.hear(event, near);
        let start = earliest.map_or(at, |earliest| at.max(earliest));
        if let What::Attempt(call) = &what
            && let Some(turn) = parent.and_then(|parent| table.get_mut(parent))
        {
            note_route(turn, call);
        }
        let from = match what {
            What::Agent(_) => handed_over(&mut table, event),
            _ => None,
        };
        drop(table);

        let ids = Ids { session: event.session_id.as_deref(), span };
        let parent = parent.filter(|_| above.is_some());
        let mut above = above.unwrap_or_else(around);
        if let What::Agent(agent) = &mut what
            && event.parent.is_none()
            && let Some(workflow) = self.config.workflow(event)
        {
            let ids = Ids { span: SpanId::from_u64(!span.get()), ..ids };
            above = self.tracer.start(workflow.with_start_time(start), &above, ids);
            agent.workflow = Some(above.clone());
        }
        if let Some(from) = from {
            builder = builder.with_links(vec![Link::new(from, vec![handoff()], 0)]);
        }
        builder.start_time = Some(start.into());
        let cx = self.tracer.start(builder, &above, ids);
        let (latest, contents) = (start, Vec::new());
        let open = Box::new(Open { cx, session, parent, start, latest, order: 0, what, contents });
        // Before another thread can abandon it.
        count(&self.counts.begun);
        let before = self.table().insert(span, event, open);
        if let Some(before) = before {
            self.finish(&before, None);
        }
        Ok(())
    }

    fn end(&self, event: &AgentEvent, span: SpanId) {
        let mut table = self.table();
        let session = table.get(span).map(|open| open.session);
        let at = session.and_then(|session| table.hear_in(session, event));
        let (Some(at), Some(open)) = (at, table.get(span)) else {
            drop(table);
            count(&self.counts.unmatched);
            return;
        };
        let mut left = Vec::new();
        match &open.what {
            What::Agent(_) => {
                if let Some(target) = told_in_handoff(event) {
                    let from = open.cx.span().span_context().clone();
                    table.remember(target, &from);
                }
                left = table.end_inside(span, at);
            }
            What::Chat(_) if event.outcome == Some(SpanOutcome::Ok) => table.answered(span),
            What::Attempt(call) => {
                let (call, turn) = (call.clone(), open.parent);
                if let Some(turn) = turn.and_then(|turn| table.get_mut(turn)) {
                    note_attempt(turn, &call, event);
                }
            }
            What::Chat(_) | What::Tool(_) => {}
        }
        let last = table.close(span, at);
        drop(table);
        for orphan in left {
            self.finish(&orphan, None);
        }
        if let Some(last) = last {
            self.finish(&last, Some(event));
        }
    }

    /// Ends a span at the tracer, and measures it. Not under the lock: this is where exporters run.
    fn finish(&self, ended: &Ended, event: Option<&AgentEvent>) {
        let span = ended.open.cx.span();
        let turn = match &ended.open.what {
            What::Chat(_) | What::Attempt(_) => event.map(TurnEnded::of),
            What::Agent(_) | What::Tool(_) => None,
        };
        let mut said = attributes::ending(&ended.open, event, turn.as_ref(), &self.config);
        span.set_attributes(said.drain(..));
        let detail = event.and_then(|event| self.config.detail(event));
        let status = failure(event).map(|kind| {
            let message = detail.as_ref().map(|it| it.as_str().to_owned()).unwrap_or_default();
            // Where no end was told, nothing was thrown.
            if event.is_some() {
                note::failed(&ended.open.cx, kind, detail, ended.at);
            }
            Status::error(message)
        });
        let workflow = match &ended.open.what {
            What::Agent(agent) => agent.workflow.as_ref(),
            _ => None,
        };
        if let Some(status) = status.clone() {
            span.set_status(status);
        }
        span.end_with_timestamp(ended.at.into());
        if let Some(workflow) = workflow {
            let span = workflow.span();
            span.set_attributes(ended.open.contents.iter().cloned());
            if let Some(error) = failure(event) {
                span.set_attribute(KeyValue::new(crate::names::error::TYPE, error));
            }
            if let Some(status) = status {
                span.set_status(status);
            }
            span.end_with_timestamp(ended.at.into());
        }
        match event {
            None => count(&self.counts.abandoned),
            Some(event) => {
                if let Some(meters) = &self.meters {
                    meters.ended(ended, event, turn.as_ref(), said);
                }
            }
        }
    }

    /// Takes an event that neither begins nor ends a span.
    fn inside(&self, event: &AgentEvent) {
        if event.event == AgentEventName::ContentCaptured && self.config.contents {
            self.keep(event);
        } else {
            self.note(event);
        }
    }

    /// Keeps a captured content for the end of its span.
    fn keep(&self, event: &AgentEvent) {
        // Read before the lock: it may be long.
        let said = self.config.content(event);
        let mut table = self.table();
        table.hear_near(event);
        table.keep(event, said);
    }

    fn note(&self, event: &AgentEvent) {
        let mut table = self.table();
        let at = table.hear_near(event);
        let around = table.enclosing(event).and_then(|span| table.get_mut(span));
        let placed = around.map(|open| {
            let at = at.max(open.start);
            open.latest = open.latest.max(at);
            (open.cx.clone(), at)
        });
        let target = match (event.event, &placed) {
            (AgentEventName::HandedOver, Some((cx, _))) => hand_over(&mut table, event, cx),
            _ => None,
        };
        drop(table);
        if let Some((cx, at)) = placed {
            note::tell(&cx, event, at, &self.config);
            if let Some(target) = target {
                target.span().add_link(cx.span().span_context().clone(), vec![handoff()]);
            }
        }
        if let Some(meters) = &self.meters {
            meters.noted(event);
        }
    }

    // Nothing panics half-way through a change, so the table behind a poisoned lock is whole.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, meters, .. } = self;
        f.debug_struct("Projection")
            .field("config", config)
            .field("measures", &meters.is_some())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Notes the provider that a turn's latest attempt goes to.
fn note_route(turn: &mut Open, attempt: &Call) {
    if let What::Chat(chat) = &mut turn.what
        && attempt.provider.is_some()
    {
        chat.call.provider.clone_from(&attempt.provider);
    }
}

/// Notes what an attempt has used, and the one that was answered; a hedge may have begun after it.
fn note_attempt(turn: &mut Open, attempt: &Call, event: &AgentEvent) {
    let is_answered = event.event == AgentEventName::AttemptCompleted;
    if is_answered {
        note_route(turn, attempt);
    }
    if let What::Chat(chat) = &mut turn.what {
        let used = chat.attempts.get_or_insert_default();
        **used = used.plus(Used::of(&TurnEnded::of(event)));
        if is_answered {
            chat.answered.clone_from(&attempt.model);
        }
    }
}

/// The session that takes the work over, if it is open; else the table remembers the handoff.
fn hand_over(table: &mut Table, event: &AgentEvent, from: &Context) -> Option<Context> {
    let handed = HandedOver::of(event);
    let session = told(handed.target_session);
    let open = session.and_then(|id| table.root(id)).and_then(|root| table.get(root));
    if let Some(target) = open {
        return Some(target.cx.clone());
    }
    for target in [session, told(handed.target_worker_id)].into_iter().flatten() {
        table.remember(target, from.span().span_context());
    }
    None
}

/// The span that handed its work to the session that begins.
fn handed_over(table: &mut Table, event: &AgentEvent) -> Option<SpanContext> {
    let by_session = event.session_id.as_deref().and_then(|id| table.claim(id));
    let by_worker = told(SessionStarted::of(event).worker_id).and_then(|id| table.claim(id));
    by_session.or(by_worker)
}

/// The worker that a session's last event hands its work to.
fn told_in_handoff(event: &AgentEvent) -> Option<&str> {
    SessionEnded::of(event).handoff()?.target_worker_id.map(Word::as_str)
}

fn handoff() -> KeyValue {
    KeyValue::new(own::LINK, "handoff")
}

fn count(counter: &AtomicU64) {
    // Relaxed: the numbers guard nothing, and each is read for itself.
    counter.fetch_add(1, Ordering::Relaxed);
}
