//! Which spans there are, where they are, and what is on them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::Value;
use opentelemetry::trace::{SpanId as OtelSpanId, SpanKind, Status};
use runtime_events::{AgentEventName, Data, SpanId, SpanOutcome};
use runtime_otel::{OtelConfig, SemconvProfile};
use runtime_sinks::EventSink;
use serde_json::json;

use crate::support::{Rig, Told, notes, said};

#[test]
fn turns_and_tools_are_inside_their_session() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok));
    let (tool, event) = writer.tool("search");
    rig.emit(&event);
    rig.emit(&writer.tool_ended(tool, SpanOutcome::Ok));
    rig.emit(&writer.ended(SpanOutcome::Ok));

    assert_eq!(rig.names(), ["chat gpt-5", "execute_tool search", "invoke_agent writer"]);
    let agent = rig.span("invoke_agent writer");
    assert_eq!(agent.parent_span_id, OtelSpanId::INVALID);
    for name in ["chat gpt-5", "execute_tool search"] {
        let span = rig.span(name);
        assert_eq!(span.parent_span_id, agent.span_context.span_id());
        assert!(!span.parent_span_is_remote);
        assert!(agent.start_time <= span.start_time && span.end_time <= agent.end_time);
        assert_eq!(span.end_time.duration_since(span.start_time).unwrap().as_millis(), 1);
    }
    assert_eq!(rig.sink.stats().open, 0);
}

#[test]
fn a_recovering_turn_is_one_chat_whatever_its_attempts() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("house-model");
    rig.emit(&event);
    for (number, provider, outcome) in
        [(1, "primary", SpanOutcome::Failed), (2, "openai", SpanOutcome::Ok)]
    {
        let data = Data::new()
            .with("model", "gpt-5-mini")
            .with("attempt", number)
            .with("provider", provider);
        let (attempt, event) = writer.attempt(turn, data.clone());
        rig.emit(&event);
        let name = match outcome {
            SpanOutcome::Ok => AgentEventName::AttemptCompleted,
            _ => AgentEventName::AttemptFailed,
        };
        rig.emit(&writer.end(name, attempt, Some(turn), outcome).with_data(data));
        if number == 1 {
            let event = writer.event(AgentEventName::RecoveryAttempted);
            let data = Data::new()
                .with("scenario", "provider_failure")
                .with("steps", json!(["switch_provider"]));
            rig.emit(&event.with_span(turn, Some(writer.root)).with_data(data));
        }
    }
    let data = Data::new().with("model", "house-model").with("attempts", 2);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok).with_data(data));
    rig.emit(&writer.ended(SpanOutcome::Ok));

    let chat = rig.span("chat house-model");
    assert_eq!(said(&chat)["gen_ai.response.model"], "gpt-5-mini".into());
    assert_eq!(said(&chat)["gen_ai.provider.name"], "openai".into());
    assert_eq!(said(&chat)["techrevati.attempts"], Value::I64(2));
    assert_eq!(notes(&chat), ["agent.recovery.attempted"]);
    let attempts: Vec<_> = rig.spans().into_iter().filter(|it| it.name == "attempt").collect();
    assert_eq!(attempts.len(), 2);
    for attempt in &attempts {
        assert_eq!(attempt.parent_span_id, chat.span_context.span_id());
        assert!(!said(attempt).keys().any(|key| key.starts_with("gen_ai.")));
    }
    assert_eq!(said(&attempts[0])["techrevati.provider"], "primary".into());
}

#[test]
fn a_child_session_is_inside_its_parent() {
    let (rig, mut lead) = (Rig::new(), Told::new(1, "lead"));
    rig.emit(&lead.started());
    let mut searcher = Told::below(2, "searcher", &lead);
    rig.emit(&searcher.started());
    rig.emit(&searcher.ended(SpanOutcome::Ok));
    rig.emit(&lead.ended(SpanOutcome::Ok));

    let (lead, searcher) = (rig.span("invoke_agent lead"), rig.span("invoke_agent searcher"));
    assert_eq!(searcher.parent_span_id, lead.span_context.span_id());
    assert_eq!(searcher.span_context.trace_id(), lead.span_context.trace_id());
}

