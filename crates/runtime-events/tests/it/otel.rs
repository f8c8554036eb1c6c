//! An event as OpenTelemetry attributes.

use runtime_events::otel::AttributeValue;
use runtime_events::{AgentEvent, AgentFailureClass, Data, SpanId};

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.to_owned())
}

fn event() -> AgentEvent {
    let json =
        r#"{"event":"agent.failed","status":"failed","emitted_at":"2026-05-20T12:00:00.5+00:00"}"#;
    AgentEvent::from_json(json).expect("it has all it needs")
}

#[test]
fn event_with_nothing_set_has_three_attributes() {
    assert_eq!(
        event().to_otel_attributes(),
        [
            ("agent.event", text("agent.failed")),
            ("agent.event.status", text("failed")),
            ("agent.event.timestamp", text("2026-05-20T12:00:00.500000+00:00")),
        ]
    );
}

#[test]
fn set_fields_become_attributes() {
    let event = event()
        .with_role("writer")
        .with_phase("draft")
        .with_project(42)
        .with_failure_class(AgentFailureClass::Unknown)
        .with_detail("who knows");
    assert_eq!(
        event.to_otel_attributes()[3..],
        [
            ("agent.role", text("writer")),
            ("agent.phase", text("draft")),
            ("agent.project_id", AttributeValue::Int(42)),
            ("agent.failure_class", text("unknown")),
            ("agent.detail", text("who knows")),
        ]
    );
}

#[test]
fn data_and_envelope_are_not_attributes() {
    let event = event().with_data(Data::new().with("n", 1)).with_span(SpanId::from_u64(1), None);
    assert_eq!(event.to_otel_attributes().len(), 3);
}

#[test]
fn attributes_are_plain_json_values() {
    assert_eq!(serde_json::to_string(&AttributeValue::Int(42)).unwrap(), "42");
    assert_eq!(serde_json::to_string(&text("x")).unwrap(), r#""x""#);
}
