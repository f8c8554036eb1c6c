//! OTLP/JSON: against the rules of the format, and against what the SDK exports.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use runtime_events::{AgentEvent, AgentEventName, Data, SpanOutcome};
use runtime_otel::{OtelConfig, otlp_json, replay, write_otlp_json};
use serde_json::{Value as Json, json};

use crate::support::{Told, Traces, telling};

const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn golden_log() -> PathBuf {
    Path::new(CRATES).join("runtime-report/tests/it/golden/run.jsonl")
}

/// A log that earlier code wrote, and what the orchestrator writes.
fn logs() -> Vec<PathBuf> {
    let written = Path::new(CRATES).join("runtime-orchestrator/tests/it/golden");
    let written = fs::read_dir(written).expect("readable").map(|it| it.expect("readable").path());
    let mut logs: Vec<_> =
        written.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).collect();
    assert!(logs.len() > 15, "{logs:?}");
    logs.push(Path::new(CRATES).join("techrevati-runtime/tests/frozen/log.jsonl"));
    logs.push(golden_log());
    logs
}

fn events(log: &Path) -> Vec<AgentEvent> {
    let text = fs::read_to_string(log).expect("readable");
    text.lines().map(|line| AgentEvent::from_json(line).expect("an event")).collect()
}

/// The spans of the one line.
pub(crate) fn spans(config: OtelConfig, events: &[AgentEvent]) -> Vec<Json> {
    let line = otlp_json(config, events);
    assert!(line.ends_with('\n') && line.lines().count() == 1);
    let mut root: Json = serde_json::from_str(&line).expect("JSON");
    match root["resourceSpans"][0]["scopeSpans"][0]["spans"].take() {
        Json::Array(spans) => spans,
        other => panic!("{other}"),
    }
}

/// What the SDK exports, in the words of the format.
pub(crate) fn exported(span: &SpanData) -> Json {
    let parent = Some(span.parent_span_id).filter(|parent| *parent != SpanId::INVALID);
    let events = span.events.iter().map(|it| {
        json!({
            "timeUnixNano": nanos(it.timestamp),
            "name": it.name,
            "attributes": attributes(&it.attributes),
        })
    });
    let links = span.links.iter().map(|it| {
        json!({
            "traceId": it.span_context.trace_id().to_string(),
            "spanId": it.span_context.span_id().to_string(),
            "attributes": attributes(&it.attributes),
        })
    });
    json!({
        "traceId": span.span_context.trace_id().to_string(),
        "spanId": span.span_context.span_id().to_string(),
        "parentSpanId": parent.map(|it| it.to_string()).unwrap_or_default(),
        "name": span.name,
        "kind": if span.span_kind == SpanKind::Client { 3 } else { 1 },
        "startTimeUnixNano": nanos(span.start_time),
        "endTimeUnixNano": nanos(span.end_time),
        "attributes": attributes(&span.attributes),
        "events": events.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "status": match &span.status {
            Status::Error { description } => json!({ "code": 2, "message": description }),
            _ => json!({}),
        },
    })
}

fn nanos(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).expect("since 1970").as_nanos().to_string()
}

fn attributes(said: &[KeyValue]) -> Vec<Json> {
    said.iter().map(|it| json!({ "key": it.key.as_str(), "value": value(&it.value) })).collect()
}

fn value(value: &Value) -> Json {
    match value {
        Value::Bool(mark) => json!({ "boolValue": mark }),
        Value::I64(number) => json!({ "intValue": number.to_string() }),
        Value::F64(number) => json!({ "doubleValue": number }),
        Value::Array(Array::String(texts)) => {
            let texts = texts.iter().map(|it| json!({ "stringValue": it.as_str() }));
            json!({ "arrayValue": { "values": texts.collect::<Vec<_>>() } })
        }
        other => json!({ "stringValue": other.as_str() }),
    }
}

#[test]
fn otlp_json_of_a_log_has_the_spans_of_the_sdk() {
    let (mut seen, mut failed, mut notes, mut links) = (0, 0, 0, 0);
    for log in logs() {
        for config in [OtelConfig::default(), telling()] {
            let events = events(&log);
            let traces = Traces::new();
            replay(traces.tracer(), config.clone(), &events);
            let exported: Vec<_> = traces.spans().iter().map(exported).collect();
            let spans = spans(config, &events);
            assert_eq!(spans.len(), exported.len(), "{}", log.display());
            for (span, exported) in spans.iter().zip(&exported) {
                assert_eq!(span, exported, "{}", log.display());
                seen += 1;
                failed += usize::from(span["status"]["code"] == 2);
                notes += span["events"].as_array().map_or(0, Vec::len);
                links += span["links"].as_array().map_or(0, Vec::len);
            }
        }
    }
    assert!(
        seen > 300 && failed > 50 && notes > 500 && links > 1,
        "{seen} {failed} {notes} {links}"
    );
}

