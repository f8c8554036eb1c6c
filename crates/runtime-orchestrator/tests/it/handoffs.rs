//! Handoffs.

use std::num::NonZeroUsize;

use runtime_events::AgentEventName;
use runtime_lifecycle::{AgentRegistry, AgentStatus, ClaimError, RegistryConfig};
use runtime_orchestrator::{Orchestrator, SessionError, Turn};
use serde_json::json;

use crate::support::{Fixture, assert_lawful, now};

fn editor(registry: &AgentRegistry) -> Orchestrator {
    Orchestrator::new("editor", "other").registry(registry.clone())
}

#[test]
fn handoff_completes_the_session_and_keeps_phase_and_project() {
    let fixture = Fixture::new().with(|o| o.project_id(42));
    let registry = fixture.orchestrator.shared_registry();
    let session = fixture.orchestrator.session().unwrap();
    let handoff = session.handoff_to("editor", "polish", json!({ "draft": "text" })).unwrap();

    assert_eq!((&*handoff.source_role, &*handoff.target_role), ("writer", "editor"));
    assert_eq!((&*handoff.phase, handoff.project_id), ("draft", Some(42)));
    assert_eq!(handoff.context["draft"], "text");
    assert_eq!(session.status(), AgentStatus::Completed);
    let end = fixture.only(AgentEventName::AgentCompleted);
    let told = end.data.as_ref().unwrap().get("handoff").unwrap();
    assert_eq!(*told, serde_json::to_value(&handoff).unwrap());
    assert_lawful(&fixture.events.events());

    let taken = editor(registry).accept(&handoff).unwrap();
    assert_eq!(taken.worker_id(), &*handoff.target_worker_id);
    assert_eq!((taken.phase(), taken.status()), ("draft", AgentStatus::Running));
    now(taken.run_turn(Turn::unmetered(), async || Ok::<_, std::io::Error>(()))).unwrap();
    taken.complete().unwrap();
    assert!(registry.list_active().is_empty());
    assert_eq!(registry.get_by_project(42).len(), 2);
}

#[test]
fn handoff_is_accepted_once_and_by_its_role() {
    let fixture = Fixture::new();
    let registry = fixture.orchestrator.shared_registry();
    let session = fixture.orchestrator.session().unwrap();
    let handoff = session.handoff_to("editor", "polish", json!(null)).unwrap();
    assert!(handoff.context.is_empty());

    let wrong = fixture.orchestrator.accept(&handoff).unwrap_err();
    assert!(matches!(wrong, SessionError::Role { .. }));
    let text = "handoff is for role `editor`, this orchestrator's role is `writer`";
    assert_eq!(wrong.to_string(), text);
    let elsewhere = editor(&AgentRegistry::new()).accept(&handoff).unwrap_err();
    assert!(matches!(elsewhere, SessionError::Claim(ClaimError::NotFound(_))));
    let first = editor(registry).accept(&handoff).unwrap();
    let second = editor(registry).accept(&handoff).unwrap_err();
    assert!(matches!(second, SessionError::Claim(ClaimError::AlreadyClaimed { .. })));
    drop(first);
    let late = editor(registry).accept(&handoff).unwrap_err();
    assert!(matches!(late, SessionError::Claim(ClaimError::Ended { .. })));
}

#[test]
fn refused_handoff_changes_nothing() {
    let fixture = Fixture::new();
    let registry = fixture.orchestrator.shared_registry();
    let session = fixture.orchestrator.session().unwrap();
    let blank = session.handoff_to(" ", "polish", json!({})).unwrap_err();
    assert!(matches!(blank, SessionError::Worker { .. }));
    assert_eq!(blank.to_string(), "no worker for role ` `");
    let list = session.handoff_to("editor", "polish", json!([1])).unwrap_err();
    assert_eq!(list.to_string(), "handoff context is an array, not a JSON object");
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    let busy = session.handoff_to("editor", "polish", json!({})).unwrap_err();
    assert!(matches!(busy, SessionError::Busy(_)));
    drop(turn);

    assert_eq!(session.status(), AgentStatus::Running);
    assert_eq!(registry.len(), 1);
    session.handoff_to("editor", "polish", json!({})).unwrap();
}

#[test]
fn unclaimed_handoffs_are_bounded() {
    let two = NonZeroUsize::new(2).unwrap();
    let registry = AgentRegistry::with_config(RegistryConfig::default().unclaimed_capacity(two));
    let writer = Orchestrator::new("writer", "draft").registry(registry.clone());
    let handoffs: Vec<_> = (0..5)
        .map(|_| writer.session().unwrap().handoff_to("editor", "x", json!({})).unwrap())
        .collect();
    assert_eq!(registry.list_unclaimed().len(), 2);
    let gone = editor(&registry).accept(&handoffs[0]).unwrap_err();
    assert!(matches!(gone, SessionError::Claim(ClaimError::Ended { .. })));
    let oldest = registry.get(&handoffs[0].target_worker_id).unwrap();
    assert_eq!(oldest.status(), AgentStatus::Cancelled);
    drop(editor(&registry).accept(&handoffs[4]).unwrap());
}

#[test]
fn log_of_a_handoff_has_the_accepting_worker() {
    let fixture = Fixture::new();
    let registry = fixture.orchestrator.shared_registry();
    let session = fixture.orchestrator.session().unwrap();
    let handoff = session.handoff_to("editor", "polish", json!({})).unwrap();
    let editor = editor(registry).event_sink(fixture.events.clone());
    editor.session().unwrap().complete().unwrap();
    editor.accept(&handoff).unwrap().complete().unwrap();

    let events = fixture.events.events();
    let timeline = runtime_report::Timeline::read(events.iter().map(|event| &**event));
    let trace: serde_json::Value = serde_json::from_str(&timeline.chrome_trace()).unwrap();
    let trace = trace["traceEvents"].as_array().unwrap();
    let arrow: Vec<_> = trace.iter().filter(|event| event["cat"] == "handover").collect();
    let ends: Vec<_> = arrow.iter().map(|end| (&end["ph"], &end["pid"])).collect();
    assert_eq!(ends, [(&json!("s"), &json!(1)), (&json!("f"), &json!(3))]);
}
