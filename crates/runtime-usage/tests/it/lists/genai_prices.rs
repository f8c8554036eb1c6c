//! The list of genai-prices.

use runtime_usage::{
    PriceFormat, PriceReader, PricingTable, ServiceTier, SkipReason, UsageSnapshot, Usd,
};

use super::{costs, read, table};

const SAMPLE: &str = include_str!("../../data/genai_prices.json");
const STANDARD: ServiceTier = ServiceTier::Standard;

fn as_of(day: &str) -> PricingTable {
    let reader = PriceReader::new().as_of(day).expect(day);
    table(reader.read(SAMPLE).expect("the sample is good"))
}

#[test]
fn model_is_found_by_id_provider_and_listed_prefix() {
    let list = read(SAMPLE);
    assert_eq!((list.format, list.models), (PriceFormat::GenaiPrices, 9));
    let table = table(list);
    for name in [
        "claude-opus-4-6",
        "anthropic/claude-opus-4-6",
        "claude-opus-4.6-20260205",
        "anthropic/claude-4.6-opus",
    ] {
        // 1,000 x 5 $ + 1,000 x 10 $ for an hour in the cache + 100 x 25 $
        // = 0.005 + 0.01 + 0.0025.
        let usage = UsageSnapshot::new(1_000, 100).cache_write_1h(1_000);
        costs(&table, name, &usage, STANDARD, "0.0175");
    }
}

#[test]
fn name_pattern_applies_if_no_name_matches() {
    let table = table(read(SAMPLE));
    // 1,000 x 8 $; 1,000 x 3 $ of audio.
    costs(&table, "us.anthropic.Claude-v2:1", &UsageSnapshot::new(1_000, 0), STANDARD, "0.008");
    let audio = UsageSnapshot::new(0, 0).input_audio(1_000);
    costs(&table, "us.amazon.nova-2-sonic-v1:0", &audio, STANDARD, "0.003");
    assert!(table.get("us.amazon.nova-3").is_none());
}

#[test]
fn as_of_selects_dated_prices_and_defaults_to_the_latest() {
    let usage = UsageSnapshot::new(200_001, 0);
    // 200,001 x 10 $, above 200,000, before the 13th; 200,001 x 5 $ from then on.
    costs(&as_of("2026-03-12"), "claude-opus-4-6", &usage, STANDARD, "2.00001");
    costs(&as_of("2026-03-13"), "claude-opus-4-6", &usage, STANDARD, "1.000005");
    costs(&table(read(SAMPLE)), "claude-opus-4-6", &usage, STANDARD, "1.000005");
    // 200,000 x 5 $: the tier begins above.
    let usage = UsageSnapshot::new(200_000, 0);
    costs(&as_of("2026-03-12"), "claude-opus-4-6", &usage, STANDARD, "1");
}

#[test]
fn as_of_before_the_first_date_selects_the_first_prices() {
    let list = PriceReader::new().as_of("2020-01-01").unwrap().read(
        r#"[{"id": "p", "models": [{"id": "m", "prices": [
            {"constraint": {"start_date": "2025-01-01"}, "prices": {"input_mtok": 1, "output_mtok": 1}},
            {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 2, "output_mtok": 2}}
        ]}]}]"#,
    );
    let list = list.unwrap();
    assert_eq!(list.skipped.len(), 2);
    assert_eq!(list.skipped[1].at, "p.models.m.prices[1]");
    assert_eq!(list.skipped[1].reason, SkipReason::NotNow);
    assert_eq!(table(list).get("m").unwrap().input_per_million, Usd::from_dollars(1));
}

#[test]
fn prices_by_time_of_day_use_the_highest() {
    let table = table(read(SAMPLE));
    // 1,000,000 x 0.27 $ + 1,000,000 x 0.07 $ + 1,000,000 x 1.10 $: the prices of the
    // busy hours, although the list starts with the others.
    let usage = UsageSnapshot::new(1_000_000, 1_000_000).cache_read(1_000_000);
    costs(&table, "deepseek-chat", &usage, STANDARD, "1.44");
}

#[test]
fn bare_name_belongs_to_the_provider_that_claims_it() {
    let list = read(SAMPLE);
    // Neither of its two providers is the maker.
    assert_eq!(list.ambiguous, ["gpt-oss-120b".into()]);
    let table = table(list);
    let cache_read = |name: &str| table.get(name).unwrap().cache_read_per_million;
    assert_eq!(cache_read("deepseek-v4-flash"), "0.0028".parse().unwrap());
    assert_eq!(cache_read("fireworks/deepseek-v4-flash"), "0.028".parse().unwrap());
    assert_eq!(table.get("gpt-oss-120b"), table.get("cerebras/gpt-oss-120b"));
    assert_ne!(table.get("gpt-oss-120b"), table.get("fireworks/gpt-oss-120b"));
}

#[test]
fn embedding_without_output_price_is_read() {
    let usage = UsageSnapshot::new(1_000_000, 0);
    // 1,000,000 x 0.10 $.
    costs(&table(read(SAMPLE)), "amazon.titan-embed-text-v1", &usage, STANDARD, "0.1");
}

