//! The cost of a turn by tier, band and kind, and the differences between tables.

use runtime_usage::{
    ModelPrices, ModelPricing, PricingTable, ServiceTier, TokenKind, UsageSnapshot, Usd,
};

fn dollars(input: u64, output: u64) -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(input), Usd::from_dollars(output))
}

const ALL_KINDS: UsageSnapshot = UsageSnapshot::new(1_000_000, 1_000_000)
    .cache_write(1_000_000)
    .cache_write_1h(1_000_000)
    .cache_read(1_000_000)
    .input_audio(1_000_000)
    .output_audio(1_000_000)
    .reasoning(250_000);

#[test]
fn every_kind_has_a_line_and_unset_prices_use_their_defaults() {
    let pricing = dollars(2, 8).cache_write(Usd::from_dollars(3)).cache_read(Usd::from_dollars(1));
    // 2 + audio 2 + read 1 + write 3 + an hour 3 + 8 + audio 8.
    assert_eq!(pricing.cost(&ALL_KINDS), Usd::from_dollars(27));
    let all = pricing
        .cache_write_1h(Usd::from_dollars(4))
        .input_audio(Usd::from_dollars(20))
        .output_audio(Usd::from_dollars(40))
        .reasoning(Usd::from_dollars(12));
    // 2 + 20 + 1 + 3 + 4 + 8 x 0.75 + 40 + 12 x 0.25.
    let cost = ModelPrices::from(all).price(&ALL_KINDS, ServiceTier::Standard);
    assert_eq!(cost.total, Usd::from_dollars(79));
    let lines: Vec<_> = cost.items().map(|item| (item.kind, item.tokens, item.amount)).collect();
    let million = 1_000_000;
    assert_eq!(
        lines,
        [
            (TokenKind::Input, million, Usd::from_dollars(2)),
            (TokenKind::InputAudio, million, Usd::from_dollars(20)),
            (TokenKind::CacheRead, million, Usd::from_dollars(1)),
            (TokenKind::CacheWrite, million, Usd::from_dollars(3)),
            (TokenKind::CacheWrite1h, million, Usd::from_dollars(4)),
            (TokenKind::Output, 750_000, Usd::from_dollars(6)),
            (TokenKind::OutputAudio, million, Usd::from_dollars(40)),
            (TokenKind::Reasoning, 250_000, Usd::from_dollars(3)),
        ]
    );
}

#[test]
fn reasoning_without_a_price_is_billed_as_output() {
    let cost = ModelPrices::from(dollars(1, 10))
        .price(&UsageSnapshot::new(0, 1_000).reasoning(900), ServiceTier::Standard);
    let lines: Vec<_> = cost.items().map(|item| (item.kind, item.tokens)).collect();
    assert_eq!(lines, [(TokenKind::Output, 1_000)]);
}

#[test]
fn reasoning_beyond_the_output_is_not_billed() {
    let pricing = dollars(0, 1).reasoning(Usd::from_dollars(2));
    // 100 tokens of output, all of them reasoning: 100 x 2 $.
    let cost = pricing.cost(&UsageSnapshot::new(0, 100).reasoning(1_000));
    assert_eq!(cost, Usd::from_nanos(200_000));
}

#[test]
fn empty_turn_has_an_empty_bill() {
    let cost = ModelPrices::from(dollars(1, 1)).price(&UsageSnapshot::default(), ServiceTier::Flex);
    assert_eq!(cost.to_string(), "standard tier\ntotal $0");
    assert_eq!(cost.items().len(), 0);
}

#[test]
fn rounded_lines_add_up_to_the_total() {
    // Each line is 0.4 nanos: 0.4 is 0, 0.8 is 1, 1.2 is 1, 1.6 is 2.
    let tiny = Usd::from_nanos(400_000);
    let pricing = ModelPricing::per_million(tiny, tiny).cache_write(tiny).cache_read(tiny);
    let usage = UsageSnapshot::new(1, 1).cache_write(1).cache_read(1);
    let cost = ModelPrices::from(pricing).price(&usage, ServiceTier::Standard);
    let amounts: Vec<_> = cost.items().map(|item| item.amount.nanos()).collect();
    assert_eq!(amounts, [0, 1, 0, 1]);
    assert_eq!(cost.total, Usd::from_nanos(2));
}

