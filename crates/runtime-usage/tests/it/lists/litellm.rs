//! The list of `LiteLLM`.

use runtime_usage::{PriceFormat, ServiceTier, SkipReason, UsageSnapshot, Usd};

use super::{costs, read, table};

const SAMPLE: &str = include_str!("../../data/litellm.json");

#[test]
fn litellm_sample_lists_models_and_skipped_parts() {
    let list = read(SAMPLE);
    assert_eq!(list.format, PriceFormat::LiteLlm);
    assert_eq!(list.models, 6);
    let skipped: Vec<_> = list.skipped.iter().map(|part| (&*part.at, part.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("sample_spec", SkipReason::NotAModel),
            ("1024-x-1024/dall-e-2", SkipReason::NoTokenPrices),
            ("claude-opus-4-1.search_context_cost_per_query", SkipReason::Surcharge),
            ("gpt-5.4.regional_processing_uplift_multiplier_eu", SkipReason::Surcharge),
            ("gpt-image-1", SkipReason::Incomplete),
            ("gpt-realtime.cache_creation_input_audio_token_cost", SkipReason::Surcharge),
            ("gpt-realtime.input_cost_per_image", SkipReason::Surcharge),
            ("gradient_ai/alibaba-qwen3-32b", SkipReason::NoTokenPrices),
        ]
    );
    assert!(list.ambiguous.is_empty());
    let table = table(list);
    // With the provider and, where the list has it so, without.
    assert_eq!(table.to_vec().len(), 12);
    assert!(table.get("gpt-image-1").is_none());
}

#[test]
fn whole_turn_is_priced_by_its_band() {
    let table = table(read(SAMPLE));
    let standard = ServiceTier::Standard;
    // 272,000 x 2.50 $ = 0.68 $: the band begins above.
    costs(&table, "gpt-5.4", &UsageSnapshot::new(272_000, 0), standard, "0.68");
    // 272,001 x 5 $ = 1.360005 $, and not 0.68 $ and one token at 5 $.
    costs(&table, "gpt-5.4", &UsageSnapshot::new(272_001, 0), standard, "1.360005");
    // Cached tokens count for the size: 250,000 x 5 $ + 50,000 x 0.50 $ + 1,000 x 22.50 $
    // = 1.25 + 0.025 + 0.0225.
    let long = UsageSnapshot::new(250_000, 1_000).cache_read(50_000);
    costs(&table, "gpt-5.4-2026-03-05", &long, standard, "1.2975");
    let cost = table.price("gpt-5.4", &long, standard).unwrap();
    assert_eq!((cost.tier, cost.above), (standard, 272_000));
}

#[test]
fn batch_flex_and_priority_prices_are_read() {
    let table = table(read(SAMPLE));
    let usage = UsageSnapshot::new(100_000, 1_000).cache_read(10_000);
    // 100,000 x 2.50 $ + 10,000 x 0.25 $ + 1,000 x 15 $ = 0.25 + 0.0025 + 0.015.
    costs(&table, "gpt-5.4", &usage, ServiceTier::Standard, "0.2675");
    // 100,000 x 1.25 $ + 10,000 x 0.13 $ + 1,000 x 7.50 $ = 0.125 + 0.0013 + 0.0075.
    costs(&table, "gpt-5.4", &usage, ServiceTier::Flex, "0.1338");
    // 100,000 x 1.25 $ + 10,000 x 0.25 $ + 1,000 x 7.50 $: in batches the
    // cache has its standard price. 0.125 + 0.0025 + 0.0075.
    costs(&table, "gpt-5.4", &usage, ServiceTier::Batch, "0.135");
    // 100,000 x 5 $ + 10,000 x 0.50 $ + 1,000 x 30 $ = 0.5 + 0.005 + 0.03.
    costs(&table, "gpt-5.4", &usage, ServiceTier::Priority, "0.535");
}

#[test]
fn tier_without_prices_costs_the_standard_price() {
    let table = table(read(SAMPLE));
    // 1,000 x 15 $ + 100 x 75 $ = 0.015 + 0.0075: no discount for batches is guessed.
    let usage = UsageSnapshot::new(1_000, 100);
    costs(&table, "claude-opus-4-1", &usage, ServiceTier::Batch, "0.0225");
    let cost = table.price("claude-opus-4-1", &usage, ServiceTier::Batch).unwrap();
    assert_eq!(cost.tier, ServiceTier::Standard);
}

