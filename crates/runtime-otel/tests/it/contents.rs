//! Captured contents, the texts of errors, and what viewers read under names of their own.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::HashMap;

use opentelemetry::Value;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use runtime_events::{ManualClock, SpanOutcome};
use runtime_orchestrator::{BoxError, Capture, Orchestrator, TelemetryConfig, ToolCall, Turn};
use runtime_otel::{OtelConfig, Viewer, otlp_json, replay_log};
use runtime_sinks::EventFanOut;
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{ModelPricing, PricingTable, UsageSnapshot, Usd};
use serde_json::{Value as Json, json};

use crate::live::{block_on, logged};
use crate::support::{Rig, Told, Traces, notes, said};

/// Two turns, the first of which is tried twice, and two tools, the last of which fails.
fn run(config: OtelConfig) -> (Rig, RecordingEventSink) {
    let (rig, log) = (Rig::with(config), RecordingEventSink::new());
    let (prices, price) = (PricingTable::new(), Usd::from_dollars);
    prices.register("gpt-5", ModelPricing::per_million(price(1), price(10))).unwrap();
    let orchestrator = Orchestrator::new("writer", "draft")
        .label("user", "ada")
        .label("chat", "chat-7")
        .label("workflow", "nightly")
        .pricing(prices)
        .telemetry(TelemetryConfig::default().capture(Capture::unredacted()))
        .event_sink(EventFanOut::new().with(rig.sink.clone()).with(log.clone()))
        .time(ManualClock::skipping());
    block_on(async {
        let session = orchestrator.session().unwrap();
        let asked = json!({
            "system": "be brief",
            "messages": [{ "role": "user", "content": "what rhymes with s3cr3t?" }]
        });
        let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(120, 30)).guarded(asked);
        let answer = json!({ "role": "assistant", "content": [
            { "type": "tool_use", "id": "call_9", "name": "search", "input": { "q": "s3cr3t" } }
        ] });
        let tries = std::cell::Cell::new(0);
        let call = async |_| {
            tries.set(tries.get() + 1);
            match tries.get() {
                1 => Err(BoxError::from("503 the s3cr3t service is overloaded")),
                _ => Ok(answer.clone()),
            }
        };
        session.run_turn_recovering(turn, call).await.unwrap();
        let call = ToolCall::new("search").call_id("call_9").args(json!({ "q": "s3cr3t" }));
        session.run_tool(call, async || Ok::<_, BoxError>("s3cr3t pages")).await.unwrap();
        let broken = ToolCall::new("print").args(json!({ "copies": 2 }));
        let failed = async || Err::<(), _>(BoxError::from("no s3cr3t paper"));
        session.run_tool(broken, failed).await.unwrap_err();
        let turn = Turn::model("gpt-5-mini").guarded("and now?");
        session.run_turn(turn, async || Ok::<_, BoxError>("the s3cr3t is out")).await.unwrap();
        session.complete().unwrap();
    });
    (rig, log)
}

fn everything() -> OtelConfig {
    let config = OtelConfig::default().contents(true).errors(true).details(true);
    let config = config.user_label("user").session_label("chat");
    config.viewer(Viewer::Langfuse).viewer(Viewer::Mlflow).viewer(Viewer::OpenInference)
}

fn json_of(said: &HashMap<String, Value>, key: &str) -> Json {
    serde_json::from_str(&said[key].as_str()).unwrap_or_else(|error| panic!("{key}: {error}"))
}

fn text(role: &str, text: &str) -> Json {
    json!({ "role": role, "parts": [{ "type": "text", "content": text }] })
}

