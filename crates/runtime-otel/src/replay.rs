//! Spans of a run that is over, or was cut off: from its log.

use std::borrow::Borrow;
use std::io::{self, BufRead};

use opentelemetry::Context;
use opentelemetry::trace::Tracer;
use runtime_events::AgentEvent;

use crate::config::OtelConfig;
use crate::projection::{OtelStats, Projection};
use crate::tracer::Starter;

/// Makes the spans that events would have made live.
///
/// Spans that the events leave open end as abandoned, at the last moment that is known of their
/// session: a run that was killed is seen up to there.
///
/// Nothing is measured: metrics have no past. With `EventIds` for the provider's
/// ids (feature `sdk`), spans have the same ids each time, and those that they had live if the
/// provider had them there, too.
///
/// ```
/// use opentelemetry::trace::TracerProvider;
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
/// use runtime_events::{AgentEvent, SpanId};
/// use runtime_otel::{OtelConfig, replay};
///
/// let started = AgentEvent::started("writer", "draft").with_span(SpanId::from_u64(1), None);
///
/// let exporter = InMemorySpanExporter::default();
/// let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
/// let stats = replay(provider.tracer("replay"), OtelConfig::default(), [started]);
///
/// assert_eq!((stats.begun, stats.abandoned), (1, 1));
/// assert_eq!(exporter.get_finished_spans()?[0].name, "invoke_agent writer");
/// # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
/// ```
pub fn replay<T, E>(tracer: T, config: OtelConfig, events: impl IntoIterator<Item = E>) -> OtelStats
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
    E: Borrow<AgentEvent>,
{
    replay_into(Starter::new(tracer), config, events)
}

/// Starts the spans of events, and ends them all.
pub(crate) fn replay_into<E: Borrow<AgentEvent>>(
    starter: Starter,
    config: OtelConfig,
    events: impl IntoIterator<Item = E>,
) -> OtelStats {
    let projection = Projection::new(config, starter, None);
    for event in events {
        take(&projection, event.borrow());
    }
    finished(&projection)
}

/// Replays a log of events, one in each line, as `JsonlSink` writes it.
///
/// # Errors
///
/// The reader's. A line that is no event is counted and passed over: the last one may be torn, and a
/// later version may write names that this one does not know. Where reading fails, the lines before
/// have become spans.
pub fn replay_log<T>(tracer: T, config: OtelConfig, log: impl BufRead) -> io::Result<Replayed>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    let projection = Projection::new(config, Starter::new(tracer), None);
    let mut unread = 0;
    for line in log.split(b'\n') {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let event = std::str::from_utf8(&line).ok().and_then(|it| AgentEvent::from_json(it).ok());
        match event {
            Some(event) => take(&projection, &event),
            None => unread += 1,
        }
    }
    Ok(Replayed { spans: finished(&projection), unread })
}

/// The spans of a log, and the lines that were none of its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Counts of its spans by fate.
    pub spans: OtelStats,
    /// How many of its lines were no events.
    pub unread: u64,
}

fn take(projection: &Projection, event: &AgentEvent) {
    // A refused span is in the statistics.
    let _ = projection.take(event, Context::new);
}

fn finished(projection: &Projection) -> OtelStats {
    projection.abandon();
    projection.stats()
}