#[test]
fn tier_and_band_combine() {
    // The case of LiteLLM's pull request 40002.
    let list = read(
        r#"{"azure/gpt-5.5": {"litellm_provider": "azure",
            "input_cost_per_token": 5e-06,
            "input_cost_per_token_above_272k_tokens": 1e-05,
            "input_cost_per_token_above_272k_tokens_priority": 2e-05,
            "input_cost_per_token_priority": 1e-05,
            "output_cost_per_token": 3e-05,
            "output_cost_per_token_above_272k_tokens": 4.5e-05,
            "output_cost_per_token_above_272k_tokens_priority": 9e-05,
            "output_cost_per_token_priority": 6e-05}}"#,
    );
    let table = table(list);
    let (short, long) = (UsageSnapshot::new(200_000, 1_000), UsageSnapshot::new(300_000, 1_000));
    // 200,000 x 10 $ + 1,000 x 60 $ = 2 + 0.06.
    costs(&table, "azure/gpt-5.5", &short, ServiceTier::Priority, "2.06");
    // 300,000 x 20 $ + 1,000 x 90 $ = 6 + 0.09.
    costs(&table, "azure/gpt-5.5", &long, ServiceTier::Priority, "6.09");
    // 300,000 x 10 $ + 1,000 x 45 $ = 3 + 0.045.
    costs(&table, "azure/gpt-5.5", &long, ServiceTier::Standard, "3.045");
}

#[test]
fn band_without_a_tier_price_costs_the_higher_of_both() {
    let table = table(read(SAMPLE));
    let long = UsageSnapshot::new(300_000, 1_000);
    // Priority is 5 $ and 30 $, the long context 5 $ and 22.50 $: 1.5 + 0.03.
    costs(&table, "gpt-5.4", &long, ServiceTier::Priority, "1.53");
    // Flex is 1.25 $ and 7.50 $, the long context 5 $ and 22.50 $: 1.5 + 0.0225.
    costs(&table, "gpt-5.4", &long, ServiceTier::Flex, "1.5225");
}

#[test]
fn cache_prices_depend_on_lifetime_and_band() {
    let table = table(read(SAMPLE));
    let (model, standard) = ("claude-sonnet-4-5-20250929-v1:0", ServiceTier::Standard);
    // 1,000 x (3 + 3.75 + 6 + 0.30) $ = 0.01305.
    let usage =
        UsageSnapshot::new(1_000, 0).cache_write(1_000).cache_write_1h(1_000).cache_read(1_000);
    costs(&table, model, &usage, standard, "0.01305");
    // Above 200,000 in all: 150,000 x 6 $ + 60,000 x 12 $ + 2,000 x 22.50 $ = 0.9 + 0.72 + 0.045.
    let usage = UsageSnapshot::new(150_000, 2_000).cache_write_1h(60_000);
    costs(&table, model, &usage, standard, "1.665");
}

#[test]
fn cache_without_a_price_costs_the_input_price() {
    let table = table(read(SAMPLE));
    // 10,000 x 0.06 $ twice.
    let usage = UsageSnapshot::new(0, 0).cache_read(10_000).cache_write_1h(10_000);
    costs(&table, "amazon.nova-lite-v1:0", &usage, ServiceTier::Standard, "0.0012");
}

#[test]
fn hour_cache_price_is_not_lower_in_a_band_without_it() {
    let table = table(read(
        r#"{"m": {"input_cost_per_token": 3e-06, "output_cost_per_token": 0,
            "cache_creation_input_token_cost": 3.75e-06,
            "cache_creation_input_token_cost_above_1hr": 6e-06,
            "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06}}"#,
    ));
    // 300,000 x 7.50 $, the price of minutes there, and not 6 $.
    let usage = UsageSnapshot::new(0, 0).cache_write_1h(300_000);
    costs(&table, "m", &usage, ServiceTier::Standard, "2.25");
}

#[test]
fn audio_has_its_own_prices() {
    let table = table(read(SAMPLE));
    // 200 x 4 $ + 1,000 x 32 $ + 100 x 16 $ + 500 x 64 $ = 0.0008 + 0.032 + 0.0016 + 0.032.
    let usage = UsageSnapshot::new(200, 100).input_audio(1_000).output_audio(500);
    costs(&table, "gpt-realtime-2025-08-28", &usage, ServiceTier::Standard, "0.0664");
}

#[test]
fn reasoning_price_follows_output_in_a_tier_that_sets_it() {
    let table = table(read(
        r#"{"m": {"input_cost_per_token": 0.0, "output_cost_per_token": 2e-06,
            "output_cost_per_reasoning_token": 3e-06, "output_cost_per_token_priority": 4e-06,
            "output_cost_per_token_flex": 1e-06, "output_cost_per_reasoning_token_flex": 5e-06}}"#,
    ));
    let usage = UsageSnapshot::new(0, 1_000).reasoning(400);
    // 600 x 2 $ + 400 x 3 $.
    costs(&table, "m", &usage, ServiceTier::Standard, "0.0024");
    // 1,000 x 4 $: reasoning follows the output of the tier.
    costs(&table, "m", &usage, ServiceTier::Priority, "0.004");
    // 600 x 1 $ + 400 x 5 $: the tier names it.
    costs(&table, "m", &usage, ServiceTier::Flex, "0.0026");
}

