//! Published price lists. A comment computes each price by hand.

mod broken;
mod genai_prices;
mod litellm;
mod litellm_names;
mod models_dev;
mod openrouter;
mod published;
mod recognition;

use runtime_usage::{PriceList, PriceReader, PricingTable, ServiceTier, UsageSnapshot, Usd};

fn read(json: &str) -> PriceList {
    PriceReader::new().read(json).expect(json)
}

fn table(list: PriceList) -> PricingTable {
    let table = PricingTable::new();
    table.merge(list);
    table
}

/// Asserts the cost of a turn in dollars, with and without a bill.
#[track_caller]
fn costs(
    table: &PricingTable,
    model: &str,
    usage: &UsageSnapshot,
    tier: ServiceTier,
    dollars: &str,
) {
    let cost = table.price(model, usage, tier).expect(model);
    assert_eq!(cost.total, dollars.parse::<Usd>().expect(dollars), "{model}, {tier}:\n{cost}");
    let prices = table.prices(model).expect(model);
    assert_eq!(prices.cost(usage, tier), cost.total);
}
