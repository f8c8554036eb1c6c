//! Conditions one by one: their results, their JSON and their explanations.

use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_policy::{PhaseContext, PolicyCondition, PolicyEngine, PolicyRule, QualityLevel};
use runtime_usage::Usd;
use serde_json::json;

fn explain(condition: PolicyCondition, ctx: &PhaseContext) -> String {
    let explanation = PolicyEngine::new([PolicyRule::new("r", condition)]).explain(ctx).remove(0);
    let because: Vec<_> = explanation.because.iter().map(ToString::to_string).collect();
    format!("{} {}", if explanation.fired { "+" } else { "-" }, because.join("; "))
}

#[track_caller]
fn says(condition: &str, ctx: &PhaseContext, expected: &str) {
    let condition = PolicyCondition::from_json(condition).unwrap();
    assert_eq!(explain(condition, ctx), expected);
}

#[track_caller]
fn refused(json: &str, expected: &str) {
    let error = PolicyCondition::from_json(json).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{json}\n  said {error}\n  not  {expected}");
}

#[test]
fn every_condition_explains_what_it_observed() {
    let ctx = PhaseContext::new("draft")
        .quality_level(QualityLevel::Standard)
        .gate(0.9, 0.8)
        .completed_roles(["editor"])
        .failed_roles(["writer"])
        .all_roles(["critic", "editor", "writer"])
        .elapsed(Duration::from_millis(60_500))
        .retry_exhausted_scenarios([FailureScenario::LlmError])
        .total_cost(Usd::from_nanos(5_000_000_001));

    says(
        r#"{"quality_at":"strict"}"#,
        &ctx,
        "- quality_at(strict): quality_level standard is not at least strict",
    );
    says(
        r#"{"quality_at":"minimal"}"#,
        &ctx,
        "+ quality_at(minimal): quality_level standard is at least minimal",
    );
    says(r#""phase_completed""#, &ctx, "- phase_completed: the phase is not completed");
    says(r#"{"agent_failed":null}"#, &ctx, "+ agent_failed(any): failed_roles has writer");
    says(
        r#"{"agent_failed":"critic"}"#,
        &ctx,
        "- agent_failed(critic): failed_roles does not have critic",
    );
    says(r#"{"gate_below":0.8}"#, &ctx, "- gate_below(0.8): gate_score 0.9 is not below 0.8");
    says(r#"{"gate_below":1}"#, &ctx, "+ gate_below(1): gate_score 0.9 is below 1");
    says(
        r#"{"retry_exhausted":null}"#,
        &ctx,
        "+ retry_exhausted(any): retry_exhausted_scenarios has llm_error",
    );
    says(r#"{"timed_out":60}"#, &ctx, "+ timed_out(60s): elapsed 60.5s is more than 60s");
    says(r#"{"timed_out":60.5}"#, &ctx, "- timed_out(60.5s): elapsed 60.5s is not more than 60.5s");
    says(
        r#"{"cost_exceeded":5}"#,
        &ctx,
        "+ cost_exceeded($5): total_cost $5.000000001 is more than $5",
    );
    says(r#""all_agents_complete""#, &ctx, "- all_agents_complete: still at work: critic");
    says(r#"{"and":[]}"#, &ctx, "+ and: an empty `and` always holds");
    says(r#"{"or":[]}"#, &ctx, "- or: an empty `or` never holds");
    let custom = PolicyCondition::custom("late", |ctx| ctx.elapsed > Duration::ZERO);
    assert_eq!(explain(custom, &ctx), "+ custom(late): the closure returned true");
}

#[test]
fn explanations_name_unset_empty_and_unknown_values() {
    let ctx = PhaseContext::default();
    says(r#"{"quality_at":"minimal"}"#, &ctx, "- quality_at(minimal): quality_level is not set");
    says(r#"{"agent_failed":null}"#, &ctx, "- agent_failed(any): failed_roles is empty");
    says(
        r#""all_agents_complete""#,
        &ctx,
        "+ all_agents_complete: every one of all_roles has completed or failed",
    );
    let ctx = ctx.completed_roles(["a", "b", "c", "d", "e"]);
    says(
        r#""all_agents_complete""#,
        &ctx,
        "- all_agents_complete: not one of all_roles: a, b, c and 2 more",
    );
}

#[test]
fn explanation_keeps_only_deciding_parts() {
    let ctx = PhaseContext::default().gate(0.9, 0.8);
    // The first part held, and does not matter because the second did not.
    says(
        r#"{"and":[{"not":"phase_completed"},{"gate_below":0.8}]}"#,
        &ctx,
        "- and[1].gate_below(0.8): gate_score 0.9 is not below 0.8",
    );
    // All parts were needed.
    says(
        r#"{"and":[{"not":"phase_completed"},{"gate_below":1.0}]}"#,
        &ctx,
        "+ and[0].not.phase_completed: the phase is not completed; \
         and[1].gate_below(1): gate_score 0.9 is below 1",
    );
    says(
        r#"{"or":["phase_completed",{"not":{"or":["phase_completed"]}}]}"#,
        &ctx,
        "+ or[1].not.or[0].phase_completed: the phase is not completed",
    );
}

#[test]
fn limits_are_exceeded_only_above_their_value() {
    let ctx = PhaseContext::default()
        .elapsed(Duration::from_mins(1))
        .total_cost(Usd::from_dollars(5))
        .gate(0.8, 0.8);
    assert!(!PolicyCondition::TimedOut(Duration::from_mins(1)).matches(&ctx));
    assert!(!PolicyCondition::CostExceeded(Usd::from_dollars(5)).matches(&ctx));
    assert!(!PolicyCondition::gate_below(0.8).unwrap().matches(&ctx));
    let ctx = ctx.elapsed(Duration::new(60, 1)).total_cost(Usd::from_nanos(5_000_000_001));
    assert!(PolicyCondition::TimedOut(Duration::from_mins(1)).matches(&ctx));
    assert!(PolicyCondition::CostExceeded(Usd::from_dollars(5)).matches(&ctx));
}

#[test]
fn nan_score_is_below_no_threshold() {
    let ctx = PhaseContext::default().gate(f64::NAN, 0.8);
    assert!(!PolicyCondition::gate_below(1e9).unwrap().matches(&ctx));
}

#[test]
fn all_agents_complete_needs_exactly_all_roles() {
    let all = PolicyCondition::AllAgentsComplete;
    let ctx = PhaseContext::default().all_roles(["a", "b"]);
    assert!(!all.matches(&ctx.clone().completed_roles(["a"])));
    assert!(all.matches(&ctx.clone().completed_roles(["a"]).failed_roles(["a", "b"])));
    assert!(!all.matches(&ctx.completed_roles(["a", "b"]).failed_roles(["stranger"])));
}

#[test]
fn empty_role_means_any_role_in_code_and_is_refused_in_json() {
    assert_eq!(PolicyCondition::agent_failed(""), PolicyCondition::agent_failed(None));
    refused(r#"{"agent_failed":""}"#, "agent_failed: role name must not be empty");
}

#[test]
fn invalid_thresholds_are_refused() {
    for bad in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(PolicyCondition::gate_below(bad).is_err(), "{bad}");
    }
    assert_eq!(
        PolicyCondition::gate_below(-0.1).unwrap_err().to_string(),
        "invalid `gate_below` threshold `-0.1`: must not be negative"
    );
    let PolicyCondition::GateBelow(zero) = PolicyCondition::gate_below(-0.0).unwrap() else {
        panic!("a threshold")
    };
    assert!(zero.get().is_sign_positive());
}

#[test]
fn invalid_condition_is_refused_with_path_and_value() {
    refused("", "EOF while parsing");
    refused("{}", "a condition must have one key, found none");
    refused("7", "invalid type: integer `7`, expected a condition");
    refused(r#""phase_done""#, "unknown condition `phase_done`, expected `phase_completed` or");
    refused(r#""and""#, "unknown condition `and`, expected `phase_completed` or");
    refused(
        r#"{"and":[{"gate_under":1}]}"#,
        "and[0]: unknown condition `gate_under`, expected `and`,",
    );
    refused(
        r#"{"not":{"and":[],"or":[]}}"#,
        "not: a condition must have one key, found `and` and `or`",
    );
    refused(
        r#"{"or":[{"not":{"gate_below":-0.5}}]}"#,
        "or[0].not.gate_below: invalid `gate_below` threshold `-0.5`",
    );
    refused(r#"{"gate_below":"high"}"#, r#"gate_below: invalid type: string "high""#);
    refused(r#"{"gate_below":1e999}"#, "gate_below: number out of range");
    refused(r#"{"gate_below":null}"#, "gate_below: invalid type: null");
    refused(r#"{"timed_out":-60}"#, "timed_out: invalid duration `-60`: must not be negative");
    refused(r#"{"timed_out":1e300}"#, "timed_out: ");
    refused(r#"{"cost_exceeded":-5}"#, "cost_exceeded: ");
    refused(r#"{"quality_at":"superb"}"#, "quality_at: unknown quality level `superb`");
    refused(r#"{"retry_exhausted":"luck"}"#, "retry_exhausted: unknown failure scenario `luck`");
    refused(r#"{"agent_failed":7}"#, "agent_failed: invalid type: integer `7`");
    refused(r#""phase_completed" 1"#, "trailing characters");
}

#[test]
fn context_json_is_complete_and_sorted() {
    let ctx = PhaseContext::new("draft")
        .completed_roles(["writer", "critic"])
        .elapsed(Duration::from_millis(10_500))
        .retry_exhausted_scenarios([
            FailureScenario::ToolExecutionError,
            FailureScenario::ContextOverflow,
        ])
        .total_cost(Usd::from_cents(750));
    assert_eq!(
        serde_json::to_value(ctx).unwrap(),
        json!({
            "phase": "draft",
            "quality_level": null,
            "gate_score": 0.0,
            "gate_threshold": 0.0,
            "completed_roles": ["critic", "writer"],
            "failed_roles": [],
            "all_roles": [],
            "elapsed_seconds": 10.5,
            "retry_exhausted_scenarios": ["context_overflow", "tool_execution_error"],
            "phase_completed": false,
            "total_cost_usd": 7.5,
        })
    );
}

#[test]
fn invalid_context_is_refused_with_its_field() {
    let read = serde_json::from_value::<PhaseContext>;
    let error = read(json!({ "elapsed_seconds": -1 })).unwrap_err().to_string();
    assert!(error.contains("invalid duration `-1`"), "{error}");
    let error = read(json!({ "fase": "draft" })).unwrap_err().to_string();
    assert!(error.contains("unknown field `fase`"), "{error}");
    assert_eq!(read(json!({})).unwrap(), PhaseContext::default());
}

#[test]
fn closure_condition_cannot_be_serialized() {
    let custom = PolicyCondition::custom("moonlight", |_| true);
    let rule = PolicyRule::new("r", PolicyCondition::and([PolicyCondition::not(custom)]));
    let error = serde_json::to_string(&PolicyEngine::new([rule])).unwrap_err().to_string();
    assert_eq!(error, "condition `moonlight` is a closure and cannot be written as JSON");
}

#[test]
fn custom_conditions_equal_only_their_clones() {
    let custom = PolicyCondition::custom("yes", |_| true);
    assert_eq!(custom, custom.clone());
    assert_ne!(custom, PolicyCondition::custom("yes", |_| true));
}

#[test]
fn json_nesting_is_bounded() {
    let deep = format!("{}\"phase_completed\"{}", r#"{"not":"#.repeat(10_000), "}".repeat(10_000));
    refused(&deep, "not.not.");
    let fine = format!("{}\"phase_completed\"{}", r#"{"not":"#.repeat(100), "}".repeat(100));
    let fine = PolicyCondition::from_json(&fine).unwrap();
    assert!(!fine.matches(&PhaseContext::default()));
}

#[test]
fn deep_nesting_in_code_works() {
    let deep = (0..400).fold(PolicyCondition::PhaseCompleted, |inner, _| {
        PolicyCondition::and([PolicyCondition::not(PolicyCondition::not(inner))])
    });
    let ctx = PhaseContext::default().phase_completed(true);
    assert!(deep.matches(&ctx));
    let explanation = PolicyEngine::new([PolicyRule::new("deep", deep)]).explain(&ctx).remove(0);
    assert!(explanation.fired);
    assert!(explanation.because[0].path.starts_with("and[0].not.not.and[0]"));
}

#[test]
fn closure_is_called_once_and_only_if_needed() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    let asked = Arc::new(AtomicU32::new(0));
    let counter = {
        let asked = asked.clone();
        PolicyCondition::custom("count", move |_| {
            // Relaxed: one thread counts.
            asked.fetch_add(1, Ordering::Relaxed);
            true
        })
    };
    let unasked = PolicyCondition::and([PolicyCondition::PhaseCompleted, counter.clone()]);
    let engine = PolicyEngine::new([PolicyRule::new("a", unasked), PolicyRule::new("b", counter)]);
    let ctx = PhaseContext::default();
    assert!(engine.evaluate(&ctx).is_empty());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    engine.explain(&ctx);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
