//! The conventions as tables, and what we make against them: names, kinds, attributes and their
//! types, metrics and their buckets; and nothing in `gen_ai.*` that they do not know.
//!
//! Sources: `open-telemetry/semantic-conventions` v1.41.1 (`docs/gen-ai`), and
//! `open-telemetry/semantic-conventions-genai` v0.1.0.

use std::collections::HashMap;

use opentelemetry::trace::SpanKind;
use opentelemetry::{Array, Value};
use opentelemetry_sdk::trace::SpanData;
use runtime_events::{AgentEventName, Data, SpanOutcome};
use runtime_otel::{OtelConfig, SemconvProfile};
use serde_json::json;

use crate::support::{Measured, Rig, Told, said};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text,
    Texts,
    Int,
}

/// A span: its name, its kind, what is required of it, and what else it may say.
struct Span {
    name: &'static str,
    kind: SpanKind,
    required: &'static [&'static str],
    others: Vec<&'static str>,
}

/// A metric: its name, unit, first and last bucket and how many, and what is required of it.
struct Metric {
    name: &'static str,
    unit: &'static str,
    buckets: Option<(f64, f64, usize)>,
    required: &'static [&'static str],
}

const CHAT: &[&str] = &[
    "gen_ai.request.model",
    "gen_ai.conversation.id",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
];

const TOOL: &[&str] = &[
    "gen_ai.tool.type",
    "gen_ai.tool.call.id",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
];

/// Of whatever has messages.
const MESSAGES: &[&str] =
    &["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"];

const AGENT: &[&str] = &["gen_ai.agent.name"];

fn spans(profile: SemconvProfile) -> [Span; 4] {
    let new = profile == SemconvProfile::GenAi0_1;
    [
        Span {
            name: "chat gpt-5",
            kind: SpanKind::Client,
            required: &["gen_ai.operation.name", "gen_ai.provider.name"],
            others: [CHAT, MESSAGES].concat(),
        },
        Span {
            name: "execute_tool search",
            kind: SpanKind::Internal,
            required: &["gen_ai.operation.name", "gen_ai.tool.name"],
            others: if new { [TOOL, AGENT].concat() } else { TOOL.to_vec() },
        },
        Span {
            name: "invoke_agent writer",
            kind: SpanKind::Internal,
            required: if new {
                &["gen_ai.operation.name"]
            } else {
                &["gen_ai.operation.name", "gen_ai.provider.name"]
            },
            others: [AGENT, &["gen_ai.conversation.id"], MESSAGES].concat(),
        },
        Span {
            name: "invoke_workflow nightly",
            kind: SpanKind::Internal,
            required: &["gen_ai.operation.name"],
            others: [if new { AGENT } else { &["gen_ai.workflow.name"] }, MESSAGES].concat(),
        },
    ]
}

/// Every `gen_ai.*` that is ever said, and its type.
const TYPES: &[(&str, Kind)] = &[
    ("gen_ai.agent.name", Kind::Text),
    ("gen_ai.conversation.id", Kind::Text),
    ("gen_ai.input.messages", Kind::Text),
    ("gen_ai.operation.name", Kind::Text),
    ("gen_ai.output.messages", Kind::Text),
    ("gen_ai.provider.name", Kind::Text),
    ("gen_ai.request.model", Kind::Text),
    ("gen_ai.response.finish_reasons", Kind::Texts),
    ("gen_ai.response.model", Kind::Text),
    ("gen_ai.system_instructions", Kind::Text),
    ("gen_ai.tool.call.arguments", Kind::Text),
    ("gen_ai.tool.call.id", Kind::Text),
    ("gen_ai.tool.call.result", Kind::Text),
    ("gen_ai.tool.name", Kind::Text),
    ("gen_ai.tool.type", Kind::Text),
    ("gen_ai.usage.cache_creation.input_tokens", Kind::Int),
    ("gen_ai.usage.cache_read.input_tokens", Kind::Int),
    ("gen_ai.usage.cache_write.input_tokens", Kind::Int),
    ("gen_ai.usage.input_tokens", Kind::Int),
    ("gen_ai.usage.output_tokens", Kind::Int),
    ("gen_ai.usage.reasoning.output_tokens", Kind::Int),
    ("gen_ai.workflow.name", Kind::Text),
];

