//! Sinks that fail or panic.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::panic::resume_unwind;
use std::sync::Arc;

use runtime_events::AgentEvent;
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, Orchestrator, Report, Turn};
use runtime_sinks::{SinkError, UsageRecord};

use crate::support::{assert_lawful, dollar, now, prices};

fn run(orchestrator: &Orchestrator) -> Report<()> {
    now(orchestrator.run(async |session| {
        for _ in 0..3 {
            let turn = Turn::model("m").usage(dollar());
            session.run_turn(turn, async || Ok::<_, BoxError>(())).await?;
        }
        Ok(())
    }))
}

fn unharmed(report: Report<()>, failures: u64) {
    report.result.unwrap();
    let summary = report.summary;
    assert_eq!(summary.status(), AgentStatus::Completed);
    assert_eq!(summary.usage.turns, 3);
    assert_eq!(summary.sink_failures, failures);
    assert!(summary.to_string().contains(&format!("sinks     {failures} deliveries failed")));
    assert_lawful(&summary.agent_events);
}

#[test]
fn failing_event_sink_is_counted_and_the_session_continues() {
    let full = |_: &Arc<AgentEvent>| Err(SinkError::new("write", "disk full"));
    let orchestrator = Orchestrator::new("writer", "draft").pricing(prices()).event_sink(full);
    unharmed(run(&orchestrator), 11);
}

#[test]
fn panicking_event_sink_is_counted_and_the_session_continues() {
    let bomb = |_: &Arc<AgentEvent>| -> Result<(), SinkError> { resume_unwind(Box::new("sink")) };
    let orchestrator = Orchestrator::new("writer", "draft").pricing(prices()).event_sink(bomb);
    unharmed(run(&orchestrator), 11);
}

#[test]
fn broken_usage_sinks_are_counted_and_the_session_continues() {
    let full = |_: &UsageRecord| Err(SinkError::new("write", "disk full"));
    let orchestrator = Orchestrator::new("writer", "draft").pricing(prices());
    unharmed(run(&orchestrator.clone().usage_sink(full)), 3);
    let bomb = |_: &UsageRecord| -> Result<(), SinkError> { resume_unwind(Box::new("sink")) };
    unharmed(run(&orchestrator.usage_sink(bomb)), 3);
}
