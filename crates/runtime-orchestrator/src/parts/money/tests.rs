//! Tests of the money without a session.

use runtime_usage::{Account, Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};

use super::{Ask, Bill, Funds, Money};
use crate::error::TurnError;
use crate::parts::names::{Names, Payer};
use crate::usual::UsualOutput;

/// Money with a price of one dollar per million tokens of `m`.
fn money(limit: Option<Limit>) -> Money {
    let prices = PricingTable::new();
    let dollar = Usd::from_dollars(1);
    prices.register("m", ModelPricing::per_million(dollar, dollar)).unwrap();
    let account = (limit.map(Account::new), true);
    Money::new(account, prices, (UsualOutput::default(), false), None)
}

fn bill(money: &Money, model: &str, funds: Funds<'_>, usage: UsageSnapshot) -> Bill {
    let (role, session_id, names) = (&"writer".into(), &"s1".into(), &Names::default());
    let mut bill = Bill::default();
    let till = money.till(Payer { role, session_id, names });
    till.bill(&model.into(), funds, &usage.into(), &mut bill);
    bill
}

#[test]
fn unsettled_reservation_is_released() {
    let money = money(Some(Limit::enforced(Usd::from_dollars(2))));
    let ask = Ask { reserve: Some(Usd::from_dollars(2)), ..Ask::NOTHING };
    let funds = money.fund("m", &ask).unwrap();
    assert!(matches!(money.fund("m", &ask), Err(TurnError::Budget(_))), "everything is reserved");
    drop(funds);
    assert_eq!(money.fund("m", &ask).unwrap().reserved(), Usd::from_dollars(2));
}

#[test]
fn bill_is_recorded_and_spent_once() {
    let money = money(Some(Limit::enforced(Usd::from_dollars(1))));
    let funds = money.fund("m", &Ask::NOTHING).unwrap();
    let bill = bill(&money, "m", funds, UsageSnapshot::new(1_500_000, 500_000));
    assert_eq!(bill.cost, Usd::from_dollars(2));
    assert_eq!(money.tracker().total_cost(), Usd::from_dollars(2));
    let overspent = money.overspent().unwrap();
    assert!(overspent.enforced);
    assert_eq!(overspent.exceeded.current_cost, Usd::from_dollars(2));
    assert!(money.fund("m", &Ask::NOTHING).is_err(), "the next one is refused");
}

#[test]
fn strict_budget_needs_the_worst_case() {
    let money = money(Some(Limit::strict(Usd::from_dollars(9))));
    let mut ask = Ask { estimate: Some(UsageSnapshot::new(1_000_000, 0)), ..Ask::NOTHING };
    let Err(TurnError::Unestimated(refused)) = money.fund("m", &ask) else { panic!("no bound") };
    assert_eq!(refused.missing, "max_output");
    ask.max_output = Some(2_000_000);
    assert_eq!(money.fund("m", &ask).unwrap().reserved(), Usd::from_dollars(3));
}

#[test]
fn turn_without_a_model_costs_nothing() {
    let money = money(None);
    let funds = money.fund("", &Ask::NOTHING).unwrap();
    let bill = bill(&money, "", funds, UsageSnapshot::new(9, 9));
    assert_eq!((bill.cost, money.tracker().totals().turns), (Usd::ZERO, 0));
}

#[test]
fn expected_output_is_the_estimate_or_usual_up_to_the_maximum() {
    let ask = |estimate, max_output| Ask { estimate, max_output, ..Ask::NOTHING };
    assert_eq!(ask(None, None).output(|| Some(7)), Some(7));
    assert_eq!(ask(None, Some(5)).output(|| Some(7)), Some(5));
    assert_eq!(ask(Some(UsageSnapshot::new(1, 3)), Some(5)).output(|| Some(7)), Some(3));
    assert_eq!(ask(None, None).output(|| None), None);
}
