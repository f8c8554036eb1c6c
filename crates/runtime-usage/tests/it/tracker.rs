//! Usage tracking.

use runtime_usage::{
    ModelPrices, ModelPricing, ModelUsage, NameMatch, PriceReader, PricingTable, ReportedUsage,
    ServiceTier, UsageSnapshot, UsageTracker, Usd,
};
use serde_json::json;

fn flat(dollars: u64) -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(dollars), Usd::from_dollars(dollars))
}

fn tracker(models: &[(&str, u64)]) -> UsageTracker {
    let table = PricingTable::new();
    for (model, dollars) in models {
        table.register(model, flat(*dollars)).expect("the name is not blank");
    }
    UsageTracker::with_pricing(table)
}

const MILLION: UsageSnapshot = UsageSnapshot::new(1_000_000, 0);

#[test]
fn turn_is_recorded_at_its_model_price() {
    let tracker = tracker(&[("a", 3), ("b", 5)]);
    let first = tracker.record_turn("a-20260514", &MILLION);
    assert_eq!((first.cost, first.total), (Usd::from_dollars(3), Usd::from_dollars(3)));
    assert!(first.priced && !first.first_unpriced);
    assert_eq!(first.first_loose, Some(NameMatch::Version));

    let second = tracker.record_turn("b", &UsageSnapshot::new(0, 2_000_000));
    assert_eq!((second.cost, second.total), (Usd::from_dollars(10), Usd::from_dollars(13)));
    assert_eq!(tracker.totals().turns, 2);
}

#[test]
fn loose_match_of_a_name_is_told_once() {
    let tracker = tracker(&[("a", 3)]);
    let told = |model: &str| tracker.record_turn(model, &MILLION).first_loose;
    assert_eq!(told("a-20260514"), Some(NameMatch::Version));
    assert_eq!((told("a-20260514"), told("a"), told("z")), (None, None, None));
    let priced = tracker.record_priced("a-latest", &MILLION, Usd::ZERO);
    assert_eq!(priced.first_loose, Some(NameMatch::Version));
}

#[test]
fn unpriced_model_is_free_and_reported_once() {
    let tracker = tracker(&[]);
    let first = tracker.record_turn("Local-7b", &MILLION);
    assert!(!first.priced && first.first_unpriced);
    assert_eq!(first.total, Usd::ZERO);
    assert!(!tracker.record_turn("local-7b", &MILLION).first_unpriced);
    assert!(!tracker.record_turn("", &MILLION).first_unpriced);
    assert_eq!(tracker.totals().unpriced_turns, 3);

    let other = UsageTracker::with_pricing(tracker.pricing().clone());
    assert!(!other.record_turn("local-7b", &MILLION).first_unpriced, "once per table");
}

#[test]
fn later_price_applies_to_later_turns() {
    let tracker = tracker(&[("a", 1)]);
    assert_eq!(tracker.record_turn("a-001", &MILLION).cost, Usd::from_dollars(1));
    tracker.pricing().register("a-001", flat(2)).unwrap();
    assert_eq!(tracker.record_turn("a-001", &MILLION).cost, Usd::from_dollars(2));
    let list = r#"{"models": {"A-001": {"input_per_million": 4, "output_per_million": 4}}}"#;
    tracker.pricing().merge(PriceReader::new().read(list).unwrap());
    assert_eq!(tracker.record_turn("a-001", &MILLION).total, Usd::from_dollars(7));
}

#[test]
fn given_cost_takes_precedence_over_the_table() {
    let tracker = tracker(&[("a", 3)]);
    let turn = tracker.record_priced("a", &MILLION, Usd::from_cents(1));
    assert_eq!(
        (turn.cost, turn.total, turn.priced),
        (Usd::from_cents(1), Usd::from_cents(1), true)
    );
    assert!(tracker.record_priced("unknown", &MILLION, Usd::ZERO).priced);
    assert_eq!(tracker.totals().unpriced_turns, 0);
}

#[test]
fn totals_are_kept_per_model_name() {
    let tracker = tracker(&[("a", 1), ("b", 2)]);
    for model in ["a", "b", "a", "A"] {
        let _ = tracker.record_turn(model, &MILLION);
    }
    let costs: Vec<(String, Usd)> = tracker
        .per_model_summary()
        .iter()
        .map(|(model, cost)| (model.to_string(), *cost))
        .collect();
    assert_eq!(
        costs,
        [
            ("A".to_owned(), Usd::from_dollars(1)),
            ("a".to_owned(), Usd::from_dollars(2)),
            ("b".to_owned(), Usd::from_dollars(2)),
        ]
    );
    let a = tracker.per_model()["a"];
    assert_eq!(
        (a.turns, a.tokens, a.cost),
        (2, UsageSnapshot::new(2_000_000, 0), Usd::from_dollars(2))
    );
}

