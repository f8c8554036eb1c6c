//! Golden logs: what sessions of every kind write, byte for byte.
//!
//! Clock and ids count, so that the log repeats. Who means to change the JSON of an event runs the
//! test with `GOLDEN=write`, and reads the difference.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod scenes;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName, CountingIds};
use runtime_lifecycle::{AgentRegistry, registry};
use runtime_orchestrator::Orchestrator;

use crate::recovering::{fixture, quick};
use crate::support::Fixture;

/// Counts its ids from the scene's number on, so that no two sessions of the log share one.
fn counted(fixture: Fixture, scene: u64) -> Fixture {
    let ids = CountingIds::default();
    for _ in 0..scene * 1_000 {
        runtime_events::IdSource::draw(&ids);
    }
    let ids = Arc::new(ids);
    let config = registry::Config::default()
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
fn every_kind_of_session_writes_its_golden_log() {
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
fn golden_logs_hold_every_event_a_session_emits() {
    use AgentEventName as Name;
    let logs = logs();
    let told = |name: &Name| logs.iter().any(|(_, log)| log.iter().any(|it| it.event == *name));
    let emitted = [
        Name::AgentStarted,
        Name::AgentBlocked,
        Name::AgentCompleted,
        Name::AgentFailed,
        Name::AgentToolCalled,
        Name::AgentToolCompleted,
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
