//! Limits, and their refusals.

use runtime_usage::{
    BudgetExceededError, BudgetRefusedError, Limit, ModelPricing, UnknownPrice, UnpricedModelError,
    Usd,
};

use crate::support::usd;

#[test]
fn an_enforced_limit_refuses_what_would_go_beyond_it() {
    let limit = Limit::enforced(usd("1"));
    assert!(limit.is_enforced() && !limit.is_strict());
    assert_eq!(limit.admit(usd("0.4"), usd("0.6")), Ok(()));
    assert_eq!(limit.admit(usd("1"), Usd::ZERO), Ok(()));
    let refused = BudgetRefusedError::new(usd("1"), usd("1.2"), Usd::ZERO);
    assert_eq!(limit.admit(usd("1.2"), Usd::ZERO), Err(refused));
    assert!(limit.admit(usd("1"), Usd::from_nanos(1)).is_err());
    assert!(Limit::enforced(Usd::MAX).admit(Usd::MAX, Usd::from_nanos(1)).is_err());
}

#[test]
fn a_recorded_limit_refuses_nothing_and_still_tells() {
    let limit = Limit::recorded(usd("1"));
    assert_eq!(limit.admit(usd("5"), usd("5")), Ok(()));
    assert_eq!(limit.check(usd("1")), Ok(()));
    assert_eq!(limit.check(usd("1.5")), Err(BudgetExceededError::new(usd("1"), usd("1.5"))));
    assert_eq!(limit.remaining(usd("1.5")).to_string(), "-$0.50");
}

#[test]
fn refusals_say_the_amounts() {
    let exceeded = BudgetExceededError::new(usd("1"), usd("1.2075"));
    assert_eq!(exceeded.to_string(), "budget exceeded: $1.2075 > $1.0000");
    let refused = BudgetRefusedError::new(usd("1"), usd("1.25"), usd("0.5"));
    assert_eq!(refused.to_string(), "budget refused: $0.5000 asked for, -$0.2500 of $1.0000 left");
    let unpriced = UnpricedModelError::new("local-7b");
    assert!(unpriced.to_string().contains("`local-7b`"));
}

#[test]
fn a_model_without_a_price_is_denied_when_enforced_and_free_when_recorded() {
    let known = ModelPricing::per_million(usd("1"), usd("2"));
    let enforced = Limit::enforced(usd("1"));
    let recorded = Limit::recorded(usd("1"));
    assert_eq!(enforced.price("m", Some(known)), Ok(known));
    assert_eq!(enforced.price("m", None), Err(UnpricedModelError::new("m")));
    assert_eq!(recorded.price("m", None), Ok(ModelPricing::FREE));

    let assuming = enforced.clone().unknown_price(UnknownPrice::Assume(known));
    assert_eq!(assuming.price("m", None), Ok(known));
    assert_eq!(enforced.unknown_price(UnknownPrice::Free).price("m", None), Ok(ModelPricing::FREE));
    let strict = recorded.unknown_price(UnknownPrice::Deny);
    assert!(strict.price("m", None).is_err() && !strict.is_enforced());
}
