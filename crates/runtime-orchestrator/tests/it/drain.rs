//! Draining: new calls are refused, running calls finish, open sessions are cancelled.

mod blocked;
mod grace;
mod groups;
mod late;
mod races;
mod threads;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use runtime_events::{AgentEventName, AgentEventStatus, AgentFailureClass};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{
    BoxError, Drained, Orchestrator, SessionError, ToolError, Turn, TurnError,
};
use runtime_usage::Limit;
use serde_json::Value;

use crate::support::{Fixture, assert_books_agree, assert_lawful, dollar, limit, now, wait_for};

const SECOND: Duration = Duration::from_secs(1);

async fn fine() -> Result<(), BoxError> {
    Ok(())
}

/// A drain of ten seconds that is polled by hand.
fn draining(fixture: &Fixture) -> Pin<Box<dyn Future<Output = Drained> + Send>> {
    let ten = limit(&fixture.clock, 10 * SECOND);
    let orchestrator = fixture.orchestrator.clone();
    let mut drain: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(async move { orchestrator.drain(ten).await });
    assert!(drain.as_mut().now_or_never().is_none(), "a session is open");
    drain
}

#[test]
fn drain_without_sessions_returns_at_once() {
    let fixture = Fixture::new();
    fixture.orchestrator.session().unwrap().complete().unwrap();
    let drained = wait_for(fixture.orchestrator.drain(limit(&fixture.clock, SECOND)));
    assert!(drained.in_time);
    assert_eq!((drained.ended, drained.left_over.len()), (0, 0), "over before it began");
    assert_eq!(drained.to_string(), "drained in time: 0 ended, 0 left over");
    assert_eq!(fixture.clock.waiting(), 0);
}

#[test]
fn draining_orchestrator_opens_no_session() {
    let fixture = Fixture::new();
    let parent = fixture.orchestrator.session().unwrap();
    let offers = fixture.orchestrator.session().unwrap();
    let handoff = offers.handoff_to("writer", "more", Value::Null).unwrap();
    let registry = fixture.orchestrator.shared_registry();
    let (events, workers) = (fixture.events.events().len(), registry.len());
    let drain = draining(&fixture);

    let refused = fixture.orchestrator.session().unwrap_err();
    assert!(matches!(refused, SessionError::ShuttingDown(_)));
    let refused = parent.child("searcher").unwrap_err();
    assert!(matches!(refused, SessionError::ShuttingDown(_)));
    let refused = fixture.orchestrator.session_below(&parent).unwrap_err();
    assert!(matches!(refused, SessionError::ShuttingDown(_)));
    let refused = fixture.orchestrator.accept(&handoff).unwrap_err();
    assert!(matches!(refused, SessionError::ShuttingDown(_)));
    let unclaimed = registry.get(&handoff.target_worker_id).unwrap();
    assert_eq!(unclaimed.status(), AgentStatus::Initializing, "nothing has changed");

    let report = now(fixture.orchestrator.run(async |_| Ok(())));
    let error = report.result.unwrap_err();
    assert_eq!(error.to_string(), "shutting down: no new session, turn, tool or pause begins");
    assert_eq!(report.summary.status(), AgentStatus::Cancelled);
    assert!(report.summary.shutdown);
    assert!(fixture.orchestrator.run_blocking(|_| Ok(())).summary.shutdown);
    assert_eq!(fixture.events.events().len(), events, "nothing has begun");
    assert_eq!(registry.len(), workers, "no worker is registered");

    parent.complete().unwrap();
    let drained = wait_for(drain);
    assert!(drained.in_time);
    assert_eq!((drained.ended, drained.left_over.len()), (1, 0));
}

