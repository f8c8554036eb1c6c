//! The OTLP JSON, against the rules of the format.

use std::collections::HashMap;

use runtime_events::AgentEventName;
use runtime_report::Timeline;
use serde_json::Value;

use crate::common::{Session, golden_events};

fn spans(timeline: &Timeline) -> Vec<Value> {
    let text = timeline.otlp_json();
    assert!(text.ends_with('\n') && text.lines().count() == 1);
    let root: Value = serde_json::from_str(&text).expect("as the format has it");
    root["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array()
        .expect("as the format has it")
        .clone()
}

fn is_hex(value: &Value, digits: usize) -> bool {
    let text = value.as_str().expect("as the format has it");
    text.len() == digits
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|byte| byte != b'0')
}

fn is_decimal(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<u64>().is_ok())
}

fn is_value(value: &Value) -> bool {
    let Some(object) = value.as_object().filter(|object| object.len() <= 1) else { return false };
    object.iter().all(|(kind, value)| match kind.as_str() {
        "stringValue" => value.is_string(),
        "boolValue" => value.is_boolean(),
        "intValue" => value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
        "doubleValue" => value.is_f64(),
        "arrayValue" => {
            value["values"].as_array().expect("as the format has it").iter().all(is_value)
        }
        _ => false,
    })
}

fn are_attributes(value: &Value) -> bool {
    value
        .as_array()
        .expect("as the format has it")
        .iter()
        .all(|one| one["key"].is_string() && is_value(&one["value"]))
}

type Rule = (&'static str, fn(&Value) -> bool);

const RULES: &[Rule] = &[
    ("traceId has 32 hexadecimal digits", |span| is_hex(&span["traceId"], 32)),
    ("spanId has 16", |span| is_hex(&span["spanId"], 16)),
    ("parentSpanId too, or none", |span| {
        span["parentSpanId"] == "" || is_hex(&span["parentSpanId"], 16)
    }),
    ("kind is a number", |span| matches!(span["kind"].as_u64(), Some(1 | 3))),
    ("times are decimal strings", |span| {
        is_decimal(&span["startTimeUnixNano"]) && is_decimal(&span["endTimeUnixNano"])
    }),
    ("the end is not before the start", |span| {
        let time = |key: &str| {
            span[key]
                .as_str()
                .expect("as the format has it")
                .parse::<u64>()
                .expect("as the format has it")
        };
        time("startTimeUnixNano") <= time("endTimeUnixNano")
    }),
    ("attributes are typed", |span| are_attributes(&span["attributes"])),
    ("keys of attributes are unique", |span| {
        let mut keys: Vec<_> = span["attributes"]
            .as_array()
            .expect("as the format has it")
            .iter()
            .map(|one| one["key"].as_str())
            .collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        keys.len() == all
    }),
    ("events have times, names and attributes", |span| {
        span["events"].as_array().expect("as the format has it").iter().all(|event| {
            is_decimal(&event["timeUnixNano"])
                && event["name"].is_string()
                && are_attributes(&event["attributes"])
        })
    }),
    ("the status is a number", |span| matches!(span["status"]["code"].as_u64(), Some(0 | 2))),
    ("no key is unknown", |span| {
        span.as_object().expect("as the format has it").keys().all(|key| {
            [
                "traceId",
                "spanId",
                "parentSpanId",
                "name",
                "kind",
                "startTimeUnixNano",
                "endTimeUnixNano",
                "attributes",
                "events",
                "status",
            ]
            .contains(&key.as_str())
        })
    }),
];

#[test]
fn every_span_keeps_every_rule() {
    for span in spans(&Timeline::read(golden_events())) {
        for (name, rule) in RULES {
            assert!(rule(&span), "{name}: {span:#}");
        }
    }
}

#[test]
fn operations_have_the_names_and_kinds_of_the_conventions() {
    let found: HashMap<String, u64> = spans(&Timeline::read(golden_events()))
        .iter()
        .map(|span| {
            (
                span["name"].as_str().expect("as the format has it").to_owned(),
                span["kind"].as_u64().expect("as the format has it"),
            )
        })
        .collect();
    for (name, kind) in [
        ("invoke_agent researcher", 1),
        ("chat gpt-5", 3),
        ("execute_tool search", 1),
        ("attempt", 1),
        ("wait backoff", 1),
    ] {
        assert_eq!(found.get(name), Some(&kind), "{name}");
    }
}

#[test]
fn a_child_session_is_of_its_parents_trace() {
    let spans = spans(&Timeline::read(golden_events()));
    let trace = |name: &str| {
        spans
            .iter()
            .find(|span| span["name"] == name)
            .map(|span| span["traceId"].clone())
            .expect("as the format has it")
    };
    assert_eq!(trace("invoke_agent researcher"), "728d8e8066bb44cd8e1c8942fa6474d6");
    assert_eq!(trace("invoke_agent fact_checker"), trace("invoke_agent researcher"));
    assert_ne!(trace("invoke_agent editor"), trace("invoke_agent researcher"));
}

#[test]
fn cached_input_is_input_and_failures_have_a_type() {
    let spans = spans(&Timeline::read(golden_events()));
    let attribute = |span: &Value, key: &str| {
        let attributes = span["attributes"].as_array().expect("as the format has it");
        attributes.iter().find(|one| one["key"] == key).map(|one| one["value"].clone())
    };
    let cached = spans.iter().find_map(|span| {
        attribute(span, "gen_ai.usage.cache_read.input_tokens")?;
        attribute(span, "gen_ai.usage.input_tokens")
    });
    assert_eq!(cached.expect("as the format has it")["intValue"], (3_100 + 2_048).to_string());
    let failed = spans
        .iter()
        .find(|span| span["name"] == "execute_tool write_file")
        .expect("as the format has it");
    assert_eq!(failed["status"]["code"], 2);
    assert_eq!(failed["status"]["message"], "disk <full> & \"quoted\"");
    assert_eq!(
        attribute(failed, "error.type").expect("as the format has it")["stringValue"],
        "tool_error"
    );
}

#[test]
fn an_id_that_is_no_trace_id_is_always_the_same_one() {
    let trace = |id: &str| {
        let mut session = Session::new(id, "writer");
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        spans(&Timeline::read(&session.events))[0]["traceId"].clone()
    };
    assert_eq!(trace("run 7"), trace("run 7"));
    assert_ne!(trace("run 7"), trace("run 8"));
    for id in ["run 7", "", "00000000000000000000000000000000", "日本"] {
        assert!(is_hex(&trace(id), 32), "{id}");
    }
}