#[test]
fn a_workflow_is_around_its_agent_and_not_its_children() {
    for (profile, key) in [
        (SemconvProfile::V1_41, "gen_ai.workflow.name"),
        (SemconvProfile::GenAi0_1, "gen_ai.agent.name"),
    ] {
        let rig = Rig::with(OtelConfig::default().profile(profile));
        let mut lead = Told::new(1, "lead").labelled("workflow", "nightly");
        rig.emit(&lead.started());
        let mut child = Told::below(2, "child", &lead).labelled("workflow", "nightly");
        rig.emit(&child.started());
        rig.emit(&child.ended(SpanOutcome::Ok));
        rig.emit(&lead.ended(SpanOutcome::Failed));

        let (workflow, agent) =
            (rig.span("invoke_workflow nightly"), rig.span("invoke_agent lead"));
        assert_eq!(agent.parent_span_id, workflow.span_context.span_id());
        assert_eq!(workflow.span_kind, SpanKind::Internal);
        assert_eq!(said(&workflow)[key], "nightly".into());
        assert_eq!(workflow.status, Status::error(""));
        assert_eq!(workflow.end_time, agent.end_time);
    }
}

#[test]
fn a_handoff_is_a_link_to_the_session_that_handed_over() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let data = Data::new().with("target_role", "editor").with("target_worker_id", "editor-1");
    rig.emit(&writer.event(AgentEventName::HandedOver).with_data(data));
    rig.emit(&writer.ended(SpanOutcome::Ok));
    let mut editor = Told::new(2, "editor");
    rig.emit(&editor.started().with_data(Data::new().with("worker_id", "editor-1")));
    rig.emit(&editor.ended(SpanOutcome::Ok));
    // Nobody handed anything to this one.
    let mut other = Told::new(3, "other");
    rig.emit(&other.started().with_data(Data::new().with("worker_id", "editor-1")));
    rig.emit(&other.ended(SpanOutcome::Ok));

    let (writer, editor) = (rig.span("invoke_agent writer"), rig.span("invoke_agent editor"));
    let links: Vec<_> = editor.links.iter().collect();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].span_context.span_id(), writer.span_context.span_id());
    assert_ne!(editor.span_context.trace_id(), writer.span_context.trace_id());
    assert_eq!(rig.span("invoke_agent other").links.len(), 0);
    assert_eq!(notes(&writer), ["agent.handed_over"]);
}

#[test]
fn a_handoff_to_an_open_session_is_the_same_link() {
    let (rig, mut editor) = (Rig::new(), Told::new(2, "editor"));
    rig.emit(&editor.started());
    let mut writer = Told::new(1, "writer");
    rig.emit(&writer.started());
    let data = Data::new().with("target_session", &*editor.id);
    rig.emit(&writer.event(AgentEventName::HandedOver).with_data(data));
    rig.emit(&writer.ended(SpanOutcome::Ok));
    rig.emit(&editor.ended(SpanOutcome::Ok));

    let (writer, editor) = (rig.span("invoke_agent writer"), rig.span("invoke_agent editor"));
    let links: Vec<_> = editor.links.iter().map(|it| it.span_context.span_id()).collect();
    assert_eq!((links, writer.links.len()), (vec![writer.span_context.span_id()], 0));
}

#[test]
fn a_handoff_of_the_original_is_a_link_without_its_context() {
    let rig = Rig::with(OtelConfig::default().details(true));
    let mut writer = Told::new(1, "writer");
    rig.emit(&writer.started());
    let handoff = json!({ "target_worker_id": "editor-1", "context": { "secret": "s3cr3t" } });
    rig.emit(&writer.ended(SpanOutcome::Ok).with_data(Data::new().with("handoff", handoff)));
    let mut editor = Told::new(2, "editor");
    rig.emit(&editor.started().with_data(Data::new().with("worker_id", "editor-1")));
    rig.emit(&editor.ended(SpanOutcome::Ok));

    assert_eq!(rig.span("invoke_agent editor").links.len(), 1);
    assert!(!format!("{:?}", rig.spans()).contains("s3cr3t"));
}

