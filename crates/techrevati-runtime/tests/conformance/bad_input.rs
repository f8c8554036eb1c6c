//! Bad input: the error names field and value, and nothing changes.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;
use std::{env, fs, process};

use serde_json::json;
use techrevati_runtime::BoxError;
use techrevati_runtime::events::AgentEvent;
use techrevati_runtime::lifecycle::{AgentRegistry, AgentStatus};
use techrevati_runtime::orchestrator::{Orchestrator, Turn};
use techrevati_runtime::policy::{
    PermissionMode, PermissionPolicy, PolicyCondition, PolicyEngine, RolePermissionConfig,
};
use techrevati_runtime::resilience::Backoff;
use techrevati_runtime::usage::{
    ModelPricing, PricingTable, UsageSnapshot, Usd, load_pricing_from_file,
};

/// Checks that the error's chain contains all of these.
fn names(error: &(dyn Error + 'static), words: &[&str]) {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let text: Vec<String> = chain.map(ToString::to_string).collect();
    let text = text.join(": ");
    for word in words {
        assert!(text.contains(word), "`{text}` does not name `{word}`");
    }
}

#[test]
fn bad_event_json_is_named() {
    let read = |json: &str| AgentEvent::from_json(json).unwrap_err();
    names(&read("not json"), &["line 1"]);
    names(&read(r#"{"status":"running"}"#), &["event"]);
    names(&read(r#"{"event":"agent.started","status":"purple"}"#), &["purple"]);
    let stamp = r#"{"event":"agent.started","status":"running","emitted_at":"noon"}"#;
    names(&read(stamp), &["emitted_at", "noon"]);
    let class = r#"{"event":"agent.started","status":"running","failure_class":"gremlins"}"#;
    names(&read(class), &["gremlins"]);
}

#[test]
fn unknown_names_in_policies_are_named_with_their_path() {
    let condition = r#"{"and":["phase_completed",{"quality_at":"gold"}]}"#;
    names(&PolicyCondition::from_json(condition).unwrap_err(), &["and[1]", "gold"]);
    let rules = r#"[{"name":"r","condition":"phase_completed","actions":[{"action":"dance"}]}]"#;
    names(&PolicyEngine::from_json(rules).unwrap_err(), &["[0].actions[0].action", "dance"]);
    let surplus = r#"[{"name":"r","condition":"phase_completed","actions":[],"prio":1}]"#;
    names(&PolicyEngine::from_json(surplus).unwrap_err(), &["prio"]);
    let permissions = r#"{"roles":{"writer":{"mode":"god"}}}"#;
    names(&PermissionPolicy::from_json(permissions).unwrap_err(), &["roles.writer.mode", "god"]);
}

#[test]
fn closure_condition_cannot_be_serialised() {
    let custom = PolicyCondition::custom("late at night", |_| true);
    names(&serde_json::to_string(&custom).unwrap_err(), &["late at night"]);
}

#[test]
fn money_is_never_negative_or_infinite() {
    for bad in ["-1", "-0.0000000001", "NaN", "inf", "-inf", "1e30", "ten", ""] {
        names(&bad.parse::<Usd>().unwrap_err(), &[&format!("`{bad}`")]);
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5, 1e30] {
        names(&Usd::try_from(bad).unwrap_err(), &[&format!("`{bad:?}`")]);
    }
    names(&serde_json::from_str::<Usd>("-0.01").unwrap_err(), &["`-0.01`"]);
    let usage = UsageSnapshot::from_json(r#"{"input_tokens":-1}"#);
    names(&usage.unwrap_err(), &["input_tokens", "-1"]);
}

#[test]
fn condition_and_back_off_name_the_refused_number() {
    for bad in [-0.5, f64::NAN, f64::INFINITY] {
        names(&PolicyCondition::gate_below(bad).unwrap_err(), &["gate_below", &bad.to_string()]);
    }
    for bad in [-0.5, 0.2, f64::NAN, f64::INFINITY] {
        names(&Backoff::with_base(bad).unwrap_err(), &["base", &bad.to_string()]);
        let factor = Backoff::new(Duration::from_secs(1), bad).unwrap_err();
        names(&factor, &["factor", &bad.to_string()]);
    }
    for (condition, words) in [
        (r#"{"timed_out":-1}"#, ["timed_out", "-1"]),
        (r#"{"cost_exceeded":-5}"#, ["cost_exceeded", "-5"]),
        (r#"{"gate_below":-0.5}"#, ["gate_below", "-0.5"]),
    ] {
        names(&PolicyCondition::from_json(condition).unwrap_err(), &words);
    }
}

#[test]
fn empty_role_opens_no_session_and_creates_no_worker() {
    let registry = AgentRegistry::new();
    let orchestrator = Orchestrator::new(" ", "draft").registry(registry.clone());
    names(&orchestrator.session().unwrap_err(), &["role", "` `"]);
    let report = orchestrator.run_blocking(|_| -> Result<(), BoxError> { panic!("was run") });
    assert!(report.result.is_err());
    assert_eq!(report.summary.worker.status(), AgentStatus::Failed);
    names(&registry.create("", "draft", None).unwrap_err(), &["role", "``"]);
    assert!(registry.is_empty());

    names(
        &RolePermissionConfig::new("", PermissionMode::ReadOnly).unwrap_err(),
        &["role name", "empty"],
    );
    let permissions = r#"{"roles":{"":{"mode":"read_only"}}}"#;
    names(&PermissionPolicy::from_json(permissions).unwrap_err(), &["roles", "empty"]);
    names(&PolicyCondition::from_json(r#"{"agent_failed":""}"#).unwrap_err(), &["agent_failed"]);
}

/// A file that is removed at the end of the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("techrevati-{}-{name}", process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn pricing_file_is_loaded_whole_or_not_at_all() {
    let prices = PricingTable::new();
    prices.register("kept", ModelPricing::per_million(Usd::ZERO, Usd::ZERO)).unwrap();
    let good = r#""good":{"input_per_million":1.0,"output_per_million":2.0}"#;
    let refuse = |path: &Path, words: &[&str]| {
        names(&prices.load_file(path).unwrap_err(), words);
        assert_eq!(prices.to_vec().len(), 1);
        assert!(prices.get("kept").is_some() && prices.get("good").is_none());
    };
    let missing = Path::new("no/such/prices.json");
    refuse(missing, &["no/such/prices.json"]);
    names(&load_pricing_from_file(missing).unwrap_err(), &["no/such/prices.json"]);
    let malformed = Scratch::new("malformed.json", "{");
    refuse(&malformed.0, &["malformed.json"]);
    for (name, entry, word) in [
        ("negative", r#"{"input_per_million":-1.0,"output_per_million":2.0}"#, "-1"),
        ("infinite", r#"{"input_per_million":1e999,"output_per_million":2.0}"#, "number"),
        ("missing", r#"{"input_per_million":1.0}"#, "output_per_million"),
        ("surplus", r#"{"input_per_million":1.0,"output_per_million":2.0,"tax":1}"#, "tax"),
    ] {
        let text = format!(r#"{{"models":{{{good},"bad":{entry}}}}}"#);
        let file = Scratch::new(&format!("{name}.json"), &text);
        refuse(&file.0, &[&format!("{name}.json"), "models.bad", word]);
    }
}

#[test]
fn second_pause_and_input_without_a_pause_are_refused() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    names(&session.provide_input("hello").unwrap_err(), &["no pause_for_input in flight"]);

    let mut cx = Context::from_waker(Waker::noop());
    let mut first = pin!(session.pause_for_input("publish?"));
    assert!(first.as_mut().poll(&mut cx).is_pending());
    let mut second = pin!(session.pause_for_input("really?"));
    let refused = second.as_mut().poll(&mut cx);
    assert!(format!("{refused:?}").contains("AlreadyWaiting"), "{refused:?}");
    assert_eq!(session.status(), AgentStatus::WaitingForInput);
    session.handle().provide_input("yes").unwrap();
    assert!(first.as_mut().poll(&mut cx).is_ready());
    assert_eq!(session.status(), AgentStatus::Running);
}

#[test]
fn invalid_handoff_changes_nothing() {
    let registry = AgentRegistry::new();
    let session = Orchestrator::new("writer", "draft").registry(registry.clone());
    let session = session.session().unwrap();
    let before = session.summary().events_emitted;
    let refused = session.handoff_to("editor", "polish", json!([1])).unwrap_err();
    names(&refused, &["context", "an array"]);
    names(&session.handoff_to("", "polish", json!(null)).unwrap_err(), &["role", "``"]);
    assert_eq!(session.status(), AgentStatus::Running);
    assert_eq!((registry.len(), session.summary().events_emitted), (1, before));
}

#[test]
fn turn_on_an_ended_session_is_refused_and_changes_nothing() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    session.complete().unwrap();
    let books = || serde_json::to_value(session.summary()).unwrap();
    let before = books();
    let late = session.blocking().run_turn(Turn::model("m"), || Ok::<_, BoxError>(1));
    names(&late.unwrap_err(), &["the session has ended", "completed"]);
    names(&session.complete().unwrap_err(), &["the session has ended", "completed"]);
    names(&session.handle().cancel("too late").unwrap_err(), &["completed"]);
    assert!(session.provide_input("hello").is_err());
    assert_eq!(books(), before);
}
