//! Hard cases for budgets: unread usage, changing tiers and prices, interruptions.

use runtime_events::AgentEventName;
use runtime_orchestrator::{BoxError, OrchestrationSession, Turn};
use runtime_sinks::RingBufferUsageSink;
use runtime_usage::{
    FinishReason, Limit, ModelPrices, ModelPricing, PricingTable, ReportedUsage, ServiceTier,
    UsageFormat, UsageSnapshot, Usd,
};
use serde_json::json;

use crate::support::{Fixture, assert_books_agree, dollar, now, price};

fn cents(cents: u64) -> Usd {
    Usd::from_cents(cents)
}

fn spent(session: &OrchestrationSession) -> Usd {
    session.account().expect("it has a budget").balance().spent
}

async fn fine() -> Result<(), BoxError> {
    Ok(())
}

#[test]
fn answer_with_unread_usage_costs_its_reservation() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::strict(cents(200))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("m").estimate(dollar()).max_output(0);
    let answer = now(session.run_turn(turn(), fine)).unwrap();
    assert_eq!((answer.cost, answer.estimated), (cents(100), true));
    now(session.run_turn(turn(), fine)).unwrap();
    now(session.run_turn(turn(), fine)).unwrap_err();
    assert_books_agree(&fixture, &session);
}

#[test]
fn turn_settled_unread_costs_what_was_seen_or_reserved() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
    let session = fixture.orchestrator.session().unwrap();
    let begin = || now(session.begin_turn(Turn::model("m").reserve(cents(300)))).unwrap();
    let settled = begin().settle_unread();
    assert_eq!((settled.cost, settled.estimated), (cents(300), true));
    let mut turn = begin();
    turn.observe(dollar());
    let settled = turn.settle_unread();
    assert_eq!((settled.cost, settled.estimated), (cents(100), false));
    assert_books_agree(&fixture, &session);
    let reply = json!({"model": "m", "choices": [{"finish_reason": "length"}],
                       "usage": {"prompt_tokens": 7, "completion_tokens": 1}});
    let read = UsageFormat::OpenAiChat.read(&reply).unwrap();
    let answer = begin().settle(read.clone()).answer("cut", "m");
    assert_eq!((answer.value, &answer.finish_reasons), ("cut", &read.finish_reasons));
    assert!(answer.finish_reasons.contains(&Some(FinishReason::Length)));
}

#[test]
fn unreported_counts_are_neither_free_nor_usual() {
    let fixture = Fixture::new()
        .with(|o| o.budget(Limit::enforced(Usd::from_dollars(99))).max_iterations(99));
    let session = fixture.orchestrator.session().unwrap();
    let silent = json!({"model": "m", "usage": {}});
    for _ in 0..25 {
        let silent = UsageFormat::OpenAiChat.read(&silent).unwrap();
        let turn = Turn::model("m").reserve(cents(2)).usage_from(move |(): &()| silent);
        let answer = now(session.run_turn(turn, fine)).unwrap();
        assert_eq!((answer.cost, answer.estimated), (cents(2), true));
        now(session.run_turn(Turn::model("m"), fine)).unwrap();
    }
    for half in [json!({"prompt_tokens": 1_000}), json!({"completion_tokens": 1_000})] {
        let half = UsageFormat::OpenAiChat.read(&json!({"model": "m", "usage": half})).unwrap();
        let turn = Turn::model("m").reserve(cents(2)).usage_from(move |(): &()| half);
        let answer = now(session.run_turn(turn, fine)).unwrap();
        assert_eq!((answer.cost, answer.estimated), (cents(2), true), "the other half is unsaid");
    }
    let turn = Turn::model("m").estimate(UsageSnapshot::new(0, 0)).max_output(1_000_000);
    let turn = now(session.begin_turn(turn)).unwrap();
    assert_eq!(turn.reserved(), cents(200), "no length of an answer was observed");
    turn.release();
    assert_books_agree(&fixture, &session);
}

