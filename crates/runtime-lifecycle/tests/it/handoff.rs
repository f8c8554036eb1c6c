//! The record of a handoff.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use chrono::{DateTime, TimeDelta, Utc};
use runtime_lifecycle::Handoff;
use serde_json::{Map, Value, json};

use crate::worker::at;

fn handoff_at(at: DateTime<Utc>) -> Handoff {
    Handoff::new("writer", "editor", "draft", "needs polish", at)
}

fn handoff() -> Handoff {
    handoff_at(at(60))
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[test]
fn every_python_key_is_written() {
    assert_eq!(
        serde_json::to_string(&handoff()).unwrap(),
        concat!(
            r#"{"source_role":"writer","target_role":"editor","phase":"draft","#,
            r#""reason":"needs polish","context":{},"project_id":null,"#,
            r#""target_worker_id":"","created_at":"1970-01-01T00:01:00+00:00"}"#,
        )
    );
}

#[test]
fn handoff_round_trips_through_json() {
    let mut full = handoff_at(at(60) + TimeDelta::nanoseconds(1_999));
    full.context = object(&json!({"draft": "…", "facts": [1, 2]}));
    full.project_id = Some(42);
    full.target_worker_id = "editor-draft-00000001".into();
    let json = serde_json::to_string(&full).unwrap();
    assert!(json.contains("00:01:00.000001+00:00"), "{json}");
    assert_eq!(serde_json::from_str::<Handoff>(&json).unwrap(), full);
}

#[test]
fn unknown_keys_are_ignored_and_optional_keys_may_be_missing() {
    let json = r#"{"source_role":"writer","target_role":"editor","phase":"draft",
        "reason":"needs polish","created_at":"1970-01-01T02:01:00+02:00","mood":"good"}"#;
    assert_eq!(serde_json::from_str::<Handoff>(json).unwrap(), handoff());
}

#[test]
fn invalid_created_at_is_refused_with_its_value() {
    let mut json = serde_json::to_value(handoff()).unwrap();
    json["created_at"] = "yesterday".into();
    let error = serde_json::from_value::<Handoff>(json).unwrap_err().to_string();
    assert!(error.contains("invalid `created_at` `yesterday`"), "{error}");
}
