//! [`OtelSink`]: events as spans and metrics, while they happen.

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::metrics::Meter;
use opentelemetry::trace::Tracer;
use runtime_events::{AgentEvent, ScopeHook, SpanId};
use runtime_sinks::{EventSink, SinkError};

use crate::config::OtelConfig;
use crate::meters::Meters;
use crate::projection::{OtelStats, Projection};
use crate::tracer::Starter;

/// Makes spans and metrics of events, while they happen; clones share them.
///
/// It stands directly behind the orchestrator, without a queue in between: a session that begins
/// inside a span of the caller's becomes its child, and [`scope`](Self::scope) puts the caller's own
/// spans below ours. Exporting takes time, and is the provider's: use a batch exporter.
///
/// ```
/// use opentelemetry::metrics::MeterProvider;
/// use opentelemetry::trace::TracerProvider;
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
/// use runtime_orchestrator::{BoxError, Orchestrator, TelemetryConfig, Turn};
/// use runtime_otel::{OtelSink, SemconvProfile};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(async {
/// let exporter = InMemorySpanExporter::default();
/// let tracers = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
/// let meters = SdkMeterProvider::builder().build();
///
/// let scope = SemconvProfile::V1_41.scope();
/// let sink = OtelSink::new(
///     tracers.tracer_with_scope(scope.clone()),
///     &meters.meter_with_scope(scope),
/// );
/// let report = Orchestrator::new("writer", "draft")
///     .event_sink(sink.clone())
///     .telemetry(TelemetryConfig::default().scope_hook(sink.scope()))
///     .run(async |session| {
///         let turn = Turn::model("gpt-5");
///         Ok(session.run_turn(turn, async || Ok::<_, BoxError>("a draft")).await?.value)
///     })
///     .await;
///
/// assert_eq!(report.result?, "a draft");
/// let names = exporter.get_finished_spans()?.into_iter().map(|span| span.name);
/// assert_eq!(names.collect::<Vec<_>>(), ["chat gpt-5", "invoke_agent writer"]);
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct OtelSink {
    projection: Arc<Projection>,
}

impl OtelSink {
    /// A sink with the default settings. Tracer and meter are of the caller's own providers, best
    /// made with [`SemconvProfile::scope`](crate::SemconvProfile::scope).
    pub fn new<T>(tracer: T, meter: &Meter) -> Self
    where
        T: Tracer + Send + Sync + 'static,
        T::Span: Send + Sync + 'static,
    {
        Self::with_config(tracer, meter, OtelConfig::default())
    }

    /// A sink with settings of its own.
    pub fn with_config<T>(tracer: T, meter: &Meter, config: OtelConfig) -> Self
    where
        T: Tracer + Send + Sync + 'static,
        T::Span: Send + Sync + 'static,
    {
        let meters = Meters::new(meter, config.profile);
        let projection = Projection::new(config, Starter::new(tracer), Some(meters));
        Self { projection: Arc::new(projection) }
    }

    /// A scope for the orchestrator to enter around the caller's code: spans made there are below the
    /// span of the turn, the attempt or the tool, and outgoing requests carry its context.
    #[must_use]
    pub fn scope(&self) -> OtelScope {
        OtelScope { projection: Arc::clone(&self.projection) }
    }

    /// Ends every open span as abandoned, and returns how many there were.
    ///
    /// Each ends at the last moment that is known of its session, with `error.type` `abandoned`. To be
    /// called when a process shuts down, before the provider does. Dropping the last of all clones and
    /// scopes does it, too.
    ///
    /// (A flush does not: sessions flush their sinks when they end, and others go on.)
    pub fn abandon(&self) -> u64 {
        self.projection.abandon()
    }

    /// Counts of spans by fate, so far.
    pub fn stats(&self) -> OtelStats {
        self.projection.stats()
    }
}

impl EventSink for OtelSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.projection.take(event, Context::current)
    }
}

/// Runs the caller's code with the span it is for as the active one. Of [`OtelSink::scope`].
#[derive(Clone, Debug)]
pub struct OtelScope {
    projection: Arc<Projection>,
}

impl ScopeHook for OtelScope {
    fn in_scope(&self, span: SpanId, work: &mut dyn FnMut()) {
        // The guard goes with this frame, also when `work` panics.
        let _active = self.projection.context(span).map(with_own_baggage).map(Context::attach);
        work();
    }
}

/// The context of a span has the baggage from when its session began; what the caller has set since goes on, too.
fn with_own_baggage(span: Context) -> Context {
    let current = Context::current();
    let own = current.baggage();
    if own.is_empty() {
        return span;
    }
    let said = own.iter().map(|(key, (value, metadata))| {
        KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
    });
    span.with_baggage(said.collect::<Vec<_>>())
}
