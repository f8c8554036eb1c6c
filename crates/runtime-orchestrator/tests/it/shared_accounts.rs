//! Shared accounts, their marks and their wrap-up money.

use std::sync::Arc;

use runtime_events::AgentEventName;
use runtime_orchestrator::{BoxError, OrchestrationSession, Turn, TurnError};
use runtime_usage::{Account, BudgetListener, BudgetMark, Limit, Usd};

use crate::support::{Fixture, assert_books_agree, dollar, now};

fn cents(cents: u64) -> Usd {
    Usd::from_cents(cents)
}

async fn fine() -> Result<(), BoxError> {
    Ok(())
}

#[test]
fn sessions_share_an_account_above_their_own() {
    let company = Account::new(Limit::enforced(cents(300)).named("company"));
    let fixture = Fixture::new().with(|o| o.account(&company).budget(Limit::enforced(cents(150))));
    let spend = |session: &OrchestrationSession| {
        let turn = Turn::model("m").estimate(dollar()).max_output(0).usage(dollar());
        now(session.run_turn(turn, fine))
    };
    let sessions: Vec<_> = (0..4).map(|_| fixture.orchestrator.session().unwrap()).collect();
    sessions[..3].iter().for_each(|session| assert!(spend(session).is_ok()));
    let TurnError::Budget(own) = spend(&sessions[0]).unwrap_err() else { panic!() };
    assert_eq!((own.account, own.limit), (None, cents(150)));
    let TurnError::Budget(shared) = spend(&sessions[3]).unwrap_err() else { panic!() };
    assert_eq!(shared.account.as_deref(), Some("company"));
    let summary = sessions[0].summary();
    assert_eq!(summary.budget.as_ref().unwrap().spent_usd, cents(100));
    assert_eq!(summary.budgets_above[0].by_model["m"], cents(300));
    assert_eq!(summary.budgets_above[0].by_role["writer"], cents(300));
    let text = summary.to_string();
    assert!(text.contains("  budget    company: $0.00 of $3.00 left (enforced)"), "{text}");

    sessions[0].complete().unwrap();
    let ended = fixture.only(AgentEventName::AgentCompleted);
    let statements = ended.data.as_ref().unwrap().get("budgets").unwrap().to_value();
    assert_eq!(statements[1]["account"], "company");
    assert_eq!(statements[0]["by_role"]["writer"], 1.0);
    assert_eq!(statements[1]["spent_usd"], 3.0);
    assert!(statements[1].get("by_role").is_none(), "the names of other spenders are hidden");
}

#[test]
fn turn_over_several_budgets_names_the_first_that_refuses() {
    let (enforced, recorded) = (Limit::enforced(cents(30)), Limit::recorded(cents(30)));
    for (above, own, named) in [
        (&enforced, &enforced, "own"),
        (&enforced, &recorded, "company"),
        (&recorded, &enforced, "own"),
        (&recorded, &recorded, "own"),
    ] {
        let company = Account::new(above.clone().named("company"));
        let own = own.clone().named("own");
        let fixture = Fixture::new().with(|o| o.account(&company).budget(own));
        let session = fixture.orchestrator.session().unwrap();
        now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
        let told = fixture.only(AgentEventName::AgentFailed);
        assert_eq!(told.data.as_ref().unwrap().get("account").unwrap(), named);
    }
}

#[test]
fn mark_is_emitted_by_the_session_that_crossed_it() {
    let company = Account::new(Limit::enforced(cents(200)).named("company").marks([50]));
    let fixture = Fixture::new().with(|o| o.account(&company));
    let first = fixture.orchestrator.session().unwrap();
    now(first.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    let second = fixture.orchestrator.session().unwrap();
    now(second.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    let mark = fixture.only(AgentEventName::BudgetMark);
    assert_eq!(mark.session_id.as_deref(), Some(first.id()));
    assert_eq!(mark.detail.as_deref(), Some("`company`: 50 % of $2.00 reached: $1.00 spent"));
    let data = mark.data.as_ref().unwrap();
    assert_eq!(
        (data.get("percent").unwrap(), data.get("limit_usd").unwrap()),
        (&50.into(), &2.0.into())
    );
}

/// Panics at every mark.
#[derive(Debug)]
struct Panicking;

impl BudgetListener for Panicking {
    fn mark_crossed(&self, _: &BudgetMark) {
        panic!("no");
    }
}

#[test]
fn panic_of_a_listener_does_not_affect_turns() {
    let budget = Account::with_listener(Limit::enforced(cents(100)), Arc::new(Panicking));
    let fixture = Fixture::new().with(|o| o.account(&budget));
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    assert_books_agree(&fixture, &session);
}

#[test]
fn wrap_up_money_pays_for_a_last_answer() {
    let fixture =
        Fixture::new().with(|o| o.budget(Limit::enforced(cents(300)).wrap_up(cents(100))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("m").estimate(dollar()).max_output(0).usage(dollar());
    for _ in 0..2 {
        now(session.run_turn(turn(), fine)).unwrap();
    }
    let TurnError::Budget(refused) = now(session.run_turn(turn(), fine)).unwrap_err() else {
        panic!()
    };
    assert_eq!(refused.set_aside, cents(100));
    now(session.run_turn(turn().wrap_up(), fine)).unwrap();
    assert!(now(session.run_turn(turn().wrap_up(), fine)).is_err());
    assert!(session.account().unwrap().check().is_ok());
}
