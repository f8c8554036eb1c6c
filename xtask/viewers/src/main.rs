//! Sends two runs to a viewer of OpenTelemetry.
//!
//! `viewers VIEWER FOLDER` makes them as the viewer reads them, and writes them into the folder: `run.jsonl`,
//! their log, and `run.otlp.json`, their spans. With `OTEL_EXPORTER_OTLP_ENDPOINT`, the spans are also sent
//! there while the runs happen, as protobuf over HTTP.

mod scene;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;
use runtime_orchestrator::BoxError;
use runtime_otel::{EventIds, OtelConfig, OtelSink, SemconvProfile, Viewer, otlp_json};
use runtime_sinks::EventFanOut;
use runtime_sinks::testing::RecordingEventSink;

fn main() -> Result<(), BoxError> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [viewer, folder] = &*args else { return Err("usage: viewers VIEWER FOLDER".into()) };
    let config = config(viewer)?;
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;

    let mut provider = SdkTracerProvider::builder().with_id_generator(EventIds::default());
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
        provider = provider.with_batch_exporter(SpanExporter::builder().with_http().build()?);
    }
    let provider = provider.build();
    let tracer = provider.tracer_with_scope(SemconvProfile::V1_41.scope());
    let meter = opentelemetry::global::meter("nobody");
    let (sink, log) =
        (OtelSink::with_config(tracer, &meter, config.clone()), RecordingEventSink::new());

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let both = Arc::new(EventFanOut::new().with(sink.clone()).with(log.clone()));
    runtime.block_on(scene::run(&both))?;
    assert_eq!(sink.abandon(), 0, "every span has ended");
    provider.shutdown()?;

    let lines: String = log.events().iter().map(|event| event.to_json() + "\n").collect();
    fs::write(folder.join("run.jsonl"), lines)?;
    let events = log.events();
    fs::write(folder.join("run.otlp.json"), otlp_json(config, events.iter().map(|it| &**it)))?;
    Ok(())
}

/// All that there is to tell.
fn config(viewer: &str) -> Result<OtelConfig, BoxError> {
    let viewer = match viewer {
        "phoenix" => Viewer::OpenInference,
        "mlflow" => Viewer::Mlflow,
        other => return Err(format!("unknown viewer `{other}`").into()),
    };
    let config = OtelConfig::default().contents(true).errors(true).details(true);
    Ok(config.user_label("user").session_label("conversation_id").viewer(viewer))
}
