//! The list of models of `OpenRouter`.

use runtime_usage::{PriceFormat, ServiceTier, UsageSnapshot};

use super::{costs, read, table};

const STANDARD: ServiceTier = ServiceTier::Standard;

const SAMPLE: &str = r#"{"data": [
    {"id": "anthropic/claude-opus-5", "canonical_slug": "anthropic/claude-opus-5-20260801", "pricing": {
        "prompt": "0.000005", "completion": "0.000025", "web_search": "0.01", "image": "0",
        "internal_reasoning": "0", "input_cache_read": "5e-7", "input_cache_write": "0.00000625",
        "input_cache_write_1h": "0.00001", "audio": "0"}},
    {"id": "openai/gpt-6", "pricing": {"prompt": "0.00001", "completion": "0.00005", "overrides": [
        {"min_prompt_tokens": 272000, "prompt": "0.00002", "completion": "0.000075"}]}},
    {"id": "deepseek/flash", "pricing": {"prompt": "0.0000003", "completion": "0.0000012", "overrides": [
        {"utc_start": 1630, "utc_end": 30, "prompt": "0.00000015"}]}},
    {"id": "q/coder:free", "pricing": {"prompt": "0", "completion": "0", "request": "0"}},
    {"id": "google/banana", "pricing": {"prompt": "0", "completion": "0", "image_output": "0.03"}},
    {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
    {"id": "x/half", "pricing": {"prompt": "0.000001"}}
]}"#;

#[test]
fn a_price_is_a_text_of_dollars_per_token() {
    let list = read(SAMPLE);
    assert_eq!((list.format, list.models), (PriceFormat::OpenRouter, 4));
    let table = table(list);
    let usage = UsageSnapshot::new(1_000, 100).cache_read(1_000).cache_write(100);
    // 0.005 + 0.0025 + 0.0005 + 0.000625 + 0.001, and reasoning and speech cost what all tokens cost.
    let usage = usage.cache_write_1h(100).reasoning(50);
    for name in ["anthropic/claude-opus-5", "openrouter/anthropic/claude-opus-5"] {
        costs(&table, name, &usage, STANDARD, "0.009625");
    }
    costs(&table, "anthropic/claude-opus-5-20260801", &usage, STANDARD, "0.009625");
    let heard = UsageSnapshot::new(0, 0).input_audio(1_000);
    costs(&table, "anthropic/claude-opus-5", &heard, STANDARD, "0.005");
    costs(&table, "q/coder:free", &usage, STANDARD, "0");
    assert!(table.get("claude-opus-5").is_none(), "a reseller has no claim to a bare name");
}

#[test]
fn an_override_applies_from_its_size_on() {
    let table = table(read(SAMPLE));
    // 271,999 x 10 $; 272,000 x 20 $ + 1,000 x 75 $.
    costs(&table, "openai/gpt-6", &UsageSnapshot::new(271_999, 0), STANDARD, "2.71999");
    costs(&table, "openai/gpt-6", &UsageSnapshot::new(272_000, 1_000), STANDARD, "5.515");
    // At some hours it is cheaper: the usual price counts.
    costs(&table, "deepseek/flash", &UsageSnapshot::new(1_000, 0), STANDARD, "0.0003");
}

#[test]
fn what_openrouter_does_not_price_is_named() {
    let list = read(SAMPLE);
    let skipped: Vec<_> = list.skipped.iter().map(ToString::to_string).collect();
    let expected = [
        "`data.anthropic/claude-opus-5.pricing.web_search`: a charge beside the tokens",
        "`data.deepseek/flash.pricing.overrides[0]`: a price that starts on a later day",
        "`data.google/banana`: no price for tokens",
        "`data.x/half`: no price for input, or none for output",
    ];
    for expected in expected {
        assert!(skipped.iter().any(|it| it == expected), "{expected} is not in {skipped:?}");
    }
    assert!(skipped.iter().any(|it| it.contains("openrouter/auto.pricing.prompt")));
    let table = table(list);
    assert!(
        ["openrouter/auto", "google/banana", "x/half"].iter().all(|it| table.get(it).is_none())
    );
}