#[test]
fn an_event_inside_a_span_is_an_event_on_it() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let data = Data::new().with("from", "idle").with("to", "running");
    rig.emit(&writer.event(AgentEventName::StatusChanged).with_data(data));
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    let wait = writer.span();
    let data = Data::new().with("for", "backoff");
    let event = writer.event(AgentEventName::WaitStarted).with_span(wait, Some(turn));
    rig.emit(&event.with_data(data.clone()));
    let name = AgentEventName::WaitEnded;
    rig.emit(&writer.end(name, wait, Some(turn), SpanOutcome::Ok).with_data(data));
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok));
    // The budget's verdict: no span of its own, and it ends none.
    rig.emit(&writer.event(AgentEventName::AgentFailed));
    rig.emit(&writer.ended(SpanOutcome::Ok));

    assert_eq!(rig.names(), ["chat gpt-5", "invoke_agent writer"]);
    let agent = rig.span("invoke_agent writer");
    assert_eq!(notes(&agent), ["agent.status_changed", "agent.failed"]);
    assert_eq!(agent.status, Status::Unset);
    let chat = rig.span("chat gpt-5");
    let outcome = KeyValue::new("techrevati.outcome", "ok");
    assert!(chat.events.events[1].attributes.contains(&outcome), "{:?}", chat.events);
    assert_eq!(notes(&chat), ["agent.wait_started", "agent.wait_ended"]);
    assert_eq!(chat.events.iter().next().unwrap().attributes[0].value, "backoff".into());
    assert_eq!(rig.sink.stats().unmatched, 0);
}

#[test]
fn a_cancelled_span_has_not_failed() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Cancelled));
    rig.emit(&writer.ended(SpanOutcome::Cancelled));

    for span in rig.spans() {
        assert_eq!(span.status, Status::Unset);
        assert!(!said(&span).contains_key("error.type"));
        assert_eq!(said(&span)["techrevati.outcome"], "cancelled".into());
    }
    let durations = &rig.metrics()["gen_ai.client.operation.duration"].points;
    assert_eq!(durations[0].said["techrevati.outcome"], "cancelled".into());
}

#[test]
fn a_timeout_and_a_panic_say_so() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    for (outcome, expected) in [
        (SpanOutcome::TimedOut, "timeout"),
        (SpanOutcome::Panicked, "panic"),
        (SpanOutcome::Failed, "llm_error"),
    ] {
        let (tool, event) = writer.tool(expected);
        rig.emit(&event);
        rig.emit(&writer.tool_ended(tool, outcome));
        let span = rig.span(&format!("execute_tool {expected}"));
        assert_eq!(span.status, Status::error(""));
        assert_eq!(said(&span)["error.type"], expected.into());
    }
}

#[test]
fn spans_that_a_session_leaves_open_end_with_it() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    rig.emit(&writer.attempt(turn, Data::new()).1);
    rig.emit(&writer.ended(SpanOutcome::Ok));

    assert_eq!(rig.names(), ["attempt", "chat gpt-5", "invoke_agent writer"]);
    assert_eq!(said(&rig.span("chat gpt-5"))["error.type"], "abandoned".into());
    let stats = rig.sink.stats();
    assert_eq!((stats.open, stats.abandoned, stats.begun), (0, 2, 3));
}

#[test]
fn a_clock_that_is_set_back_moves_no_span() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    let mut event = writer.turn_ended(turn, SpanOutcome::Ok);
    event.emitted_at -= Duration::from_hours(24);
    rig.emit(&event);
    let mut event = writer.ended(SpanOutcome::Ok);
    event.emitted_at += Duration::from_hours(24 * 365 * 600);
    rig.emit(&event);

    let chat = rig.span("chat gpt-5");
    assert_eq!(chat.end_time.duration_since(chat.start_time).unwrap().as_millis(), 1);
    let agent = rig.span("invoke_agent writer");
    assert_eq!(agent.end_time.duration_since(agent.start_time).unwrap().as_millis(), 3);
}

