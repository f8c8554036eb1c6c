//! Conditions, compared with a naive evaluator of the JSON of condition and context.

use std::collections::BTreeSet;

use proptest::prelude::*;
use runtime_policy::{PhaseContext, PolicyCondition, PolicyEngine, PolicyRule};
use serde_json::{Value, to_value};

use super::strategies::{condition, context};

/// Evaluates all parts, builds all sets, and looks at nothing but JSON.
fn naive(condition: &Value, ctx: &Value) -> bool {
    let words =
        |field: &str| -> BTreeSet<String> { serde_json::from_value(ctx[field].clone()).unwrap() };
    let more = |field: &str, than: &Value| ctx[field].as_f64().unwrap() > than.as_f64().unwrap();
    let one_of = |field: &str, wanted: &Value| match wanted.as_str() {
        Some(wanted) => words(field).contains(wanted),
        None => !words(field).is_empty(),
    };
    let rank = |level: &Value| {
        ["minimal", "standard", "strict", "release"].iter().position(|word| level == word)
    };
    match condition.as_str() {
        Some("phase_completed") => return ctx["phase_completed"] == true,
        Some("all_agents_complete") => {
            let mut done = words("completed_roles");
            done.extend(words("failed_roles"));
            return done == words("all_roles");
        }
        _ => {}
    }
    let (key, value) = condition.as_object().unwrap().iter().next().unwrap();
    let parts = || {
        let parts = value.as_array().unwrap().iter();
        parts.map(|part| naive(part, ctx)).collect::<Vec<_>>()
    };
    match key.as_str() {
        "and" => !parts().contains(&false),
        "or" => parts().contains(&true),
        "not" => !naive(value, ctx),
        "quality_at" => {
            rank(&ctx["quality_level"]).is_some_and(|seen| seen >= rank(value).unwrap())
        }
        "agent_failed" => one_of("failed_roles", value),
        "retry_exhausted" => one_of("retry_exhausted_scenarios", value),
        "gate_below" => ctx["gate_score"].as_f64().unwrap() < value.as_f64().unwrap(),
        "timed_out" => more("elapsed_seconds", value),
        "cost_exceeded" => more("total_cost_usd", value),
        other => panic!("no such condition: {other}"),
    }
}

/// Evaluates the part of `condition` at `path`.
fn part<'a>(condition: &'a PolicyCondition, path: &str) -> &'a PolicyCondition {
    let (head, tail) = path.split_once('.').unwrap_or((path, ""));
    match condition {
        PolicyCondition::Not(inner) if head == "not" => part(inner, tail),
        PolicyCondition::And(parts) | PolicyCondition::Or(parts) if head.contains('[') => {
            let index = head.trim_end_matches(']').rsplit_once('[').unwrap().1;
            part(&parts[index.parse::<usize>().unwrap()], tail)
        }
        leaf => leaf,
    }
}

proptest! {
    #[test]
    fn condition_agrees_with_a_naive_evaluator(condition in condition(), ctx in context()) {
        let expected = naive(&to_value(&condition).unwrap(), &to_value(&ctx).unwrap());
        prop_assert_eq!(condition.matches(&ctx), expected);
    }

    #[test]
    fn explanation_agrees_with_evaluation(condition in condition(), ctx in context()) {
        let engine = PolicyEngine::new([PolicyRule::new("r", condition.clone())]);
        let explanation = engine.explain(&ctx).remove(0);
        prop_assert_eq!(explanation.fired, condition.matches(&ctx));
        prop_assert!(!explanation.because.is_empty());
        for finding in &explanation.because {
            prop_assert_eq!(part(&condition, &finding.path).matches(&ctx), finding.held);
        }
    }

    #[test]
    fn deciding_parts_alone_decide(condition in condition(), ctx in context(), other in context()) {
        // Any context with the same findings has the same result.
        let engine = PolicyEngine::new([PolicyRule::new("r", condition.clone())]);
        let explanation = engine.explain(&ctx).remove(0);
        let agrees = |ctx: &PhaseContext| explanation.because.iter().all(|finding| {
            part(&condition, &finding.path).matches(ctx) == finding.held
        });
        if agrees(&other) {
            prop_assert_eq!(condition.matches(&other), explanation.fired);
        }
    }

    #[test]
    fn condition_round_trips_through_json(condition in condition()) {
        let json = serde_json::to_string(&condition).unwrap();
        prop_assert_eq!(&PolicyCondition::from_json(&json).unwrap(), &condition);
        prop_assert_eq!(serde_json::from_str::<PolicyCondition>(&json).unwrap(), condition);
    }

    #[test]
    fn context_round_trips_through_json(ctx in context()) {
        let json = serde_json::to_string(&ctx).unwrap();
        prop_assert_eq!(serde_json::from_str::<PhaseContext>(&json).unwrap(), ctx);
    }

    #[test]
    fn reading_any_json_does_not_panic(text in r#"[\[\]{}":,a-z_0-9. -]{0,60}"#) {
        let _ = PolicyCondition::from_json(&text);
        let _ = PolicyEngine::from_json(&text);
    }
}