#[test]
fn litellm_ranges_become_bands() {
    let table = table(read(SAMPLE));
    let standard = ServiceTier::Standard;
    for (input, dollars) in [
        // 32,000 x 1.20 $ + 1,000 x 6 $ = 0.0384 + 0.006.
        (32_000, "0.0444"),
        // 32,001 x 2.40 $ + 1,000 x 12 $ = 0.0768024 + 0.012.
        (32_001, "0.0888024"),
        // 300,000 x 3 $ + 1,000 x 15 $ = 0.9 + 0.015: the last range is open.
        (300_000, "0.915"),
    ] {
        let usage = UsageSnapshot::new(input, 1_000);
        costs(&table, "dashscope/qwen3-max", &usage, standard, dollars);
    }
}

#[test]
fn ranges_for_the_same_input_use_the_higher_price() {
    let table = table(read(
        r#"{"m": {"litellm_provider": "volcengine", "tiered_pricing": [
            {"range": [0, 32000.0], "output_range": [0, 200.0],
             "input_cost_per_token": 5e-07, "output_cost_per_token": 1e-06},
            {"range": [0, 32000.0], "output_range": [200.0, null],
             "input_cost_per_token": 3e-07, "output_cost_per_token": 2e-06}]}}"#,
    ));
    // 1,000 x 0.50 $ + 1,000 x 2 $.
    costs(&table, "m", &UsageSnapshot::new(1_000, 1_000), ServiceTier::Standard, "0.0025");
}

#[test]
fn suffixes_in_any_order_are_read_and_unknown_ones_ignored() {
    let table = table(read(
        r#"{"m": {"input_cost_per_token_above_7k_tokens": 7e-06, "input_cost_per_token": 1e-06,
            "input_cost_per_token_above_3k_tokens": 3e-06, "output_cost_per_token": 0,
            "input_cost_per_token_balanced": -1, "input_cost_per_token_flex": null}}"#,
    ));
    // 3,001 x 3 $, 7,001 x 7 $.
    costs(&table, "m", &UsageSnapshot::new(3_001, 0), ServiceTier::Flex, "0.009003");
    costs(&table, "m", &UsageSnapshot::new(7_001, 0), ServiceTier::Standard, "0.049007");
}

#[test]
fn newer_cache_price_key_takes_precedence() {
    let both = [
        r#""cache_read_input_token_cost": 2e-06, "input_cost_per_token_cache_hit": 1e-06"#,
        r#""input_cost_per_token_cache_hit": 1e-06, "cache_read_input_token_cost": 2e-06"#,
    ];
    for keys in both {
        let table = table(read(&format!(
            r#"{{"m": {{"input_cost_per_token": 4e-06, "output_cost_per_token": 0, {keys}}}}}"#
        )));
        let pricing = table.get("m").unwrap();
        assert_eq!(pricing.cache_read_per_million, Usd::from_dollars(2), "{keys}");
    }
}

#[test]
fn model_without_token_output_needs_no_output_price() {
    let list = read(
        r#"{"embed": {"mode": "embedding", "input_cost_per_token": 1e-07},
            "chat": {"mode": "chat", "input_cost_per_token": 1e-07}}"#,
    );
    assert_eq!(list.skipped[0].to_string(), "`chat`: no price for input, or none for output");
    // 1,000,000 x 0.10 $.
    let usage = UsageSnapshot::new(1_000_000, 0);
    costs(&table(list), "embed", &usage, ServiceTier::Standard, "0.1");
}

#[test]
fn model_priced_by_other_units_is_skipped() {
    let list = read(
        r#"{"rerank": {"mode": "rerank", "input_cost_per_query": 0.002,
                       "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
            "local": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0,
                      "input_cost_per_image": 0, "input_cost_per_second": -0.0},
            "both": {"input_cost_per_query": 0.002, "input_cost_per_token": 1e-06,
                     "output_cost_per_token": 0.0}}"#,
    );
    let skipped: Vec<_> = list.skipped.iter().map(|part| (&*part.at, part.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("rerank", SkipReason::NoTokenPrices),
            ("both.input_cost_per_query", SkipReason::Surcharge),
        ]
    );
    let table = table(list);
    assert!(table.get("local").is_some() && table.get("both").is_some());
}

