//! `docs/opentelemetry.md`

use std::fs::File;
use std::io::BufReader;

use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use serde_json::json;
use techrevati_runtime::orchestrator::{Capture, TelemetryConfig, ToolCall};
use techrevati_runtime::otel::{self, EventIds, OtelConfig, OtelSink, SemconvProfile, Viewer};
use techrevati_runtime::sinks::{LogEntry, LogReader};
use techrevati_runtime::usage::UsageSnapshot;
use techrevati_runtime::{BoxError, Orchestrator, Turn};

// What the guide does not show.
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::InMemorySpanExporter;
use techrevati_runtime::sinks::{EventSink, JsonlSink};

pub(super) fn tracing(exporter: impl SpanExporter + 'static) -> (SdkTracerProvider, OtelSink) {
    let provider = SdkTracerProvider::builder()
        .with_id_generator(EventIds::default())
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer_with_scope(SemconvProfile::V1_41.scope());
    let meter = opentelemetry::global::meter("runtime-otel");
    (provider, OtelSink::new(tracer, &meter))
}

pub(super) async fn run() -> Result<(), BoxError> {
    let spans = InMemorySpanExporter::default();
    let (provider, sink) = tracing(spans.clone());
    let orchestrator = Orchestrator::new("writer", "draft")
        .label("conversation_id", "ticket-17")
        .event_sink(sink.clone())
        .telemetry(TelemetryConfig::default().scope_hook(sink.scope()));
    let report = orchestrator
        .run(async |session| {
            let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(120, 30));
            session.run_turn(turn, async || Ok::<_, BoxError>("I have to look it up")).await?;
            Ok(session.run_tool("search", async || Ok::<_, BoxError>("three pages")).await?)
        })
        .await;
    assert_eq!(report.result?, "three pages");
    provider.force_flush()?;
    let names = spans.get_finished_spans()?.into_iter().map(|span| span.name);
    let names: Vec<_> = names.collect();
    assert_eq!(names, ["chat gpt-5", "execute_tool search", "invoke_agent writer"]);
    sink.abandon();
    provider.shutdown()?;
    contents().await?;
    replay().await
}

async fn contents() -> Result<(), BoxError> {
    let config = OtelConfig::default()
        .contents(true)
        .errors(true)
        .user_label("user")
        .session_label("conversation_id")
        .viewer(Viewer::Langfuse);
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let meter = opentelemetry::global::meter("runtime-otel");
    let sink = OtelSink::with_config(provider.tracer("runtime-otel"), &meter, config);

    let telemetry = TelemetryConfig::default().capture(Capture::default()).scope_hook(sink.scope());
    let orchestrator = Orchestrator::new("writer", "draft")
        .label("user", "ada")
        .label("conversation_id", "ticket-17")
        .event_sink(sink.clone())
        .telemetry(telemetry);
    let report = orchestrator
        .run(async |session| {
            let prompt = json!([{ "role": "user", "content": "What is new?" }]);
            let turn = Turn::model("gpt-5").guarded(prompt);
            let answer = async || Ok::<_, BoxError>("I have to look it up");
            session.run_turn(turn, answer).await?;
            let call = ToolCall::new("search").call_id("call_9").args(json!({ "q": "news" }));
            Ok(session.run_tool(call, async || Ok::<_, BoxError>("three pages")).await?)
        })
        .await;
    report.result?;
    let told = format!("{:?}", spans.get_finished_spans()?);
    for text in ["What is new?", "three pages", "call_9", "user.id"] {
        assert!(told.contains(text), "{text}");
    }
    Ok(())
}

async fn replay() -> Result<(), BoxError> {
    let path = std::env::temp_dir().join(format!("opentelemetry-{}.jsonl", std::process::id()));
    let log = JsonlSink::open(&path)?;
    let orchestrator = Orchestrator::new("writer", "draft").event_sink(log.clone());
    orchestrator.run(async |_| Ok(())).await.result?;
    log.flush()?;

    let spans = InMemorySpanExporter::default();
    let (provider, _sink) = tracing(spans.clone());
    let log = BufReader::new(File::open(&path)?);
    let tracer = provider.tracer_with_scope(SemconvProfile::V1_41.scope());
    let replayed = otel::replay_log(tracer, OtelConfig::default(), log)?;
    assert_eq!((replayed.spans.begun, replayed.unread), (1, 0));

    let file = path.with_extension("json");
    let log = LogReader::open(&path)?.collect::<Result<Vec<_>, _>>()?;
    let events = log.iter().filter_map(LogEntry::event);
    let texts = OtelConfig::default().contents(true).errors(true).details(true);
    let line = otel::otlp_json(texts, events);
    std::fs::write(&file, line)?;
    assert!(std::fs::read_to_string(&file)?.contains("invoke_agent writer"));

    std::fs::remove_file(&file)?;
    std::fs::remove_file(&path)?;
    provider.force_flush()?;
    assert_eq!(spans.get_finished_spans()?.len(), 1);
    Ok(())
}
