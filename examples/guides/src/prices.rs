//! The code of `docs/prices.md`.

use techrevati_runtime::prelude::*;
use techrevati_runtime::usage::{
    ModelPrices, PriceFormat, PriceReader, ReportedUsage, ServiceTier, SkipReason, UsageTracker,
};

/// Two entries of a list by `LiteLLM`, as it is published, without what is no price.
fn our_own_format() -> Result<(), BoxError> {
    let prices = PricingTable::from_json(
        r#"{
            "_comment": "per million tokens, in US dollars",
            "models": {
                "gpt-5": {"input_per_million": 1.25, "output_per_million": 10}
            }
        }"#,
    )?;
    assert!(prices.get("GPT-5-2026-05-14").is_some(), "any case, and a date may follow");
    Ok(())
}

const LITELLM: &str = r#"{
    "gpt-5.4": {
        "litellm_provider": "openai",
        "input_cost_per_token": 2.5e-06,
        "input_cost_per_token_above_272k_tokens": 5e-06,
        "input_cost_per_token_batches": 1.25e-06,
        "output_cost_per_token": 1.5e-05,
        "output_cost_per_token_above_272k_tokens": 2.25e-05,
        "output_cost_per_token_batches": 7.5e-06,
        "cache_read_input_token_cost": 2.5e-07,
        "cache_read_input_token_cost_above_272k_tokens": 5e-07
    },
    "dall-e-3": {"litellm_provider": "openai", "output_cost_per_image": 0.04}
}"#;

fn a_list_is_read() -> Result<PricingTable, BoxError> {
    let list = PriceReader::new().read(LITELLM)?;
    assert_eq!(list.format, PriceFormat::LiteLlm);
    assert_eq!(list.skipped[0].at, "dall-e-3");
    assert_eq!(list.skipped[0].reason, SkipReason::NoTokenPrices);

    let table = PricingTable::new();
    assert_eq!(table.merge(list), 1, "one model has prices");
    Ok(table)
}

fn a_bill_is_checked() -> Result<(), BoxError> {
    let table = a_list_is_read()?;
    let usage = UsageSnapshot::new(250_000, 1_000).cache_read(50_000);
    let cost = table.price("gpt-5.4", &usage, ServiceTier::Standard).ok_or("no price")?;
    assert_eq!(
        cost.to_string(),
        "\
standard tier, above 272000 input tokens
input            250000 x $5 per million = $1.25
cache read        50000 x $0.5 per million = $0.025
output             1000 x $22.5 per million = $0.0225
total $1.2975"
    );
    let lines: Usd = cost.items().map(|line| line.amount).sum();
    assert_eq!(lines, cost.total);
    Ok(())
}

fn reported_tier_and_cost() -> Result<(), BoxError> {
    let tracker = UsageTracker::with_pricing(a_list_is_read()?);
    let batch = ReportedUsage::from(UsageSnapshot::new(10_000, 1_000)).tier(ServiceTier::Batch);
    assert_eq!(tracker.record("gpt-5.4", &batch, ServiceTier::Standard).cost, "0.02".parse()?);

    let turn = tracker.record("gpt-5.4", &batch.cost("0.0123".parse()?), ServiceTier::Standard);
    assert_eq!(turn.cost, "0.0123".parse()?);
    assert!(turn.reported);
    Ok(())
}

fn your_own_prices() -> Result<(), BoxError> {
    let short = ModelPricing::per_million("3".parse()?, "15".parse()?).cache_read("0.3".parse()?);
    let long = ModelPricing::per_million("6".parse()?, "22.5".parse()?).cache_read("0.6".parse()?);
    let batch = ModelPricing::per_million("1.5".parse()?, "7.5".parse()?);
    let prices = ModelPrices::new(short).band(200_000, long).tier(ServiceTier::Batch, batch);

    let table = PricingTable::new();
    table.register("my-model", prices)?;
    assert!(table.prices("my-model").is_some_and(|all| all.has_tier(ServiceTier::Batch)));
    Ok(())
}

fn two_lists_are_compared() -> Result<(), BoxError> {
    let theirs = PricingTable::from_json(
        r#"{"openai": {"models": {"gpt-5.4": {"cost": {
            "input": 2.5, "output": 14, "cache_read": 0.25,
            "context_over_200k": {"input": 5, "output": 22.5, "cache_read": 0.5}
        }}, "gpt-5.4-mini": {"cost": {"input": 0.75, "output": 4.5}}}}}"#,
    )?;
    let diff = a_list_is_read()?.diff(&theirs);
    assert_eq!(diff.prices[0].to_string(), "gpt-5.4: output $15, not $14");
    assert_eq!(diff.only_right, ["gpt-5.4-mini", "openai/gpt-5.4-mini"].map(Box::from));
    Ok(())
}

fn what_a_turn_may_cost() -> Result<(), BoxError> {
    let prices = a_list_is_read()?.prices("gpt-5.4").ok_or("no price")?;
    let estimate = UsageSnapshot::new(10_000, 1_000);
    let most = prices.worst_case(&estimate, ServiceTier::Standard);
    assert_eq!(most, "0.04".parse()?);

    let left = Usd::from_cents(10);
    assert_eq!(prices.output_tokens_for(&estimate, left, ServiceTier::Standard), 5_000);
    Ok(())
}

fn every_invalid_entry_is_named() -> Result<(), BoxError> {
    let json = r#"{
        "good": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
        "bad": {"input_cost_per_token": -1e-06, "output_cost_per_token": "free"}
    }"#;
    let list = PriceReader::new().read(json)?;
    assert_eq!(list.models, 1);
    let invalid: Vec<_> = list.skipped.iter().map(|part| &*part.at).collect();
    assert_eq!(invalid, ["bad.input_cost_per_token", "bad.output_cost_per_token"]);

    let error = PriceReader::new().strict().read(json).expect_err("two prices are invalid");
    assert_eq!(error.broken().map(|(at, _)| at).collect::<Vec<_>>(), invalid);
    Ok(())
}

pub(crate) fn run() -> Result<(), BoxError> {
    our_own_format()?;
    a_bill_is_checked()?;
    reported_tier_and_cost()?;
    your_own_prices()?;
    two_lists_are_compared()?;
    what_a_turn_may_cost()?;
    every_invalid_entry_is_named()
}
