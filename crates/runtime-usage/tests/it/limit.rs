//! Limits, and the refusals of accounts.

use runtime_usage::{Account, Limit, UnknownPrice, UnpricedModelError, Usd};

use crate::support::usd;

fn spent(limit: Limit, cost: &str) -> Account {
    let account = Account::new(limit);
    account.charge(usd(cost));
    account
}

#[test]
fn enforced_limit_refuses_what_goes_beyond_it() {
    let limit = Limit::enforced(usd("1"));
    assert!(limit.is_enforced() && !limit.is_strict());
    assert!(spent(limit.clone(), "0.4").reserve(usd("0.6")).is_ok());
    assert!(spent(limit.clone(), "1").reserve(Usd::ZERO).is_ok());
    assert!(spent(limit.clone(), "1").reserve(Usd::from_nanos(1)).is_err());
    let refused = spent(limit, "1.2").reserve(Usd::ZERO).unwrap_err();
    assert_eq!((refused.limit, refused.spent, refused.asked), (usd("1"), usd("1.2"), Usd::ZERO));
    let full = Account::new(Limit::enforced(Usd::MAX));
    full.charge(Usd::MAX);
    assert!(full.reserve(Usd::from_nanos(1)).is_err());
}

#[test]
fn recorded_limit_refuses_nothing_and_reports() {
    let limit = Limit::recorded(usd("1"));
    assert!(spent(limit.clone(), "5").reserve(usd("5")).is_ok());
    assert_eq!(spent(limit.clone(), "1").check(), Ok(()));
    let exceeded = spent(limit.clone(), "1.5").check().unwrap_err();
    assert_eq!((exceeded.budget, exceeded.current_cost), (usd("1"), usd("1.5")));
    assert_eq!(spent(limit, "1.5").balance().left.to_string(), "-$0.50");
}

#[test]
fn refusals_name_the_amounts() {
    let limit = Limit::enforced(usd("1"));
    let exceeded = spent(limit.clone(), "1.2075").check().unwrap_err();
    assert_eq!(exceeded.to_string(), "budget exceeded: $1.2075 > $1.0000");
    let refused = spent(limit, "1.25").reserve(usd("0.5")).unwrap_err();
    assert_eq!(refused.to_string(), "budget refused: $0.50 requested, -$0.25 of $1.00 left");
    assert_eq!(
        UnpricedModelError::new("local-7b").to_string(),
        "model `local-7b` has no price, and the budget refuses models without one; \
         register its price, or set the limit's `unknown_price`"
    );
}

#[test]
fn unknown_price_is_denied_if_enforced_and_free_if_recorded() {
    assert_eq!(Limit::enforced(usd("1")).unknown_price, UnknownPrice::Deny);
    assert_eq!(Limit::strict(usd("1")).unknown_price, UnknownPrice::Deny);
    assert_eq!(Limit::recorded(usd("1")).unknown_price, UnknownPrice::Free);
    let denying = Limit::recorded(usd("1")).unknown_price(UnknownPrice::Deny);
    assert!(denying.unknown_price == UnknownPrice::Deny && !denying.is_enforced());
}

#[test]
fn limit_says_how_it_was_made() {
    let limit = Limit::strict(usd("1")).marks([80, 50]);
    assert!(limit.is_strict() && limit.is_enforced());
    assert_eq!(limit.percents(), [50, 80]);
    let limit = Limit::recorded(usd("1"));
    assert!(!limit.is_strict() && !limit.is_enforced());
}