#[test]
fn summary_json_has_the_python_keys_and_rounding() {
    let tracker = tracker(&[("a", 1)]);
    assert_eq!(
        serde_json::to_value(tracker.summary()).unwrap(),
        json!({
            "turns": 0,
            "total_input_tokens": 0,
            "total_output_tokens": 0,
            "total_cost_usd": 0.0,
            "formatted_cost": "$0.0000",
        })
    );
    let _ = tracker.record_turn("a", &UsageSnapshot::new(1_234_567, 89).cache_read(5));
    assert_eq!(
        serde_json::to_value(tracker.summary()).unwrap(),
        json!({
            "turns": 1,
            "total_input_tokens": 1_234_567,
            "total_output_tokens": 89,
            "total_cost_usd": 1.2347,
            "formatted_cost": "$1.23",
        })
    );
    assert_eq!(tracker.summary().total_cost_usd, Usd::from_nanos(1_234_656_000), "exact in Rust");
    assert_eq!(
        serde_json::to_value(tracker.per_model()).unwrap()["a"],
        json!({
            "turns": 1,
            "unpriced_turns": 0,
            "input_tokens": 1_234_567,
            "output_tokens": 89,
            "cache_write_tokens": 0,
            "cache_read_tokens": 5,
            "cost_usd": 1.234_656,
        })
    );
}

#[test]
fn totals_saturate() {
    let tracker = tracker(&[]);
    let most = UsageSnapshot::new(u64::MAX, u64::MAX);
    for _ in 0..2 {
        let _ = tracker.record_priced("a", &most, Usd::MAX);
    }
    assert_eq!(tracker.total_cost(), Usd::MAX);
    assert_eq!(tracker.totals().tokens, most);
}

#[test]
fn reported_tier_and_cost_decide_the_price() {
    let pricing = PricingTable::new();
    let prices =
        ModelPrices::new(flat(4)).tier(ServiceTier::Batch, flat(2)).band(1_000_000, flat(8));
    pricing.register("m", prices).unwrap();
    let tracker = UsageTracker::with_pricing(pricing);
    let million = UsageSnapshot::new(1_000_000, 0);
    let usage = ReportedUsage::from(million);
    let record = |model, usage: &ReportedUsage| tracker.record(model, usage, ServiceTier::Standard);

    // 1,000,000 x 4 $; in a batch 2 $; with one token more 8 $ for all of them.
    assert_eq!(record("m", &usage).cost, Usd::from_dollars(4));
    let turn = record("m", &usage.clone().tier(ServiceTier::Batch));
    assert_eq!((turn.cost, turn.priced, turn.reported), (Usd::from_dollars(2), true, false));
    let long = UsageSnapshot::new(1_000_001, 0);
    assert_eq!(tracker.record_turn("m", &long).cost, Usd::from_nanos(8_000_008_000));

    let asked = tracker.record("m", &usage, ServiceTier::Batch);
    assert_eq!(asked.cost, Usd::from_dollars(2), "no tier reported: the requested one counts");

    // The provider's own cost comes first, even if the table has no price.
    let turn = record("m", &usage.clone().cost(Usd::from_cents(1)));
    assert_eq!((turn.cost, turn.reported), (Usd::from_cents(1), true));
    let turn = record("n", &usage.clone().cost(Usd::ZERO));
    assert!(turn.priced && turn.reported && !turn.first_unpriced);
    let turn = record("n", &usage);
    assert!(!turn.priced && !turn.reported && turn.first_unpriced);

    assert_eq!(turn.total, Usd::from_nanos(16_010_008_000));
    let (m, n) = (tracker.per_model()["m"], tracker.per_model()["n"]);
    assert_eq!((m.turns, m.reported_turns, m.unpriced_turns), (5, 1, 0));
    assert_eq!((n.turns, n.reported_turns, n.unpriced_turns), (2, 1, 1));
    assert_eq!(tracker.totals().reported_turns, 2);
    let json = serde_json::to_value(m).unwrap();
    assert_eq!(json["reported_turns"], 1);
    let plain = serde_json::to_value(ModelUsage::default()).unwrap();
    assert!(plain.get("reported_turns").is_none());
}

#[test]
fn what_was_used_before_is_added() {
    let tracker = tracker(&[("m", 1)]);
    let turn = UsageSnapshot::new(1_000_000, 0);
    let _ = tracker.record("m", &turn.into(), ServiceTier::Standard);
    let mut before = ModelUsage::default();
    (before.turns, before.tokens, before.cost) = (2, turn, Usd::from_dollars(5));
    tracker.carry("m", &before);
    tracker.carry("old", &before);
    assert_eq!(tracker.total_cost(), Usd::from_dollars(11));
    let summary = tracker.summary();
    assert_eq!((summary.turns, summary.total_input_tokens), (5, 3_000_000));
}

#[test]
fn prices_at_hand_are_those_of_the_table() {
    let tracker = tracker(&[("a", 1), ("b", 2)]);
    let input = |model: &str| {
        let turn = UsageSnapshot::new(1_000_000, 0);
        tracker.prices(model).map(|prices| prices.cost(&turn, ServiceTier::Standard))
    };
    for _ in 0..2 {
        assert_eq!(input("a"), Some(Usd::from_dollars(1)));
        assert_eq!(input("b"), Some(Usd::from_dollars(2)));
        assert_eq!(input("c"), None);
        let turn = UsageSnapshot::new(1, 0);
        let _ = tracker.record("a", &turn.into(), ServiceTier::Standard);
    }
    tracker.pricing().register("a", flat(7)).expect("the name is not blank");
    assert_eq!(input("a"), Some(Usd::from_dollars(7)));
}
