//! Bills and their bounds, compared with naive models.

use proptest::collection::vec;
use proptest::prelude::*;
use runtime_usage::{
    ModelPrices, ModelPricing, PricingTable, ReportedUsage, ServiceTier, TokenKind, UsageSnapshot,
    UsageTracker, Usd,
};

use super::{half_even, price, tokens};

prop_compose! {
    pub(super) fn any_rates()(
        rates in [price(), price(), price(), price()],
        more in [opt(), opt(), opt(), opt()],
    ) -> ModelPricing {
        let mut all = ModelPricing::per_million(rates[0], rates[1])
            .cache_write(rates[2])
            .cache_read(rates[3]);
        all.cache_write_1h_per_million = more[0];
        all.input_audio_per_million = more[1];
        all.output_audio_per_million = more[2];
        all.reasoning_per_million = more[3];
        all
    }
}

fn opt() -> impl Strategy<Value = Option<Usd>> {
    prop::option::of(price())
}

/// Small numbers of tokens and thresholds, so that turns are on both sides.
fn some() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..40_u64, 1 => tokens()]
}

prop_compose! {
    fn any_turn()(counts in [some(), some(), some(), some(), some(), some(), some(), some()])
        -> UsageSnapshot
    {
        UsageSnapshot::new(counts[0], counts[1])
            .cache_write(counts[2])
            .cache_write_1h(counts[3])
            .cache_read(counts[4])
            .input_audio(counts[5])
            .output_audio(counts[6])
            .reasoning(counts[7])
    }
}

fn any_tier() -> impl Strategy<Value = ServiceTier> {
    prop::sample::select(ServiceTier::ALL.to_vec())
}

fn any_bands() -> impl Strategy<Value = Vec<(ServiceTier, u64, ModelPricing)>> {
    vec((any_tier(), prop_oneof![Just(0), 1..100_u64], any_rates()), 0..6)
}

fn with_bands(standard: ModelPricing, bands: &[(ServiceTier, u64, ModelPricing)]) -> ModelPrices {
    bands.iter().fold(ModelPrices::new(standard), |prices, (tier, above, rates)| {
        prices.tier_band(*tier, *above, *rates)
    })
}

fn any_prices() -> impl Strategy<Value = ModelPrices> {
    (any_rates(), any_bands()).prop_map(|(standard, bands)| with_bands(standard, &bands))
}

/// The last one that was set for the largest threshold below the input.
fn naive_band(
    bands: &[(ServiceTier, u64, ModelPricing)],
    tier: ServiceTier,
    input: u64,
) -> Option<(u64, &ModelPricing)> {
    let holding =
        bands.iter().filter(|(of, above, _)| *of == tier && (*above == 0 || input > *above));
    // `max_by_key` takes the last of equals.
    holding.max_by_key(|(_, above, _)| *above).map(|(_, above, rates)| (*above, rates))
}

fn naive_rate(
    standard: &ModelPricing,
    bands: &[(ServiceTier, u64, ModelPricing)],
    tier: ServiceTier,
    input: u64,
    kind: TokenKind,
) -> Usd {
    let usual = naive_band(bands, ServiceTier::Standard, input).unwrap_or((0, standard));
    let own = naive_band(bands, tier, input).filter(|_| tier != ServiceTier::Standard);
    match own {
        None => usual.1.rate(kind),
        Some((above, rates)) if above >= usual.0 => rates.rate(kind),
        Some((_, rates)) => rates.rate(kind).max(usual.1.rate(kind)),
    }
}

/// A turn within an estimate, whose tokens are of random kinds.
fn spread(estimate: &UsageSnapshot, parts: &[u64; 8]) -> UsageSnapshot {
    let upto = |limit: u64, part: u64| match limit {
        u64::MAX => part,
        limit => part % (limit + 1),
    };
    let mut left = estimate.total_input_tokens();
    let mut take = |limit: u64, part: u64| {
        let taken = upto(limit.min(left), part);
        left -= taken;
        taken
    };
    let hour = take(estimate.cache_write_1h_tokens, parts[0]);
    let audio = take(estimate.input_audio_tokens, parts[1]);
    let (write, read) = (take(u64::MAX, parts[2]), take(u64::MAX, parts[3]));
    // Often everything that is left, so that the bound is reached.
    let input = if parts[4].is_multiple_of(2) { left } else { upto(left, parts[4]) };
    let output_audio = upto(estimate.output_audio_tokens, parts[5]);
    let output = estimate.total_output_tokens() - output_audio;
    let output = if parts[6].is_multiple_of(2) { output } else { upto(output, parts[6]) };
    UsageSnapshot::new(input, output)
        .cache_write(write)
        .cache_write_1h(hour)
        .cache_read(read)
        .input_audio(audio)
        .output_audio(output_audio)
        .reasoning(upto(output, parts[7]))
}

