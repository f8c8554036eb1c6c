//! Spans under the ids of their events.

use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
use opentelemetry::{Context, trace::TraceContextExt};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor,
};
use runtime_events::{AgentEvent, SpanId};
use runtime_otel::{EventIds, OtelConfig, replay};

/// Starts a span of its own whenever one starts.
#[derive(Debug)]
struct Busy(SdkTracer);

impl SpanProcessor for Busy {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {
        self.0.build_with_context(self.0.span_builder("busy"), &Context::new()).end();
    }

    fn on_end(&self, _span: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn provider(exporter: &InMemorySpanExporter) -> SdkTracerProvider {
    let builder = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
    builder.with_id_generator(EventIds::default()).build()
}

#[test]
fn a_span_that_a_processor_starts_gets_an_id_of_its_own() {
    let (others, exporter) = (InMemorySpanExporter::default(), InMemorySpanExporter::default());
    let busy = Busy(provider(&others).tracer("busy"));
    let provider = SdkTracerProvider::builder()
        .with_id_generator(EventIds::default())
        .with_span_processor(busy)
        .with_simple_exporter(exporter.clone())
        .build();
    let mut event = AgentEvent::started("writer", "draft").with_span(SpanId::from_u64(7), None);
    event.session_id = Some("0000000000000000000000000000002a".into());
    replay(provider.tracer("test"), OtelConfig::default(), [event]);

    let ours = exporter.get_finished_spans().unwrap()[0].span_context.clone();
    assert_eq!(ours.span_id(), 7_u64.into());
    assert_eq!(ours.trace_id(), 42_u128.into());
    let other = others.get_finished_spans().unwrap()[0].span_context.clone();
    assert_ne!(other.span_id(), ours.span_id());
    assert_ne!(other.trace_id(), ours.trace_id());
}

#[test]
fn any_session_id_gives_a_trace_and_other_spans_random_ids() {
    let exporter = InMemorySpanExporter::default();
    let provider = provider(&exporter);
    for session in ["a", "a", "b", ""] {
        let mut event = AgentEvent::started("writer", "draft").with_span(SpanId::from_u64(7), None);
        event.session_id = Some(session.into());
        replay(provider.tracer("test"), OtelConfig::default(), [event]);
    }
    let spans = exporter.get_finished_spans().unwrap();
    let ids: Vec<_> = spans.iter().map(|it| it.span_context.trace_id()).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    assert!(spans.iter().all(|it| it.span_context.is_valid()));

    let tracer = provider.tracer("test");
    let (one, other) = (tracer.start("one"), tracer.start("other"));
    assert_ne!(one.span_context().span_id(), other.span_context().span_id());
    assert!(!Context::current().has_active_span());
}
