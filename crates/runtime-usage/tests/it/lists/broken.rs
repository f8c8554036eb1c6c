//! Invalid lists: every invalid entry is named.

use runtime_usage::{PriceReader, PricingTable, SkipReason};

/// Asserts that exactly these paths are invalid, with errors that contain these texts.
#[track_caller]
fn broken(json: &str, expected: &[(&str, &str)]) {
    let error = PriceReader::new().strict().read(json).expect_err(json);
    let found: Vec<_> = error.broken().map(|(at, reason)| (at, reason.to_string())).collect();
    let places: Vec<_> = found.iter().map(|(at, _)| *at).collect();
    assert_eq!(places, expected.iter().map(|(at, _)| *at).collect::<Vec<_>>(), "{error}");
    for ((at, reason), (_, part)) in found.iter().zip(expected) {
        assert!(reason.contains(part), "{at}: {reason}");
        assert!(error.to_string().contains(&format!("at `{at}`: {reason}")), "{error}");
    }
    assert_eq!(error.at, expected[0].0);
}

#[test]
fn of_the_original() {
    broken(
        r#"{"models": {
            "good": {"input_per_million": 1, "output_per_million": 1},
            "a": {"input_per_million": -1, "output_per_million": 1},
            "b": {"output_per_million": "NaN", "cash": 1},
            "": {"input_per_million": 1, "output_per_million": 1},
            "c": {"input_per_million": 1, "input_per_million": 1, "output_per_million": 1},
            "d": {"input_per_million": 1, "output_per_million": 1, "reasoning_per_million": 1e99},
            "e": {"input_per_million": null, "output_per_million": 1}
        }, "extra": 1}"#,
        &[
            (".", "`extra`"),
            (
                "models.a.input_per_million",
                "invalid amount of US dollars `-1`: must not be negative",
            ),
            ("models.b.output_per_million", "string \"NaN\""),
            ("models.b.cash", "unknown field `cash`"),
            ("models.b", "missing field `input_per_million`"),
            ("models", "model name must not be empty"),
            ("models.c", "duplicate field `input_per_million`"),
            ("models.d.reasoning_per_million", "`1e99`"),
            ("models.e.input_per_million", "null"),
        ],
    );
}

#[test]
fn of_litellm() {
    broken(
        r#"{
            "good": {"litellm_provider": "x", "input_cost_per_token": 1e-06, "output_cost_per_token": 0},
            "a": {"input_cost_per_token": -1e-06, "output_cost_per_token": "free"},
            "b": 7,
            " ": {"input_cost_per_token": 1e-06},
            "c": {"input_cost_per_token_above_200k_tokens_priority": 1e10},
            "d": {"tiered_pricing": [{"range": [1], "input_cost_per_token": 1},
                                     {"range": [-1, 2]}, {"range": [0, 1], "output_cost_per_token": true}, 5]},
            "e": {"tiered_pricing": {}}
        }"#,
        &[
            (
                "a.input_cost_per_token",
                "invalid amount of US dollars `-1e-6`: must not be negative",
            ),
            ("a.output_cost_per_token", "string \"free\""),
            ("b", "integer `7`"),
            (".", "model name must not be empty"),
            ("c.input_cost_per_token_above_200k_tokens_priority", "too large"),
            ("d.tiered_pricing[0].range", "two ends"),
            ("d.tiered_pricing[1].range[0]", "integer `-1`"),
            ("d.tiered_pricing[2].output_cost_per_token", "boolean `true`"),
            ("d.tiered_pricing[3]", "integer `5`"),
            ("e.tiered_pricing", "map"),
        ],
    );
}

#[test]
fn of_models_dev() {
    broken(
        r#"{
            "p": {"models": {
                "good": {"cost": {"input": 1, "output": 1}},
                "a": {"cost": {"input": -0.5, "output": "1"}},
                "b": {"cost": []},
                "c": 1,
                "": {"cost": {"input": 1, "output": 1}},
                "d": {"cost": {"input": 1, "output": 1, "tiers": [
                    {"input": -2, "tier": {"type": "context", "size": 5}},
                    {"input": 2}, {"input": 2, "tier": {"type": "context", "size": 1.5}}]}},
                "e": {"cost": {"input": 1, "output": 1, "context_over_200k": {"input": -1}}}
            }},
            "q": {}, "r": 1, "s": {"models": []}
        }"#,
        &[
            ("p.models.a.cost.input", "`-0.5`"),
            ("p.models.a.cost.output", "string \"1\""),
            ("p.models.b.cost", "sequence"),
            ("p.models.c", "integer `1`"),
            ("p.models", "model name must not be empty"),
            ("p.models.d.cost.tiers[0].input", "`-2`"),
            ("p.models.d.cost.tiers[1]", "missing field `tier`"),
            ("p.models.d.cost.tiers[2].tier.size", "floating point `1.5`"),
            ("p.models.e.cost.context_over_200k.input", "`-1`"),
            ("q", "missing field `models`"),
            ("r", "integer `1`"),
            ("s.models", "sequence"),
        ],
    );
}