#[test]
fn contents_are_the_attributes_of_the_conventions() {
    let (rig, _) = run(OtelConfig::default().contents(true));
    let chat = said(&rig.span("chat gpt-5"));
    let system = json!([{ "type": "text", "content": "be brief" }]);
    let asked = json!([text("user", "what rhymes with s3cr3t?")]);
    assert_eq!(json_of(&chat, "gen_ai.system_instructions"), system);
    assert_eq!(json_of(&chat, "gen_ai.input.messages"), asked);
    let answered = json!([{ "role": "assistant", "finish_reason": "tool_call", "parts": [
        { "type": "tool_call", "id": "call_9", "name": "search", "arguments": { "q": "s3cr3t" } }
    ] }]);
    assert_eq!(json_of(&chat, "gen_ai.output.messages"), answered);

    let tool = said(&rig.span("execute_tool search"));
    assert_eq!(tool["gen_ai.tool.call.id"], "call_9".into());
    assert_eq!(json_of(&tool, "gen_ai.tool.call.arguments"), json!({ "q": "s3cr3t" }));
    assert_eq!(tool["gen_ai.tool.call.result"], "s3cr3t pages".into());
    let broken = said(&rig.span("execute_tool print"));
    assert_eq!(json_of(&broken, "gen_ai.tool.call.arguments"), json!({ "copies": 2 }));
    assert!(!broken.contains_key("gen_ai.tool.call.result"));

    // The agent, and the workflow around it: what was asked first, and answered last.
    for name in ["invoke_agent writer", "invoke_workflow nightly"] {
        let agent = said(&rig.span(name));
        assert_eq!(json_of(&agent, "gen_ai.system_instructions"), system, "{name}");
        assert_eq!(json_of(&agent, "gen_ai.input.messages"), asked, "{name}");
        let mut last = text("assistant", "the s3cr3t is out");
        last["finish_reason"] = "stop".into();
        assert_eq!(json_of(&agent, "gen_ai.output.messages"), json!([last]), "{name}");
    }
    for attempt in rig.spans().iter().filter(|span| span.name == "attempt") {
        assert!(said(attempt).keys().all(|key| !key.starts_with("gen_ai.")), "{attempt:?}");
    }
}

#[test]
fn a_refused_answer_is_the_turns_and_not_the_agents() {
    let rig = Rig::with(OtelConfig::default().contents(true));
    let mut writer = Told::new(1, "writer");
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    rig.emit(&writer.content(turn, "answer", json!("unfit")));
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Failed));
    rig.emit(&writer.ended(SpanOutcome::Failed));
    assert!(said(&rig.span("chat gpt-5")).contains_key("gen_ai.output.messages"));
    assert!(!said(&rig.span("invoke_agent writer")).contains_key("gen_ai.output.messages"));
}

/// Which of the switches lets which text out.
#[test]
fn contents_errors_and_details_have_switches_of_their_own() {
    let place = |spans: &[SpanData]| {
        let attributes = |it: &SpanData| format!("{:?}", it.attributes).contains("s3cr3t");
        let status = |it: &SpanData| format!("{:?}", it.status).contains("s3cr3t");
        let events = |it: &SpanData| format!("{:?}", it.events).contains("s3cr3t");
        [spans.iter().any(attributes), spans.iter().any(status), spans.iter().any(events)]
    };
    let none = OtelConfig::default();
    for (config, [attributes, status, events]) in [
        (none.clone(), [false, false, false]),
        (none.clone().contents(true), [true, false, false]),
        (none.clone().errors(true), [false, true, true]),
        // No text of this run is a detail only: the contents are not, and errors are not.
        (none.details(true), [false, false, false]),
    ] {
        let (rig, _) = run(config.clone());
        assert_eq!(place(&rig.spans()), [attributes, status, events], "{config:?}");
    }
}

#[test]
fn what_failed_has_an_exception() {
    for errors in [false, true] {
        let (rig, _) = run(OtelConfig::default().errors(errors));
        let tool = rig.span("execute_tool print");
        let exception = tool.events.iter().find(|event| event.name == "exception").unwrap();
        let told = crate::support::keyed(exception.attributes.clone());
        assert_eq!(told["exception.type"], "tool_error".into());
        let message = errors.then(|| Value::from("no s3cr3t paper"));
        assert_eq!(told.get("exception.message").cloned(), message);
        let status = if errors { "no s3cr3t paper" } else { "" };
        assert_eq!(tool.status, Status::error(status));
        // The first attempt failed, the turn did not.
        let failed = rig.spans().into_iter().filter(|span| notes(span).contains(&"exception"));
        let failed: Vec<_> = failed.map(|span| span.name.into_owned()).collect();
        assert_eq!(failed, ["attempt", "execute_tool print"]);
    }
}

