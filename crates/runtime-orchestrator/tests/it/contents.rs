//! Content in events: none by default, redacted content with a capture.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use runtime_events::AgentEventName;
use runtime_orchestrator::{
    BoxError, Capture, Content, Orchestrator, TelemetryConfig, ToolCall, Turn,
};
use runtime_usage::UsageSnapshot;
use serde_json::{Value, json};

use crate::support::{Fixture, assert_lawful, now};

const SECRET: &str = "sk-very-secret";

/// A guarded turn and a tool, with a secret in each content.
fn run(change: impl FnOnce(Orchestrator) -> Orchestrator) -> Fixture {
    let fixture = Fixture::new().with(change);
    let session = fixture.orchestrator.session().unwrap();
    let says = async || Ok::<_, BoxError>(SECRET);
    now(session.run_turn(Turn::model("m").guarded(SECRET), says)).unwrap();
    now(session.run_tool(ToolCall::new("search").args(json!({ "q": SECRET })), says)).unwrap();
    let tool = ToolCall::new("search").args(json!({ "q": SECRET }));
    session.blocking().run_tool(tool, || Ok::<_, BoxError>(SECRET)).unwrap();
    let answer = |_| async { Ok::<_, BoxError>(SECRET) };
    now(session.run_turn_recovering(Turn::model("m").guarded(SECRET), answer)).unwrap();
    drop(session);
    assert_lawful(&fixture.events.events());
    fixture
}

fn kept(fixture: &Fixture) -> Vec<(String, Value)> {
    let events = fixture.events.all(AgentEventName::ContentCaptured);
    let read = |event: &std::sync::Arc<runtime_events::AgentEvent>| {
        let data = event.data.as_ref().unwrap();
        let name = data.get("content").unwrap().as_str().unwrap().to_owned();
        (name, data.get("value").unwrap().to_value())
    };
    events.iter().map(read).collect()
}

#[test]
fn events_have_no_content_by_default() {
    let fixture = run(|o| o);
    for event in fixture.events.events() {
        assert!(!event.to_json().contains(SECRET), "{}", event.to_json());
        assert!(!format!("{event:?}").contains(SECRET));
    }
}

#[test]
fn capture_keeps_the_redacted_content() {
    let fixture = run(|o| {
        o.telemetry(TelemetryConfig::default().capture(Capture::redacted(|content, value| {
            match content {
                Content::Arguments => Some(json!({ "q": value["q"].as_str().unwrap().len() })),
                Content::Answer => None,
                _ => Some(json!("[redacted]")),
            }
        })))
    });
    let (hidden, length) = (json!("[redacted]"), json!({ "q": SECRET.len() }));
    let expected = [
        ("prompt", &hidden),
        ("arguments", &length),
        ("result", &hidden),
        ("arguments", &length),
        ("result", &hidden),
        ("prompt", &hidden),
    ];
    let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.clone())).into();
    assert_eq!(kept(&fixture), expected);
    for event in fixture.events.events() {
        assert!(!event.to_json().contains(SECRET), "{}", event.to_json());
    }
}

#[test]
fn unredacted_capture_keeps_all_content_in_its_span() {
    let fixture = run(|o| o.telemetry(TelemetryConfig::default().capture(Capture::unredacted())));
    assert_eq!(kept(&fixture).len(), 8);
    let first = fixture.events.all(AgentEventName::ContentCaptured).remove(0);
    let turn = fixture.events.all(AgentEventName::TurnStarted).remove(0);
    assert_eq!(first.span, turn.span);
}

#[test]
fn a_stream_is_captured_when_it_is_whole() {
    let streamed = |telemetry: TelemetryConfig| {
        let fixture = Fixture::new().with(|o| o.telemetry(telemetry));
        let session = fixture.orchestrator.session().unwrap();
        let asked = || Turn::model("m").guarded("why?");
        let mut turn = now(session.begin_turn(asked())).unwrap();
        turn.capture_answer(&json!({ "role": "assistant", "content": "because" }));
        turn.settle(UsageSnapshot::new(1, 1));
        let turn = session.handle().begin_turn_recovering(asked()).unwrap();
        let mut attempt = now(turn.attempt()).unwrap();
        attempt.capture_answer(&"so");
        attempt.settle(UsageSnapshot::new(1, 1));
        drop(session);
        assert_lawful(&fixture.events.events());
        kept(&fixture)
    };
    let [prompt, because, so] =
        [json!("why?"), json!({ "role": "assistant", "content": "because" }), json!("so")];
    let expected =
        [("prompt", &prompt), ("answer", &because), ("prompt", &prompt), ("answer", &so)];
    let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.clone())).into();
    assert_eq!(streamed(TelemetryConfig::default().capture(Capture::unredacted())), expected);
    assert!(streamed(TelemetryConfig::default()).is_empty());
}

#[test]
fn panic_of_the_redactor_drops_only_the_content() {
    let bomb = |_, _| -> Option<Value> { std::panic::resume_unwind(Box::new("redactor")) };
    assert!(
        kept(&run(|o| o.telemetry(TelemetryConfig::default().capture(Capture::redacted(bomb)))))
            .is_empty()
    );
}

#[test]
fn debug_output_has_no_content() {
    let tool = ToolCall::new("search").args(json!({ "q": SECRET }));
    let turn = Turn::<()>::model("m").guarded(SECRET);
    assert!(!format!("{tool:?} {turn:?}").contains(SECRET));
    assert!(format!("{tool:?}").contains("search"));
}