type Rule = (&'static str, fn(&Json) -> bool);

/// Of `opentelemetry-proto`, and of protobuf's JSON.
const RULES: &[Rule] = &[
    ("`traceId` is 32 hexadecimal digits", |span| is_hex(&span["traceId"], 32)),
    ("`spanId` is 16", |span| is_hex(&span["spanId"], 16)),
    ("`parentSpanId` too, or empty", |span| {
        span["parentSpanId"] == "" || is_hex(&span["parentSpanId"], 16)
    }),
    ("`kind` is a number", |span| matches!(span["kind"].as_u64(), Some(1..=5))),
    ("times are decimal digits, the end not before the start", |span| {
        let (start, end) = (time(&span["startTimeUnixNano"]), time(&span["endTimeUnixNano"]));
        start.is_some() && start <= end
    }),
    ("attributes are typed, with keys that are unique", |span| are_attributes(span)),
    ("events have times, names and attributes", |span| {
        all(&span["events"], |event| {
            time(&event["timeUnixNano"]).is_some()
                && event["name"].is_string()
                && are_attributes(event)
        })
    }),
    ("links have ids and attributes", |span| {
        all(&span["links"], |link| {
            is_hex(&link["traceId"], 32) && is_hex(&link["spanId"], 16) && are_attributes(link)
        })
    }),
    ("the status is a number, or there is none", |span| {
        let status = &span["status"];
        *status == json!({}) || (status["code"] == 2 && status["message"].is_string())
    }),
    ("no key is unknown", |span| {
        let keys = span.as_object().into_iter().flat_map(serde_json::Map::keys);
        keys.map(String::as_str).all(|key| KEYS.contains(&key))
    }),
];

/// The first rule that a span breaks.
pub(crate) fn broken_rule(span: &Json) -> Option<&'static str> {
    RULES.iter().find(|(_, rule)| !rule(span)).map(|(name, _)| *name)
}

const KEYS: &[&str] = &[
    "traceId",
    "spanId",
    "parentSpanId",
    "name",
    "kind",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "attributes",
    "events",
    "links",
    "status",
];

fn all(list: &Json, rule: impl Fn(&Json) -> bool) -> bool {
    list.as_array().is_some_and(|list| list.iter().all(rule))
}

fn is_hex(value: &Json, digits: usize) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == digits
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && text.bytes().any(|byte| byte != b'0')
    })
}

fn time(value: &Json) -> Option<u64> {
    value.as_str()?.parse().ok()
}

fn are_attributes(holder: &Json) -> bool {
    let attributes = holder["attributes"].as_array().map_or(&[][..], Vec::as_slice);
    let mut keys: Vec<_> = attributes.iter().map(|one| one["key"].as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len() == attributes.len()
        && !keys.contains(&None)
        && all(&holder["attributes"], |one| is_value(&one["value"]))
}

fn is_value(value: &Json) -> bool {
    let Some(object) = value.as_object().filter(|object| object.len() == 1) else { return false };
    object.iter().all(|(kind, value)| match kind.as_str() {
        "stringValue" => value.is_string(),
        "boolValue" => value.is_boolean(),
        "intValue" => value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
        "doubleValue" => value.is_f64(),
        "arrayValue" => all(&value["values"], is_value),
        _ => false,
    })
}

#[test]
fn every_span_keeps_every_rule_of_the_format() {
    for log in logs() {
        for span in spans(telling(), &events(&log)) {
            assert_eq!(broken_rule(&span), None, "{}: {span:#}", log.display());
        }
    }
}

/// After a change that is meant, `UPDATE_GOLDEN=1` writes the file anew; look at the difference.
#[test]
fn the_file_of_a_log_is_as_it_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/run.otlp.jsonl");
    let line = otlp_json(telling(), events(&golden_log()));
    let version = |version: &str| format!(r#""version":"{version}""#);
    let found = line.replace(&version(env!("CARGO_PKG_VERSION")), &version("0.0.0"));
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).expect("writable");
    }
    let golden = fs::read_to_string(&path).expect("readable");
    let differs = golden.bytes().zip(found.bytes()).position(|(golden, found)| golden != found);
    assert!(golden == found, "it differs, first at byte {differs:?}");
}

