//! Rules, compared with a naive model that inserts each at its place.

use proptest::collection::vec;
use proptest::prelude::*;
use runtime_policy::{PolicyAction, PolicyActionData, PolicyEngine, PolicyRule};

use super::strategies::{condition, context};

fn rules() -> impl Strategy<Value = Vec<PolicyRule>> {
    let actions = vec((proptest::sample::select(PolicyAction::ALL), 0_u8..3), 0..3);
    let rule = (condition(), -2_i64..3, actions);
    vec(rule, 0..12).prop_map(|rules| {
        let rule = |(index, (condition, priority, actions)): (usize, (_, i64, Vec<_>))| {
            let mut rule = PolicyRule::new(format!("rule-{index}"), condition).priority(priority);
            for (action, params) in actions {
                let data = PolicyActionData::new(action);
                let data = (0..params).fold(data, |data, n| data.param(format!("p{n}"), n));
                rule = rule.action(data);
            }
            rule
        };
        rules.into_iter().enumerate().map(rule).collect()
    })
}

proptest! {
    #[test]
    fn rules_fire_in_the_order_of_a_naive_model(rules in rules(), ctx in context()) {
        let mut ordered: Vec<PolicyRule> = Vec::new();
        for rule in &rules {
            let before = ordered.iter().filter(|other| other.priority <= rule.priority).count();
            ordered.insert(before, rule.clone());
        }
        let engine = PolicyEngine::new(rules);
        prop_assert_eq!(engine.rules(), &ordered[..]);

        let mut actions = Vec::new();
        for rule in &ordered {
            if rule.condition.matches(&ctx) {
                actions.extend(rule.actions.clone());
            }
        }
        prop_assert_eq!(engine.evaluate(&ctx), actions);

        let explanations = engine.explain(&ctx);
        prop_assert_eq!(explanations.len(), ordered.len());
        for (explanation, rule) in explanations.iter().zip(&ordered) {
            prop_assert_eq!(&explanation.rule, &rule.name);
            prop_assert_eq!(explanation.fired, rule.condition.matches(&ctx));
        }
    }

    #[test]
    fn rules_round_trip_through_json(rules in rules()) {
        let engine = PolicyEngine::new(rules);
        let json = serde_json::to_string(&engine).unwrap();
        prop_assert_eq!(PolicyEngine::from_json(&json).unwrap(), engine);
    }
}
