//! A tool's span and its measurement: by the two events of a session, and by the API of OpenTelemetry alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::DateTime;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    SdkTracer, SdkTracerProvider, Span as SdkSpan, SpanData, SpanExporter,
};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, SpanId, SpanOutcome};
use runtime_otel::OtelSink;
use runtime_sinks::EventSink;

use crate::measure::Work;
use crate::suite::Suite;

/// Spans of the SDK own their texts, so all of them allocate.
pub(super) fn add(suite: &mut Suite) {
    let ours = suite.case("OtelSink, the two events of a tool", Work::alone(ours()));
    let alone = suite.case("opentelemetry 0.33 span and histogram", Work::alone(peer(Held::Alone)));
    suite.ratio("tool span with its metric", ours, alone, 1.3);
    // Ours is in a context, so that the caller's own spans are below it.
    suite.case(
        "opentelemetry 0.33 span in a context, and histogram",
        Work::alone(peer(|span| Held::Inside(Context::new().with_span(span)))),
    );
}

const ROOT: SpanId = SpanId::from_u64(1);
const CALL: SpanId = SpanId::from_u64(2);
const LASTED: Duration = Duration::from_millis(1);

/// Takes spans and forgets them.
#[derive(Debug)]
struct Null;

impl SpanExporter for Null {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        black_box(spans);
        Ok(())
    }
}

fn tracer() -> SdkTracer {
    SdkTracerProvider::builder().with_simple_exporter(Null).build().tracer("peers")
}

/// Its provider stays: without it, nothing would be counted.
fn meter() -> (SdkMeterProvider, Meter) {
    let exporter = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
    let meter = meters.meter("peers");
    (meters, meter)
}

fn event(name: AgentEventName, span: SpanId) -> AgentEvent {
    let data = Data::new().with("tool", "search").with("call_id", "call_1");
    let mut event = AgentEvent::new(name, AgentEventStatus::Running, DateTime::UNIX_EPOCH)
        .with_role("writer")
        .with_data(data)
        .with_span(span, (span != ROOT).then_some(ROOT));
    event.session_id = Some("0000000000000000000000000000002a".into());
    event.elapsed = Some(LASTED * u32::from(name == AgentEventName::ToolCompleted));
    event
}

fn ours() -> impl FnMut() -> bool {
    let (meters, meter) = meter();
    let sink = OtelSink::new(tracer(), &meter);
    let emit = move |event: &Arc<AgentEvent>| {
        let _stays = &meters;
        sink.emit(black_box(event)).is_ok()
    };
    assert!(emit(&Arc::new(event(AgentEventName::AgentStarted, ROOT))), "there is room");
    let called = Arc::new(event(AgentEventName::ToolCalled, CALL));
    let completed = event(AgentEventName::ToolCompleted, CALL).with_outcome(SpanOutcome::Ok);
    let completed = Arc::new(completed);
    move || emit(&called) && emit(&completed)
}

/// Where a span is while it lasts.
#[expect(
    clippy::large_enum_variant,
    reason = "a box is an allocation that the API alone does not make"
)]
enum Held {
    Alone(SdkSpan),
    Inside(Context),
}

/// A span and its measurement with the attributes of ours.
fn peer(held: impl Fn(SdkSpan) -> Held) -> impl FnMut() {
    let (meters, meter) = meter();
    let histogram = meter.f64_histogram("gen_ai.execute_tool.duration").with_unit("s").build();
    let tracer = tracer();
    let above = Context::new().with_span(tracer.start("above"));
    let begins = SystemTime::UNIX_EPOCH;
    move || {
        let _stays = &meters;
        let text = |text: &'static str| black_box(text).to_owned();
        let said = [
            KeyValue::new("gen_ai.operation.name", "execute_tool"),
            KeyValue::new("gen_ai.tool.name", text("search")),
            KeyValue::new("gen_ai.tool.type", "function"),
            KeyValue::new("gen_ai.tool.call.id", text("call_1")),
        ];
        let builder = tracer.span_builder(text("execute_tool search"));
        let builder = builder.with_start_time(begins).with_attributes(said);
        let held = held(tracer.build_with_context(builder, &above));
        let (ends, outcome) = (begins + LASTED, KeyValue::new("techrevati.outcome", "ok"));
        match held {
            Held::Alone(mut span) => {
                span.set_attribute(outcome);
                span.end_with_timestamp(ends);
            }
            Held::Inside(context) => {
                context.span().set_attribute(outcome);
                context.span().end_with_timestamp(ends);
            }
        }
        let said = [
            KeyValue::new("gen_ai.tool.name", text("search")),
            KeyValue::new("gen_ai.tool.type", "function"),
            KeyValue::new("gen_ai.agent.name", text("writer")),
        ];
        histogram.record(LASTED.as_secs_f64(), &said);
    }
}
