//! Price lists, compared with naive models.

use proptest::prelude::*;
use runtime_usage::{PriceFormat, PriceReader, PricingTable, ServiceTier, TokenKind, Usd};
use serde_json::{Map, Value, json};

/// A price in cents per million, as `LiteLLM` writes it per token.
fn per_token(cents: u64) -> Value {
    serde_json::from_str(&format!("{cents}e-8")).unwrap()
}

/// Keys of all four formats, and unknown ones.
fn any_key() -> impl Strategy<Value = String> {
    let known = [
        "models",
        "_note",
        "litellm_provider",
        "mode",
        "id",
        "match",
        "prices",
        "cost",
        "tiers",
        "tier",
        "size",
        "type",
        "base",
        "start",
        "price",
        "constraint",
        "start_date",
        "start_time",
        "model_match",
        "or",
        "and",
        "equals",
        "contains",
        "starts_with",
        "regex",
        "range",
        "tiered_pricing",
        "input_cost_per_token",
        "output_cost_per_token",
        "input",
        "output",
        "cache_read_input_token_cost_above_1hr",
        "input_cost_per_token_above_1k_tokens_flex",
        "context_over_200k",
        "input_mtok",
        "output_mtok",
        "input_per_million",
        "output_per_million",
        "sample_spec",
        "",
    ];
    prop_oneof![9 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "[a-z]{0,3}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..100_u64).prop_map(Value::from),
        prop::sample::select(vec!["embedding", "context", "2026-01-01", "NaN", "-1", ""])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            3 => prop::collection::vec((any_key(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn litellm_keys_agree_with_their_grammar(
        base in [1..100_000_u64, 1..100_000_u64],
        more in prop::collection::btree_map(
            (0..2_usize, 0..4_usize, prop_oneof![Just(0), 1..999_u64]), 0..100_000_u64, 0..12),
        input in 0..1_000_000_u64,
    ) {
        let stems = ["input_cost_per_token", "output_cost_per_token"];
        let kinds = [TokenKind::Input, TokenKind::Output];
        let tiers = ["", "_batches", "_flex", "_priority"];
        let mut entry = json!({stems[0]: per_token(base[0]), stems[1]: per_token(base[1])});
        for ((kind, tier, above), cents) in &more {
            if (*tier, *above) != (0, 0) {
                let band = if *above == 0 { String::new() } else { format!("_above_{above}k_tokens") };
                entry[format!("{}{band}{}", stems[*kind], tiers[*tier])] = per_token(*cents);
            }
        }
        let table = PricingTable::from_json(&json!({"m": entry}).to_string()).unwrap();
        let prices = table.prices("m").unwrap();

        for (kind, token) in kinds.into_iter().enumerate() {
            // The highest band of the standard tier that names this kind, else its base.
            let mut named = more.iter().filter(|((of, tier, above), _)| {
                (*of, *tier) == (kind, 0) && *above > 0 && input > above * 1_000
            });
            let expected = named.next_back().map_or(base[kind], |(_, cents)| *cents);
            let rates = prices.rates(ServiceTier::Standard, input);
            prop_assert_eq!(rates.rate(token), Usd::from_cents(expected));

            // A price that the tier names for this band and kind comes first.
            for (number, tier) in ServiceTier::ALL.into_iter().enumerate().skip(1) {
                for ((of, in_tier, above), cents) in &more {
                    if (*of, *in_tier) == (kind, number) && *above > 0 {
                        let rates = prices.rates(tier, above * 1_000 + 1);
                        prop_assert_eq!(rates.rate(token), Usd::from_cents(*cents));
                    }
                }
            }
        }
    }

    #[test]
    fn same_prices_in_any_format_are_equal(
        input in 0..10_000_000_u64,
        output in 0..10_000_000_u64,
        read in 0..10_000_000_u64,
        write in 0..10_000_000_u64,
    ) {
        let dollars = |cents: u64| serde_json::from_str::<Value>(&format!("{cents}e-2")).unwrap();
        let lists = [
            json!({"models": {"m": {
                "input_per_million": dollars(input), "output_per_million": dollars(output),
                "cache_read_per_million": dollars(read), "cache_write_per_million": dollars(write),
            }}}),
            json!({"m": {
                "input_cost_per_token": per_token(input), "output_cost_per_token": per_token(output),
                "cache_read_input_token_cost": per_token(read),
                "cache_creation_input_token_cost": per_token(write),
            }}),
            json!({"p": {"models": {"m": {"cost": {
                "input": dollars(input), "output": dollars(output),
                "cache_read": dollars(read), "cache_write": dollars(write),
            }}}}}),
            json!([{"id": "p", "models": [{"id": "m", "prices": {
                "input_mtok": dollars(input), "output_mtok": dollars(output),
                "cache_read_mtok": dollars(read), "cache_write_mtok": dollars(write),
            }}]}]),
        ];
        for list in lists {
            let pricing = PricingTable::from_json(&list.to_string()).unwrap().get("m").unwrap();
            prop_assert_eq!(pricing.input_per_million, Usd::from_cents(input));
            prop_assert_eq!(pricing.output_per_million, Usd::from_cents(output));
            prop_assert_eq!(pricing.cache_read_per_million, Usd::from_cents(read));
            prop_assert_eq!(pricing.cache_write_per_million, Usd::from_cents(write));
        }
    }

    #[test]
    fn reading_any_json_does_not_panic_and_errors_name_a_path(json in any_json()) {
        let text = json.to_string();
        let formats = [
            None,
            Some(PriceFormat::Original),
            Some(PriceFormat::LiteLlm),
            Some(PriceFormat::ModelsDev),
            Some(PriceFormat::GenaiPrices),
        ];
        for format in formats {
            let reader = PriceReader::new().as_of("2026-01-01").unwrap();
            let reader = match format {
                Some(format) => reader.format(format),
                None => reader,
            };
            match reader.read(&text) {
                Ok(list) => {
                    let (models, table) = (list.models, PricingTable::new());
                    prop_assert_eq!(table.merge(list), models);
                    prop_assert_eq!(models == 0, table.to_vec().is_empty());
                }
                Err(error) => {
                    let named = |(at, reason): (&str, &serde_json::Error)| {
                        !at.is_empty() && !reason.to_string().is_empty()
                    };
                    prop_assert!(error.broken().all(named));
                }
            }
        }
    }
}
