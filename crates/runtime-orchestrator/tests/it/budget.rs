//! Budgets and prices: known, assumed and missing prices; enforced and recorded budgets.

use runtime_events::{AgentEventName, AgentFailureClass};
use runtime_orchestrator::{BoxError, OrchestrationSession, Turn, TurnError};
use runtime_sinks::RingBufferUsageSink;
use runtime_usage::{Limit, SignedUsd, UnknownPrice, Usd};

use crate::support::{Fixture, dollar, now, price};

type Turned = Result<runtime_orchestrator::Answer<()>, TurnError>;

fn spend(session: &OrchestrationSession, model: &'static str) -> Turned {
    let turn = Turn::model(model).usage(dollar());
    now(session.run_turn(turn, async || Ok::<_, BoxError>(())))
}

#[test]
fn overspending_turn_is_answered_and_the_next_is_refused() {
    let limit = Usd::from_cents(150);
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(limit)));
    let session = fixture.orchestrator.session().unwrap();
    assert_eq!(spend(&session, "m").unwrap().over_budget, None);
    let mark = spend(&session, "m").unwrap().over_budget.unwrap();
    assert_eq!((mark.budget, mark.current_cost), (limit, Usd::from_dollars(2)));
    assert_eq!(mark.to_string(), "budget exceeded: $2.0000 > $1.5000");
    let said = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(said.detail.as_deref(), Some("budget exceeded: $2.00"));
    assert_eq!((said.span, said.outcome), (None, None), "it ends no span");

    let refused = spend(&session, "m").unwrap_err();
    let text = "budget refused: $0.00 requested, -$0.50 of $1.50 left";
    assert_eq!(refused.to_string(), text);
    assert_eq!(refused.failure_class(), AgentFailureClass::GovernanceBreach);
    assert_eq!(session.tracker().totals().turns, 2);
    let budget = session.summary().budget.unwrap();
    assert!(budget.enforced && budget.remaining_usd < SignedUsd::ZERO);
}

#[test]
fn recorded_budget_reports_each_excess_and_refuses_nothing() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::recorded(Usd::from_cents(150))));
    let session = fixture.orchestrator.session().unwrap();
    for _ in 0..3 {
        assert_eq!(spend(&session, "m").unwrap().over_budget, None);
    }
    let details: Vec<_> = fixture
        .events
        .all(AgentEventName::AgentFailed)
        .iter()
        .map(|event| event.detail.clone().unwrap())
        .collect();
    assert_eq!(details, ["budget exceeded: $2.00", "budget exceeded: $3.00"]);
    now(session.run_turn(Turn::unmetered(), async || Ok::<_, BoxError>(()))).unwrap();
    assert_eq!(fixture.events.all(AgentEventName::AgentFailed).len(), 3, "metered or not");
}

#[test]
fn budget_spent_exactly_is_not_exceeded() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(1))));
    let session = fixture.orchestrator.session().unwrap();
    assert_eq!(spend(&session, "m").unwrap().over_budget, None);
    assert!(spend(&session, "m").unwrap().over_budget.is_some(), "asking for nothing, it fits");
    spend(&session, "m").unwrap_err();
}

#[test]
fn each_session_has_its_own_account() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::ZERO)));
    for _ in 0..2 {
        let session = fixture.orchestrator.session().unwrap();
        assert!(spend(&session, "m").unwrap().over_budget.is_some());
        spend(&session, "m").unwrap_err();
    }
}

#[test]
fn enforced_budget_refuses_unpriced_models_by_default() {
    let enforced = Limit::enforced(Usd::from_dollars(9));
    let fixture = Fixture::new().with(|o| o.budget(enforced.clone()));
    let session = fixture.orchestrator.session().unwrap();
    let refused = spend(&session, "unknown").unwrap_err();
    let text = "model `unknown` has no price, and the budget refuses models without one; \
                register its price, or set the limit's `unknown_price`";
    assert_eq!(refused.to_string(), text);

    let rule = UnknownPrice::Assume(price(4, 4));
    let fixture = Fixture::new().with(|o| o.budget(enforced.clone().unknown_price(rule)));
    let session = fixture.orchestrator.session().unwrap();
    assert_eq!(spend(&session, "unknown").unwrap().cost, Usd::from_dollars(4));
    assert_eq!(spend(&session, "m").unwrap().cost, Usd::from_dollars(1), "a known price wins");

    let fixture = Fixture::new().with(|o| o.budget(enforced.unknown_price(UnknownPrice::Free)));
    let session = fixture.orchestrator.session().unwrap();
    assert_eq!(spend(&session, "unknown").unwrap().cost, Usd::ZERO);
    assert_eq!(session.tracker().totals().unpriced_turns, 1);
}

#[test]
fn unpriced_model_without_a_budget_costs_nothing() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    assert_eq!(spend(&session, "unknown").unwrap().cost, Usd::ZERO);
    assert_eq!(session.summary().budget, None);
}

#[test]
fn usage_sink_gets_each_metered_turn() {
    let usage = RingBufferUsageSink::new();
    let fixture = Fixture::new().with(|o| o.usage_sink(usage.clone()));
    let session = fixture.orchestrator.session().unwrap();
    spend(&session, "m").unwrap();
    now(session.run_turn(Turn::unmetered(), async || Ok::<_, BoxError>(()))).unwrap();
    now(session.run_turn(Turn::model("m"), async || Err::<(), _>("503"))).unwrap_err();
    let records = usage.records();
    assert_eq!(records.len(), 1);
    assert_eq!((&*records[0].model, records[0].cost), ("m", Usd::from_dollars(1)));
    assert_eq!(records[0].session_id.as_deref(), Some(session.id()));
    assert_eq!(records[0].role.as_deref(), Some("writer"));
}
