//! Published price lists, and what a turn costs by them.

use serde::Deserialize;
use serde_json::{Value, json};
use techrevati_runtime::usage::{
    PriceReader, PricingTable, ReportedUsage, UsageFormat, UsageSnapshot,
};

use super::support::compare;

#[derive(Deserialize)]
struct Case {
    price_list: Value,
    query: Query,
}

#[derive(Deserialize)]
struct Query {
    model: String,
    usage: UsageSnapshot,
    /// As the provider writes it.
    tier: String,
    speed: Option<String>,
    geo: Option<String>,
}

impl Query {
    /// The tier, and what the bill has no price for.
    fn reported(&self) -> ReportedUsage {
        let usage = json!({
            "input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0,
            "service_tier": self.tier, "speed": self.speed, "inference_geo": self.geo,
        });
        UsageFormat::Anthropic.read(&json!({ "usage": usage })).expect("it has usage")
    }
}

impl Case {
    fn differs(&self, expect: &Value) -> Vec<String> {
        let list = match PriceReader::new().read(&self.price_list.to_string()) {
            Ok(list) => list,
            Err(error) => return vec![error.to_string()],
        };
        let skipped: Vec<_> = list.skipped.iter().map(ToString::to_string).collect();
        let table = PricingTable::new();
        table.merge(list);
        let prices = table.prices(&self.query.model);
        let reported = self.query.reported();
        let tier = reported.tier.unwrap_or_default();
        let cost = prices.map(|prices| prices.cost(&self.query.usage, tier).to_f64());
        let is_told = !skipped.is_empty() || !reported.missing.is_empty();
        let mut found = Vec::new();
        if let Some(expected) = expect.get("cost") {
            let agrees = match (cost, expected.as_f64()) {
                (Some(cost), Some(expected)) => (cost - expected).abs() < 1e-9,
                (cost, expected) => cost == expected,
            };
            if !agrees && (expect.get("or_told").is_none() || !is_told) {
                found.push(format!("cost is {cost:?} and not {expected}, {skipped:?}"));
            }
        }
        for name in expect.get("skipped").and_then(Value::as_array).into_iter().flatten() {
            let name = name.as_str().expect("a name");
            if !skipped.iter().any(|part| part.contains(name)) {
                found.push(format!("`{name}` is not among the skipped: {skipped:?}"));
            }
        }
        found
    }
}

#[test]
fn prices_agree() {
    compare("price_list", "", |case: &Case, expect| case.differs(expect));
}
