//! An outage is not a bill: what failed calls cost, and how estimates are given back.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use runtime_events::{Clock as _, ManualClock};
use runtime_orchestrator::{OrchestrationSession, Turn, TurnError};
use runtime_resilience::{FaultError, Provider};
use runtime_usage::{Account, Limit, UsageSnapshot, Usd};

use crate::support::{Fixture, assert_books_agree, breaker, now};

const RESERVED: Usd = Usd::from_cents(1);

/// A turn that reserves a cent and ends with this status.
fn fails(session: &OrchestrationSession, status: u16) -> TurnError {
    let turn = Turn::model("m").estimate(UsageSnapshot::new(10_000, 0)).max_output(0);
    let now_is = ManualClock::new().utc_now();
    let error = FaultError::from_response(Provider::OpenAi, status, &(), b"", now_is);
    now(session.run_turn(turn, async || Err::<(), _>(error))).unwrap_err()
}

fn fixture(account: &Account) -> Fixture {
    let fixture = Fixture::new();
    let patient = breaker(&fixture.clock, 99);
    fixture.with(|o| o.account(account).circuit_breaker(patient))
}

#[test]
fn outage_leaves_a_shared_budget_as_it_was() {
    let shared = Account::new(Limit::enforced(Usd::from_cents(2)));
    let fixture = fixture(&shared);
    let session = fixture.orchestrator.session().unwrap();
    for status in [500, 503, 529, 502, 401, 429] {
        assert!(matches!(fails(&session, status), TurnError::Failed(_)), "{status}");
        assert_eq!(shared.balance().spent, Usd::ZERO, "{status}");
    }
    assert_books_agree(&fixture, &session);
}

#[test]
fn time_out_of_a_gateway_stays_an_estimate() {
    let shared = Account::new(Limit::enforced(Usd::from_cents(2)));
    let fixture = fixture(&shared);
    let session = fixture.orchestrator.session().unwrap();
    for status in [504, 408] {
        let _ = fails(&session, status);
    }
    let balance = shared.balance();
    assert_eq!((balance.spent, balance.estimated), (Usd::from_cents(2), Usd::from_cents(2)));
    assert!(matches!(fails(&session, 504), TurnError::Budget(_)), "nothing is left");

    assert_eq!(shared.correct(RESERVED), RESERVED);
    assert!(matches!(fails(&session, 500), TurnError::Failed(_)), "the estimate was given back");
}

#[test]
fn strict_budget_keeps_the_dear_reading() {
    let shared = Account::new(Limit::strict(Usd::from_cents(3)));
    let fixture = fixture(&shared);
    let session = fixture.orchestrator.session().unwrap();
    let _ = fails(&session, 429);
    assert_eq!(shared.balance().spent, Usd::ZERO, "it was refused unread");
    let _ = fails(&session, 500);
    assert_eq!(shared.balance().estimated, RESERVED);
}

#[test]
fn estimates_expire_before_the_next_turn() {
    let rules = Limit::enforced(Usd::from_cents(1)).estimates_expire(Duration::from_secs(3_600));
    let shared = Account::new(rules);
    let fixture = fixture(&shared);
    let session = fixture.orchestrator.session().unwrap();
    let _ = fails(&session, 504);
    assert!(matches!(fails(&session, 500), TurnError::Budget(_)));
    fixture.clock.advance(Duration::from_secs(3_599));
    assert!(matches!(fails(&session, 500), TurnError::Budget(_)));
    fixture.clock.advance(Duration::from_secs(1));
    assert!(matches!(fails(&session, 500), TurnError::Failed(_)));
    assert_eq!(shared.balance().spent, Usd::ZERO);
}
