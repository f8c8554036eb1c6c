//! A small run as spans on the terminal: `cargo run -p runtime-otel --features sdk --example otel`.
//!
//! An exporter of OTLP in place of the one that prints sends the same spans to a collector; see
//! `docs/opentelemetry.md`.

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use runtime_orchestrator::{BoxError, Orchestrator, TelemetryConfig, Turn};
use runtime_otel::{EventIds, OtelSink, SemconvProfile};
use runtime_usage::UsageSnapshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let provider = SdkTracerProvider::builder()
        .with_id_generator(EventIds::default())
        .with_simple_exporter(opentelemetry_stdout::SpanExporter::default())
        .build();
    let meters = SdkMeterProvider::builder().build();
    let scope = SemconvProfile::V1_41.scope();
    let tracer = provider.tracer_with_scope(scope.clone());
    let sink = OtelSink::new(tracer.clone(), &meters.meter_with_scope(scope));

    let orchestrator = Orchestrator::new("writer", "draft")
        .label("conversation_id", "ticket-17")
        .event_sink(sink.clone())
        .telemetry(TelemetryConfig::default().scope_hook(sink.scope()));
    let report = orchestrator
        .run(async |session| {
            let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(120, 30));
            session.run_turn(turn, async || Ok::<_, BoxError>("I have to look it up")).await?;
            let search = async || {
                // As an instrumented client does: its span is below the tool's.
                tracer.start("GET /search").end();
                Ok::<_, BoxError>("three pages")
            };
            Ok(session.run_tool("search", search).await?)
        })
        .await;

    sink.abandon();
    provider.shutdown()?;
    report.result.map(|_| ())
}
