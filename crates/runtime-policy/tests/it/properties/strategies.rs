//! Arbitrary conditions and contexts, of few values so that they often match.

use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use runtime_events::FailureScenario;
use runtime_policy::{PhaseContext, PolicyCondition, QualityLevel};
use runtime_usage::Usd;

const ROLES: [&str; 3] = ["critic", "editor", "writer"];

/// Amounts and times that are often equal.
fn quarter() -> impl Strategy<Value = f64> {
    (0_u32..8).prop_map(|quarters| f64::from(quarters) / 4.0)
}

fn usd() -> impl Strategy<Value = Usd> {
    prop_oneof![
        3 => (0_u64..8).prop_map(Usd::from_cents),
        1 => (0_u64..8_000_000_000_000_000).prop_map(Usd::from_nanos),
    ]
}

fn elapsed() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => quarter().prop_map(Duration::from_secs_f64),
        1 => (0_u64..1 << 50).prop_map(Duration::from_nanos),
    ]
}

fn roles() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(ROLES.to_vec(), 0..=ROLES.len())
}

pub(super) fn context() -> impl Strategy<Value = PhaseContext> {
    let sets = (roles(), roles(), roles(), btree_set(select(FailureScenario::ALL), 0..3));
    let level = proptest::option::of(select(QualityLevel::ALL));
    let rest = (level, quarter(), quarter(), elapsed(), any::<bool>(), usd());
    (sets, rest).prop_map(|((completed, failed, all, scenarios), rest)| {
        let (level, score, threshold, elapsed, done, cost) = rest;
        PhaseContext::new("draft")
            .quality_level(level)
            .gate(score, threshold)
            .completed_roles(completed)
            .failed_roles(failed)
            .all_roles(all)
            .elapsed(elapsed)
            .retry_exhausted_scenarios(scenarios)
            .phase_completed(done)
            .total_cost(cost)
    })
}

fn leaf() -> impl Strategy<Value = PolicyCondition> {
    prop_oneof![
        select(QualityLevel::ALL).prop_map(PolicyCondition::QualityAt),
        Just(PolicyCondition::PhaseCompleted),
        proptest::option::of(select(&ROLES[..])).prop_map(PolicyCondition::agent_failed),
        quarter().prop_map(|score| PolicyCondition::gate_below(score).unwrap()),
        proptest::option::of(select(FailureScenario::ALL))
            .prop_map(PolicyCondition::retry_exhausted),
        elapsed().prop_map(PolicyCondition::TimedOut),
        Just(PolicyCondition::AllAgentsComplete),
        usd().prop_map(PolicyCondition::CostExceeded),
    ]
}

pub(super) fn condition() -> impl Strategy<Value = PolicyCondition> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(PolicyCondition::and),
            vec(inner.clone(), 0..4).prop_map(PolicyCondition::or),
            inner.prop_map(PolicyCondition::not),
        ]
    })
}
