//! The code of `docs/permissions-and-policy.md`.

use serde_json::json;
use techrevati_runtime::orchestrator::ToolError;
use techrevati_runtime::policy::{
    GuardrailOutcome, Guardrails, PhaseContext, PolicyAction, PolicyEngine, QualityGate,
    QualityLevel, guardrail,
};
use techrevati_runtime::prelude::*;

fn permissions() -> Result<PermissionPolicy, BoxError> {
    let policy = PermissionPolicy::from_json(
        r#"{
            "roles": {
                "researcher": {"mode": "read_only"},
                "editor": {"mode": "workspace_write", "denied_tools": ["shell"]}
            },
            "tool_requirements": {"write_file": "workspace_write", "shell": "full_access"},
            "unknown_roles": "deny",
            "case_insensitive_tools": true
        }"#,
    )?;
    assert!(policy.is_allowed("editor", "write_file"));
    assert!(!policy.is_allowed("researcher", "Write_File"));
    assert_eq!(
        policy.authorize("stranger", "search").reason.as_deref(),
        Some("no config for role 'stranger', default deny"),
    );
    Ok(policy)
}

async fn guardrails() -> Result<(), BoxError> {
    let no_secrets = guardrail::pre("no_secrets", |check| {
        if check.arguments.to_string().contains("sk-") {
            GuardrailOutcome::deny("the arguments contain a key")
        } else {
            GuardrailOutcome::allow()
        }
    });
    let session = Orchestrator::new("researcher", "reading")
        .permissions(PermissionEnforcer::new(permissions()?))
        .guardrails(Guardrails::new().with(no_secrets))
        .session()?;

    let leak = ToolCall::new("search").args(json!({ "query": "who owns sk-123?" }));
    let blocked = session.run_tool(leak, || async { Ok::<_, BoxError>(3) }).await;
    let Err(ToolError::Guardrail(violation)) = blocked else { panic!("a key was let through") };
    assert_eq!(
        violation.to_string(),
        "pre guardrail 'no_secrets' blocked tool 'search' for role 'researcher': \
         the arguments contain a key",
    );
    assert_eq!(violation.violations().len(), 1);
    Ok(())
}

fn gate_and_policy() -> Result<(), BoxError> {
    let rules = PolicyEngine::from_json(
        r#"[
            {
                "name": "go on",
                "condition": {"and": [{"quality_at": "standard"}, {"not": {"gate_below": 0.8}}]},
                "actions": [{"action": "advance_phase"}]
            },
            {
                "name": "too expensive",
                "condition": {"cost_exceeded": 5.0},
                "actions": [{"action": "escalate", "params": {"to": "owner"}}],
                "priority": 10
            }
        ]"#,
    )?;
    let session = Orchestrator::new("researcher", "reading")
        .quality_gate(QualityGate::new(QualityLevel::Standard))
        .policy(rules)
        .session()?;

    let outcome = session.evaluate_gate(QualityLevel::Strict).ok_or("there is no gate")?;
    assert!(outcome.satisfied);

    let seen = PhaseContext::default().quality_level(QualityLevel::Strict).gate(0.9, 0.8);
    let actions = session.evaluate_policy(seen.clone());
    assert_eq!(actions[0].action, PolicyAction::AdvancePhase);

    let why: Vec<_> = session.explain_policy(seen).iter().map(ToString::to_string).collect();
    assert_eq!(
        why[0],
        "rule `too expensive` (priority 10) did not fire: \
         cost_exceeded($5): total_cost $0 is not more than $5",
    );
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    guardrails().await?;
    gate_and_policy()
}
