//! One worker: its log, its error and its JSON.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::num::NonZeroUsize;

use chrono::{DateTime, TimeDelta, Utc};
use runtime_lifecycle::{AgentStatus, AgentWorker};
use serde_json::json;

/// The time this many seconds after the epoch.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

pub(crate) fn idle() -> AgentWorker {
    AgentWorker::new("writer-draft-00000001", "writer", "draft", Some(42), at(0))
}

/// A worker that has reached `status` by the shortest way.
pub(crate) fn walked_to(status: AgentStatus) -> AgentWorker {
    use AgentStatus::{Cancelled, Completed, Failed, Idle, Initializing, Running, WaitingForInput};
    let way: &[AgentStatus] = match status {
        Idle => &[],
        Initializing => &[Initializing],
        WaitingForInput => &[Initializing, WaitingForInput],
        Running => &[Initializing, Running],
        Completed => &[Initializing, Running, Completed],
        Failed => &[Failed],
        Cancelled => &[Cancelled],
    };
    let mut worker = idle();
    for (&to, second) in way.iter().zip(1..) {
        worker.transition(to, None, at(second)).unwrap();
    }
    worker
}

#[test]
fn failure_with_a_detail_sets_last_error() {
    let mut worker = idle();
    worker.transition(AgentStatus::Failed, Some("disk full"), at(5)).unwrap();
    let error = worker.last_error().unwrap();
    assert_eq!((&*error.message, error.timestamp), ("disk full", at(5)));
}

#[test]
fn failure_without_a_detail_sets_no_error() {
    for detail in [None, Some("")] {
        let mut worker = idle();
        let event = worker.transition(AgentStatus::Failed, detail, at(5)).unwrap();
        assert_eq!(event.detail, None, "an empty detail is none");
        assert_eq!(worker.last_error(), None);
    }
}

#[test]
fn cancellation_sets_no_error() {
    let mut worker = idle();
    worker.transition(AgentStatus::Cancelled, Some("user"), at(5)).unwrap();
    assert_eq!(worker.last_error(), None);
}

#[test]
fn full_history_drops_the_oldest_and_keeps_counting() {
    let mut worker = walked_to(AgentStatus::Running).with_history(NonZeroUsize::new(3).unwrap());
    for second in 0..10 {
        worker.transition(AgentStatus::WaitingForInput, None, at(second)).unwrap();
        worker.transition(AgentStatus::Running, None, at(second)).unwrap();
    }
    let numbers: Vec<u64> = worker.events().map(|event| event.seq).collect();
    assert_eq!(numbers, [20, 21, 22]);
    assert_eq!(worker.events_dropped(), 19);
    assert_eq!(serde_json::to_value(&worker).unwrap()["events_dropped"], 19);
}

#[test]
fn with_history_drops_surplus_transitions() {
    let worker = walked_to(AgentStatus::Completed).with_history(NonZeroUsize::MIN);
    assert_eq!(worker.events().len(), 1);
    assert_eq!(worker.events().next().unwrap().seq, 3);
    assert_eq!(worker.events_dropped(), 2);
}

#[test]
fn default_history_is_256_transitions() {
    let mut worker = walked_to(AgentStatus::Running);
    for _ in 0..256 {
        worker.transition(AgentStatus::WaitingForInput, None, at(3)).unwrap();
        worker.transition(AgentStatus::Running, None, at(3)).unwrap();
    }
    assert_eq!(worker.events().len(), 256);
}

#[test]
fn clone_does_not_follow_the_worker() {
    let mut worker = walked_to(AgentStatus::Running);
    let copy = worker.clone();
    worker.transition(AgentStatus::Completed, None, at(9)).unwrap();
    worker.note_retry();
    assert_eq!((copy.status(), copy.retry_count()), (AgentStatus::Running, 0));
    assert_eq!(copy.events().len(), 2);
    assert_eq!((worker.status(), worker.retry_count()), (AgentStatus::Completed, 1));
}

#[test]
fn log_and_json_of_a_worker_have_no_secrets() {
    const KEY: &str = "sk-proj-planted1234567890";
    let role = format!("role {KEY}");
    let mut worker = AgentWorker::new("w", role.as_str(), role.as_str(), None, at(0));
    worker.note_provider(KEY);
    worker.transition(AgentStatus::Failed, Some(&format!("401: {KEY}")), at(1)).unwrap();
    assert_eq!(&*worker.last_error().unwrap().message, "401: [redacted]");
    assert_eq!(worker.provider_used(), Some("[redacted]"));
    let detail = worker.events().last().unwrap().detail.clone();
    assert_eq!(detail.as_deref(), Some("401: [redacted]"));
    assert_eq!(&**worker.role(), role, "the role itself is found by its name");
    assert!(!serde_json::to_string(&worker).unwrap().contains(KEY));
}

#[test]
fn new_worker_has_the_python_json() {
    let written = serde_json::to_string(&idle()).unwrap();
    assert_eq!(
        written,
        concat!(
            r#"{"worker_id":"writer-draft-00000001","role":"writer","phase":"draft","#,
            r#""project_id":42,"status":"idle","retry_count":0,"last_error":null,"#,
            r#""provider_used":null,"created_at":"1970-01-01T00:00:00+00:00","#,
            r#""updated_at":"1970-01-01T00:00:00+00:00","events":[]}"#,
        )
    );
}

#[test]
fn failed_worker_has_the_python_json() {
    let mut worker = walked_to(AgentStatus::Running);
    worker.note_retry();
    worker.note_provider("azure");
    worker.transition(AgentStatus::Failed, Some("429 for ever"), at(7)).unwrap();
    let written = serde_json::to_value(&worker).unwrap();
    assert_eq!(written["retry_count"], 1);
    assert_eq!(written["provider_used"], "azure");
    assert_eq!(written["created_at"], "1970-01-01T00:00:00+00:00");
    assert_eq!(written["updated_at"], "1970-01-01T00:00:07+00:00");
    assert_eq!(
        written["last_error"],
        json!({"message": "429 for ever", "timestamp": "1970-01-01T00:00:07+00:00"})
    );
    assert_eq!(
        written["events"],
        json!([
            {"seq": 1, "kind": "initializing", "status": "initializing",
             "timestamp": "1970-01-01T00:00:01+00:00"},
            {"seq": 2, "kind": "running", "status": "running",
             "timestamp": "1970-01-01T00:00:02+00:00"},
            {"seq": 3, "kind": "failed", "status": "failed",
             "timestamp": "1970-01-01T00:00:07+00:00", "detail": "429 for ever"},
        ])
    );
    assert_eq!(written.get("events_dropped"), None, "nothing was dropped");
}