const CALLS: Option<(f64, f64, usize)> = Some((0.01, 81.92, 14));
const TOKENS: Option<(f64, f64, usize)> = Some((1.0, 67_108_864.0, 14));
const COUNTS: Option<(f64, f64, usize)> = Some((1.0, 128.0, 8));
const CALL: &[&str] = &["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"];
const MODAL: &[&str] = &["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.token.modality"];

const V1_41: &[Metric] = &[
    Metric { name: "gen_ai.client.operation.duration", unit: "s", buckets: CALLS, required: CALL },
    Metric {
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        buckets: TOKENS,
        required: &["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.token.type"],
    },
];

const GEN_AI_0_1: &[Metric] = &[
    Metric { name: "gen_ai.client.inference.duration", unit: "s", buckets: CALLS, required: CALL },
    counter("gen_ai.client.inference.usage.input_tokens"),
    counter("gen_ai.client.inference.usage.output_tokens"),
    counter("gen_ai.client.inference.usage.cache_read.input_tokens"),
    counter("gen_ai.client.inference.usage.cache_write.input_tokens"),
    counter("gen_ai.client.inference.usage.reasoning.output_tokens"),
    Metric {
        name: "gen_ai.client.inference.operation.input_tokens",
        unit: "{token}",
        buckets: TOKENS,
        required: CALL,
    },
    Metric {
        name: "gen_ai.client.inference.operation.output_tokens",
        unit: "{token}",
        buckets: TOKENS,
        required: CALL,
    },
    Metric {
        name: "gen_ai.invoke_agent.duration",
        unit: "s",
        buckets: Some((0.1, 409.6, 13)),
        required: &["gen_ai.agent.name"],
    },
    Metric {
        name: "gen_ai.execute_tool.duration",
        unit: "s",
        buckets: CALLS,
        required: &["gen_ai.tool.name", "gen_ai.agent.name", "gen_ai.tool.type"],
    },
    Metric {
        name: "gen_ai.invoke_agent.inference_calls",
        unit: "{inference_call}",
        buckets: COUNTS,
        required: &["gen_ai.agent.name"],
    },
    Metric {
        name: "gen_ai.invoke_agent.tool_calls",
        unit: "{tool_call}",
        buckets: COUNTS,
        required: &["gen_ai.agent.name"],
    },
];

const fn counter(name: &'static str) -> Metric {
    Metric { name, unit: "{token}", buckets: None, required: MODAL }
}

/// A run that says everything there is to say.
fn run(profile: SemconvProfile, outcome: SpanOutcome) -> Rig {
    let rig = Rig::with(OtelConfig::default().profile(profile).contents(true));
    let mut writer = Told::new(1, "writer")
        .labelled("workflow", "nightly")
        .labelled("conversation_id", "conversation-5");
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    let data = Data::new().with("model", "gpt-5").with("attempt", 1).with("provider", "primary");
    let (attempt, event) = writer.attempt(turn, data.clone());
    rig.emit(&event);
    let asked = json!({ "system": "be brief", "messages": [{ "role": "user", "content": "hi" }] });
    rig.emit(&writer.content(attempt, "prompt", asked));
    let name = AgentEventName::AttemptCompleted;
    rig.emit(&writer.end(name, attempt, Some(turn), SpanOutcome::Ok).with_data(data));
    rig.emit(&writer.content(turn, "answer", json!("hello")));
    let spent = Data::new()
        .with("model", "gpt-5")
        .with("input_tokens", 100)
        .with("output_tokens", 50)
        .with("cache_read_tokens", 1_000)
        .with("cache_write_tokens", 10)
        .with("cache_write_1h_tokens", 1)
        .with("input_audio_tokens", 20_000)
        .with("reasoning_tokens", 40)
        .with("finish_reasons", json!(["stop", "length"]))
        .with("cost_usd", 0.25);
    rig.emit(&writer.turn_ended(turn, outcome).with_data(spent));
    let (tool, event) = writer.tool("search");
    rig.emit(&event.with_data(Data::new().with("tool", "search").with("call_id", "call_1")));
    rig.emit(&writer.content(tool, "arguments", json!({ "q": "agents" })));
    rig.emit(&writer.content(tool, "result", json!(["a page"])));
    rig.emit(&writer.tool_ended(tool, outcome));
    rig.emit(&writer.ended(outcome));
    rig
}

