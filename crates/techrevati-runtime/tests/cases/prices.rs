//! Published price lists, and what a turn costs by them.

use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::usage::{PriceReader, PricingTable, ServiceTier, UsageSnapshot};

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
    tier: ServiceTier,
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
        let cost = prices.map(|prices| prices.cost(&self.query.usage, self.query.tier).to_f64());
        let mut found = Vec::new();
        if let Some(expected) = expect.get("cost") {
            let agrees = match (cost, expected.as_f64()) {
                (Some(cost), Some(expected)) => (cost - expected).abs() < 1e-9,
                (cost, expected) => cost == expected,
            };
            if !agrees && (expect.get("or_told").is_none() || skipped.is_empty()) {
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
    compare("price_list", |case: &Case, expect| case.differs(expect));
}