#[test]
fn text_price_overrides_input_price() {
    let table = table(read(
        r#"[{"id": "p", "models": [{"id": "m", "prices": {"input_text_mtok": 3, "input_mtok": 2,
            "output_mtok": 5, "output_reasoning_mtok": 7, "cache_write_5m_mtok": 4,
            "cache_write_mtok": 9, "input_image_mtok": 100, "output_audio_mtok": null}}]}]"#,
    ));
    // 1,000 x (3 + 4) $ + 900 x 5 $ + 100 x 7 $ = 0.007 + 0.0045 + 0.0007.
    let usage = UsageSnapshot::new(1_000, 1_000).cache_write(1_000).reasoning(100);
    costs(&table, "m", &usage, STANDARD, "0.0122");
}

#[test]
fn unsupported_pattern_is_skipped_and_the_id_is_kept() {
    let list = read(
        r#"[{"id": "p", "model_match": {"regex": "^x"}, "models": [
            {"id": "m", "match": {"or": [{"regex": "^m-\\d+$"}, {"ends_with": "-M2"}]},
             "prices": {"input_mtok": 1, "output_mtok": 1}},
            {"id": "both", "match": {"and": [{"contains": "x"}, {"ends_with": "-y"}]},
             "prices": {"input_mtok": 2, "output_mtok": 2}},
            {"id": "none", "match": {"equals": "none"}, "prices": {}}]}]"#,
    );
    let skipped: Vec<_> = list.skipped.iter().map(|part| (&*part.at, part.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("p.model_match", SkipReason::UnknownClause),
            ("p.models.m.match.or[0]", SkipReason::UnknownClause),
        ]
    );
    let table = table(list);
    let input = |name: &str| table.get(name).map(|pricing| pricing.input_per_million.nanos());
    assert_eq!(input("m"), Some(1_000_000_000));
    assert_eq!(input("any-m2"), Some(1_000_000_000));
    assert_eq!(input("axb-y"), Some(2_000_000_000));
    assert_eq!(input("axb-z"), None);
    // No prices are a price of zero in this format. A reseller's free model prices no bare name.
    assert_eq!((input("p/none"), input("none")), (Some(0), None));
}

#[test]
fn patterns_of_a_later_list_come_first_and_do_not_repeat() {
    let list = |price| {
        read(&format!(
            r#"[{{"id": "p", "models": [{{"id": "m", "match": {{"contains": "zz"}},
                "prices": {{"input_mtok": {price}, "output_mtok": 1}}}}]}}]"#
        ))
    };
    let table = table(list(1));
    for price in [2, 3] {
        table.merge(list(price));
        let found = table.get("a-zz").unwrap().input_per_million;
        assert_eq!(found, Usd::from_dollars(price));
    }
}

#[test]
fn as_of_refuses_other_date_formats() {
    for text in [
        "",
        "2026",
        "2026-13-01",
        "2026-00-10",
        "2026-01-32",
        "2026/01/01",
        "26-01-2001",
        "２026-1-1",
    ] {
        let error = PriceReader::new().as_of(text).unwrap_err();
        assert_eq!(error.value, text);
        assert!(error.to_string().contains("YYYY-MM-DD"));
    }
    assert!(PriceReader::new().as_of("2026-12-31").is_ok());
}

#[test]
fn unconditional_price_replaces_earlier_hourly_prices() {
    let table = table(read(
        r#"[{"id": "p", "models": [{"id": "m", "prices": [
            {"prices": {"input_mtok": 1, "output_mtok": 1}},
            {"constraint": {"start_time": "08:00:00Z", "end_time": "16:00:00Z"},
             "prices": {"input_mtok": 9, "output_mtok": 9}},
            {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 2, "output_mtok": 2}},
            {"constraint": {"start_time": "08:00:00Z", "end_time": "16:00:00Z"},
             "prices": {"input_mtok": 3, "output_mtok": 1}}]}]}]"#,
    ));
    // 1,000,000 x 3 $ in, the higher price, and 1,000,000 x 2 $ out.
    let usage = UsageSnapshot::new(1_000_000, 1_000_000);
    costs(&table, "m", &usage, STANDARD, "5");
}

#[test]
fn a_variant_starts_on_its_day() {
    let json = r#"[{"id": "p", "models": [{"id": "m", "match": {"equals": "m"},
        "prices": {"input_mtok": 4, "output_mtok": 8},
        "price_variants": [{"when": {"processing": "batch"}, "prices": {"input_mtok": 2, "output_mtok": 4},
            "constraint": {"start_date": "2026-10-14"}}]}]}]"#;
    let usage = UsageSnapshot::new(1_000_000, 0);
    for (day, dollars) in [("2026-10-13", "4"), ("2026-10-14", "2")] {
        let list = PriceReader::new().as_of(day).unwrap().read(json).unwrap();
        assert_eq!(list.skipped.len(), usize::from(dollars == "4"));
        costs(&table(list), "m", &usage, ServiceTier::Batch, dollars);
    }
}
