//! Sessions told event by event, and exporters that keep what they are given.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider, SpanData};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Clock, Data, Labels,
    ManualClock, SpanId, SpanOutcome,
};
use runtime_otel::{EventIds, OtelConfig, OtelSink, SemconvProfile};
use runtime_sinks::EventSink;
use serde_json::Value as Json;

/// Settings that tell all that there is to tell.
pub(crate) fn telling() -> OtelConfig {
    OtelConfig::default().contents(true).errors(true).details(true)
}

/// A sink, and what comes out of it.
pub(crate) struct Rig {
    pub(crate) sink: OtelSink,
    pub(crate) traces: Traces,
    meters: SdkMeterProvider,
    metrics: InMemoryMetricExporter,
}

/// A provider of tracers, and what it exports.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
}

impl Traces {
    pub(crate) fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let builder = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
        // The SDK would keep 128 events of a span.
        let builder = builder.with_max_events_per_span(10_000);
        let builder = builder.with_id_generator(EventIds::default());
        Self { provider: builder.build(), exporter }
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer_with_scope(SemconvProfile::default().scope())
    }

    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().expect("an exporter in memory does not fail")
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(OtelConfig::default())
    }

    pub(crate) fn with(config: OtelConfig) -> Self {
        let (traces, metrics) = (Traces::new(), InMemoryMetricExporter::default());
        let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics.clone()).build();
        let sink = OtelSink::with_config(traces.tracer(), &meters.meter("runtime-otel"), config);
        Self { sink, traces, meters, metrics }
    }

    pub(crate) fn emit(&self, event: &AgentEvent) {
        self.sink.emit(&Arc::new(event.clone())).expect("there is room for the span");
    }

    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.traces.spans()
    }

    /// The one span of this name.
    pub(crate) fn span(&self, name: &str) -> SpanData {
        let mut spans: Vec<_> = self.spans().into_iter().filter(|it| it.name == name).collect();
        assert_eq!(spans.len(), 1, "spans called {name}, of {:?}", self.names());
        spans.remove(0)
    }

    /// The names of all spans, in the order they ended.
    pub(crate) fn names(&self) -> Vec<String> {
        self.spans().into_iter().map(|span| span.name.into_owned()).collect()
    }

    /// The points of every metric, by its name.
    pub(crate) fn metrics(&self) -> HashMap<String, Measured> {
        self.meters.force_flush().expect("an exporter in memory does not fail");
        let collected = self.metrics.get_finished_metrics().expect("as above");
        let last = collected.last().expect("something was measured");
        let metrics = last.scope_metrics().flat_map(ScopeMetrics::metrics);
        metrics.map(|metric| (metric.name().to_owned(), Measured::of(metric))).collect()
    }
}

/// A metric, whatever numbers it is of.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) unit: String,
    pub(crate) bounds: Vec<f64>,
    pub(crate) points: Vec<Point>,
}

#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) said: HashMap<String, Value>,
    pub(crate) count: u64,
    pub(crate) sum: f64,
}

impl Measured {
    fn of(metric: &Metric) -> Self {
        use opentelemetry_sdk::metrics::data::MetricData;

        let (mut bounds, mut points) = (Vec::new(), Vec::new());
        macro_rules! read {
            ($data:expr, $number:ty) => {
                match $data {
                    MetricData::Histogram(histogram) => {
                        for point in histogram.data_points() {
                            bounds = point.bounds().collect();
                            let said = keyed(point.attributes().cloned());
                            let (count, sum) = (point.count(), point.sum() as f64);
                            points.push(Point { said, count, sum });
                        }
                    }
                    MetricData::Sum(sum) => {
                        for point in sum.data_points() {
                            let said = keyed(point.attributes().cloned());
                            points.push(Point { said, count: 1, sum: point.value() as f64 });
                        }
                    }
                    other => panic!("{other:?}"),
                }
            };
        }
        match metric.data() {
            #[expect(trivial_numeric_casts, reason = "one macro for both numbers")]
            AggregatedMetrics::F64(data) => read!(data, f64),
            #[expect(clippy::cast_precision_loss, reason = "small numbers in tests")]
            AggregatedMetrics::U64(data) => read!(data, u64),
            other @ AggregatedMetrics::I64(_) => panic!("{other:?}"),
        }
        Self { unit: metric.unit().to_owned(), bounds, points }
    }
}

/// Attributes by their keys; each is there once.
pub(crate) fn keyed(said: impl IntoIterator<Item = KeyValue>) -> HashMap<String, Value> {
    let mut keyed = HashMap::new();
    for it in said {
        let key = it.key.to_string();
        let before = keyed.insert(key.clone(), it.value);
        assert!(before.is_none(), "{key} is there twice");
    }
    keyed
}

pub(crate) fn said(span: &SpanData) -> HashMap<String, Value> {
    keyed(span.attributes.clone())
}

/// The names of the events on a span.
pub(crate) fn notes(span: &SpanData) -> Vec<&str> {
    span.events.iter().map(|event| &*event.name).collect()
}

