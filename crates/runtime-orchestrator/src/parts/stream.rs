//! The session's events: one speaker, one order, one number each, and a bounded log.

mod board;
mod line;
mod reading;

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, Labels, SpanId};
use runtime_sinks::EventSink;

use self::board::Board;
use self::line::{Line, Step, this_thread};
pub use self::reading::MissedEventsError;
pub(crate) use self::reading::Place;
use crate::log::log;
use crate::park::Timers;
use crate::parts::names::{Names, Payer, clean_labels, cleaned};
use crate::parts::sinks::ask;

/// The identity in a session's events.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    pub(crate) session_id: Arc<str>,
    pub(crate) role: Arc<str>,
    pub(crate) phase: Arc<str>,
    pub(crate) project_id: Option<i64>,
}

/// The destination of a session's events, and the number of kept ones.
#[derive(Clone)]
pub(crate) struct Outlet {
    pub(crate) sink: Option<Arc<dyn EventSink>>,
    pub(crate) capacity: NonZeroUsize,
    pub(crate) keeps: bool,
}

/// Creates events, numbers them, keeps the last ones and gives all of them to the sink.
///
/// An event is *posted* under the lock and *delivered* without it. So only threads that emit wait
/// for the sink.
pub(crate) struct Stream {
    speaker: Speaker,
    /// The role and the phase in events, if they had secrets.
    cleaned: Option<Box<(Arc<str>, Arc<str>)>>,
    names: Names,
    /// The number of events that are kept, if any are.
    kept: Option<NonZeroUsize>,
    is_heard: bool,
    timers: Arc<Timers>,
    started: Instant,
    root: SpanId,
    /// The span of the session above.
    parent: Option<SpanId>,
    next_span: AtomicU64,
    state: Mutex<Board>,
    /// Notified when a thread has left the sink, if others wait for that.
    left: Condvar,
}

/// A session's events so far.
pub(crate) struct Snapshot {
    /// The kept events.
    pub(crate) events: Vec<Arc<AgentEvent>>,
    /// The number of emitted events.
    pub(crate) emitted: u64,
    pub(crate) sink_failures: u64,
}

impl Stream {
    /// Creates the stream of a session that opened at `started`. Its own span is the first one
    /// counted from `span_base`.
    pub(crate) fn new(
        speaker: Speaker,
        outlet: Outlet,
        labels: Option<Arc<Labels>>,
        (timers, started): (Arc<Timers>, Instant),
        (span_base, parent): (u64, Option<SpanId>),
    ) -> Self {
        let labels = labels.map(clean_labels);
        let Outlet { sink, capacity, keeps } = outlet;
        let is_heard = keeps || sink.is_some();
        let state = Board {
            seq: 0,
            stamp: DateTime::<Utc>::MIN_UTC,
            labels,
            log: VecDeque::new(),
            line: Line::new(sink.map(Arc::new)),
            over: false,
            readers: None,
            waiting: 0,
            sink_failures: 0,
        };
        Self {
            cleaned: cleaned(&speaker.role, &speaker.phase),
            names: Names::default(),
            speaker,
            kept: keeps.then_some(capacity),
            is_heard,
            timers,
            started,
            root: SpanId::from_u64(span_base),
            parent,
            next_span: AtomicU64::new(span_base),
            state: Mutex::new(state),
            left: Condvar::new(),
        }
    }

    pub(crate) const fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// The opening of the session.
    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    /// The session's own span.
    pub(crate) const fn root(&self) -> SpanId {
        self.root
    }

    pub(crate) fn new_span(&self) -> SpanId {
        // Relaxed: spans only have to be unique; the events have their own order.
        SpanId::from_u64(self.next_span.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    /// Whether events have a reader. Without one, none is created.
    pub(crate) const fn is_heard(&self) -> bool {
        self.is_heard
    }

    /// An event without a span. It is stamped when it is posted.
    pub(crate) fn event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        let mut event = AgentEvent::new(name, status, DateTime::UNIX_EPOCH);
        if !self.is_heard() {
            return event;
        }
        event.project_id = self.speaker.project_id;
        event.session_id = Some(Arc::clone(&self.speaker.session_id));
        event
    }

    /// An event of the session's own span.
    pub(crate) fn root_event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.span_event(name, status, (self.root, self.parent))
    }

