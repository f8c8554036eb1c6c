//! Child sessions: span, budget and deadline.

use std::time::Duration;

use runtime_events::AgentEventName;
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, Orchestrator, SessionError, Turn, TurnError};
use runtime_usage::{Account, Balance, Limit, Usd};

use crate::support::{Fixture, assert_lawful, dollar, limit, now, prices};

const SECOND: Duration = Duration::from_secs(1);

async fn fine() -> Result<(), BoxError> {
    Ok(())
}

#[test]
fn child_has_its_parents_span_and_the_rest_of_its_budget() {
    let limit = Limit::enforced(Usd::from_dollars(3)).wrap_up(Usd::from_dollars(1));
    let fixture = Fixture::new().with(|o| o.budget(limit));
    let parent = fixture.orchestrator.session().unwrap();
    now(parent.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();

    let child = parent.child("searcher").unwrap();
    let started = fixture.events.all(AgentEventName::AgentStarted);
    assert_eq!(started[1].parent, started[0].span);
    assert_eq!(started[1].role.as_deref(), Some("searcher"));
    assert_ne!(started[1].session_id, started[0].session_id);
    let account = child.account().unwrap();
    assert_eq!(account.limit().amount, Usd::from_dollars(1), "3, less 1 spent and 1 set aside");
    assert!(account.path().nth(1).unwrap().is(parent.account().unwrap()));

    let turn = || Turn::model("m").usage(dollar()).estimate(dollar()).max_output(0);
    now(child.run_turn(turn(), fine)).unwrap();
    assert!(matches!(now(child.run_turn(turn(), fine)), Err(TurnError::Budget(_))));
    let Balance { spent, .. } = parent.account().unwrap().balance();
    assert_eq!(spent, Usd::from_dollars(2), "the parent pays for its child");
    let by_role = parent.account().unwrap().statement().by_role;
    assert_eq!(
        (by_role["writer"], by_role["searcher"]),
        (Usd::from_dollars(1), Usd::from_dollars(1))
    );
    now(parent.run_turn(turn().wrap_up(), fine)).unwrap();

    child.complete().unwrap();
    parent.complete().unwrap();
    let mut events = fixture.events.events();
    events.retain(|event| event.session_id.as_deref() == Some(parent.id()));
    assert_lawful(&events);
}

#[test]
fn child_of_a_recorded_budget_gets_the_remainder() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::recorded(Usd::from_dollars(3))));
    let parent = fixture.orchestrator.session().unwrap();
    now(parent.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    let child = parent.child("searcher").unwrap();
    assert_eq!(child.account().unwrap().limit().amount, Usd::from_dollars(2));
    assert!(!child.account().unwrap().limit().is_enforced());
}

#[test]
fn child_has_no_later_deadline_than_its_parent() {
    let fixture = Fixture::new().deadline(10 * SECOND);
    let parent = fixture.orchestrator.session().unwrap();
    fixture.clock.advance(4 * SECOND);
    let child = parent.child("searcher").unwrap();
    fixture.clock.advance(5 * SECOND);
    now(child.run_turn(Turn::model("m"), fine)).unwrap();
    fixture.clock.advance(SECOND);
    let late = now(child.run_turn(Turn::model("m"), fine)).unwrap_err();
    assert_eq!(late.to_string(), "session deadline of 6.000s exceeded");
    let refused = parent.child("searcher").unwrap_err();
    assert!(matches!(refused, SessionError::Deadline(_)), "{refused:?}");
}

#[test]
fn session_of_another_orchestrator_can_be_a_child() {
    let fixture = Fixture::new()
        .deadline(10 * SECOND)
        .with(|o| o.budget(Limit::enforced(Usd::from_dollars(3))));
    let parent = fixture.orchestrator.session().unwrap();
    let other = Orchestrator::new("reviewer", "review")
        .time(fixture.clock.clone())
        .pricing(prices())
        .deadline(limit(&fixture.clock, 2 * SECOND))
        .budget(Limit::enforced(Usd::from_dollars(9)).named("review"))
        .event_sink(fixture.events.clone());
    let child = other.session_below(&parent).unwrap();
    let account = child.account().unwrap();
    assert_eq!(account.limit().amount, Usd::from_dollars(3), "at most the rest");
    assert_eq!(account.limit().name.as_deref(), Some("review"));
    fixture.clock.advance(2 * SECOND);
    let late = now(child.run_turn(Turn::model("m"), fine)).unwrap_err();
    assert!(matches!(late, TurnError::Deadline(_)), "the child's own, earlier deadline: {late:?}");
    now(parent.run_turn(Turn::model("m"), fine)).unwrap();
}

#[test]
fn ended_session_opens_no_child_and_its_children_continue() {
    let fixture = Fixture::new();
    let parent = fixture.orchestrator.session().unwrap();
    let child = parent.child("searcher").unwrap();
    parent.complete().unwrap();
    assert!(matches!(parent.child("searcher"), Err(SessionError::Closed(_))));
    assert_eq!(child.status(), AgentStatus::Running);
    let refused = child.child("").unwrap_err();
    assert!(matches!(refused, SessionError::Worker { .. }), "{refused:?}");
}

#[test]
fn child_inherits_labels_and_the_exact_deadline() {
    let fixture = Fixture::new().deadline(10 * SECOND);
    let parent = fixture.orchestrator.session().unwrap();
    parent.label("tenant", "acme");
    let child = parent.child("searcher").unwrap();
    let started = fixture.events.all(AgentEventName::AgentStarted);
    assert_eq!(started[1].labels.as_ref().unwrap()["tenant"], "acme");
    let grandchild = child.child("reader").unwrap();
    fixture.clock.advance(10 * SECOND);
    for session in [&parent, &child, &grandchild] {
        assert!(matches!(
            now(session.run_turn(Turn::model("m"), fine)),
            Err(TurnError::Deadline(_))
        ));
    }
}

#[test]
fn child_of_another_orchestrator_has_the_labels_of_both_and_its_own_count() {
    let fixture = Fixture::new();
    let parent = fixture.orchestrator.session().unwrap();
    parent.label("tenant", "acme");
    parent.label("team", "research");
    let other = Orchestrator::new("reviewer", "review")
        .label("team", "review")
        .event_sink(fixture.events.clone());
    let child = other.session_below(&parent).unwrap();
    drop(child);
    let started = fixture.events.all(AgentEventName::AgentStarted);
    let labels = started[1].labels.as_ref().unwrap();
    assert_eq!((&*labels["tenant"], &*labels["team"]), ("acme", "review"));
}

#[test]
fn account_outside_the_parents_path_is_refused() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(3))));
    let parent = fixture.orchestrator.session().unwrap();
    let team = Account::new(Limit::enforced(Usd::from_cents(50)).named("team"));
    let other = Orchestrator::new("reviewer", "review").account(&team);
    let refused = other.session_below(&parent).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the shared account `team` is not among the accounts of the session above or before, which \
         pay for this one"
    );
    let own = fixture.orchestrator.account(parent.account().unwrap());
    assert!(own.session_below(&parent).is_ok());
}

#[test]
fn reading_the_clock_twice_extends_no_deadline() {
    let hour = limit(&runtime_events::ManualClock::new(), 3_600 * SECOND);
    let mut session =
        Orchestrator::new("lead", "research").deadline(hour.clone()).session().unwrap();
    for _ in 0..100 {
        // Another orchestrator, so another value for the same clock.
        let other = Orchestrator::new("searcher", "search").deadline(hour.clone());
        let child = other.session_below(&session).unwrap();
        assert!(child.deadline().unwrap() <= session.deadline().unwrap());
        session = child;
    }
}
