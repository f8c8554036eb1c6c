//! Golden logs: the events of sessions of all kinds, byte for byte.
//!
//! Clock and ids are deterministic. After an intended change of an event's JSON, run the test with
//! `GOLDEN=write` and read the difference.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod recoveries;
mod scenes;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use runtime_events::payload::{
    self, BreakerChanged, BudgetExceeded, ContentCaptured, GateEvaluated, GuardrailChecked,
    HandedOver, LogRecord, PermissionChecked, PolicyDecided, ProviderSwitched, Recovery, Refused,
    SessionEnded, SessionStarted, StatusChanged, ToolRun, TurnEnded, TurnStarted, Wait,
};
use runtime_events::{AgentEvent, AgentEventName, CountingIds, Data};
use runtime_lifecycle::{AgentRegistry, RegistryConfig};
use runtime_orchestrator::Orchestrator;

use crate::recovering::{fixture, quick};
use crate::support::Fixture;

/// Counts ids from the scene's number, so that no two sessions of the logs share one.
fn counted(fixture: Fixture, scene: u64) -> Fixture {
    let ids = CountingIds::default();
    for _ in 0..scene * 1_000 {
        runtime_events::IdSource::draw(&ids);
    }
    let ids = Arc::new(ids);
    let config = RegistryConfig::default()
        .clock(Arc::new(fixture.clock.clone()))
        .ids(Arc::clone(&ids) as Arc<dyn runtime_events::IdSource>);
    let registry = AgentRegistry::with_config(config);
    let change = |o: Orchestrator| o.registry(registry).ids(scenes::Shared(ids)).project_id(42);
    fixture.with(change)
}

type Scene = fn(&mut dyn FnMut(Fixture) -> Fixture) -> Fixture;

fn logs() -> Vec<(&'static str, Vec<Arc<AgentEvent>>)> {
    let scenes: Vec<(&'static str, Scene)> = scenes::all();
    let mut numbers = 0;
    let mut number = |fixture| {
        numbers += 1;
        counted(fixture, numbers)
    };
    scenes.into_iter().map(|(name, scene)| (name, scene(&mut number).events.events())).collect()
}

#[test]
fn each_scene_writes_its_golden_log() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden");
    for (name, events) in logs() {
        let log: String = events.iter().map(|event| event.to_json() + "\n").collect();
        let file = folder.join(format!("{name}.jsonl"));
        if std::env::var_os("GOLDEN").is_some_and(|it| it == "write") {
            fs::write(&file, &log).unwrap();
        }
        let golden = fs::read_to_string(&file).unwrap();
        for (number, (is, was)) in log.lines().zip(golden.lines()).enumerate() {
            assert_eq!(is, was, "{name}.jsonl, line {}", number + 1);
        }
        assert_eq!(log.lines().count(), golden.lines().count(), "{name}.jsonl");
    }
}

#[test]
fn golden_logs_have_every_event_of_sessions() {
    use AgentEventName as Name;
    let logs = logs();
    let told = |name: &Name| logs.iter().any(|(_, log)| log.iter().any(|it| it.event == *name));
    let emitted = [
        Name::AgentStarted,
        Name::AgentBlocked,
        Name::AgentCompleted,
        Name::AgentFailed,
        Name::ToolCalled,
        Name::ToolCompleted,
        Name::TurnStarted,
        Name::TurnCompleted,
        Name::TurnFailed,
        Name::AttemptStarted,
        Name::AttemptCompleted,
        Name::AttemptFailed,
        Name::BudgetMark,
        Name::WaitStarted,
        Name::WaitEnded,
        Name::StatusChanged,
        Name::BreakerChanged,
        Name::GuardrailChecked,
        Name::PermissionChecked,
        Name::PolicyDecided,
        Name::PhaseGatePassed,
        Name::PhaseGateFailed,
        Name::HandedOver,
        Name::AgentPaused,
        Name::AgentResumed,
        Name::ContentCaptured,
        Name::RecoveryAttempted,
        Name::RecoverySucceeded,
        Name::RecoveryFailed,
        Name::RecoveryEscalated,
        Name::RecoveryProviderSwitched,
        Name::LogDropped,
    ];
    let untold: Vec<_> = emitted.into_iter().filter(|name| !told(name)).collect();
    assert_eq!(untold, []);
}

/// The part of an event's data that its payload has.
fn through(event: &AgentEvent) -> Data {
    use AgentEventName as Name;
    match event.event {
        Name::AgentStarted => SessionStarted::of(event).data(),
        Name::AgentFailed if event.outcome.is_none() => BudgetExceeded::of(event).data(),
        Name::AgentCompleted | Name::AgentFailed => SessionEnded::of(event).data(),
        Name::TurnStarted | Name::AttemptStarted => TurnStarted::of(event).data(),
        Name::TurnCompleted | Name::TurnFailed | Name::AttemptCompleted | Name::AttemptFailed => {
            TurnEnded::of(event).data()
        }
        Name::ToolCalled | Name::ToolCompleted => ToolRun::of(event).data(),
        Name::AgentBlocked => Refused::of(event).data(),
        Name::WaitStarted | Name::WaitEnded => Wait::of(event).data(),
        Name::RecoveryProviderSwitched => ProviderSwitched::of(event).data(),
        Name::RecoveryAttempted
        | Name::RecoverySucceeded
        | Name::RecoveryFailed
        | Name::RecoveryEscalated => Recovery::of(event).data(),
        Name::StatusChanged => StatusChanged::of(event).data(),
        Name::BreakerChanged => BreakerChanged::of(event).data(),
        Name::BudgetMark => payload::MarkCrossed::of(event).data(),
        Name::GuardrailChecked => GuardrailChecked::of(event).data(),
        Name::PermissionChecked => PermissionChecked::of(event).data(),
        Name::PhaseGatePassed | Name::PhaseGateFailed => GateEvaluated::of(event).data(),
        Name::PolicyDecided => PolicyDecided::of(event).data(),
        Name::HandedOver => HandedOver::of(event).data(),
        Name::ContentCaptured => ContentCaptured::of(event).data(),
        Name::LogDropped => LogRecord::of(event).data(),
        _ => Data::new(),
    }
}

#[test]
fn payloads_have_all_data_of_events() {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden");
    let mut read = 0;
    for (name, _) in logs() {
        let log = fs::read_to_string(golden.join(format!("{name}.jsonl"))).unwrap();
        for line in log.lines() {
            let mut event = AgentEvent::from_json(line).unwrap();
            event.data = event.data.as_ref().map(|_| through(&event));
            assert_eq!(event.to_json(), line, "{name}.jsonl");
            read += 1;
        }
    }
    assert!(read > 300, "{read} events");
}
