//! Rules: their order, their JSON, their explanations.

use runtime_policy::{
    PhaseContext, PolicyAction, PolicyActionData, PolicyCondition, PolicyEngine, PolicyRule,
};
use serde_json::{Value, json};

fn always() -> PolicyCondition {
    PolicyCondition::and([])
}

#[test]
fn rules_are_sorted_stably_by_priority() {
    let engine = PolicyEngine::new([
        PolicyRule::new("late", always()).priority(90),
        PolicyRule::new("first", always()),
        PolicyRule::new("second", always()),
        PolicyRule::new("early", always()).priority(-1),
    ]);
    let names: Vec<_> = engine.rules().iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["early", "first", "second", "late"]);
}

#[test]
fn all_firing_rules_recommend_all_their_actions() {
    let engine = PolicyEngine::new([
        PolicyRule::new("b", always()).action(PolicyAction::Notify).action(PolicyAction::Escalate),
        PolicyRule::new("never", PolicyCondition::or([])).action(PolicyAction::AbortPhase),
        PolicyRule::new("a", always()).action(PolicyAction::RetryAgent).priority(1),
    ]);
    let ctx = PhaseContext::default();
    let actions: Vec<_> = engine.evaluate(&ctx).iter().map(|action| action.action).collect();
    assert_eq!(actions, [PolicyAction::RetryAgent, PolicyAction::Notify, PolicyAction::Escalate]);
    assert!(engine.firing(&ctx).map(|rule| &*rule.name).eq(["a", "b"]));
    let fired = engine.firing(&ctx).flat_map(|rule| &rule.actions);
    assert!(fired.eq(&engine.evaluate(&ctx)));
}

#[test]
fn rules_round_trip_through_json() {
    let written = json!([
        { "name": "b", "condition": "phase_completed", "priority": 10,
          "actions": [{ "action": "retry_agent", "params": { "role": "writer", "n": 2 } }] },
        { "name": "a", "condition": { "or": [] }, "priority": 50, "actions": [{ "action": "notify" }] },
    ]);
    let engine = PolicyEngine::from_json(&written.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&engine).unwrap(), written);
    assert_eq!(serde_json::from_value::<PolicyEngine>(written).unwrap(), engine);
}

#[test]
fn default_priority_is_fifty() {
    let json = r#"[{"name": "r", "condition": {"and": []}, "actions": []}]"#;
    assert_eq!(PolicyEngine::from_json(json).unwrap().rules()[0].priority, 50);
}

#[test]
fn empty_params_are_left_out_of_json() {
    let mut action = PolicyActionData::new(PolicyAction::Notify).param("n", 1);
    assert_eq!(
        serde_json::to_value(&action).unwrap(),
        json!({ "action": "notify", "params": { "n": 1 } })
    );
    action.params.as_mut().unwrap().clear();
    assert_eq!(serde_json::to_value(&action).unwrap(), json!({ "action": "notify" }));
}

#[test]
fn invalid_rules_are_refused_with_path_and_value() {
    #[track_caller]
    fn refused(patch: &str, value: Value, expected: &str) {
        let mut rules = json!([
            { "name": "fine", "condition": "phase_completed", "actions": [] },
            { "name": "r", "condition": { "and": [{ "timed_out": 60 }] }, "actions": [{ "action": "notify" }] },
        ]);
        let (parent, key) = patch.rsplit_once('/').unwrap();
        let parent = rules.pointer_mut(parent).unwrap();
        match key.parse::<usize>() {
            Ok(index) => parent[index] = value,
            Err(_) => parent[key] = value,
        }
        let error = PolicyEngine::from_json(&rules.to_string()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "said {error}\nnot  {expected}");
    }
    refused(
        "/1/condition/and/0/timed_out",
        json!(-2.5),
        "[1].condition.and[0].timed_out: invalid duration `-2.5`",
    );
    refused(
        "/1/condition/and/0",
        json!("timed_out"),
        "[1].condition.and[0]: unknown condition `timed_out`",
    );
    refused(
        "/1/actions/0/action",
        json!("dance"),
        "[1].actions[0].action: unknown policy action `dance`",
    );
    refused("/1/actions/0/parms", json!({}), "[1].actions[0].parms: unknown field `parms`");
    refused("/1/actions/0/params", json!(7), "[1].actions[0].params: invalid type: integer `7`");
    refused("/1/prio", json!(1), "[1].prio: unknown field `prio`");
    refused("/1/priority", json!(1.5), "[1].priority: invalid type: floating point `1.5`");
    refused("/1/name", json!(null), "[1].name: invalid type: null");
    assert_eq!(
        PolicyEngine::from_json(r#"[{"name": "r", "actions": []}]"#).unwrap_err().path,
        "[0]"
    );
}

#[test]
fn explanation_displays_and_serializes() {
    let engine = PolicyEngine::new([
        PolicyRule::new("retry", PolicyCondition::agent_failed("writer")).priority(10),
        PolicyRule::new("advance", PolicyCondition::PhaseCompleted),
    ]);
    let explanations = engine.explain(&PhaseContext::default().phase_completed(true));
    assert_eq!(
        explanations.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "rule `retry` (priority 10) did not fire: \
             agent_failed(writer): failed_roles does not have writer",
            "rule `advance` (priority 50) fired: phase_completed: the phase is completed",
        ]
    );
    assert_eq!(
        serde_json::to_value(&explanations[0]).unwrap(),
        json!({
            "rule": "retry",
            "priority": 10,
            "fired": false,
            "because": [{
                "path": "agent_failed(writer)",
                "held": false,
                "observed": "failed_roles does not have writer",
            }],
        })
    );
}
