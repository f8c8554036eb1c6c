//! Properties, compared with naive models.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(clippy::float_cmp, reason = "the very float is meant")]

mod accounts;
mod bills;
mod lists;
mod wire;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use runtime_usage::{
    ModelPricing, PriceReader, PricingTable, ServiceTier, UsageSnapshot, UsageTracker, Usd,
};

/// The nano-dollars of `digits × 10^(exponent + 9)`, half-even, by plain integer arithmetic.
fn nanos_of(digits: u128, exponent: i32) -> Option<u64> {
    let exponent = exponent + 9;
    let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
    let nanos = if exponent >= 0 { digits.checked_mul(power)? } else { half_even(digits, power) };
    u64::try_from(nanos).ok()
}

fn half_even(number: u128, by: u128) -> u128 {
    let (below, rest) = (number / by, number % by);
    let up = rest * 2 > by || (rest * 2 == by && below % 2 == 1);
    below + u128::from(up)
}

/// Naive: every product and the sum in 128 bits, then one division.
fn cost_of(pricing: &ModelPricing, usage: &UsageSnapshot) -> Usd {
    let items = [
        (usage.input_tokens, pricing.input_per_million),
        (usage.output_tokens, pricing.output_per_million),
        (usage.cache_write_tokens, pricing.cache_write_per_million),
        (usage.cache_read_tokens, pricing.cache_read_per_million),
    ];
    let sum: u128 = items.iter().map(|(n, price)| u128::from(*n) * u128::from(price.nanos())).sum();
    Usd::from_nanos(u64::try_from(half_even(sum, 1_000_000)).unwrap_or(u64::MAX))
}

/// Naive: looks at every name.
fn price_of(prices: &BTreeMap<String, ModelPricing>, model: &str) -> Option<ModelPricing> {
    let model = model.to_lowercase();
    let beginnings = prices.iter().filter(|(name, _)| model.starts_with(name.as_str()));
    beginnings.max_by_key(|(name, _)| name.len()).map(|(_, pricing)| *pricing)
}

prop_compose! {
    fn any_usage()(input in tokens(), output in tokens(), write in tokens(), read in tokens())
        -> UsageSnapshot
    {
        UsageSnapshot::new(input, output).cache_write(write).cache_read(read)
    }
}

fn tokens() -> impl Strategy<Value = u64> {
    prop_oneof![0..10_u64, 0..2_000_000_u64, 0..1_u64 << 40]
}

/// From fractions of a nano per token to hundreds of dollars per million.
fn price() -> impl Strategy<Value = Usd> {
    prop_oneof![0..2_000_000_u64, 0..100_000_000_000_u64].prop_map(Usd::from_nanos)
}

prop_compose! {
    fn any_pricing()(input in price(), output in price(), write in price(), read in price())
        -> ModelPricing
    {
        ModelPricing::per_million(input, output).cache_write(write).cache_read(read)
    }
}

/// Few letters, some of two bytes and some upper-case, so that names often start with each other.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[aAb]{1,5}", 1 => "[abéÉЛ]{1,4}", 1 => "[aB]{1,60}"]
}

