//! The session's events: one speaker, one order, one number each, and a bounded log.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::DateTime;
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, Clock, Data, Labels, SpanId, without_secrets,
};
use runtime_sinks::{EventSink, SinkError};

use crate::log::log;

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
pub(crate) struct Stream {
    speaker: Speaker,
    /// The role and the phase in events.
    names: (Arc<str>, Arc<str>),
    outlet: Outlet,
    clock: Arc<dyn Clock>,
    started: Instant,
    root: SpanId,
    /// The span of the session above.
    parent: Option<SpanId>,
    next_span: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seq: u64,
    labels: Option<Arc<Labels>>,
    log: VecDeque<Arc<AgentEvent>>,
    sink_failures: u64,
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
        (clock, started): (Arc<dyn Clock>, Instant),
        (span_base, parent): (u64, Option<SpanId>),
    ) -> Self {
        let labels = labels.map(clean_labels);
        let state = State { seq: 0, labels, log: VecDeque::new(), sink_failures: 0 };
        Self {
            names: (clean_name(&speaker.role), clean_name(&speaker.phase)),
            speaker,
            outlet,
            clock,
            started,
            root: SpanId::from_u64(span_base),
            parent,
            next_span: AtomicU64::new(span_base),
            state: Mutex::new(state),
        }
    }

    pub(crate) const fn speaker(&self) -> &Speaker {
        &self.speaker
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
        self.outlet.keeps || self.outlet.sink.is_some()
    }

    /// An event without a span.
    pub(crate) fn event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        if !self.is_heard() {
            return AgentEvent::new(name, status, DateTime::UNIX_EPOCH);
        }
        let mut event = AgentEvent::new(name, status, self.clock.utc_now());
        event.project_id = self.speaker.project_id;
        event.session_id = Some(Arc::clone(&self.speaker.session_id));
        event
    }

    /// An event of the session's own span.
    pub(crate) fn root_event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.event(name, status).with_span(self.root, self.parent)
    }

    /// An event of a span directly below the session's.
    pub(crate) fn child_event(
        &self,
        name: AgentEventName,
        status: AgentEventStatus,
        span: SpanId,
    ) -> AgentEvent {
        self.event(name, status).with_span(span, Some(self.root))
    }

    /// Emits an event of the session's own span that only has data.
    pub(crate) fn tell(&self, name: AgentEventName, status: AgentEventStatus, data: Data) {
        if self.is_heard() {
            self.emit(self.root_event(name, status).with_data(data));
        }
    }

    /// Numbers `event`, keeps it and gives it to the sink, which must not call back.
    ///
    /// Its texts may come from anyone, and lose their secrets here. Errors and panics of the sink are
    /// counted; the session continues.
    pub(crate) fn emit(&self, mut event: AgentEvent) {
        if self.is_heard() {
            event.remove_secrets();
            self.emit_as_is(event);
        }
    }

    /// Emits an event with the texts that it has.
    pub(crate) fn emit_as_is(&self, mut event: AgentEvent) {
        if !self.is_heard() {
            return;
        }
        let (role, phase) = &self.names;
        event.role = Some(Arc::clone(role));
        event.phase = Some(Arc::clone(phase));
        // One lock for all steps: it keeps the order of parallel tools.
        let mut state = self.state();
        // Under the lock, so that it grows with `seq`. First, because the clock is the caller's
        // code.
        event.elapsed = Some(self.clock.now().saturating_duration_since(self.started));
        state.seq += 1;
        event.seq = Some(state.seq);
        event.labels.clone_from(&state.labels);
        let event = Arc::new(event);
        let Outlet { sink, capacity, keeps } = &self.outlet;
        let evicted = if state.log.len() == capacity.get() { state.log.pop_front() } else { None };
        let failure = sink.as_ref().and_then(|sink| caught(|| sink.emit(&event)));
        if *keeps {
            state.log.push_back(event);
        }
        let first = state.count(failure);
        drop(state);
        // Freed after the lock is released.
        drop(evicted);
        self.log_first(first);
    }

    /// Makes the sink write its buffer. Without the lock, because this may be slow.
    pub(crate) fn flush(&self) {
        let failure = self.outlet.sink.as_ref().and_then(|sink| caught(|| sink.flush()));
        let first = self.state().count(failure);
        self.log_first(first);
    }

    fn log_first(&self, failure: Option<String>) {
        if let Some(error) = failure {
            log!(warn, session = %self.speaker.session_id, error = %error, "event sink failed; further failures are only counted");
        }
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

    fn state(&self) -> MutexGuard<'_, State> {
        // Only the sink can panic, and that is caught.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a failure. Returns it if it is the first.
    fn count(&mut self, failure: Option<String>) -> Option<String> {
        failure.filter(|_| {
            self.sink_failures += 1;
            self.sink_failures == 1
        })
    }
}

/// The labels without secrets, which they lose once and not in each event.
fn clean_labels(labels: Arc<Labels>) -> Arc<Labels> {
    let (name, status) = (AgentEventName::AgentStarted, AgentEventStatus::Running);
    let mut event = AgentEvent::new(name, status, DateTime::UNIX_EPOCH);
    event.labels = Some(labels);
    event.remove_secrets();
    event.labels.unwrap_or_default()
}

/// A name without secrets, shared with the original if it has none.
pub(crate) fn clean_name(name: &Arc<str>) -> Arc<str> {
    match without_secrets(name) {
        Cow::Borrowed(_) => Arc::clone(name),
        Cow::Owned(clean) => clean.into(),
    }
}

/// The error or panic of a sink, without secrets, if there was one.
pub(crate) fn caught(ask: impl FnOnce() -> Result<(), SinkError>) -> Option<String> {
    // Any broken state is the sink's own; nothing else here uses it.
    match catch_unwind(AssertUnwindSafe(ask)) {
        Ok(answer) => answer.err().map(|error| without_secrets(&error.to_string()).into_owned()),
        Err(_) => Some("the sink panicked".to_owned()),
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("speaker", &self.speaker).finish_non_exhaustive()
    }
}
