//! All readers of a log agree on tokens, costs, outcomes, errors and names.

use std::collections::BTreeMap;
use std::{env, fs, process};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use runtime_events::AgentEvent;
use runtime_otel::{EventIds, OtelConfig, replay_log};
use runtime_report::Timeline;
use runtime_sqlite::SqliteSink;
use serde_json::Value;

const LOG: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../techrevati-runtime/tests/frozen/log.jsonl");

/// The attributes of spans, by span id.
type Spans = BTreeMap<String, BTreeMap<String, String>>;

/// The attributes of both projections to OpenTelemetry.
const COMMON: [&str; 11] = [
    "gen_ai.operation.name",
    "gen_ai.request.model",
    "gen_ai.provider.name",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "techrevati.attempts",
    "techrevati.outcome",
    "error.type",
];

fn log() -> Vec<AgentEvent> {
    let text = fs::read_to_string(LOG).expect("readable");
    text.lines().map(|line| AgentEvent::from_json(line).expect("an event")).collect()
}

/// Input tokens, output tokens and nano-dollars, summed from the lines themselves: from each attempt, and
/// from each turn without attempts.
fn told() -> [u64; 3] {
    let text = fs::read_to_string(LOG).expect("readable");
    let mut sums = [0; 3];
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let (name, data) = (event["event"].as_str().unwrap_or_default(), &event["data"]);
        let is_turn = matches!(name, "agent.turn_completed" | "agent.turn_failed");
        let is_attempt = matches!(name, "agent.attempt_completed" | "agent.attempt_failed");
        if !is_attempt && (!is_turn || data["attempts"].is_u64()) {
            continue;
        }
        for (key, value) in data.as_object().into_iter().flatten() {
            let tokens = value.as_u64().unwrap_or(0);
            match key.as_str() {
                "output_tokens" | "output_audio_tokens" => sums[1] += tokens,
                "reasoning_tokens" => {}
                "cost_usd" => {
                    let cost = value.as_f64().expect("a number");
                    sums[2] += format!("{:.0}", cost * 1e9).parse::<u64>().expect("whole");
                }
                key if key.ends_with("_tokens") => sums[0] += tokens,
                _ => {}
            }
        }
    }
    sums
}

fn of_report(timeline: &Timeline) -> Spans {
    let json: Value = serde_json::from_str(&timeline.otlp_json()).expect("JSON");
    let scopes = json["resourceSpans"].as_array().into_iter().flatten();
    let spans = scopes.flat_map(|it| it["scopeSpans"].as_array().into_iter().flatten());
    let spans = spans.flat_map(|it| it["spans"].as_array().into_iter().flatten());
    spans
        .map(|span| {
            let attributes = span["attributes"].as_array().into_iter().flatten();
            let mut said: BTreeMap<_, _> = attributes
                .filter_map(|it| {
                    let key = it["key"].as_str()?.to_owned();
                    let value = it["value"].as_object()?.values().next()?;
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    COMMON.contains(&key.as_str()).then_some((key, text))
                })
                .collect();
            said.insert("name".into(), span["name"].as_str().unwrap_or_default().into());
            said.insert("failed".into(), (span["status"]["code"] == 2).to_string());
            (span["spanId"].as_str().unwrap_or_default().to_owned(), said)
        })
        .collect()
}

fn of_otel() -> Spans {
    let exporter = InMemorySpanExporter::default();
    let builder = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
    let provider = builder.with_id_generator(EventIds::default()).build();
    let log = fs::read(LOG).expect("readable");
    replay_log(provider.tracer("it"), OtelConfig::default(), &log[..]).expect("readable");
    let spans = exporter.get_finished_spans().expect("memory does not fail");
    spans
        .into_iter()
        .map(|span| {
            let attributes = span.attributes.iter();
            let mut said: BTreeMap<_, _> = attributes
                .filter(|it| COMMON.contains(&it.key.as_str()))
                .map(|it| (it.key.as_str().to_owned(), it.value.as_str().into_owned()))
                .collect();
            said.insert("name".into(), span.name.into_owned());
            let failed = matches!(span.status, opentelemetry::trace::Status::Error { .. });
            said.insert("failed".into(), failed.to_string());
            (span.span_context.span_id().to_string(), said)
        })
        .collect()
}

#[test]
fn tokens_and_cost_agree_in_every_reader() {
    let [read, written, cost] = told();
    assert!(read > 100_000 && cost > 0, "the log has cached input");
    let timeline = Timeline::read(log());
    let spent = timeline.stats().spent;
    assert_eq!(
        [spent.input_tokens, spent.output_tokens, spent.cost_nanousd],
        [read, written, cost]
    );

    let (_, text, _) = super::run(&["stats", LOG]);
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let line = text.lines().find(|line| line.starts_with("tokens")).expect("a line of tokens");
    let said: Vec<String> = line.split(['(', ')']).map(digits).collect();
    assert_eq!((&*said[0], &*said[2]), (&*read.to_string(), &*written.to_string()));

    let database = env::temp_dir().join(format!("techrevati-readers-{}.db", process::id()));
    let sink = SqliteSink::open(&database).expect("a database");
    sink.import(&fs::read(LOG).expect("readable")[..]).expect("imported");
    drop(sink);
    let connection = rusqlite::Connection::open(&database).expect("a database");
    for view in ["cost_by_role", "cost_by_session", "cost_by_model"] {
        let sums =
            format!("SELECT sum(input_tokens), sum(output_tokens), sum(cost_nanos) FROM {view}");
        let row: [i64; 3] = connection
            .query_row(&sums, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
            .expect("a row");
        let row = row.map(|sum| u64::try_from(sum).expect("no debt"));
        assert_eq!(row, [read, written, cost], "{view}");
    }
    drop(connection);
    fs::remove_file(&database).expect("it is there");
}

#[test]
fn both_projections_to_opentelemetry_agree() {
    let (report, otel) = (of_report(&Timeline::read(log())), of_otel());
    let (mut seen, mut failed) = (0, 0);
    for (id, said) in &otel {
        let Some(other) = report.get(id) else {
            panic!("span {id} is not in the report: {said:?}")
        };
        assert_eq!(said, other, "span {id}");
        seen += 1;
        failed += u32::from(said["failed"] == "true");
    }
    assert!(seen > 50 && failed > 5, "{seen} spans, {failed} failed");
}