#[test]
fn gap_in_a_tier_band_costs_the_higher_neighbour() {
    let table = table(read(
        r#"{"m": {"input_cost_per_token": 5e-06, "output_cost_per_token": 3e-05,
            "input_cost_per_token_above_272k_tokens": 1e-05,
            "output_cost_per_token_above_272k_tokens": 4.5e-05,
            "input_cost_per_token_priority": 1e-05, "output_cost_per_token_priority": 6e-05,
            "input_cost_per_token_above_272k_tokens_priority": 2e-05,
            "input_cost_per_token_flex": 1e-06, "output_cost_per_token_flex": 1e-06,
            "input_cost_per_token_above_272k_tokens_flex": 2e-06}}"#,
    ));
    let long = UsageSnapshot::new(300_000, 1_000);
    // 300,000 x 20 $ + 1,000 x 60 $, the price of priority below, and not 45 $: 6 + 0.06.
    costs(&table, "m", &long, ServiceTier::Priority, "6.06");
    // 300,000 x 2 $ + 1,000 x 45 $, the standard price of the band, and not 1 $: 0.6 + 0.045.
    costs(&table, "m", &long, ServiceTier::Flex, "0.645");
}

#[test]
fn band_lifts_only_the_kinds_that_it_names() {
    let list = r#"{"m": {"input_cost_per_token": 3e-06, "output_cost_per_token": 9e-06,
        "output_cost_per_reasoning_token": 9e-06, "input_cost_per_audio_token": 4e-06,
        "input_cost_per_token_flex": 1e-06, "output_cost_per_token_flex": 2e-06,
        "input_cost_per_audio_token_above_200k_tokens": 5e-06}}"#;
    let table = table(read(list));
    let usage = UsageSnapshot::new(300_000, 2_000).reasoning(1_000).input_audio(1_000);
    // 300,000 x 3 $ + 2,000 x 9 $ + 1,000 x 5 $ = 0.9 + 0.018 + 0.005.
    costs(&table, "m", &usage, ServiceTier::Standard, "0.923");
    // The band names audio only: 300,000 x 1 $ + 2,000 x 2 $ + 1,000 x 5 $ = 0.3 + 0.004 + 0.005.
    // Reasoning follows the output of its tier.
    costs(&table, "m", &usage, ServiceTier::Flex, "0.309");
}

#[test]
fn bare_name_is_also_that_of_its_provider() {
    let entry = |provider: &str, dollars: u32| {
        format!(
            r#"{{"litellm_provider": "{provider}", "input_cost_per_token": {dollars}e-6, "output_cost_per_token": 0}}"#
        )
    };
    let list = format!(
        r#"{{"gpt-x": {}, "gemini-x": {}, "anthropic.claude-x-v1:0": {}, "m": {}, "mistral/m": {}, "azure/gpt-y": {}}}"#,
        entry("openai", 1),
        entry("vertex_ai-language-models", 2),
        entry("bedrock_converse", 3),
        entry("mistral", 4),
        entry("mistral", 5),
        entry("azure", 6),
    );
    let list = read(&list);
    assert_eq!(list.models, 6);
    let table = table(list);
    let million = UsageSnapshot::new(1_000_000, 0);
    for (name, cost) in [
        ("openai/gpt-x", Some("1")),
        ("OpenAI/GPT-X-2026-05-14", Some("1")),
        ("vertex_ai/gemini-x", Some("2")),
        ("bedrock/anthropic.claude-x-v1:0", Some("3")),
        ("m", Some("4")),
        // The list's own entry.
        ("mistral/m", Some("5")),
        ("azure/gpt-x", None),
        ("openai/gpt-y", None),
        ("gpt-y", None),
        ("openrouter/openai/gpt-x", None),
    ] {
        let found = table.price(name, &million, ServiceTier::Standard).map(|cost| cost.total);
        assert_eq!(found, cost.map(|cost| cost.parse().unwrap()), "{name}");
    }
}

#[test]
fn factors_of_places_are_told() {
    let list = read(
        r#"{"m": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
                  "regional_processing_uplift_multiplier_eu": 1.1, "fedramp_uplift_multiplier": 1.1}}"#,
    );
    let skipped: Vec<_> = list.skipped.iter().map(|part| (&*part.at, part.reason)).collect();
    let surcharge = |at| (at, SkipReason::Surcharge);
    assert_eq!(
        skipped,
        [
            surcharge("m.regional_processing_uplift_multiplier_eu"),
            surcharge("m.fedramp_uplift_multiplier")
        ]
    );
}
