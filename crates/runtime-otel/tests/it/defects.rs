//! What the sink of the Python original gets wrong, each as a test of what must be.

use std::time::Duration;

use opentelemetry::Value;
use opentelemetry::trace::{SpanId as OtelSpanId, SpanKind, Status};
use runtime_events::{AgentEventName, Data, SpanOutcome};
use runtime_otel::{OtelConfig, SemconvProfile};

use crate::support::{Rig, Told, notes, said};

/// A turn of 250 ms and a tool of 30 ms.
fn run() -> Rig {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    writer.clock.advance(Duration::from_millis(249));
    let data = Data::new()
        .with("input_tokens", 100)
        .with("output_tokens", 20)
        .with("cache_read_tokens", 120_000)
        .with("cost_usd", 0.0);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok).with_data(data));
    let (tool, event) = writer.tool("search");
    rig.emit(&event);
    writer.clock.advance(Duration::from_millis(29));
    rig.emit(&writer.tool_ended(tool, SpanOutcome::Failed));
    rig.emit(&writer.ended(SpanOutcome::Ok));
    rig
}

#[test]
fn defect_01_a_span_is_as_long_as_its_operation() {
    let rig = run();
    let traces: Vec<_> = rig.spans().iter().map(|it| it.span_context.trace_id()).collect();
    assert!(traces.iter().all(|trace| *trace == traces[0]));
    let roots = rig.spans().into_iter().filter(|it| it.parent_span_id == OtelSpanId::INVALID);
    assert_eq!(roots.count(), 1);
    let tool = rig.span("execute_tool search");
    assert_eq!(tool.end_time.duration_since(tool.start_time).unwrap().as_millis(), 30);
}

#[test]
fn defect_02_the_required_metric_is_there() {
    let points = &run().metrics()["gen_ai.client.operation.duration"].points;
    assert_eq!(points[0].count, 1);
    assert!((points[0].sum - 0.25).abs() < 1e-9);
}

#[test]
fn defect_03_a_long_prompt_is_not_beyond_the_last_bucket() {
    let usage = &run().metrics()["gen_ai.client.token.usage"];
    assert!(usage.bounds.iter().any(|bound| *bound >= 120_100.0));
}

#[test]
fn defect_04_metrics_say_which_operation() {
    let metrics = run().metrics();
    for name in ["gen_ai.client.operation.duration", "gen_ai.client.token.usage"] {
        for point in &metrics[name].points {
            assert_eq!(point.said["gen_ai.operation.name"], "chat".into());
        }
    }
}

#[test]
fn defect_05_the_provider_is_the_maker_of_the_model() {
    let rig = run();
    assert_eq!(said(&rig.span("chat gpt-5"))["gen_ai.provider.name"], "openai".into());
    let all = rig.spans().into_iter().filter_map(|it| said(&it).remove("gen_ai.provider.name"));
    assert!(all.into_iter().all(|provider| provider == "openai".into()));
}

#[test]
fn defect_06_a_tool_has_its_name() {
    let tool = run().span("execute_tool search");
    assert_eq!(said(&tool)["gen_ai.tool.name"], "search".into());
}

#[test]
fn defect_07_a_start_creates_no_agent_and_changes_no_name() {
    let rig = run();
    assert!(rig.names().iter().all(|name| !name.contains("create_agent")));
    let agent = rig.span("invoke_agent writer");
    assert_eq!(said(&agent)["gen_ai.operation.name"], "invoke_agent".into());
}

#[test]
fn defect_08_kinds_and_ids_are_told_and_no_random_conversation() {
    let rig = run();
    assert_eq!(rig.span("chat gpt-5").span_kind, SpanKind::Client);
    for span in rig.spans() {
        assert!(!said(&span).contains_key("gen_ai.conversation.id"));
    }
    let rig = Rig::new();
    let mut writer = Told::new(1, "writer").labelled("conversation_id", "ticket-17");
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok));
    let (tool, event) = writer.tool("search");
    rig.emit(&event.with_data(Data::new().with("tool", "search").with("call_id", "call_9")));
    rig.emit(&writer.tool_ended(tool, SpanOutcome::Ok));
    rig.emit(&writer.ended(SpanOutcome::Ok));
    for name in ["chat gpt-5", "invoke_agent writer"] {
        assert_eq!(said(&rig.span(name))["gen_ai.conversation.id"], "ticket-17".into());
    }
    assert_eq!(said(&rig.span("execute_tool search"))["gen_ai.tool.call.id"], "call_9".into());
}