    /// An event of a span directly below the session's.
    pub(crate) fn child_event(
        &self,
        name: AgentEventName,
        status: AgentEventStatus,
        span: SpanId,
    ) -> AgentEvent {
        self.span_event(name, status, (span, Some(self.root)))
    }

    /// An event of any span, with the span around it.
    pub(crate) fn span_event(
        &self,
        name: AgentEventName,
        status: AgentEventStatus,
        (span, parent): (SpanId, Option<SpanId>),
    ) -> AgentEvent {
        let mut event = self.event(name, status);
        (event.span, event.parent) = (Some(span), parent);
        event
    }

    /// Emits an event of the session's own span that only has data.
    pub(crate) fn tell(&self, name: AgentEventName, status: AgentEventStatus, data: Data) {
        if self.is_heard() {
            self.emit(self.root_event(name, status).with_data(data));
        }
    }

    /// Posts `event`, and returns once it is delivered.
    ///
    /// Its texts may come from anyone, and lose their secrets here. Errors and panics of the sink are
    /// counted; the session continues.
    pub(crate) fn emit(&self, mut event: AgentEvent) {
        self.clean(&mut event);
        self.emit_as_is(event);
    }

    /// Emits an event of a span that `fill` fills, if it has a reader. It has no other texts of the caller
    /// than these names.
    ///
    /// An event is large, and is copied wherever it is passed on. So it is made in its place, and filled there.
    #[inline]
    pub(crate) fn emit_with(
        &self,
        names: [Option<&Arc<str>>; 2],
        (name, status, spans): (AgentEventName, AgentEventStatus, (SpanId, Option<SpanId>)),
        fill: impl FnOnce(&mut AgentEvent),
    ) {
        if !self.is_heard() {
            return;
        }
        let mut event = self.span_event(name, status, spans);
        fill(&mut event);
        if !names.into_iter().flatten().all(|name| self.names.is_clean(name)) {
            self.clean(&mut event);
        }
        let Some(state) = self.number(&mut event) else { return };
        emit_numbered(self, state, Arc::new(event));
    }

    /// Emits an event with the texts that it has.
    pub(crate) fn emit_as_is(&self, mut event: AgentEvent) {
        let Some(state) = self.number(&mut event) else { return };
        emit_numbered(self, state, Arc::new(event));
    }

    /// Numbers `event` and keeps it. [`deliver`](Self::deliver) is to follow.
    pub(crate) fn post(&self, mut event: AgentEvent) {
        self.clean(&mut event);
        let Some(mut state) = self.number(&mut event) else { return };
        let aside = state.keep(Arc::new(event), self.kept);
        drop(state);
        aside.finish();
    }

    /// Posts the session's last event.
    pub(crate) fn post_last(&self, mut event: AgentEvent) {
        self.clean(&mut event);
        let Some(mut state) = self.number(&mut event) else { return };
        let aside = state.keep(Arc::new(event), self.kept);
        let seq = state.seq;
        state.line.ends_with(seq);
        state.over = true;
        drop(state);
        aside.finish();
    }

    /// Returns once all posted events are delivered.
    pub(crate) fn deliver(&self) {
        self.deliver_from(self.state());
    }

    fn clean(&self, event: &mut AgentEvent) {
        if self.is_heard() {
            event.remove_secrets();
        }
    }

