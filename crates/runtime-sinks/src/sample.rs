//! [`SampleSessions`]: a sample of whole sessions.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::{AgentEvent, AgentEventName, SpanId, thread_of};

use crate::sink::{EventSink, SinkError, SinkStats};

/// Passes one session in `n` on to a sink, with all of its events.
///
/// The session id decides, so that every process selects the same sessions. Of a durable agent the thread
/// decides, so that all of its lives are kept or none. A child session goes with its parent: the outermost
/// session decides for the tree, among the latest 65,536 sessions. Events without a session pass. Clones
/// select alike.
///
/// ```
/// use std::num::NonZeroU32;
/// use runtime_sinks::{RingBufferEventSink, SampleSessions};
///
/// let one_in = NonZeroU32::new(10).unwrap();
/// let sink = SampleSessions::one_in(one_in, RingBufferEventSink::new());
/// assert!(sink.keeps("7d1f9a6c-3a3e-4a8c-9f57-0c1b6a5d2e10") || !sink.keeps("another"));
/// ```
#[derive(Clone, Debug)]
pub struct SampleSessions<S> {
    one_in: NonZeroU32,
    sink: S,
    trees: Arc<Mutex<Trees>>,
}

/// The decisions for known sessions and their children.
#[derive(Debug, Default)]
struct Trees {
    /// The decision for the children of a session, by its span.
    spans: HashMap<SpanId, bool>,
    /// The decision for a session, by its id.
    sessions: HashMap<Arc<str>, bool>,
    /// The sessions in the order of their arrival.
    order: VecDeque<(Arc<str>, SpanId)>,
}

/// How many sessions are remembered.
const IN_VIEW: usize = 65_536;

impl<S: EventSink> SampleSessions<S> {
    /// Passes one session in `one_in` on average.
    pub fn one_in(one_in: NonZeroU32, sink: S) -> Self {
        Self { one_in, sink, trees: Arc::default() }
    }

    /// Whether a session with this id is passed on, if it has no parent and is of no thread; or all lives of
    /// the thread with this id.
    pub fn keeps(&self, id: &str) -> bool {
        hash(id.as_bytes()).is_multiple_of(u64::from(self.one_in.get()))
    }

    fn passes(&self, event: &AgentEvent) -> bool {
        let Some(id) = &event.session_id else { return true };
        let mut trees = self.trees();
        if event.event == AgentEventName::AgentStarted
            && let Some(span) = event.span
        {
            let above = event.parent.and_then(|parent| trees.spans.get(&parent).copied());
            let kept = above.unwrap_or_else(|| self.keeps(decider(event, id)));
            trees.enter(Arc::clone(id), span, kept);
            return kept;
        }
        let kept = trees.sessions.get(id).copied();
        drop(trees);
        kept.unwrap_or_else(|| self.keeps(decider(event, id)))
    }

    // No change can panic half-way, so the contents of a poisoned lock are consistent.
    fn trees(&self) -> MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id that decides for a session: its thread's, if it is a life of one, else its own.
fn decider<'e>(event: &'e AgentEvent, session_id: &'e str) -> &'e str {
    let thread = event.labels.as_deref().and_then(thread_of);
    thread.map_or(session_id, |(thread, _)| thread)
}

impl Trees {
    fn enter(&mut self, id: Arc<str>, span: SpanId, kept: bool) {
        if self.order.len() == IN_VIEW
            && let Some((id, span)) = self.order.pop_front()
        {
            self.sessions.remove(&id);
            self.spans.remove(&span);
        }
        self.spans.insert(span, kept);
        self.sessions.insert(Arc::clone(&id), kept);
        self.order.push_back((id, span));
    }
}

impl<S: EventSink> EventSink for SampleSessions<S> {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        if self.passes(event) { self.sink.emit(event) } else { Ok(()) }
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        let passed: Vec<_> = events.iter().filter(|event| self.passes(event)).cloned().collect();
        if passed.is_empty() { Ok(()) } else { self.sink.emit_all(&passed) }
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.sink.flush()
    }

    /// The numbers for the events that were passed on.
    fn stats(&self) -> Option<SinkStats> {
        self.sink.stats()
    }
}

/// FNV-1a, mixed so that a difference in the last characters changes every bit. The hasher of the standard
/// library is not used, because it may change with its version.
fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}
