//! The list of models.dev.

use runtime_usage::{PriceFormat, ServiceTier, SkipReason, UsageSnapshot, Usd};

use super::{costs, read, table};

const SAMPLE: &str = include_str!("../../data/models_dev.json");
const STANDARD: ServiceTier = ServiceTier::Standard;

#[test]
fn models_have_qualified_and_bare_names() {
    let list = read(SAMPLE);
    assert_eq!((list.format, list.models), (PriceFormat::ModelsDev, 6));
    let skipped: Vec<_> = list.skipped.iter().map(ToString::to_string).collect();
    let fast = "`openai.models.gpt-5.5.experimental.modes.fast`: a charge beside the tokens";
    assert_eq!(skipped, [fast]);
    assert!(list.ambiguous.is_empty());
    let table = table(list);
    for name in ["gpt-5.4", "openai/gpt-5.4", "openrouter/openai/gpt-5.4", "GPT-5.4-2026-03-05"] {
        // 1,000 x 2.50 $ + 100 x 15 $ = 0.0025 + 0.0015.
        costs(&table, name, &UsageSnapshot::new(1_000, 100), STANDARD, "0.004");
    }
    assert!(table.get("openrouter/gpt-5.4").is_none());
}

#[test]
fn models_dev_tier_applies_to_the_whole_turn() {
    let table = table(read(SAMPLE));
    // 271,999 x 5 $; 272,000 x 10 $.
    costs(&table, "gpt-5.5", &UsageSnapshot::new(271_999, 0), STANDARD, "1.359995");
    costs(&table, "gpt-5.5", &UsageSnapshot::new(272_000, 0), STANDARD, "2.72");
    // 100,000 x 2.50 $ + 150,000 x 0.25 $ + 10,000 x 15 $ = 0.25 + 0.0375 + 0.15.
    let usage = UsageSnapshot::new(100_000, 10_000).cache_read(150_000);
    costs(&table, "gemini-2.5-pro", &usage, STANDARD, "0.4375");
}

#[test]
fn context_over_200k_is_read_without_tiers() {
    let table = table(read(
        r#"{"p": {"models": {"m": {"cost": {"input": 1, "output": 2, "cache_read": 0.1,
            "context_over_200k": {"input": 2, "output": 3}}}}}}"#,
    ));
    // 200,000 x 1 $; 200,001 x 2 $; 200,000 x 2 $ + 10 x 0.10 $: the cache keeps its price.
    costs(&table, "m", &UsageSnapshot::new(200_000, 0), STANDARD, "0.2");
    costs(&table, "m", &UsageSnapshot::new(200_001, 0), STANDARD, "0.400002");
    let usage = UsageSnapshot::new(200_000, 0).cache_read(10);
    costs(&table, "m", &usage, STANDARD, "0.400001");
}

#[test]
fn cache_and_audio_prices_default_to_text_prices() {
    let table = table(read(SAMPLE));
    // 1,000 x (3.75 + 3.75 + 0.30) $: an hour has the price of minutes.
    let usage = UsageSnapshot::new(0, 0).cache_write(1_000).cache_write_1h(1_000).cache_read(1_000);
    costs(&table, "claude-sonnet-4-5", &usage, STANDARD, "0.0078");
    // 10,000 x 1 $ of audio in, 1,000 x 0.30 $ written to the cache, 100 x 2.50 $ of audio out.
    let usage = UsageSnapshot::new(0, 0).input_audio(10_000).cache_write(1_000).output_audio(100);
    costs(&table, "gemini-2.5-flash", &usage, STANDARD, "0.01055");
}

#[test]
fn bare_name_has_the_price_of_the_maker() {
    let list = read(
        r#"{"a-reseller": {"models": {"gpt-5": {"cost": {"input": 0, "output": 0}}}},
            "openai": {"models": {"gpt-5": {"cost": {"input": 1, "output": 1}}}},
            "z-reseller": {"models": {"gpt-5": {"cost": {"input": 9, "output": 9}}}}}"#,
    );
    assert!(list.ambiguous.is_empty());
    let table = table(list);
    assert_eq!(table.get("gpt-5").unwrap().input_per_million, Usd::from_dollars(1));
    assert_eq!(table.get("a-reseller/gpt-5").unwrap().input_per_million, Usd::ZERO);
}

#[test]
fn ambiguous_name_has_the_highest_price() {
    let list = read(
        r#"{"b": {"models": {"llama": {"cost": {"input": 1, "output": 3}},
                             "same": {"cost": {"input": 1, "output": 1}}}},
            "a": {"models": {"llama": {"cost": {"input": 2, "output": 1}},
                             "same": {"cost": {"input": 1, "output": 1}}}},
            "c": {"models": {"llama": {"cost": {"input": 0, "output": 0}}}}}"#,
    );
    assert_eq!(list.ambiguous, ["llama".into()]);
    let table = table(list);
    assert_eq!(table.get("llama"), table.get("b/llama"));
    assert_ne!(table.get("llama"), table.get("a/llama"));
}

#[test]
fn models_without_a_price_are_skipped() {
    let list = read(
        r#"{"p": {"models": {"none": {"name": "None"}, "null": {"cost": null},
            "half": {"cost": {"input": 1}},
            "odd": {"cost": {"input": 1, "output": 1, "request": 5,
                             "tiers": [{"input": 2, "output": 2, "tier": {"type": "hour"}}]}}}}}"#,
    );
    let skipped: Vec<_> = list.skipped.iter().map(|part| (&*part.at, part.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("p.models.none", SkipReason::NoTokenPrices),
            ("p.models.null", SkipReason::NoTokenPrices),
            ("p.models.half", SkipReason::Incomplete),
            ("p.models.odd.cost.request", SkipReason::Surcharge),
            ("p.models.odd.cost.tiers[0]", SkipReason::UnknownTier),
        ]
    );
    assert_eq!(list.models, 1);
}

#[test]
fn free_reseller_gets_no_bare_names() {
    let list = read(
        r#"{"copilot": {"models": {"claude-4.5": {"cost": {"input": 0, "output": 0}}}},
            "google": {"models": {"gemma": {"cost": {"input": 0, "output": 0}}}}}"#,
    );
    let table = table(list);
    assert!(table.get("claude-4.5").is_none(), "free by accident");
    assert!(table.get("copilot/claude-4.5").is_some() && table.get("gemma").is_some());
}

#[test]
fn mode_that_is_a_tier_has_its_prices_and_another_is_told() {
    let list = read(
        r#"{"openai": {"id": "openai", "models": {"m": {
            "cost": {"input": 5, "output": 30},
            "experimental": {"modes": {
                "fast": {"cost": {"input": 12.5, "output": 75}, "provider": {"body": {"service_tier": "priority"}}},
                "hasty": {"cost": {"input": 30, "output": 150}, "provider": {"body": {"speed": "fast"}}}
            }}
        }}}}"#,
    );
    assert_eq!(list.skipped.len(), 1);
    assert_eq!(list.skipped[0].at, "openai.models.m.experimental.modes.hasty");
    let table = table(list);
    let usage = UsageSnapshot::new(100_000, 10_000);
    costs(&table, "m", &usage, ServiceTier::Standard, "0.8");
    costs(&table, "m", &usage, ServiceTier::Priority, "2");
}