    /// Numbers `event`, if it has a reader. It is to be [kept](Board::keep) under the same lock.
    fn number(&self, event: &mut AgentEvent) -> Option<MutexGuard<'_, Board>> {
        if !self.is_heard() {
            return None;
        }
        let (role, phase) = self.role_and_phase();
        let clock = &self.timers.clock;
        event.role = Some(Arc::clone(role));
        event.phase = Some(Arc::clone(phase));
        // One lock for all steps: it keeps the order of parallel tools.
        let mut state = self.state();
        // Under the lock, so that times grow with `seq`. First, because the clock is the caller's
        // code. The wall clock may be set back.
        event.elapsed = Some(clock.now().saturating_duration_since(self.started));
        event.stamp(clock.utc_now().max(state.stamp));
        state.stamp = event.emitted_at;
        state.seq += 1;
        event.seq = Some(state.seq);
        event.labels.clone_from(&state.labels);
        Some(state)
    }

    /// The role and the phase without secrets.
    fn role_and_phase(&self) -> (&Arc<str>, &Arc<str>) {
        match &self.cleaned {
            None => (&self.speaker.role, &self.speaker.phase),
            Some(cleaned) => (&cleaned.0, &cleaned.1),
        }
    }

    /// Who pays the bills of the session.
    pub(crate) fn payer(&self) -> Payer<'_> {
        let (role, _) = self.role_and_phase();
        Payer { role, session_id: &self.speaker.session_id, names: &self.names }
    }

    /// Delivers the posted events, or waits until others have.
    fn deliver_from<'s>(&'s self, mut state: MutexGuard<'s, Board>) {
        let (seq, me) = (state.seq, this_thread());
        let mut first = None;
        loop {
            match state.line.step(seq, me) {
                Step::Done => break,
                Step::Wait => {
                    state.waiting += 1;
                    state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.waiting -= 1;
                }
                Step::Deliver(sink, event) => {
                    drop(state);
                    let failure = ask(&self.speaker.session_id, || sink.emit(&event));
                    drop(sink);
                    state = self.state();
                    state.line.delivered(&event, failure.is_none());
                    first = state.count(failure).or(first);
                    if state.waiting > 0 {
                        self.left.notify_all();
                    }
                }
            }
        }
        drop(state);
        log_first(&self.speaker, first);
    }

    /// Makes the sink write its buffer.
    pub(crate) fn flush(&self) {
        let Some(sink) = self.sink() else { return };
        let failure = ask(&self.speaker.session_id, || sink.flush());
        let first = self.state().count(failure);
        log_first(&self.speaker, first);
    }

    /// Drops the sink.
    pub(crate) fn close(&self) {
        let sink = self.state().line.close();
        let failure = ask(&self.speaker.session_id, || {
            drop(sink);
            Ok(())
        });
        let first = self.state().count(failure);
        log_first(&self.speaker, first);
    }

    /// The sink of the events.
    pub(crate) fn sink(&self) -> Option<Arc<dyn EventSink>> {
        self.state().line.sink().cloned()
    }

    /// Whether there is a sink that has not taken the session's last event.
    pub(crate) fn owes_the_last(&self) -> bool {
        self.state().line.owes_the_last()
    }

    /// Adds a label to all later events.
    pub(crate) fn label(&self, key: String, value: String) {
        let label = clean_labels(Arc::new(Labels::from([(key, value)])));
        let mut state = self.state();
        Arc::make_mut(state.labels.get_or_insert_default()).extend(Arc::unwrap_or_clone(label));
    }

    pub(crate) fn labels(&self) -> Option<Arc<Labels>> {
        self.state().labels.clone()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let events = state.log.iter().cloned().collect();
        Snapshot { events, emitted: state.seq, sink_failures: state.sink_failures }
    }

    fn state(&self) -> MutexGuard<'_, Board> {
        // Changed in single steps, so it stays consistent after a panic of the clock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn emit_numbered<'s>(stream: &'s Stream, mut state: MutexGuard<'s, Board>, event: Arc<AgentEvent>) {
    let aside = state.keep(event, stream.kept);
    stream.deliver_from(state);
    aside.finish();
}

fn log_first(speaker: &Speaker, failure: Option<String>) {
    if let Some(error) = failure {
        log!(warn, session = %speaker.session_id, error = %error, "event sink failed; further failures are only counted");
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("speaker", &self.speaker).finish_non_exhaustive()
    }
}