#[test]
fn largest_token_counts_do_not_panic() {
    let most = UsageSnapshot::new(u64::MAX, u64::MAX)
        .cache_write(u64::MAX)
        .cache_write_1h(u64::MAX)
        .cache_read(u64::MAX)
        .input_audio(u64::MAX)
        .output_audio(u64::MAX)
        .reasoning(u64::MAX);
    for rate in [Usd::MAX, Usd::from_nanos(1)] {
        let pricing = ModelPricing::per_million(rate, rate).cache_write(rate).cache_read(rate);
        let prices = ModelPrices::new(pricing.reasoning(rate)).band(u64::MAX, pricing);
        let cost = prices.price(&most, ServiceTier::Priority);
        assert_eq!(cost.items().map(|item| item.amount).sum::<Usd>(), cost.total);
        assert_eq!(prices.worst_case(&most, ServiceTier::Batch), cost.total);
        let _ = prices.output_tokens_for(&most, Usd::from_dollars(1), ServiceTier::Flex);
    }
}

#[test]
fn tier_band_above_zero_sets_the_price_of_the_tier() {
    let prices = ModelPrices::new(dollars(1, 1))
        .tier_band(ServiceTier::Standard, 0, dollars(2, 2))
        .tier_band(ServiceTier::Batch, 0, dollars(3, 3));
    assert_eq!(prices, ModelPrices::new(dollars(2, 2)).tier(ServiceTier::Batch, dollars(3, 3)));
    assert_eq!(prices.rates(ServiceTier::Batch, 0), dollars(3, 3));
    assert!(prices.has_tier(ServiceTier::Standard) && prices.has_tier(ServiceTier::Batch));
    assert!(!prices.has_tier(ServiceTier::Flex));
}

#[test]
fn last_price_set_for_a_band_wins_in_any_order() {
    let (a, b, c) = (dollars(1, 1), dollars(2, 2), dollars(3, 3));
    let flex = ServiceTier::Flex;
    let one = ModelPrices::new(a).band(10, b).tier_band(flex, 5, c).tier(flex, a).band(20, c);
    let other =
        ModelPrices::new(a).band(20, a).band(20, c).tier(flex, a).tier_band(flex, 5, c).band(10, b);
    assert_eq!(one, other);
    assert_eq!(one.thresholds(flex), [5, 10, 20]);
    assert_eq!(one.thresholds(ServiceTier::Batch), [10, 20]);
    let rates = [0, 10, 11, 20, 21].map(|input| one.rates(ServiceTier::Standard, input));
    assert_eq!(rates, [a, a, b, b, c]);
}

#[test]
fn table_prices_a_turn_by_band_and_tier() {
    let table = PricingTable::new();
    let prices = ModelPrices::new(dollars(4, 4)).tier(ServiceTier::Batch, dollars(2, 2));
    assert_eq!(table.register("m", prices.clone()), Ok(None));
    let usage = UsageSnapshot::new(1_000_000, 0);
    assert_eq!(
        table.price("M-latest", &usage, ServiceTier::Batch).unwrap().total,
        Usd::from_dollars(2)
    );
    assert_eq!(
        table.price("m", &usage, ServiceTier::Standard).unwrap().total,
        Usd::from_dollars(4)
    );
    assert_eq!(table.get("m"), Some(dollars(4, 4)));
    assert_eq!(table.prices("m").as_deref(), Some(&prices));
    assert_eq!(table.price("n", &usage, ServiceTier::Batch), None);
}

#[test]
fn worst_case_is_the_highest_price_of_any_kind_and_band() {
    let prices = ModelPrices::new(dollars(3, 15).cache_write(Usd::from_dollars(4)))
        .band(100, dollars(2, 20).reasoning(Usd::from_dollars(30)));
    let standard = ServiceTier::Standard;
    // 100 x 4 $ written to the cache + 10 x 15 $: below the band.
    let worst = prices.worst_case(&UsageSnapshot::new(100, 10), standard);
    assert_eq!(worst, Usd::from_nanos(550_000));
    // With 200 tokens, 100 of them below the band cost 200 x 4 $ + 10 x 15 $ at most, and in the
    // band it is 200 x 2 $ + 10 x 30 $: the first is more.
    let worst = prices.worst_case(&UsageSnapshot::new(200, 10), standard);
    assert_eq!(worst, Usd::from_nanos(950_000));
    // 200 x 2 $ + 100 x 30 $ is more than 200 x 4 $ + 100 x 15 $.
    let worst = prices.worst_case(&UsageSnapshot::new(200, 100), standard);
    assert_eq!(worst, Usd::from_nanos(3_400_000));
}