#[test]
fn drain_lets_running_calls_finish_and_refuses_new_ones() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    let mut drain = draining(&fixture);

    let refused = now(session.run_turn(Turn::model("m"), fine)).unwrap_err();
    assert!(matches!(refused, TurnError::ShuttingDown(_)), "{refused:?}");
    assert!(refused.is_refusal() && refused.is_shutdown());
    let refused = session.blocking().run_turn(Turn::model("m"), || Ok::<_, BoxError>(()));
    assert!(refused.unwrap_err().is_shutdown());
    assert!(now(session.begin_turn(Turn::model("m"))).unwrap_err().is_shutdown());
    let refused = now(session.run_tool("search", fine)).unwrap_err();
    assert!(matches!(refused, ToolError::ShuttingDown(_)), "{refused:?}");
    let refused = session.blocking().run_tool("search", || Ok::<_, BoxError>(()));
    assert!(refused.unwrap_err().is_shutdown());
    let refused = now(session.pause_for_input("go on?")).unwrap_err();
    assert!(matches!(refused, SessionError::ShuttingDown(_)));

    let blocked = fixture.events.all(AgentEventName::AgentBlocked);
    assert_eq!(blocked.len(), 5, "one for each turn and tool");
    for event in blocked {
        assert_eq!(event.status, AgentEventStatus::Blocked);
        assert_eq!(event.failure_class, Some(AgentFailureClass::Cancelled));
        assert_eq!(event.data.as_ref().unwrap().get("reason").unwrap(), "shutdown");
        assert_eq!(event.span, None);
    }

    turn.settle(dollar());
    assert!(drain.as_mut().now_or_never().is_none(), "the session is still open");
    let report = session.finish(Ok::<_, BoxError>(()));
    assert_eq!(report.summary.status(), AgentStatus::Completed);
    assert!(!report.summary.shutdown);
    assert_eq!(report.summary.iterations, 4, "refused turns count");
    let drained = wait_for(drain);
    assert!(drained.in_time);
    assert_eq!((drained.ended, drained.left_over.len()), (1, 0));
    assert_lawful(&fixture.events.events());
}

#[test]
fn loop_of_refused_turns_ends() {
    let fixture = Fixture::new().with(|o| o.max_iterations(7));
    let session = fixture.orchestrator.session().unwrap();
    let _drain = draining(&fixture);
    let spun = (0..100).find(|_| {
        let refused = now(session.run_turn(Turn::model("m"), fine)).unwrap_err();
        matches!(refused, TurnError::MaxIterations(_))
    });
    assert_eq!(spun, Some(7));
}

#[test]
fn sessions_end_normally_within_the_timeout() {
    let fixture = Fixture::new();
    let open = || fixture.orchestrator.session().unwrap();
    let (completed, failed, cancelled, dropped, handed) = (open(), open(), open(), open(), open());
    let drain = draining(&fixture);
    completed.complete().unwrap();
    let _ = failed.finish(Err::<(), BoxError>("disk full".into()));
    cancelled.handle().cancel("ctrl-c").unwrap();
    assert!(!cancelled.summary().shutdown);
    drop(dropped);
    // A handover is an end, and an orchestrator that does not drain can accept it.
    handed.handoff_to("editor", "polish", Value::Null).unwrap();
    let drained = wait_for(drain);
    assert_eq!((drained.ended, drained.left_over.len(), drained.in_time), (5, 0, true));
    let cancelled = fixture.events.all(AgentEventName::AgentFailed);
    for event in cancelled.iter().filter(|event| event.status == AgentEventStatus::Cancelled) {
        assert!(event.data.as_ref().is_none_or(|data| data.get("reason").is_none()));
    }
}

