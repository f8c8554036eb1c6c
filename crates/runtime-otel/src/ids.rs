//! [`EventIds`]: spans under the ids that they have in their events.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// Gives the spans of agents the ids of their events.
///
/// The trace has the id of the session, and each span its own. So the spans of a replay have the ids
/// that they had live. Other spans get random ids.
///
/// ```
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use runtime_otel::EventIds;
///
/// let provider = SdkTracerProvider::builder().with_id_generator(EventIds::default()).build();
/// # drop(provider);
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventIds {
    others: RandomIdGenerator,
}

impl IdGenerator for EventIds {
    fn new_trace_id(&self) -> TraceId {
        TRACE.take().map_or_else(|| self.others.new_trace_id(), TraceId::from)
    }

    fn new_span_id(&self) -> SpanId {
        SPAN.take().map_or_else(|| self.others.new_span_id(), SpanId::from)
    }
}

thread_local! {
    static TRACE: Cell<Option<u128>> = const { Cell::new(None) };
    static SPAN: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Asks for these ids, for the one span that is started while the result lives; for none of a trace where it
/// goes on with one. Each is given once: a span that a processor starts meanwhile gets another.
#[must_use]
pub(crate) fn ask(trace: Option<u128>, span: u64) -> Asked {
    TRACE.set(trace);
    SPAN.set(Some(span));
    Asked
}

pub(crate) struct Asked;

/// Also where starting panics: the next span of this thread is another one.
impl Drop for Asked {
    fn drop(&mut self) {
        TRACE.set(None);
        SPAN.set(None);
    }
}
