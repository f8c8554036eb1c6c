//! Benchmarks of this crate.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use runtime_policy::{
    PermissionMode, PermissionPolicy, PhaseContext, PolicyAction, PolicyActionData,
    PolicyCondition, PolicyEngine, PolicyRule, QualityLevel, RolePermissionConfig,
};
use runtime_usage::Usd;

/// Ten rules as a phase would have them; three of them fire.
fn engine() -> PolicyEngine {
    let conditions = [
        PolicyCondition::and([
            PolicyCondition::QualityAt(QualityLevel::Standard),
            PolicyCondition::PhaseCompleted,
        ]),
        PolicyCondition::TimedOut(Duration::from_secs(600)),
        PolicyCondition::CostExceeded(Usd::from_dollars(5)),
        PolicyCondition::agent_failed("writer"),
        PolicyCondition::agent_failed(None),
        PolicyCondition::retry_exhausted(None),
        PolicyCondition::AllAgentsComplete,
        PolicyCondition::not(PolicyCondition::QualityAt(QualityLevel::Strict)),
        PolicyCondition::or([
            PolicyCondition::TimedOut(Duration::from_secs(60)),
            PolicyCondition::agent_failed("critic"),
        ]),
        PolicyCondition::and([
            PolicyCondition::agent_failed(None),
            PolicyCondition::not(PolicyCondition::retry_exhausted(None)),
        ]),
    ];
    let rule = |(priority, condition): (i64, PolicyCondition)| {
        PolicyRule::new(format!("rule-{priority}"), condition)
            .priority(priority)
            .action(PolicyActionData::new(PolicyAction::RetryAgent).param("role", "writer"))
    };
    PolicyEngine::new((0..).zip(conditions).map(rule))
}

fn context() -> PhaseContext {
    PhaseContext::new("draft")
        .quality_level(QualityLevel::Standard)
        .phase_completed(true)
        .all_roles(["critic", "editor", "writer"])
        .completed_roles(["editor", "writer"])
        .elapsed(Duration::from_secs(90))
}

fn policy(c: &mut Criterion) {
    c.bench_function("policy/evaluate_10_rules", |b| {
        let (engine, ctx) = (engine(), context());
        b.iter(|| engine.evaluate(black_box(&ctx)));
    });
    c.bench_function("policy/evaluate_refs_10_rules", |b| {
        let (engine, ctx) = (engine(), context());
        b.iter(|| engine.firing(black_box(&ctx)).flat_map(|rule| &rule.actions).count());
    });
    c.bench_function("policy/explain_10_rules", |b| {
        let (engine, ctx) = (engine(), context());
        b.iter(|| engine.explain(black_box(&ctx)));
    });
}

/// A role that may use 19 of 20 tools.
fn permission_policy() -> PermissionPolicy {
    let tools = (0..20).map(|n| format!("tool_number_{n}"));
    let writer = RolePermissionConfig::new("writer", PermissionMode::WorkspaceWrite)
        .expect("the name is not empty")
        .allowed_tools(tools.clone())
        .denied_tools(["tool_number_19"]);
    tools.fold(PermissionPolicy::new().role(writer), |policy, tool| {
        policy.requires(tool, PermissionMode::WorkspaceWrite)
    })
}

fn permissions(c: &mut Criterion) {
    for (name, tool) in [
        ("permissions/authorize_20_tools/allowed", "tool_number_7"),
        ("permissions/authorize_20_tools/allowed_mixed_case", "Tool_Number_7"),
        ("permissions/authorize_20_tools/denied", "tool_number_19"),
    ] {
        c.bench_function(name, |b| {
            let policy = permission_policy();
            b.iter(|| policy.authorize(black_box("writer"), black_box(tool)));
        });
    }
    c.bench_function("permissions/is_allowed_20_tools/denied", |b| {
        let policy = permission_policy();
        b.iter(|| policy.is_allowed(black_box("writer"), black_box("tool_number_19")));
    });
}

criterion_group!(benches, policy, permissions);
criterion_main!(benches);
