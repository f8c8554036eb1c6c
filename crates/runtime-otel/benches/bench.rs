//! The cost of a span and of a measurement to the caller.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, Clock, Data, ManualClock, ScopeHook, SpanId,
    SpanOutcome,
};
use runtime_otel::{OtelConfig, OtelSink, replay};
use runtime_sinks::EventSink;

/// Takes spans and forgets them.
#[derive(Debug)]
struct Null;

impl SpanExporter for Null {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        black_box(spans);
        Ok(())
    }
}

const ROOT: SpanId = SpanId::from_u64(1);
const CALL: SpanId = SpanId::from_u64(2);

fn event(name: AgentEventName, span: SpanId, data: Data) -> AgentEvent {
    let at = ManualClock::new().utc_now();
    let mut event = AgentEvent::new(name, AgentEventStatus::Running, at)
        .with_role("writer")
        .with_data(data)
        .with_span(span, (span != ROOT).then_some(ROOT));
    event.session_id = Some("0000000000000000000000000000002a".into());
    event.elapsed = Some(Duration::from_millis(span.get()));
    event
}

fn ended(event: AgentEvent) -> Arc<AgentEvent> {
    Arc::new(event.with_outcome(SpanOutcome::Ok))
}

/// A tool's two events: six attributes.
fn tool() -> [Arc<AgentEvent>; 2] {
    let data = || Data::new().with("tool", "search").with("call_id", "call_1");
    [
        Arc::new(event(AgentEventName::ToolCalled, CALL, data())),
        ended(event(AgentEventName::ToolCompleted, CALL, data())),
    ]
}

fn turn() -> [Arc<AgentEvent>; 2] {
    let model = Data::new().with("model", "gpt-5");
    let spent = model
        .clone()
        .with("input_tokens", 1_000)
        .with("output_tokens", 200)
        .with("cache_read_tokens", 9_000)
        .with("cost_usd", 0.012);
    [
        Arc::new(event(AgentEventName::TurnStarted, CALL, model)),
        ended(event(AgentEventName::TurnCompleted, CALL, spent)),
    ]
}

fn null() -> SdkTracerProvider {
    SdkTracerProvider::builder().with_simple_exporter(Null).build()
}

/// It is read once a minute.
fn meter() -> Meter {
    let exporter = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
    let meter = meters.meter("bench");
    std::mem::forget(meters);
    meter
}

fn sink(tracer: SdkTracer) -> OtelSink {
    let sink = OtelSink::new(tracer, &meter());
    let started = event(AgentEventName::AgentStarted, ROOT, Data::new());
    sink.emit(&Arc::new(started)).expect("there is room");
    sink
}

fn pair(sink: &OtelSink, events: &[Arc<AgentEvent>; 2]) {
    for event in events {
        let _ = black_box(sink.emit(black_box(event)));
    }
}

fn spans(c: &mut Criterion) {
    let mut group = c.benchmark_group("span");
    let providers = [
        ("simple", null()),
        ("batch", SdkTracerProvider::builder().with_batch_exporter(Null).build()),
    ];
    for (name, provider) in &providers {
        let sink = sink(provider.tracer("bench"));
        for (kind, events) in [("tool", tool()), ("turn", turn())] {
            group.bench_function(format!("{kind}/{name}"), |b| b.iter(|| pair(&sink, &events)));
        }
    }
    let provider = null();
    let events = tool();
    group.bench_function("tool/unmeasured", |b| {
        // A replay has no metrics.
        let events: Vec<_> =
            std::iter::once(event(AgentEventName::AgentStarted, ROOT, Data::new()))
                .chain((0..1_000).flat_map(|_| events.iter().map(|it| AgentEvent::clone(it))))
                .collect();
        b.iter_batched(
            || provider.tracer("bench"),
            |tracer| replay(tracer, OtelConfig::default(), &events),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// OpenTelemetry alone, for comparison: one child with six attributes, two of them at its end.
fn raw(c: &mut Criterion) {
    use opentelemetry::trace::{Span, TraceContextExt, Tracer};
    use opentelemetry::{Context, KeyValue};

    let provider = null();
    let tracer = provider.tracer("bench");
    let above = Context::new().with_span(tracer.start("above"));
    let (start, end): (SystemTime, SystemTime) =
        (ManualClock::new().utc_now().into(), ManualClock::new().utc_now().into());
    c.bench_function("span/raw/simple", |b| {
        b.iter(|| {
            let said = [
                KeyValue::new("gen_ai.operation.name", "execute_tool"),
                KeyValue::new("gen_ai.tool.name", black_box("search").to_owned()),
                KeyValue::new("gen_ai.tool.type", "function"),
                KeyValue::new("gen_ai.tool.call.id", black_box("call_1").to_owned()),
            ];
            let builder = tracer.span_builder(black_box("execute_tool search").to_owned());
            let builder = builder.with_start_time(start).with_attributes(said);
            let mut span = tracer.build_with_context(builder, &above);
            span.set_attribute(KeyValue::new("techrevati.outcome", "ok"));
            span.set_attribute(KeyValue::new("techrevati.phase", "draft"));
            span.end_with_timestamp(end);
        });
    });
}

fn inside(c: &mut Criterion) {
    let provider = null();
    let sink = sink(provider.tracer("bench"));
    let note = Data::new().with("percent", 80).with("spent_usd", 0.8).with("limit_usd", 1.0);
    let note = Arc::new(event(AgentEventName::BudgetMark, ROOT, note));
    let scope = sink.scope();
    c.bench_function("scope/poll", |b| {
        b.iter(|| scope.in_scope(ROOT, &mut || _ = black_box(1_u8)));
    });
    c.bench_function("note", |b| b.iter(|| sink.emit(black_box(&note))));
}

fn metrics(c: &mut Criterion) {
    let histogram = meter().f64_histogram("seconds").build();
    let said = [
        opentelemetry::KeyValue::new("gen_ai.operation.name", "chat"),
        opentelemetry::KeyValue::new("gen_ai.provider.name", "openai"),
        opentelemetry::KeyValue::new("gen_ai.request.model", "gpt-5"),
    ];
    c.bench_function("histogram", |b| b.iter(|| histogram.record(black_box(0.25), &said)));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = raw, spans, inside, metrics
}
criterion_main!(benches);