#[test]
fn hostile_text_stays_text_in_one_line() {
    for attack in
        ["</script>", "\"},{\"", "a\nb\r\u{2028}", "\u{0}\u{1b}[31m", "\\u0022", "日本\u{202e}"]
    {
        let mut writer = Told::new(1, "writer").labelled(attack, attack);
        let mut said = vec![writer.started()];
        let (turn, event) = writer.turn(attack);
        said.push(event);
        let data = Data::new().with(attack, attack);
        let event = writer.event(AgentEventName::BudgetMark).with_span(turn, None);
        said.push(event.with_data(data).with_detail(attack));
        said.push(writer.turn_ended(turn, SpanOutcome::Failed).with_detail(attack));
        let spans = spans(telling(), &said);
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[0]["name"], format!("chat {attack}"));
        assert_eq!(spans[0]["status"]["message"], attack);
        let data =
            json!({ "key": format!("techrevati.{attack}"), "value": { "stringValue": attack } });
        assert_eq!(spans[0]["events"][0]["attributes"][0], data);
    }
}

#[test]
fn a_handoff_to_an_open_session_is_a_link() {
    let (mut editor, mut writer) = (Told::new(2, "editor"), Told::new(1, "writer"));
    let data = Data::new().with("target_session", &*editor.id);
    let events = [
        editor.started(),
        writer.started(),
        writer.event(AgentEventName::HandedOver).with_data(data),
        writer.ended(SpanOutcome::Ok),
        editor.ended(SpanOutcome::Ok),
    ];
    let spans = spans(OtelConfig::default(), &events);
    let [link] = spans[1]["links"].as_array().expect("links").as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!((&link["traceId"], &link["spanId"]), (&spans[0]["traceId"], &spans[0]["spanId"]));
    let kind = json!([{ "key": "techrevati.link", "value": { "stringValue": "handoff" } }]);
    assert_eq!(link["attributes"], kind);
}

#[test]
fn no_events_give_a_file_without_spans() {
    assert_eq!(spans(OtelConfig::default(), &[]), [Json::Null; 0]);
}

#[test]
fn written_spans_leave_memory_while_events_are_read() {
    use std::cell::Cell;
    use std::io::{self, Write};
    use std::rc::Rc;

    /// Counts the bytes that have come.
    struct Counter(Rc<Cell<usize>>);
    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let written = Rc::new(Cell::new(0));
    let seen = Rc::clone(&written);
    let log = events(&golden_log());
    let whole = otlp_json(OtelConfig::default(), &log).len();
    let mut before_the_last = 0;
    let read = log.iter().inspect(|_| before_the_last = seen.get());
    write_otlp_json(OtelConfig::default(), read, Counter(Rc::clone(&written))).unwrap();
    assert_eq!(written.get(), whole);
    assert!(before_the_last > whole / 2, "{before_the_last} of {whole} bytes");
}

/// The receiver of a collector cuts lines of more than a mebibyte.
#[test]
fn long_file_has_lines_that_a_collector_reads() {
    let mut writer = Told::new(1, "writer");
    let mut said = vec![writer.started()];
    for turn in 0..50 {
        let (turn, event) = writer.turn(&format!("model-{turn}"));
        said.push(event);
        said.push(writer.turn_ended(turn, SpanOutcome::Failed).with_detail("é".repeat(30_000)));
    }
    said.push(writer.ended(SpanOutcome::Ok));
    let text = otlp_json(telling(), &said);
    let mut names = Vec::new();
    for line in text.lines() {
        assert!(line.len() < 1 << 20, "{} bytes", line.len());
        let mut root: Json = serde_json::from_str(line).expect("JSON");
        let scope = root["resourceSpans"][0]["scopeSpans"][0].take();
        assert_eq!(scope["scope"]["name"], "runtime-otel");
        let spans = scope["spans"].as_array().expect("spans").clone();
        assert!(!spans.is_empty());
        names.extend(spans.into_iter().map(|it| it["name"].as_str().expect("a name").to_owned()));
    }
    assert!(text.ends_with('\n') && text.lines().count() > 3);
    let turns = (0..50).map(|turn| format!("chat model-{turn}"));
    assert_eq!(names, turns.chain(["invoke_agent writer".to_owned()]).collect::<Vec<_>>());
}

#[test]
fn failing_writer_ends_the_reading() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut read = 0;
    let log = events(&golden_log());
    let counted = log.iter().inspect(|_| read += 1);
    let error = write_otlp_json(OtelConfig::default(), counted, Full).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(read < 2, "{read} events were read for nothing");
}
