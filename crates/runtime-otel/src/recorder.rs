//! A recorder: keeps spans as data when they end, without an SDK.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use opentelemetry::trace::{
    Event, Link, Span, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt, TraceFlags,
    TraceState,
};
use opentelemetry::{Context, KeyValue};

use crate::tracer::{Ids, Start};

/// Starts spans under the ids of their events, and keeps them once they have ended; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    ended: Arc<Mutex<Vec<Recorded>>>,
}

/// A span that has ended.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) cx: SpanContext,
    /// The span around it.
    pub(crate) parent: Option<SpanId>,
    /// Name, kind, start, attributes, events and links.
    pub(crate) told: SpanBuilder,
    pub(crate) status: Status,
    pub(crate) end: SystemTime,
}

impl Recorder {
    /// The spans that have ended since they were last taken, in the order of their ends.
    pub(crate) fn take(&self) -> Vec<Recorded> {
        // One push is all that is done under the lock.
        std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Start for Recorder {
    fn start(&self, span: SpanBuilder, above: &Context, ids: Ids<'_>) -> Context {
        let around = above.span();
        let (trace, parent) = match around.span_context() {
            around if around.is_valid() => (around.trace_id(), Some(around.span_id())),
            _ => (ids.trace().into(), None),
        };
        let id = ids.span.get().into();
        let cx = SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE);
        let open = Open { parent, told: span, status: Status::Unset };
        above.with_span(Recording { cx, open: Some(open), recorder: self.clone() })
    }
}

/// A span that is recorded, until it ends.
#[derive(Debug)]
struct Recording {
    cx: SpanContext,
    open: Option<Open>,
    recorder: Recorder,
}

#[derive(Debug)]
struct Open {
    parent: Option<SpanId>,
    told: SpanBuilder,
    status: Status,
}

impl Recording {
    fn tell(&mut self, tell: impl FnOnce(&mut SpanBuilder)) {
        if let Some(open) = &mut self.open {
            tell(&mut open.told);
        }
    }
}

impl Span for Recording {
    fn add_event_with_timestamp<T>(&mut self, name: T, at: SystemTime, said: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        let event = Event::new(name, at, said, 0);
        self.tell(|span| span.events.get_or_insert_default().push(event));
    }

    fn span_context(&self) -> &SpanContext {
        &self.cx
    }

    fn is_recording(&self) -> bool {
        self.open.is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.tell(|span| span.attributes.get_or_insert_default().push(attribute));
    }

    fn set_status(&mut self, status: Status) {
        // As the API orders them: a status of `Ok` does not turn into an error.
        if let Some(open) = self.open.as_mut().filter(|open| status > open.status) {
            open.status = status;
        }
    }

    fn update_name<T>(&mut self, name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.tell(|span| span.name = name.into());
    }

    fn add_link(&mut self, to: SpanContext, said: Vec<KeyValue>) {
        self.tell(|span| span.links.get_or_insert_default().push(Link::new(to, said, 0)));
    }

    fn end_with_timestamp(&mut self, end: SystemTime) {
        if let Some(Open { parent, told, status }) = self.open.take() {
            let ended = Recorded { cx: self.cx.clone(), parent, told, status, end };
            self.recorder.ended.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        }
    }
}
