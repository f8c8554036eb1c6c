//! Prices, turns and totals.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, process};

use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::usage::{PricingTable, ServiceTier, UsageSnapshot, UsageTracker, Usd};

use super::support::{Verdict, every, near, same, same_json};

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

/// The four counts, listed so that an unknown one is noticed.
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
    let file = format!("prices-{}.json", process::id());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    every("usage", |case: Case| {
        fs::write(&file, case.pricing.to_string()).map_err(|e| e.to_string())?;
        // The original's names match by their beginning.
        let prices = PricingTable::by_beginning();
        let loaded = prices.load_file(&file).map_err(|e| e.to_string())?;
        same(
            "loaded",
            &Some(loaded),
            &case.pricing["models"].as_object().map(serde_json::Map::len),
        )?;
        agrees(&case, &prices)
    });
    fs::remove_file(&file).unwrap();
}

fn agrees(case: &Case, prices: &PricingTable) -> Verdict {
    let tracker = UsageTracker::with_pricing(prices.clone());
    for (index, turn) in case.turns.iter().enumerate() {
        let (what, usage) = (format!("turn {index}"), UsageSnapshot::from(&turn.usage));
        same(&what, &prices.get(&turn.model).is_some(), &turn.has_pricing)?;
        let cost = prices.price(&turn.model, &usage, ServiceTier::Standard).map(|cost| cost.total);
        near(&what, cost.unwrap_or_default().to_f64(), turn.cost_usd)?;
        let recorded = tracker.record_turn(&turn.model, &usage);
        near(&what, recorded.cost.to_f64(), turn.cost_usd)?;
        same(&what, &recorded.priced, &turn.has_pricing)?;
        same(&what, &recorded.total, &tracker.total_cost())?;
    }
    let expect = &case.expect;
    near("total_cost", tracker.total_cost().to_f64(), expect.total_cost_usd)?;
    same("format_cost", &tracker.total_cost().rounded(), &expect.format_cost)?;
    same("total_input", &tracker.totals().tokens.input_tokens, &expect.total_input_tokens)?;
    same("total_output", &tracker.totals().tokens.output_tokens, &expect.total_output_tokens)?;
    same("turns", &tracker.totals().turns, &expect.turns)?;

    let per_model = tracker.per_model_summary();
    let models: Vec<&str> = per_model.keys().map(|model| &**model).collect();
    same("models", &models, &expect.per_model_cost.keys().map(String::as_str).collect())?;
    for (model, cost) in &expect.per_model_cost {
        near(model, per_model[model.as_str()].to_f64(), *cost)?;
    }

    let budget = Usd::try_from(case.budget_usd).map_err(|e| e.to_string())?;
    same("is_over_budget", &(tracker.total_cost() > budget), &expect.is_over_budget)?;
    near("remaining", budget.signed_sub(tracker.total_cost()).to_f64(), expect.budget_remaining)?;
    books(&serde_json::to_value(tracker.summary()).unwrap(), expect)
}

/// The summary agrees, with the cost rounded to four digits.
fn books(summary: &Value, expect: &Totals) -> Verdict {
    let rounded = summary["total_cost_usd"].as_f64().ok_or("the summary has no cost")?;
    let off = (rounded - expect.total_cost_usd).abs();
    same("rounded within half a digit", &(off <= 0.000_050_01), &true)?;
    same_json("summary turns", &summary["turns"], &expect.turns.into())?;
    same_json("summary input", &summary["total_input_tokens"], &expect.total_input_tokens.into())?;
    same_json(
        "summary output",
        &summary["total_output_tokens"],
        &expect.total_output_tokens.into(),
    )?;
    same_json("summary text", &summary["formatted_cost"], &expect.format_cost.clone().into())
}