#[test]
fn strict_budget_holds_in_any_service_tier() {
    let flat = |dollars| price(dollars, dollars);
    let prices = ModelPrices::new(flat(4))
        .tier(ServiceTier::Flex, flat(2))
        .tier(ServiceTier::Priority, flat(8));
    let table = PricingTable::new();
    table.register("t", prices).unwrap();
    let fixture = Fixture::new().with(|o| o.pricing(table).budget(Limit::strict(cents(500))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = |tokens| {
        let priority = move |(): &()| {
            ReportedUsage::from(UsageSnapshot::new(tokens, 0)).tier(ServiceTier::Priority)
        };
        let estimate = UsageSnapshot::new(tokens, 0);
        Turn::model("t").estimate(estimate).max_output(0).usage_from(priority)
    };
    now(session.run_turn(turn(1_000_000), fine)).unwrap_err();
    now(session.run_turn(turn(500_000), fine)).unwrap();
    assert_eq!(spent(&session), cents(400));
    assert!(session.account().unwrap().check().is_ok());
}

#[test]
fn only_a_request_for_the_dearest_tier_reserves_its_price() {
    let prices = ModelPrices::new(price(1, 1))
        .tier(ServiceTier::Priority, price(2, 2))
        .tier(ServiceTier::Ultrafast, price(8, 8));
    let table = PricingTable::new();
    table.register("t", prices).unwrap();
    let fixture = Fixture::new().with(|o| o.pricing(table).budget(Limit::strict(cents(5_000))));
    let session = fixture.orchestrator.session().unwrap();
    for (tier, dollars) in
        [(ServiceTier::Standard, 2), (ServiceTier::Flex, 2), (ServiceTier::Ultrafast, 8)]
    {
        let turn = Turn::model("t").estimate(UsageSnapshot::new(1_000_000, 0)).max_output(0);
        let turn = now(session.begin_turn(turn.tier(tier))).unwrap();
        assert_eq!(turn.reserved(), Usd::from_dollars(dollars), "{tier:?}");
        turn.release();
    }
}

#[test]
fn turn_is_billed_by_the_prices_of_its_admission() {
    let table = PricingTable::new();
    table.register("t", price(1, 1)).unwrap();
    let prices = table.clone();
    let fixture = Fixture::new().with(|o| o.pricing(prices).budget(Limit::strict(cents(150))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("t").estimate(dollar()).max_output(0);
    let turn = now(session.begin_turn(turn)).unwrap();
    table.register("t", price(2, 2)).unwrap();
    assert_eq!(turn.settle(dollar()).cost, cents(100));
    let next = now(session.begin_turn(Turn::model("t").estimate(dollar()).max_output(0)));
    next.unwrap_err();
    assert_books_agree(&fixture, &session);
}

#[test]
fn cut_stream_costs_the_worst_case_under_a_strict_budget() {
    for (limit, expected) in [
        (Limit::enforced(Usd::from_dollars(9)), cents(100)),
        (Limit::strict(Usd::from_dollars(9)), cents(300)),
    ] {
        let fixture = Fixture::new().with(|o| o.budget(limit));
        let session = fixture.orchestrator.session().unwrap();
        let turn = Turn::model("m").estimate(dollar()).max_output(1_000_000);
        let mut turn = now(session.begin_turn(turn)).unwrap();
        turn.observe(dollar());
        drop(turn);
        let balance = session.account().unwrap().balance();
        assert_eq!((balance.spent, balance.estimated), (expected, expected));
        assert_books_agree(&fixture, &session);
    }
}

#[test]
fn max_output_tokens_never_overspend() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(cents(100))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("m").estimate(UsageSnapshot::new(0, 0)).reserve(cents(50));
    let held = now(session.begin_turn(turn())).unwrap();
    assert_eq!(held.max_output_tokens(), Some(500_000), "two dollars a million");
    session.account().unwrap().charge(cents(70));
    assert_eq!(held.max_output_tokens(), Some(150_000), "20 cents of the reservation are spent");
    held.release();
    let blind = now(session.begin_turn(Turn::model("m"))).unwrap();
    assert_eq!(blind.max_output_tokens(), None, "the limit is unknown without an estimate");
    blind.release();

    let table = PricingTable::new();
    table.register("free", ModelPricing::FREE).unwrap();
    let fixture = Fixture::new().with(|o| o.pricing(table).budget(Limit::enforced(cents(1))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("free").estimate(dollar());
    assert_eq!(now(session.begin_turn(turn())).unwrap().max_output_tokens(), None);
    let turn = now(session.begin_turn(turn().max_output(7))).unwrap();
    assert_eq!(turn.max_output_tokens(), Some(7));
}

#[test]
fn settling_an_interrupted_turn_returns_its_bill() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").estimate(dollar()).max_output(0);
    let mut turn = now(session.begin_turn(turn)).unwrap();
    session.cancel("enough").unwrap();
    now(turn.run(fine())).unwrap_err();
    let settled = turn.settle(UsageSnapshot::new(5, 5));
    assert_eq!((settled.cost, settled.estimated), (cents(100), true));
    assert_eq!(spent(&session), cents(100));
}

#[test]
fn highest_assumed_price_on_the_path_counts() {
    let assume = |dollars| runtime_usage::UnknownPrice::Assume(price(dollars, dollars));
    let company = Limit::enforced(Usd::from_dollars(9)).unknown_price(assume(3));
    let company = runtime_usage::Account::new(company);
    let own = Limit::enforced(Usd::from_dollars(9)).unknown_price(assume(1));
    let fixture = Fixture::new().with(|o| o.account(&company).budget(own));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("nobody-knows").usage(dollar());
    assert_eq!(now(session.run_turn(turn, fine)).unwrap().cost, cents(300));
}

#[test]
fn marks_and_the_source_of_a_cost_reach_caller_and_sink() {
    let usage = RingBufferUsageSink::new();
    let fixture =
        Fixture::new().with(|o| o.budget(Limit::enforced(cents(100))).usage_sink(usage.clone()));
    let session = fixture.orchestrator.session().unwrap();
    let reported = |(): &()| ReportedUsage::from(dollar()).cost(cents(85));
    let answer = now(session.run_turn(Turn::model("m").usage_from(reported), fine)).unwrap();
    assert_eq!(answer.marks.iter().map(|mark| mark.percent).collect::<Vec<_>>(), [80]);
    assert!(usage.records()[0].cost_reported);
    assert_eq!(
        fixture.only(AgentEventName::BudgetMark).detail.as_deref(),
        Some("80 % of $1.00 reached: $0.85 spent")
    );
}