#[test]
fn spans_are_as_the_conventions_say() {
    for profile in [SemconvProfile::V1_41, SemconvProfile::GenAi0_1] {
        for outcome in [SpanOutcome::Ok, SpanOutcome::Failed] {
            let rig = run(profile, outcome);
            for expected in spans(profile) {
                check(&rig.span(expected.name), &expected, profile, outcome);
            }
            assert_eq!(rig.spans().len(), 5, "four and an attempt");
        }
    }
}

fn check(span: &SpanData, expected: &Span, profile: SemconvProfile, outcome: SpanOutcome) {
    assert_eq!(span.span_kind, expected.kind, "{}", span.name);
    let said = said(span);
    // What a failed turn has answered is not what the agent has.
    let is_agents =
        |key: &str| key == "gen_ai.output.messages" && expected.kind == SpanKind::Internal;
    let withheld = |key: &str| outcome != SpanOutcome::Ok && is_agents(key);
    for key in expected.required.iter().chain(&expected.others).filter(|key| !withheld(key)) {
        assert!(said.contains_key(*key), "{profile:?}: {} lacks {key}", span.name);
    }
    let written = match profile {
        SemconvProfile::GenAi0_1 => "gen_ai.usage.cache_write.input_tokens",
        _ => "gen_ai.usage.cache_creation.input_tokens",
    };
    for (key, value) in &said {
        if key.starts_with("gen_ai.") {
            let listed = expected.required.iter().chain(&expected.others).any(|it| it == key);
            let cached = key == written && span.span_kind == SpanKind::Client;
            assert!(listed || cached, "{profile:?}: {} says {key}", span.name);
            let kind = TYPES.iter().find(|(name, _)| name == key).map(|(_, kind)| *kind);
            let found = match value {
                Value::I64(_) => Kind::Int,
                Value::Array(Array::String(_)) => Kind::Texts,
                _ => Kind::Text,
            };
            assert_eq!(kind, Some(found), "{key}");
        } else {
            assert!(key.starts_with("techrevati.") || key == "error.type", "{key}");
        }
    }
    let (operation, _) = span.name.split_once(' ').expect("an operation, and of what");
    assert_eq!(said["gen_ai.operation.name"], operation.to_owned().into());
    assert_eq!(said.contains_key("error.type"), outcome != SpanOutcome::Ok);
}

#[test]
fn tokens_are_counted_as_the_conventions_count_them() {
    let said = said(&run(SemconvProfile::V1_41, SpanOutcome::Ok).span("chat gpt-5"));
    assert_eq!(said["gen_ai.usage.input_tokens"], Value::I64(21_111), "caches and audio included");
    assert_eq!(said["gen_ai.usage.output_tokens"], Value::I64(50));
    assert_eq!(said["gen_ai.usage.cache_read.input_tokens"], Value::I64(1_000));
    assert_eq!(said["gen_ai.usage.cache_creation.input_tokens"], Value::I64(11));
    assert_eq!(said["gen_ai.usage.reasoning.output_tokens"], Value::I64(40));
}