#[test]
fn of_genai_prices() {
    broken(
        r#"[
            {"id": "p", "models": [
                {"id": "good", "match": {"equals": "good"}, "prices": {"input_mtok": 1, "output_mtok": 1}},
                {"id": "a", "prices": {"input_mtok": -1, "output_mtok": [1]}},
                {"id": "b", "prices": {"input_mtok": {"base": 1, "tiers": [{"start": -1, "price": 1},
                                                                        {"start": 1}, {"start": 1, "price": "x"}]}}},
                {"id": "c", "prices": {"input_mtok": {"tiers": 1}}},
                {"prices": {"input_mtok": 1}},
                {"id": "d"},
                {"id": "e", "match": {"starts_with": ""}, "prices": [{"prices": {"output_mtok": -3}}, 1, {}]},
                {"id": "f", "match": {"or": [{"equals": 1}, {}, 2]}, "prices": {"input_mtok": 1}},
                9
            ]},
            {"models": []}, {"id": "q"}, 8
        ]"#,
        &[
            ("p.models.a.prices.input_mtok", "`-1`"),
            ("p.models.a.prices.output_mtok", "sequence"),
            ("p.models.b.prices.input_mtok.tiers[0].start", "integer `-1`"),
            ("p.models.b.prices.input_mtok.tiers[1]", "missing field `price`"),
            ("p.models.b.prices.input_mtok.tiers[2].price", "string \"x\""),
            ("p.models.c.prices.input_mtok", "missing field `base`"),
            ("p.models.c.prices.input_mtok.tiers", "integer `1`"),
            ("p.models[4]", "missing field `id`"),
            ("p.models.d", "missing field `prices`"),
            ("p.models.e.match.starts_with", "model name must not be empty"),
            ("p.models.e.prices[0].prices.output_mtok", "`-3`"),
            ("p.models.e.prices[1]", "integer `1`"),
            ("p.models.e.prices[2]", "missing field `prices`"),
            ("p.models.f.match.or[0].equals", "integer `1`"),
            ("p.models.f.match.or[1]", "one key"),
            ("p.models.f.match.or[2]", "integer `2`"),
            ("p.models[8]", "integer `9`"),
            ("[1]", "missing field `id`"),
            ("q", "missing field `models`"),
            ("[3]", "integer `8`"),
        ],
    );
}

#[test]
fn error_prints_twenty_one_problems_and_lists_all() {
    let models: Vec<_> =
        (0..50).map(|number| format!(r#""m{number}": {{"input_cost_per_token": -1}}"#)).collect();
    let error = PriceReader::new().read(&format!("{{{}}}", models.join(","))).unwrap_err();
    assert_eq!(error.broken().count(), 50);
    let text = error.to_string();
    assert!(text.contains("m20.input") && !text.contains("m21.input"), "{text}");
    assert!(text.ends_with("; and 29 more"), "{text}");
}

#[test]
fn invalid_entry_is_skipped_and_costs_no_other() {
    let table = |json: &str| {
        let list = PriceReader::new().read(json).unwrap();
        let skipped: Vec<_> = list.skipped.iter().map(ToString::to_string).collect();
        (list.models, skipped)
    };
    let good = r#""good": {"input_cost_per_token": 1e-06, "output_cost_per_token": 0}"#;
    let (models, skipped) =
        table(&format!(r#"{{{good}, "a": {{"input_cost_per_token": -1}}, "b": 7, "": {{}}}}"#));
    assert_eq!(models, 1);
    assert_eq!(
        skipped,
        [
            "`a.input_cost_per_token`: invalid amount of US dollars `-1`: must not be negative",
            "`b`: invalid type: integer `7`, expected an object of prices",
            "`.`: model name must not be empty",
        ]
    );
    // A model with one invalid price has none: the rest of its prices would make it too cheap.
    let half = r#"{"p": {"models": {"m": {"cost": {"input": 1, "output": -1}},
                                    "n": {"cost": {"input": 1, "output": 1}}}}, "q": {}, "r": 1}"#;
    let list = PriceReader::new().read(half).unwrap();
    let invalid = list.skipped.iter().filter(|part| part.reason == SkipReason::Invalid);
    let places: Vec<_> = invalid.map(|part| &*part.at).collect();
    assert_eq!(places, ["p.models.m.cost.output", "q", "r"]);
    let half = PricingTable::new();
    half.merge(list);
    assert_eq!((half.get("m").is_none(), half.get("n").is_some()), (true, true));
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"models":"#, "}")] {
        let json = open.repeat(100_000) + &close.repeat(100_000);
        let error = PriceReader::new().read(&json).unwrap_err();
        assert!(error.to_string().contains("recursion limit"), "{open}");
    }
}

#[test]
fn extreme_numbers_are_read_or_refused() {
    let entry = |price: &str| {
        format!(r#"{{"m": {{"input_cost_per_token": {price}, "output_cost_per_token": 0}}}}"#)
    };
    for (price, nanos) in [
        ("1e-400", Some(0)),
        ("-0.0", Some(0)),
        // A ten-billionth of a dollar per million is rounded away.
        ("1e-16", Some(0)),
        ("18446", Some(18_446_000_000_000_000_000)),
        ("18447", None),
        ("1e300", None),
        ("18446744073709551615", None),
        ("-9223372036854775808", None),
    ] {
        let table = PricingTable::from_json(&entry(price));
        let found = table.ok().map(|table| table.get("m").unwrap().input_per_million.nanos());
        assert_eq!(found, nanos, "{price}");
    }
}