#[test]
fn whose_a_span_is_is_on_every_span() {
    let (rig, _) = run(OtelConfig::default().user_label("user").session_label("chat"));
    assert!(rig.spans().len() > 6);
    for span in rig.spans() {
        let told = said(&span);
        assert_eq!((&told["user.id"], &told["session.id"]), (&"ada".into(), &"chat-7".into()));
    }
    let (rig, _) = run(OtelConfig::default().user_label("nobody"));
    for span in rig.spans() {
        let told = said(&span);
        assert!(!told.contains_key("user.id") && !told.contains_key("session.id"), "{told:?}");
    }
}

#[test]
fn what_lists_of_spans_show_is_on_every_span_with_content() {
    let config = OtelConfig::default().contents(true);
    let (rig, _) = run(config.clone().viewer(Viewer::OpenInference));
    let question = "what rhymes with s3cr3t?";
    let call = r#"[{"arguments":{"q":"s3cr3t"},"id":"call_9","name":"search","type":"tool_call"}]"#;
    let (text, json) = ("text/plain", "application/json");
    for (name, input, output) in [
        ("invoke_agent writer", (question, text), Some(("the s3cr3t is out", text))),
        ("invoke_workflow nightly", (question, text), Some(("the s3cr3t is out", text))),
        ("chat gpt-5", (question, text), Some((call, json))),
        ("execute_tool search", (r#"{"q":"s3cr3t"}"#, json), Some(("s3cr3t pages", text))),
        ("execute_tool print", (r#"{"copies":2}"#, json), None),
    ] {
        let told = said(&rig.span(name));
        let shown = |of: &str| {
            let get = |key: &str| told.get(&format!("{of}.{key}")).map(ToString::to_string);
            get("value").zip(get("mime_type"))
        };
        let owned = |(value, kind): (&str, &str)| (value.to_owned(), kind.to_owned());
        assert_eq!(
            (shown("input"), shown("output")),
            (Some(owned(input)), output.map(owned)),
            "{name}"
        );
    }
    let (rig, _) = run(config);
    assert!(rig.spans().iter().all(|span| !said(span).contains_key("input.value")));
}

#[test]
fn the_cost_of_a_turn_is_where_a_viewer_reads_it() {
    let keys = ["gen_ai.usage.cost", "mlflow.llm.cost", "llm.cost.total"];
    let (rig, _) = run(everything());
    let chat = said(&rig.span("chat gpt-5"));
    let Value::F64(cost) = chat["techrevati.cost_usd"] else { panic!("{chat:?}") };
    assert!((cost - 0.000_42).abs() < 1e-9, "{cost}");
    assert_eq!((&chat[keys[0]], &chat[keys[2]]), (&cost.into(), &cost.into()));
    assert_eq!(json_of(&chat, keys[1]), json!({ "total_cost": cost }));
    for span in rig.spans().iter().filter(|span| !span.name.starts_with("chat")) {
        assert!(keys.iter().all(|key| !said(span).contains_key(*key)), "{}", span.name);
    }
    let (rig, _) = run(OtelConfig::default());
    assert!(keys.iter().all(|key| !said(&rig.span("chat gpt-5")).contains_key(*key)));
}

#[test]
fn live_spans_a_replay_and_the_file_say_the_same() {
    let (rig, log) = run(everything());
    let lines: String = logged(&log).iter().map(|event| event.to_json() + "\n").collect();
    let traces = Traces::new();
    replay_log(traces.tracer(), everything(), lines.as_bytes()).unwrap();
    let attributes = |spans: Vec<SpanData>| -> Vec<_> {
        spans.iter().map(|span| (span.name.clone(), said(span))).collect()
    };
    let (live, replayed) = (attributes(rig.spans()), attributes(traces.spans()));
    assert_eq!(live, replayed);
    let file: Json = serde_json::from_str(&otlp_json(everything(), logged(&log))).unwrap();
    let spans = file["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans.len(), live.len());
    for (span, (name, told)) in spans.iter().zip(&live) {
        assert_eq!(span["name"], **name);
        for attribute in span["attributes"].as_array().unwrap() {
            let told = &told[attribute["key"].as_str().unwrap()];
            if let Some(text) = attribute["value"]["stringValue"].as_str() {
                assert_eq!(text, told.as_str());
            }
        }
        assert_eq!(span["attributes"].as_array().unwrap().len(), told.len());
    }
}