/// A session that is told by hand, on a clock of its own.
pub(crate) struct Told {
    pub(crate) id: Arc<str>,
    pub(crate) role: &'static str,
    pub(crate) root: SpanId,
    pub(crate) above: Option<SpanId>,
    pub(crate) labels: Option<Arc<Labels>>,
    pub(crate) clock: ManualClock,
    next: u64,
    seq: u64,
    begun: Duration,
}

impl Told {
    /// Its spans have ids that begin with its number.
    pub(crate) fn new(number: u64, role: &'static str) -> Self {
        let root = number << 32;
        let id = format!("{:032x}", (u128::from(number) << 96) | u128::from(root)).into();
        let (clock, begun) = (ManualClock::new(), Duration::ZERO);
        let (above, labels) = (None, None);
        let root = SpanId::from_u64(root);
        Self { id, role, root, above, labels, clock, next: 0, seq: 0, begun }
    }

    /// One below another, on its clock.
    pub(crate) fn below(number: u64, role: &'static str, parent: &Self) -> Self {
        let mut it = Self::new(number, role);
        it.above = Some(parent.root);
        it.clock = parent.clock.clone();
        it.begun = it.clock.elapsed();
        it
    }

    pub(crate) fn labelled(mut self, key: &str, value: &str) -> Self {
        let mut labels = self.labels.as_deref().cloned().unwrap_or_default();
        labels.insert(key.to_owned(), value.to_owned());
        self.labels = Some(Arc::new(labels));
        self
    }

    pub(crate) fn span(&mut self) -> SpanId {
        self.next += 1;
        SpanId::from_u64(self.root.get() + self.next)
    }

    /// An event of the session, a millisecond after the last.
    pub(crate) fn event(&mut self, name: AgentEventName) -> AgentEvent {
        self.clock.advance(Duration::from_millis(1));
        self.seq += 1;
        let mut event = AgentEvent::new(name, AgentEventStatus::Running, self.clock.utc_now())
            .with_role(self.role)
            .with_phase("draft");
        event.session_id = Some(Arc::clone(&self.id));
        event.seq = Some(self.seq);
        event.elapsed = Some(self.clock.elapsed().saturating_sub(self.begun));
        event.labels.clone_from(&self.labels);
        event
    }

    pub(crate) fn started(&mut self) -> AgentEvent {
        let (root, above) = (self.root, self.above);
        self.event(AgentEventName::AgentStarted).with_span(root, above)
    }

    pub(crate) fn begin(
        &mut self,
        name: AgentEventName,
        parent: SpanId,
        data: Data,
    ) -> (SpanId, AgentEvent) {
        let span = self.span();
        (span, self.event(name).with_span(span, Some(parent)).with_data(data))
    }

    pub(crate) fn turn(&mut self, model: &str) -> (SpanId, AgentEvent) {
        let data = Data::new().with("model", model);
        self.begin(AgentEventName::TurnStarted, self.root, data)
    }

    pub(crate) fn tool(&mut self, tool: &str) -> (SpanId, AgentEvent) {
        self.begin(AgentEventName::ToolCalled, self.root, Data::new().with("tool", tool))
    }

    pub(crate) fn attempt(&mut self, turn: SpanId, data: Data) -> (SpanId, AgentEvent) {
        self.begin(AgentEventName::AttemptStarted, turn, data)
    }

    /// A content that was captured inside a span.
    pub(crate) fn content(&mut self, span: SpanId, content: &str, value: Json) -> AgentEvent {
        let data = Data::new().with("content", content).with("value", value);
        self.event(AgentEventName::ContentCaptured).with_span(span, Some(self.root)).with_data(data)
    }

    pub(crate) fn end(
        &mut self,
        name: AgentEventName,
        span: SpanId,
        parent: Option<SpanId>,
        outcome: SpanOutcome,
    ) -> AgentEvent {
        let event = self.event(name).with_span(span, parent).with_outcome(outcome);
        match outcome {
            SpanOutcome::Ok => event,
            SpanOutcome::Cancelled => event.with_failure_class(AgentFailureClass::Cancelled),
            _ => event.with_failure_class(AgentFailureClass::LlmError),
        }
    }

    pub(crate) fn turn_ended(&mut self, turn: SpanId, outcome: SpanOutcome) -> AgentEvent {
        let name = match outcome {
            SpanOutcome::Ok => AgentEventName::TurnCompleted,
            _ => AgentEventName::TurnFailed,
        };
        self.end(name, turn, Some(self.root), outcome)
    }

    pub(crate) fn tool_ended(&mut self, tool: SpanId, outcome: SpanOutcome) -> AgentEvent {
        self.end(AgentEventName::ToolCompleted, tool, Some(self.root), outcome)
    }

    pub(crate) fn ended(&mut self, outcome: SpanOutcome) -> AgentEvent {
        let name = match outcome {
            SpanOutcome::Ok => AgentEventName::AgentCompleted,
            _ => AgentEventName::AgentFailed,
        };
        self.end(name, self.root, self.above, outcome)
    }
}