proptest! {
    #[test]
    fn bill_agrees_with_128_bit_arithmetic_and_adds_up(
        standard in any_rates(),
        bands in any_bands(),
        usage in any_turn(),
        tier in any_tier(),
    ) {
        let prices = with_bands(standard, &bands);
        let naive = if let Some((_, _, base)) = bands.iter()
            .rfind(|(of, above, _)| (*of, *above) == (ServiceTier::Standard, 0)) { *base } else { standard };
        let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
        let input = usage.total_input_tokens();
        let sum: u128 = [
            (usage.input_tokens, TokenKind::Input),
            (usage.input_audio_tokens, TokenKind::InputAudio),
            (usage.cache_read_tokens, TokenKind::CacheRead),
            (usage.cache_write_tokens, TokenKind::CacheWrite),
            (usage.cache_write_1h_tokens, TokenKind::CacheWrite1h),
            (usage.output_tokens - reasoning, TokenKind::Output),
            (usage.output_audio_tokens, TokenKind::OutputAudio),
            (reasoning, TokenKind::Reasoning),
        ]
        .iter()
        .map(|(tokens, kind)| {
            let rate = naive_rate(&naive, &bands, tier, input, *kind);
            u128::from(*tokens) * u128::from(rate.nanos())
        })
        .sum();
        let expected = Usd::from_nanos(u64::try_from(half_even(sum, 1_000_000)).unwrap_or(u64::MAX));

        let cost = prices.price(&usage, tier);
        prop_assert_eq!(cost.total, expected);
        prop_assert_eq!(prices.cost(&usage, tier), expected);

        let lines: u128 = cost.items().map(|item| u128::from(item.amount.nanos())).sum();
        prop_assert_eq!(lines, u128::from(expected.nanos()));
        let billed: u128 = cost.items().map(|item| u128::from(item.tokens)).sum();
        prop_assert_eq!(billed, u128::from(usage.total_input_tokens()) + u128::from(usage.total_output_tokens()));
        if expected < Usd::MAX {
            for item in cost.items() {
                let exact = u128::from(item.tokens) * u128::from(item.rate_per_million.nanos());
                let off = exact.abs_diff(u128::from(item.amount.nanos()) * 1_000_000);
                prop_assert!(off <= 1_000_000, "{item} is off by {off}");
            }
        }
    }

    #[test]
    fn bills_sum_to_the_same_in_any_order_and_grouping(
        prices in any_prices(),
        (turns, shuffled) in vec((any_turn(), any_tier()), 0..24)
            .prop_flat_map(|turns| (Just(turns.clone()), Just(turns).prop_shuffle())),
        cut in any::<prop::sample::Index>(),
    ) {
        let table = PricingTable::new();
        table.register("m", prices.clone()).unwrap();
        let spent = |turns: &[(UsageSnapshot, ServiceTier)]| {
            let tracker = UsageTracker::with_pricing(table.clone());
            for (usage, tier) in turns {
                let _ = tracker.record("m", &ReportedUsage::from(*usage), *tier);
            }
            tracker.total_cost()
        };
        let (front, back) = shuffled.split_at(cut.index(shuffled.len() + 1));
        prop_assert_eq!(spent(front).saturating_add(spent(back)), spent(&turns));
        let lines = turns.iter().map(|(usage, tier)| {
            prices.price(usage, *tier).items().map(|item| item.amount).sum::<Usd>()
        });
        prop_assert_eq!(lines.sum::<Usd>(), spent(&turns));
    }

    #[test]
    fn turn_within_an_estimate_never_exceeds_the_worst_case(
        prices in any_prices(),
        estimate in any_turn(),
        parts in any::<[u64; 8]>(),
        tier in any_tier(),
    ) {
        let usage = spread(&estimate, &parts);
        prop_assert!(usage.total_input_tokens() <= estimate.total_input_tokens());
        prop_assert!(usage.total_output_tokens() <= estimate.total_output_tokens());
        let (cost, most) = (prices.cost(&usage, tier), prices.worst_case(&estimate, tier));
        prop_assert!(cost <= most, "{usage:?} costs {cost:#}, more than {most:#}");
    }

    #[test]
    fn worst_case_of_plain_prices_is_reached(
        rates in any_rates(),
        input in some(),
        output in some(),
        tier in any_tier(),
    ) {
        let prices = ModelPrices::from(rates);
        let estimate = UsageSnapshot::new(input, output);
        let most = prices.worst_case(&estimate, tier);
        let inputs = [
            UsageSnapshot::new(input, output),
            UsageSnapshot::new(0, output).cache_write(input),
            UsageSnapshot::new(0, output).cache_read(input),
        ];
        let costs = inputs.iter().flat_map(|usage| [*usage, usage.reasoning(output)]);
        prop_assert_eq!(costs.map(|usage| prices.cost(&usage, tier)).max(), Some(most));
    }

    #[test]
    fn output_tokens_for_money_is_the_largest_that_fits(
        prices in any_prices(),
        estimate in any_turn(),
        left in price(),
        more in price(),
        tier in any_tier(),
    ) {
        let buys = |left| prices.output_tokens_for(&estimate, left, tier);
        let worst = |output: u64| {
            let mut turn = estimate.reasoning(0);
            (turn.output_tokens, turn.output_audio_tokens) = (output, 0);
            prices.worst_case(&turn, tier)
        };
        let most = buys(left);
        if worst(0) > left {
            prop_assert_eq!(most, 0);
        } else {
            prop_assert!(worst(most) <= left);
            prop_assert!(most == u64::MAX || worst(most + 1) > left);
        }
        prop_assert!(buys(left.saturating_add(more)) >= most);
    }

    #[test]
    fn swapped_tables_swap_the_diff(
        left in vec(("[a-c]", any_prices()), 0..4),
        right in vec(("[a-c]", any_prices()), 0..4),
        shared in prop::option::of(("[a-c]", any_prices())),
    ) {
        let fill = |prices: &[(String, ModelPrices)]| {
            let table = PricingTable::new();
            for (name, prices) in prices.iter().chain(&shared) {
                table.register(name, prices.clone()).unwrap();
            }
            table
        };
        let (left, right) = (fill(&left), fill(&right));
        let (there, back) = (left.diff(&right), right.diff(&left));
        prop_assert_eq!(&there.only_left, &back.only_right);
        prop_assert_eq!(&there.only_right, &back.only_left);
        prop_assert_eq!(there.prices.len(), back.prices.len());
        for (a, b) in there.prices.iter().zip(&back.prices) {
            prop_assert_eq!((a.left, a.right), (b.right, b.left));
            prop_assert_eq!((&a.model, a.tier, a.above, a.kind), (&b.model, b.tier, b.above, b.kind));
            // A difference has the prices of both tables.
            let says = |table: &PricingTable| {
                table.prices(&a.model).unwrap().rates(a.tier, a.above + u64::from(a.above > 0)).rate(a.kind)
            };
            prop_assert_eq!((says(&left), says(&right)), (a.left, a.right));
            prop_assert_ne!(a.left, a.right);
        }
        prop_assert!(left.diff(&left.clone()).is_empty());
    }

    #[test]
    fn tables_without_a_diff_bill_the_same(
        left in any_prices(),
        right in any_prices(),
        usage in any_turn(),
        tier in any_tier(),
    ) {
        let tables = [&left, &right].map(|prices| {
            let table = PricingTable::new();
            table.register("m", prices.clone()).unwrap();
            table
        });
        let costs = [left.cost(&usage, tier), right.cost(&usage, tier)];
        prop_assert!(costs[0] == costs[1] || !tables[0].diff(&tables[1]).is_empty());
    }
}
