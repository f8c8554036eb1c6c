//! Conditions and rules, permissions, and the quality gate.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use techrevati_runtime::policy::{
    PermissionPolicy, PhaseContext, PolicyCondition, PolicyEngine, QualityGate, QualityLevel,
};

use super::support::{Verdict, every, same, same_json};

#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    Condition(Condition),
    Engine(Engine),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    #[serde(rename = "condition")]
    json: Value,
    context: PhaseContext,
    expect: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Engine {
    rules: Value,
    context: PhaseContext,
    expect: Fired,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fired {
    /// The rules in the order they are asked.
    order: Vec<String>,
    actions: Vec<Value>,
}

#[test]
fn every_policy_vector_agrees() {
    every("policy", |case| match case {
        Case::Condition(case) => condition(&case),
        Case::Engine(case) => engine(&case),
    });
}

fn condition(case: &Condition) -> Verdict {
    let condition: PolicyCondition =
        serde_json::from_value(case.json.clone()).map_err(|e| e.to_string())?;
    same("matches", &condition.matches(&case.context), &case.expect)?;
    let written = serde_json::to_value(&condition).map_err(|e| e.to_string())?;
    same_json("written", &written, &case.json)
}

fn engine(case: &Engine) -> Verdict {
    let engine: PolicyEngine =
        serde_json::from_value(case.rules.clone()).map_err(|e| e.to_string())?;
    let order: Vec<String> = engine.rules().iter().map(|rule| rule.name.clone()).collect();
    same("order", &order, &case.expect.order)?;
    let actions = engine.evaluate(&case.context);
    let actions = serde_json::to_value(&actions).map_err(|e| e.to_string())?;
    same_json("actions", &actions, &case.expect.actions.iter().cloned().collect())?;
    let fired: Vec<bool> = engine.explain(&case.context).iter().map(|rule| rule.fired).collect();
    let matched = engine.rules().iter().map(|rule| rule.condition.matches(&case.context));
    same("explained", &fired, &matched.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Permission {
    roles: BTreeMap<String, Value>,
    tool_requirements: BTreeMap<String, Value>,
    role: String,
    tool: String,
    expect: Value,
}

#[test]
fn every_permission_vector_agrees() {
    every("permissions", |case: Permission| {
        let policy = json!({
            "roles": case.roles,
            "tool_requirements": case.tool_requirements,
        });
        let policy: PermissionPolicy = serde_json::from_value(policy).map_err(|e| e.to_string())?;
        let outcome = policy.authorize(&case.role, &case.tool);
        same("is_allowed", &policy.is_allowed(&case.role, &case.tool), &outcome.allowed)?;
        same_json("outcome", &serde_json::to_value(&outcome).unwrap(), &case.expect)
    });
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gate {
    required: QualityLevel,
    observed: Option<QualityLevel>,
    expect: Value,
}

#[test]
fn every_quality_gate_vector_agrees() {
    every("quality_gate", |case: Gate| {
        let gate = QualityGate::new(case.required);
        let outcome = gate.evaluate(case.observed);
        if let Some(observed) = case.observed {
            same("is_satisfied_by", &gate.is_satisfied_by(observed), &outcome.satisfied)?;
        }
        same_json("outcome", &serde_json::to_value(outcome).unwrap(), &case.expect)
    });
}
