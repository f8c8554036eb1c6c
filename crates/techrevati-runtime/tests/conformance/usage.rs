//! Prices, turns and totals.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::usage::{PricingTable, UsageSnapshot, UsageTracker, Usd};

use super::support::{every, near, same};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    pricing: Value,
    turns: Vec<TurnCase>,
    budget_usd: f64,
    expect: Totals,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnCase {
    model: String,
    usage: Usage,
    has_pricing: bool,
    cost_usd: f64,
}

/// The four counts, spelled out so that an unknown one is noticed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
pub(crate) struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_write_tokens: u64,
    cache_read_tokens: u64,
}

impl From<&Usage> for UsageSnapshot {
    fn from(usage: &Usage) -> Self {
        Self::new(usage.input_tokens, usage.output_tokens)
            .cache_write(usage.cache_write_tokens)
            .cache_read(usage.cache_read_tokens)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Totals {
    total_cost_usd: f64,
    format_cost: String,
    total_input_tokens: u64,
    total_output_tokens: u64,
    turns: u64,
    per_model_cost: BTreeMap<String, f64>,
    is_over_budget: bool,
    budget_remaining: f64,
}

#[test]
fn every_usage_vector_agrees() {
    every("usage", |case: Case| {
        let prices =
            PricingTable::from_json(&case.pricing.to_string()).map_err(|e| e.to_string())?;
        let tracker = UsageTracker::with_pricing(prices.clone());
        for (index, turn) in case.turns.iter().enumerate() {
            let (what, usage) = (format!("turn {index}"), UsageSnapshot::from(&turn.usage));
            same(&what, &prices.contains(&turn.model), &turn.has_pricing)?;
            near(&what, tracker.cost_for_turn(&turn.model, &usage).to_f64(), turn.cost_usd)?;
            let recorded = tracker.record_turn(&turn.model, &usage);
            near(&what, recorded.cost.to_f64(), turn.cost_usd)?;
            same(&what, &recorded.priced, &turn.has_pricing)?;
        }
        let (expect, budget) =
            (&case.expect, Usd::try_from(case.budget_usd).map_err(|e| e.to_string())?);
        near("total_cost", tracker.total_cost().to_f64(), expect.total_cost_usd)?;
        same("format_cost", &tracker.format_cost(), &expect.format_cost)?;
        same("total_input", &tracker.total_input_tokens(), &expect.total_input_tokens)?;
        same("total_output", &tracker.total_output_tokens(), &expect.total_output_tokens)?;
        same("turns", &tracker.turns(), &expect.turns)?;
        let per_model = tracker.per_model_summary();
        let models: Vec<&str> = per_model.keys().map(|model| &**model).collect();
        same("models", &models, &expect.per_model_cost.keys().map(|model| &**model).collect())?;
        for (model, cost) in &expect.per_model_cost {
            near(model, per_model[model.as_str()].to_f64(), *cost)?;
        }
        same("is_over_budget", &tracker.is_over_budget(budget), &expect.is_over_budget)?;
        near("remaining", tracker.budget_remaining(budget).to_f64(), expect.budget_remaining)
    });
}