fn to_json(prices: &[(String, ModelPricing)]) -> String {
    let models: Vec<String> = prices
        .iter()
        .map(|(name, pricing)| format!("{name:?}: {}", serde_json::to_string(pricing).unwrap()))
        .collect();
    format!(r#"{{"models": {{{}}}}}"#, models.join(","))
}

#[derive(Clone, Debug)]
enum TableOp {
    Register(String, ModelPricing),
    Merge(Vec<(String, ModelPricing)>),
    MergeBroken(Vec<(String, ModelPricing)>, prop::sample::Index),
}

fn table_op() -> impl Strategy<Value = TableOp> {
    let prices = || vec((name(), any_pricing()), 1..8);
    prop_oneof![
        (name(), any_pricing()).prop_map(|(name, pricing)| TableOp::Register(name, pricing)),
        prices().prop_map(TableOp::Merge),
        (prices(), any::<prop::sample::Index>())
            .prop_map(|(prices, broken)| TableOp::MergeBroken(prices, broken)),
    ]
}

#[derive(Clone, Debug)]
enum TrackerOp {
    Record(String, UsageSnapshot),
    RecordPriced(String, UsageSnapshot, Usd),
    Register(String, ModelPricing),
}

fn tracker_op() -> impl Strategy<Value = TrackerOp> {
    let model = || "[aAb]{0,3}";
    prop_oneof![
        4 => (model(), any_usage()).prop_map(|(model, usage)| TrackerOp::Record(model, usage)),
        1 => (model(), any_usage(), price())
            .prop_map(|(model, usage, cost)| TrackerOp::RecordPriced(model, usage, cost)),
        1 => ("[aAb]{1,3}", any_pricing())
            .prop_map(|(model, pricing)| TrackerOp::Register(model, pricing)),
    ]
}

proptest! {
    #[test]
    fn decimal_text_agrees_with_integer_arithmetic(
        whole in "[0-9]{0,12}",
        fraction in "[0-9]{0,14}",
        exponent in prop_oneof![Just(None), (-14..14_i32).prop_map(Some)],
        dollar in any::<bool>(),
    ) {
        prop_assume!(!(whole.is_empty() && fraction.is_empty()));
        let sign = if dollar { "$" } else { "" };
        let suffix = exponent.map(|exponent| format!("e{exponent}")).unwrap_or_default();
        let text = format!("{sign}{whole}.{fraction}{suffix}");

        let digits: u128 = format!("{whole}{fraction}").parse().unwrap();
        let places = i32::try_from(fraction.len()).unwrap();
        let expected = nanos_of(digits, exponent.unwrap_or(0) - places);
        prop_assert_eq!(text.parse().ok(), expected.map(Usd::from_nanos), "{}", text);
    }

    #[test]
    fn exact_text_round_trips(nanos in any::<u64>()) {
        let amount = Usd::from_nanos(nanos);
        prop_assert_eq!(format!("{amount:#}").parse(), Ok(amount));
        let owed = -Usd::ZERO.signed_sub(amount);
        prop_assert_eq!(format!("{:#}", -owed).parse(), Ok(-owed));
    }

    #[test]
    fn rounded_text_is_off_by_at_most_half_a_digit(nanos in 0..1_u64 << 50) {
        let amount = Usd::from_nanos(nanos);
        let unit = if nanos < 10_000_000 { 100_000 } else { 10_000_000 };
        let printed: Usd = amount.to_string().parse().unwrap();
        prop_assert!(printed.nanos().abs_diff(nanos) <= unit / 2, "{amount:#} printed as {amount}");
    }

    #[test]
    fn json_is_exact_up_to_eight_million_dollars(nanos in 0..=8_388_608_000_000_000_u64) {
        let amount = Usd::from_nanos(nanos);
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), amount);
        prop_assert_eq!(Usd::try_from(amount.to_f64()), Ok(amount));
    }

    #[test]
    fn larger_amounts_keep_the_digits_of_an_f64(
        nanos in prop_oneof![any::<u64>(), u64::MAX - 5_000..=u64::MAX],
    ) {
        let amount = Usd::from_nanos(nanos);
        let float = amount.to_f64();
        prop_assert_eq!(float, format!("{nanos}e-9").parse::<f64>().unwrap());
        prop_assert_eq!(Usd::try_from(float).unwrap().to_f64(), float);

        // A reader of JSON may be off by one place of the float.
        let json = serde_json::to_string(&amount).unwrap();
        let read: Usd = serde_json::from_str(&json).unwrap();
        prop_assert!((read.to_f64() - float).abs() <= float * 4.0 * f64::EPSILON);
    }

    #[test]
    fn float_and_its_text_are_the_same_amount(float in any::<f64>()) {
        let read = Usd::try_from(float).ok();
        prop_assert_eq!(read, float.to_string().parse().ok());
        let refused = !float.is_finite() || float < 0.0 || float > Usd::MAX.to_f64();
        prop_assert_eq!(read.is_none(), refused);
    }

    #[test]
    fn parsing_any_text_does_not_panic(text in "[-+$.eE0-9naif ]{0,24}|\\PC{0,12}") {
        if let Ok(amount) = text.parse::<Usd>() {
            prop_assert!(text.bytes().any(|byte| byte.is_ascii_digit()), "{text:?} is {amount:?}");
        }
    }

    #[test]
    fn cost_agrees_with_128_bit_arithmetic(pricing in any_pricing(), usage in any_usage()) {
        prop_assert_eq!(pricing.cost(&usage), cost_of(&pricing, &usage));
    }

    #[test]
    fn costs_in_any_order_and_grouping_sum_to_the_same(
        pricing in any_pricing(),
        (turns, shuffled) in vec(any_usage(), 0..40)
            .prop_flat_map(|turns| (Just(turns.clone()), Just(turns).prop_shuffle())),
        cut in any::<prop::sample::Index>(),
    ) {
        let table = PricingTable::new();
        table.register("m", pricing).unwrap();
        let spent = |turns: &[UsageSnapshot]| {
            let tracker = UsageTracker::with_pricing(table.clone());
            for usage in turns {
                let _ = tracker.record_turn("m", usage);
            }
            tracker.total_cost()
        };
        let cut = if shuffled.is_empty() { 0 } else { cut.index(shuffled.len()) };
        let (front, back) = shuffled.split_at(cut);
        prop_assert_eq!(spent(front).saturating_add(spent(back)), spent(&turns));
        prop_assert_eq!(turns.iter().map(|usage| cost_of(&pricing, usage)).sum::<Usd>(), spent(&turns));
    }

    #[test]
    fn lookup_agrees_with_a_scan_of_all_names(
        ops in vec(table_op(), 1..16),
        models in vec(name(), 1..24),
    ) {
        let table = PricingTable::by_beginning();
        let mut naive: BTreeMap<String, ModelPricing> = BTreeMap::new();
        for op in ops {
            match op {
                TableOp::Register(name, pricing) => {
                    let replaced = naive.insert(name.to_lowercase(), pricing);
                    prop_assert_eq!(table.register(&name, pricing), Ok(replaced));
                }
                TableOp::Merge(prices) => {
                    prop_assert_eq!(table.merge(PriceReader::new().read(&to_json(&prices)).unwrap()), prices.len());
                    naive.extend(prices.into_iter().map(|(name, p)| (name.to_lowercase(), p)));
                }
                TableOp::MergeBroken(mut prices, broken) => {
                    let place = broken.index(prices.len());
                    prices[place].0 = "broken".to_owned();
                    let good = serde_json::to_string(&prices[place].1).unwrap();
                    let json = to_json(&prices)
                        .replace(&format!("\"broken\": {good}"), r#""broken": {"input_per_million": -1}"#);
                    let error = PricingTable::from_json(&json).unwrap_err();
                    prop_assert_eq!(error.at, "models.broken.input_per_million");
                }
            }
            let kept: BTreeMap<String, ModelPricing> =
                table.to_vec().into_iter().map(|(name, p)| (name.into(), p.rates(ServiceTier::Standard, 0))).collect();
            prop_assert_eq!(&kept, &naive);
            prop_assert!(table.to_vec().is_sorted_by_key(|(name, _)| name.clone()));
            for model in models.iter().chain(naive.keys()) {
                prop_assert_eq!(table.get(model), price_of(&naive, model), "{}", model);
            }
        }
    }

    #[test]
    fn tracker_agrees_with_a_list_of_turns(ops in vec(tracker_op(), 0..48)) {
        let tracker = UsageTracker::with_pricing(PricingTable::by_beginning());
        let mut prices: BTreeMap<String, ModelPricing> = BTreeMap::new();
        let mut turns: Vec<(String, UsageSnapshot, Usd)> = Vec::new();
        let mut missed: Vec<String> = Vec::new();
        for op in ops {
            match op {
                TrackerOp::Record(model, usage) => {
                    let pricing = price_of(&prices, &model);
                    let recorded = tracker.record_turn(&model, &usage);
                    let cost = pricing.map_or(Usd::ZERO, |pricing| cost_of(&pricing, &usage));
                    let miss = model.to_lowercase();
                    let first = pricing.is_none() && !miss.is_empty() && !missed.contains(&miss);
                    if first {
                        missed.push(miss);
                    }
                    prop_assert_eq!(recorded.cost, cost);
                    prop_assert_eq!(recorded.priced, pricing.is_some());
                    prop_assert_eq!(recorded.first_unpriced, first);
                    turns.push((model, usage, cost));
                    prop_assert_eq!(recorded.total, turns.iter().map(|turn| turn.2).sum());
                }
                TrackerOp::RecordPriced(model, usage, cost) => {
                    prop_assert_eq!(tracker.record_priced(&model, &usage, cost).cost, cost);
                    turns.push((model, usage, cost));
                }
                TrackerOp::Register(model, pricing) => {
                    prices.insert(model.to_lowercase(), pricing);
                    tracker.pricing().register(&model, pricing).unwrap();
                }
            }
            let total: Usd = turns.iter().map(|turn| turn.2).sum();
            prop_assert_eq!(tracker.total_cost(), total);
            let totals = tracker.totals();
            prop_assert_eq!((totals.turns, totals.cost), (turns.len() as u64, total));
            prop_assert_eq!(
                totals.tokens.input_tokens,
                turns.iter().map(|turn| turn.1.input_tokens).sum::<u64>()
            );
            let mut per_model: BTreeMap<String, (u64, Usd)> = BTreeMap::new();
            for (model, _, cost) in &turns {
                let entry = per_model.entry(model.clone()).or_default();
                *entry = (entry.0 + 1, entry.1.saturating_add(*cost));
            }
            let told: BTreeMap<String, (u64, Usd)> = tracker
                .per_model()
                .iter()
                .map(|(model, usage)| (model.to_string(), (usage.turns, usage.cost)))
                .collect();
            prop_assert_eq!(told, per_model);
        }
    }
}
