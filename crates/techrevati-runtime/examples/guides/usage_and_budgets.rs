//! The code of `docs/usage-and-budgets.md`.

use techrevati_runtime::prelude::*;
use techrevati_runtime::usage::UsageTracker;

fn amounts() -> Result<(), BoxError> {
    let cost: Usd = "0.0033125".parse()?;
    assert_eq!(cost.nanos(), 3_312_500);
    assert_eq!(cost.to_string(), "$0.0033");
    assert_eq!(format!("{cost:#}"), "$0.0033125");

    let left = Usd::from_dollars(1).signed_sub(Usd::from_cents(120));
    assert_eq!(left.to_string(), "-$0.20");
    Ok(())
}

fn prices() -> Result<PricingTable, BoxError> {
    let prices = PricingTable::from_json(
        r#"{
            "_comment": "per million tokens, in US dollars",
            "models": {
                "gpt-5": {"input_per_million": 1.25, "output_per_million": 10}
            }
        }"#,
    )?;
    assert!(
        prices.get("GPT-5-2026-05-14").is_some(),
        "case does not matter, and a date may follow"
    );
    Ok(prices)
}

fn a_tracker() -> Result<(), BoxError> {
    let tracker = UsageTracker::with_pricing(prices()?);
    let turn = tracker.record_turn("gpt-5", &UsageSnapshot::new(12_000, 800));
    assert_eq!(turn.cost, Usd::from_nanos(23_000_000));
    assert_eq!(tracker.total_cost().to_string(), "$0.02");
    assert_eq!(tracker.totals().turns, 1);
    Ok(())
}

pub(crate) fn run() -> Result<(), BoxError> {
    amounts()?;
    a_tracker()?;
    Ok(())
}