#[test]
fn output_tokens_for_money_stay_within_the_worst_case() {
    let prices = ModelPrices::new(dollars(3, 15)).band(1_000, dollars(6, 30));
    let standard = ServiceTier::Standard;
    let buys = |input, nanos| {
        prices.output_tokens_for(&UsageSnapshot::new(input, 0), Usd::from_nanos(nanos), standard)
    };
    // 100 x 3 $ leave 700,000 nanos of a million: 46 x 15,000, and 10,000 are left.
    assert_eq!(buys(100, 1_000_000), 46);
    // 2,000 x 6 $ are 12,000,000 nanos: nothing is left, then 30,000 a token.
    assert_eq!(buys(2_000, 11_999_999), 0);
    assert_eq!(buys(2_000, 12_000_000), 0);
    assert_eq!(buys(2_000, 12_029_999), 0);
    assert_eq!(buys(2_000, 12_030_000), 1);
    assert_eq!(buys(0, u64::MAX), u64::MAX);
    let free = ModelPrices::from(ModelPricing::FREE);
    assert_eq!(free.output_tokens_for(&UsageSnapshot::new(5, 5), Usd::ZERO, standard), u64::MAX);
}

#[test]
fn output_tokens_for_money_use_half_even_rounding() {
    let half = ModelPricing::per_million(Usd::ZERO, Usd::from_nanos(500_000));
    let buys = |nanos| {
        let (none, left) = (UsageSnapshot::default(), Usd::from_nanos(nanos));
        ModelPrices::from(half).output_tokens_for(&none, left, ServiceTier::Standard)
    };
    // 0.5 is 0, 1.0 is 1, 1.5 and 2.5 are 2, 3.5 is 4.
    assert_eq!([0, 1, 2, 3, 4].map(buys), [1, 2, 5, 6, 9]);
}

#[test]
fn diff_lists_every_price_that_differs() {
    let (left, right) = (PricingTable::new(), PricingTable::new());
    let prices = ModelPrices::new(dollars(1, 2)).band(200, dollars(3, 4));
    left.register("same", prices.clone()).unwrap();
    right.register("same", prices).unwrap();
    left.register("b", ModelPrices::new(dollars(1, 2)).band(100, dollars(2, 2))).unwrap();
    right
        .register("b", ModelPrices::new(dollars(1, 2)).tier(ServiceTier::Flex, dollars(1, 1)))
        .unwrap();
    left.register("only-left", dollars(1, 1)).unwrap();
    right.register("only-right", dollars(1, 1)).unwrap();
    // Above 100 tokens, the flex of the first is its standard: 2 $. That of the second is 1 $.
    assert_eq!(
        left.diff(&right).to_string(),
        "\
b: input above 100 $2, not $1
b: audio input above 100 $2, not $1
b: flex output $2, not $1
b: flex audio output $2, not $1
b: flex reasoning $2, not $1
b: flex input above 100 $2, not $1
b: flex audio input above 100 $2, not $1
b: flex output above 100 $2, not $1
b: flex audio output above 100 $2, not $1
b: flex reasoning above 100 $2, not $1
only-left: only in the first
only-right: only in the second
"
    );
    assert!(left.diff(&left.clone()).is_empty());
}

#[test]
fn diff_compares_published_lists_by_name() {
    let litellm = PricingTable::from_json(include_str!("../data/litellm.json")).unwrap();
    let models_dev = PricingTable::from_json(include_str!("../data/models_dev.json")).unwrap();
    let diff = litellm.diff(&models_dev);
    // Both have the same prices for short standard turns. Only the first has other prices.
    let names = ["gpt-5.4", "openai/gpt-5.4"];
    assert!(diff.prices.iter().all(|price| names.contains(&&*price.model)));
    let standard: Vec<_> =
        diff.prices.iter().filter(|price| price.tier == ServiceTier::Standard).collect();
    assert!(!standard.is_empty() && standard.iter().all(|price| price.above == 272_000));
    assert!(diff.prices.iter().any(|price| price.tier == ServiceTier::Batch));
}

#[test]
fn pricing_json_has_the_python_keys_and_set_prices() {
    let json = |pricing: ModelPricing| serde_json::to_string(&pricing).unwrap();
    assert_eq!(
        json(dollars(1, 2)),
        r#"{"input_per_million":1.0,"output_per_million":2.0,"cache_write_per_million":0.0,"cache_read_per_million":0.0}"#
    );
    let all = dollars(1, 2)
        .cache_write_1h(Usd::from_dollars(3))
        .input_audio(Usd::from_dollars(4))
        .output_audio(Usd::from_dollars(5))
        .reasoning(Usd::from_dollars(6));
    assert!(json(all).ends_with(
        r#""cache_write_1h_per_million":3.0,"input_audio_per_million":4.0,"output_audio_per_million":5.0,"reasoning_per_million":6.0}"#
    ));
    assert_eq!(serde_json::from_str::<ModelPricing>(&json(all)).unwrap(), all);
    let table = PricingTable::from_json(&format!(r#"{{"models": {{"m": {}}}}}"#, json(all)));
    assert_eq!(table.unwrap().get("m"), Some(all));
}