#[test]
fn no_span_ends_before_it_begins_or_outside_its_parent() {
    let (rig, mut lead) = (Rig::new(), Told::new(1, "lead"));
    rig.emit(&lead.started());
    // A note of tomorrow.
    let mut event = lead.event(AgentEventName::BudgetMark);
    event.emitted_at += Duration::from_hours(48);
    event.elapsed = None;
    rig.emit(&event);
    // A child on a machine whose clock is a day behind; and without a monotonic one.
    let mut child = Told::below(2, "child", &lead);
    let mut event = child.started();
    event.emitted_at -= Duration::from_hours(24);
    event.elapsed = None;
    rig.emit(&event);
    let mut event = child.ended(SpanOutcome::Ok);
    event.emitted_at += Duration::from_hours(24);
    event.elapsed = None;
    rig.emit(&event);
    rig.emit(&lead.ended(SpanOutcome::Ok));

    let (lead, child) = (rig.span("invoke_agent lead"), rig.span("invoke_agent child"));
    assert!(lead.start_time <= child.start_time);
    assert!(lead.events.iter().all(|it| it.timestamp <= lead.end_time));
    assert!(child.start_time <= child.end_time && child.end_time <= lead.end_time);
}

#[test]
fn too_many_open_spans_are_refused_and_counted() {
    let rig = Rig::with(OtelConfig::default().max_open(NonZeroUsize::MIN));
    let mut writer = Told::new(1, "writer");
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    let error = rig.sink.emit(&Arc::new(event)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot begin a span: 1 are open, the most that `max_open` allows"
    );
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok));
    rig.emit(&writer.ended(SpanOutcome::Ok));

    let stats = rig.sink.stats();
    assert_eq!((stats.begun, stats.open, stats.refused, stats.unmatched), (1, 0, 1, 1));
}

#[test]
fn an_id_that_is_used_anew_ends_the_span_that_had_it() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    rig.emit(&writer.started());
    rig.emit(&writer.started());
    rig.emit(&writer.ended(SpanOutcome::Ok));
    let errors: Vec<_> = rig.spans().iter().map(|it| said(it).get("error.type").cloned()).collect();
    assert_eq!(errors, [Some("abandoned".into()), None]);
    assert_eq!(rig.sink.stats().open, 0);
}

#[test]
fn a_sink_that_comes_late_makes_the_spans_it_sees() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    let _ = writer.started();
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok));
    rig.emit(&writer.ended(SpanOutcome::Ok));
    assert_eq!(rig.names(), ["chat gpt-5"]);
    assert_eq!(rig.sink.stats().unmatched, 1);
}

#[test]
fn no_session_and_a_span_as_its_own_parent_do_no_harm() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    let mut event = writer.event(AgentEventName::LogOpened);
    event.session_id = None;
    rig.emit(&event);
    let span = SpanId::from_u64(7);
    rig.emit(&writer.event(AgentEventName::ToolCalled).with_span(span, Some(span)));
    rig.emit(&writer.tool_ended(span, SpanOutcome::Ok));
    assert_eq!(rig.names(), ["execute_tool unknown"]);
}

#[test]
fn details_are_told_only_when_asked_for() {
    for (errors, details) in [(false, false), (true, false), (false, true), (true, true)] {
        let rig = Rig::with(OtelConfig::default().errors(errors).details(details));
        let mut writer = Told::new(1, "writer");
        rig.emit(&writer.started());
        let (turn, event) = writer.turn("gpt-5");
        rig.emit(&event);
        let data = Data::new()
            .with("scenario", "llm_error")
            .with("reason", "secret in a reason")
            .with("unheard_of", "secret in a key");
        let event = writer.event(AgentEventName::RecoveryEscalated).with_span(turn, None);
        rig.emit(&event.with_data(data).with_detail("secret in a note"));
        let event = writer.turn_ended(turn, SpanOutcome::Failed);
        rig.emit(&event.with_detail("secret in an end"));
        rig.emit(&writer.ended(SpanOutcome::Failed).with_detail("secret at last"));

        let all = format!("{:?}", rig.spans());
        for text in ["reason", "key", "note"] {
            let told = all.matches(&format!("secret in a {text}")).count();
            assert_eq!(told, usize::from(details), "{all}");
        }
        // In the exception, and as the description of the status.
        for text in ["in an end", "at last"] {
            let told = all.matches(&format!("secret {text}")).count();
            assert_eq!(told, if errors { 2 } else { 0 }, "{all}");
        }
    }
}
