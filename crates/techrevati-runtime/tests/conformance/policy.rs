//! Conditions and rules, permissions, and the quality gate.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use techrevati_runtime::events::FailureScenario;
use techrevati_runtime::policy::{
    PermissionEnforcer, PermissionMode, PermissionPolicy, PhaseContext, PolicyCondition,
    PolicyEngine, PolicyRule, QualityGate, QualityLevel, RolePermissionConfig,
};
use techrevati_runtime::usage::Usd;

use super::support::{Verdict, every, present, same, same_json, shape};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    #[serde(rename = "condition")]
    json: Value,
    context: Value,
    expect: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Engine {
    rules: Vec<Value>,
    context: Value,
    expect: Fired,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fired {
    /// The rules in their order.
    order: Vec<String>,
    actions: Vec<Value>,
}

/// All fields of a context, each required.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    phase: String,
    #[serde(deserialize_with = "present")]
    quality_level: Option<QualityLevel>,
    gate_score: f64,
    gate_threshold: f64,
    completed_roles: BTreeSet<String>,
    failed_roles: BTreeSet<String>,
    all_roles: BTreeSet<String>,
    elapsed_seconds: f64,
    retry_exhausted_scenarios: BTreeSet<FailureScenario>,
    phase_completed: bool,
    total_cost_usd: f64,
}

/// The context, built by hand and equal to the one read from JSON.
fn context(json: &Value) -> Result<PhaseContext, String> {
    let known: Known = shape(json.clone())?;
    let built = PhaseContext::new(known.phase)
        .quality_level(known.quality_level)
        .gate(known.gate_score, known.gate_threshold)
        .completed_roles(known.completed_roles)
        .failed_roles(known.failed_roles)
        .all_roles(known.all_roles)
        .elapsed(Duration::try_from_secs_f64(known.elapsed_seconds).map_err(|e| e.to_string())?)
        .retry_exhausted_scenarios(known.retry_exhausted_scenarios)
        .phase_completed(known.phase_completed)
        .total_cost(Usd::try_from(known.total_cost_usd).map_err(|e| e.to_string())?);
    let read: PhaseContext = serde_json::from_value(json.clone()).map_err(|e| e.to_string())?;
    same("context", &read, &built)?;
    let written = serde_json::to_value(&read).map_err(|e| e.to_string())?;
    let again: PhaseContext = serde_json::from_value(written).map_err(|e| e.to_string())?;
    same("context, written and read", &again, &built)?;
    Ok(built)
}

#[test]
fn every_policy_vector_agrees() {
    every("policy", |case: Value| match case.get("rules") {
        Some(_) => engine(&shape(case)?),
        None => condition(&shape(case)?),
    });
}

fn condition(case: &Condition) -> Verdict {
    let context = context(&case.context)?;
    let text = case.json.to_string();
    let condition = PolicyCondition::from_json(&text).map_err(|e| e.to_string())?;
    same("matches", &condition.matches(&context), &case.expect)?;
    let written = serde_json::to_value(&condition).map_err(|e| e.to_string())?;
    same_json("written", &written, &case.json)
}

fn engine(case: &Engine) -> Verdict {
    let context = context(&case.context)?;
    let rules = case.rules.iter().cloned();
    let rules: Result<Vec<PolicyRule>, _> = rules.map(serde_json::from_value).collect();
    let engine = PolicyEngine::new(rules.map_err(|e| e.to_string())?);
    let text = Value::from(case.rules.clone()).to_string();
    same("read", &PolicyEngine::from_json(&text).map_err(|e| e.to_string())?, &engine)?;

    let order: Vec<String> = engine.rules().iter().map(|rule| rule.name.clone()).collect();
    same("order", &order, &case.expect.order)?;
    let actions = engine.evaluate(&context);
    let actions = serde_json::to_value(&actions).map_err(|e| e.to_string())?;
    same_json("actions", &actions, &case.expect.actions.iter().cloned().collect())?;
    let explained: Vec<String> =
        engine.explain(&context).into_iter().filter(|e| e.fired).map(|e| e.rule).collect();
    let firing: Vec<String> = engine.firing(&context).map(|rule| rule.name.clone()).collect();
    same("explained", &explained, &firing)?;

    // Serialising returns the original JSON, with priorities and parameters.
    let written = serde_json::to_value(&engine).map_err(|e| e.to_string())?;
    let mut given = case.rules.clone();
    given.sort_by_key(|rule| rule["priority"].as_i64());
    same_json("written", &written, &given.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Permission {
    roles: BTreeMap<String, Role>,
    tool_requirements: BTreeMap<String, PermissionMode>,
    role: String,
    tool: String,
    expect: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    mode: PermissionMode,
    #[serde(deserialize_with = "present")]
    allowed_tools: Option<Vec<String>>,
    denied_tools: Vec<String>,
}

#[test]
fn every_permission_vector_agrees() {
    every("permissions", |case: Value| {
        let json = json!({
            "roles": case["roles"],
            "tool_requirements": case["tool_requirements"],
        });
        let read = PermissionPolicy::from_json(&json.to_string()).map_err(|e| e.to_string())?;
        let case: Permission = shape(case)?;
        let policy = policy(&case)?;
        same("read", &read, &policy)?;

        let outcome = policy.authorize(&case.role, &case.tool);
        same_json("outcome", &serde_json::to_value(&outcome).unwrap(), &case.expect)?;
        same("is_allowed", &policy.is_allowed(&case.role, &case.tool), &outcome.allowed)?;
        let enforcer = PermissionEnforcer::new(policy);
        same("check", &enforcer.authorize(&case.role, &case.tool), &outcome)?;
        let kept = enforcer.filter_tools(&case.role, [&case.tool]);
        same("filter_tools", &!kept.is_empty(), &outcome.allowed)
    });
}

fn policy(case: &Permission) -> Result<PermissionPolicy, String> {
    let mut policy = PermissionPolicy::new();
    for (name, role) in &case.roles {
        let config = RolePermissionConfig::new(name, role.mode).map_err(|e| e.to_string())?;
        let config = config.denied_tools(&role.denied_tools);
        policy = policy.role(match &role.allowed_tools {
            Some(tools) => config.allowed_tools(tools),
            None => config,
        });
    }
    for (tool, &mode) in &case.tool_requirements {
        policy = policy.requires(tool, mode);
    }
    Ok(policy)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gate {
    required: QualityLevel,
    #[serde(deserialize_with = "present")]
    observed: Option<QualityLevel>,
    expect: Value,
}

#[test]
fn every_quality_gate_vector_agrees() {
    every("quality_gate", |case: Gate| {
        let gate = QualityGate::new(case.required);
        let outcome = gate.evaluate(case.observed);
        if let Some(observed) = case.observed {
            same("is_satisfied_by", &(observed >= gate.required_level), &outcome.satisfied)?;
        }
        same_json("outcome", &serde_json::to_value(outcome).unwrap(), &case.expect)
    });
}