#[test]
fn metrics_are_as_the_conventions_say() {
    for (profile, table) in [(SemconvProfile::V1_41, V1_41), (SemconvProfile::GenAi0_1, GEN_AI_0_1)]
    {
        let metrics = run(profile, SpanOutcome::Failed).metrics();
        for expected in table {
            let found = metrics.get(expected.name);
            let found = found.unwrap_or_else(|| panic!("{profile:?} lacks {}", expected.name));
            measured(found, expected);
        }
        for (name, found) in &metrics {
            let known = table.iter().any(|it| it.name == name);
            assert!(known || name.starts_with("techrevati."), "{profile:?} has {name}");
            for point in &found.points {
                for key in point.said.keys() {
                    assert!(LOW.contains(&&**key), "{name} says {key}");
                }
            }
        }
    }
}

/// What metrics may say: nothing that is of one run.
const LOW: &[&str] = &[
    "error.type",
    "gen_ai.agent.name",
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.token.modality",
    "gen_ai.token.type",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "techrevati.outcome",
];

fn measured(found: &Measured, expected: &Metric) {
    let name = expected.name;
    assert_eq!(found.unit, expected.unit, "{name}");
    match expected.buckets {
        None => assert_eq!(found.bounds, [0.0; 0]),
        Some((first, last, count)) => {
            assert_eq!(found.bounds.len(), count, "{name}");
            let ends = (found.bounds.first().copied(), found.bounds.last().copied());
            assert_eq!(ends, (Some(first), Some(last)), "{name}");
            let factor = found.bounds[1] / found.bounds[0];
            for pair in found.bounds.windows(2) {
                assert!((pair[1] / pair[0] - factor).abs() < 1e-9, "{name}: {pair:?}");
            }
        }
    }
    assert!(!found.points.is_empty(), "{name}");
    for point in &found.points {
        for key in expected.required {
            assert!(point.said.contains_key(*key), "{name} lacks {key}");
        }
    }
}

#[test]
fn durations_on_metrics_are_the_durations_of_spans() {
    let rig = run(SemconvProfile::GenAi0_1, SpanOutcome::Ok);
    let metrics: HashMap<_, _> = rig.metrics();
    for (metric, span) in [
        ("gen_ai.client.inference.duration", "chat gpt-5"),
        ("gen_ai.execute_tool.duration", "execute_tool search"),
        ("gen_ai.invoke_agent.duration", "invoke_agent writer"),
    ] {
        let span = rig.span(span);
        let length = span.end_time.duration_since(span.start_time).unwrap().as_secs_f64();
        assert!((metrics[metric].points[0].sum - length).abs() < 1e-12, "{metric}");
    }
}

#[test]
fn a_failed_call_counts_with_no_tokens() {
    let rig = Rig::with(OtelConfig::default().profile(SemconvProfile::GenAi0_1));
    let mut writer = Told::new(1, "writer");
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Failed));
    let metrics = rig.metrics();
    let point = &metrics["gen_ai.client.inference.usage.input_tokens"].points[0];
    assert_eq!(point.said["gen_ai.token.modality"], "unknown".into());
    assert!(point.sum.abs() < f64::EPSILON);
}

#[test]
fn an_unknown_provider_is_left_out() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("house-model");
    rig.emit(&event);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok));
    rig.emit(&writer.ended(SpanOutcome::Ok));
    for span in rig.spans() {
        assert!(!said(&span).contains_key("gen_ai.provider.name"), "{}", span.name);
    }
}

#[test]
fn a_configured_provider_wins() {
    let rig = Rig::with(OtelConfig::default().provider("azure.ai.openai"));
    let mut writer = Told::new(1, "writer");
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok));
    rig.emit(&writer.ended(SpanOutcome::Ok));
    for span in rig.spans() {
        assert_eq!(said(&span)["gen_ai.provider.name"], "azure.ai.openai".into());
    }
}