#[test]
fn body_that_returns_the_refusal_is_cancelled_as_shutdown() {
    #[derive(Debug, thiserror::Error)]
    #[error("no draft")]
    struct Wrapped(#[source] TurnError);

    let fixture = Fixture::new();
    let open = || fixture.orchestrator.session().unwrap();
    let (plain, wrapped, unlike, child, said) = (open(), open(), open(), open(), open());
    let mut drain = draining(&fixture);
    assert!(drain.as_mut().now_or_never().is_none());

    let refused = now(plain.run_turn(Turn::model("m"), fine));
    let report = plain.finish(refused);
    assert!(report.summary.shutdown);
    assert!(report.summary.to_string().starts_with("writer in draft: cancelled by a shutdown\n"));
    assert!(report.result.unwrap_err().is::<TurnError>());
    let json = serde_json::to_value(&report.summary).unwrap();
    assert_eq!(json.get("shutdown"), Some(&Value::Bool(true)));

    let refused = now(wrapped.run_turn(Turn::model("m"), fine)).unwrap_err();
    assert!(wrapped.finish(Err::<(), _>(Wrapped(refused))).summary.shutdown);
    let refused = child.child("searcher").unwrap_err();
    assert!(child.finish(Err::<(), _>(refused)).summary.shutdown);

    let _ = now(unlike.run_turn(Turn::model("m"), fine)).unwrap_err();
    let report = unlike.finish(Err::<(), BoxError>("disk full".into()));
    assert_eq!((report.summary.status(), report.summary.shutdown), (AgentStatus::Failed, false));
    said.fail("shutting down", AgentFailureClass::Unknown).unwrap();
    assert_eq!(said.status(), AgentStatus::Failed);

    let drained = wait_for(drain);
    assert!(drained.in_time);
    assert_eq!((drained.ended, drained.left_over.len()), (2, 3));
    assert!(drained.left_over.iter().all(|left| !left.stuck && left.in_flight == 0));
}

#[test]
fn session_dropped_after_the_refusal_is_cancelled_as_shutdown() {
    let fixture = Fixture::new();
    let open = || fixture.orchestrator.session().unwrap();
    let (dropped, asked_nothing, cancelled) = (open(), open(), open());
    let drain = draining(&fixture);
    for session in [&dropped, &cancelled] {
        assert!(now(session.run_tool("search", fine)).unwrap_err().is_shutdown());
    }
    let handle = dropped.handle();
    drop((dropped, asked_nothing));
    cancelled.cancel("ctrl-c").unwrap();
    assert!(handle.cancel("too late").unwrap_err().is_shutdown());
    assert!(!cancelled.summary().shutdown, "a user's cancel is not a shutdown");
    let drained = wait_for(drain);
    assert_eq!((drained.ended, drained.left_over.len(), drained.in_time), (2, 1, true));
    assert_eq!(&*drained.left_over[0].session_id, handle.id());
}

#[test]
fn refusal_by_another_shutdown_fails_the_session() {
    let fixture = Fixture::new();
    let other = Fixture::new();
    let gone = other.orchestrator.session().unwrap();
    let _drain = draining(&other);
    let refused = now(gone.run_turn(Turn::model("m"), fine)).unwrap_err();
    let report = fixture.orchestrator.session().unwrap().finish(Err::<(), _>(refused));
    assert_eq!((report.summary.status(), report.summary.shutdown), (AgentStatus::Failed, false));
}

#[test]
fn refused_turn_reserves_nothing() {
    let fixture =
        Fixture::new().with(|o| o.budget(Limit::enforced(runtime_usage::Usd::from_dollars(3))));
    fixture.half_open();
    let session = fixture.orchestrator.session().unwrap();
    let drain = draining(&fixture);
    let turn = Turn::model("m").estimate(dollar());
    assert!(now(session.run_turn(turn, fine)).unwrap_err().is_shutdown());
    assert_books_agree(&fixture, &session);
    fixture.assert_no_probe_is_leaked();
    drop(session);
    let _ = wait_for(drain);
}

#[test]
fn clones_share_their_shutdown() {
    let fixture = Fixture::new();
    let clone = fixture.orchestrator.clone().label("tenant", "acme").max_iterations(1);
    let session = clone.session().unwrap();
    let drain = draining(&fixture);
    assert!(clone.session().unwrap_err().is_shutdown());
    assert!(now(session.run_turn(Turn::model("m"), fine)).unwrap_err().is_shutdown());
    let other = Orchestrator::new("writer", "draft");
    assert!(other.session().is_ok(), "another orchestrator does not drain");
    session.complete().unwrap();
    assert_eq!(wait_for(drain).ended, 1);
}