#[test]
fn defect_09_what_failed_has_the_status_of_an_error() {
    let rig = run();
    assert_eq!(rig.span("execute_tool search").status, Status::error(""));
    assert_eq!(rig.span("chat gpt-5").status, Status::Unset);
}

#[test]
fn defect_10_only_invocations_are_spans() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    for name in [
        AgentEventName::PhaseGateEvaluated,
        AgentEventName::RecoveryProviderSwitched,
        AgentEventName::HookPreTool,
        AgentEventName::BreakerChanged,
    ] {
        rig.emit(&writer.event(name));
    }
    rig.emit(&writer.ended(SpanOutcome::Ok));
    assert_eq!(rig.names(), ["invoke_agent writer"]);
    assert_eq!(notes(&rig.span("invoke_agent writer")).len(), 4);
}

#[test]
fn defect_11_times_of_spans_are_the_times_of_events() {
    // The clock of the session began long before this test.
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    let (begun, event) = (writer.started(), writer.ended(SpanOutcome::Ok));
    rig.emit(&begun);
    rig.emit(&event);
    let span = rig.span("invoke_agent writer");
    assert_eq!(span.start_time, begun.emitted_at.into());
    assert_eq!(span.end_time, event.emitted_at.into());
}

#[test]
fn defect_12_sessions_of_one_role_keep_their_own_spans() {
    let rig = Rig::new();
    let (mut one, mut other) = (Told::new(1, "writer"), Told::new(2, "writer"));
    rig.emit(&one.started());
    rig.emit(&other.started());
    // Even with the other's span in its hand.
    let mut stray = one.ended(SpanOutcome::Ok);
    stray.span = Some(other.root);
    rig.emit(&stray);
    assert_eq!(rig.spans().len(), 0);
    assert_eq!(rig.sink.stats().unmatched, 1);
    rig.emit(&one.ended(SpanOutcome::Ok));
    rig.emit(&other.ended(SpanOutcome::Failed));
    let ended: Vec<_> = rig.spans().iter().map(|it| it.status.clone()).collect();
    assert_eq!(ended, [Status::Unset, Status::error("")]);
}

#[test]
fn defect_13_parallel_calls_of_one_tool_keep_their_own_ends() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (slow, event) = writer.tool("search");
    rig.emit(&event);
    let (quick, event) = writer.tool("search");
    rig.emit(&event);
    writer.clock.advance(Duration::from_millis(9));
    rig.emit(&writer.tool_ended(quick, SpanOutcome::Failed));
    writer.clock.advance(Duration::from_millis(99));
    rig.emit(&writer.tool_ended(slow, SpanOutcome::Ok));
    let spans = rig.spans();
    let lengths: Vec<_> = spans
        .iter()
        .map(|it| (it.end_time.duration_since(it.start_time).unwrap().as_millis(), &it.status))
        .collect();
    assert_eq!(lengths, [(10, &Status::error("")), (111, &Status::Unset)]);
}

#[test]
fn defect_14_free_text_stays_at_home() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    rig.emit(&writer.ended(SpanOutcome::Failed).with_detail("the user's own words"));
    assert!(!format!("{:?}", rig.spans()).contains("words"));
}

#[test]
fn defect_15_open_spans_end_at_a_shutdown_and_in_a_replay() {
    let rig = Rig::new();
    let mut writer = Told::new(1, "writer");
    rig.emit(&writer.started());
    rig.emit(&writer.turn("gpt-5").1);
    assert_eq!(rig.spans().len(), 0);
    let traces = rig.traces;
    drop(rig.sink);
    let errors = traces.spans().iter().map(|it| said(it)["error.type"].clone()).collect::<Vec<_>>();
    assert_eq!(errors, ["abandoned".into(), "abandoned".into()]);
}

#[test]
fn defect_16_there_is_one_dialect() {
    for span in run().spans() {
        assert!(said(&span).keys().all(|key| !key.starts_with("agent.")), "{}", span.name);
    }
}

#[test]
fn defect_17_zero_costs_and_all_kinds_of_tokens_are_counted() {
    let rig = run();
    let cost = &rig.metrics()["techrevati.cost"];
    assert_eq!(cost.unit, "{USD}");
    assert_eq!(cost.points.len(), 1);
    let chat = said(&rig.span("chat gpt-5"));
    assert_eq!(chat["techrevati.cost_usd"], Value::F64(0.0));
    assert_eq!(chat["gen_ai.usage.input_tokens"], Value::I64(120_100));
    let new = Rig::with(OtelConfig::default().profile(SemconvProfile::GenAi0_1));
    assert_eq!(new.sink.stats().begun, 0);
}
