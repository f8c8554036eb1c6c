//! Open sessions go on for a while.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{
    BoxError, Drained, OrchestrationSession, Orchestrator, SessionError, Shutdown, Turn,
};
use serde_json::Value;

use super::{SECOND, fine};
use crate::support::{Fixture, assert_lawful, by_session, dollar, limit, now, wait_for};

/// Orchestrators whose shutdown has this grace.
fn with_grace(grace: Duration) -> (Fixture, Shutdown) {
    let fixture = Fixture::new();
    let shutdown = Shutdown::on(fixture.clock.clone()).grace(grace);
    let fixture = fixture.with(|orchestrator| orchestrator.shutdown(&shutdown));
    (fixture, shutdown)
}

/// A drain of ten seconds that is polled by hand.
fn draining(
    fixture: &Fixture,
    shutdown: &Shutdown,
) -> Pin<Box<dyn Future<Output = Drained> + Send>> {
    let (shutdown, ten) = (shutdown.clone(), limit(&fixture.clock, 10 * SECOND));
    let mut drain: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(async move { shutdown.drain(ten).await });
    assert!(drain.as_mut().now_or_never().is_none(), "a session is open");
    drain
}

fn goes_on(session: &OrchestrationSession) -> bool {
    let turn = now(session.run_turn(Turn::model("m"), fine)).map_err(|error| error.is_shutdown());
    let tool = now(session.run_tool("search", fine)).map_err(|error| error.is_shutdown());
    let child = session.child("reader").map_err(|error| error.is_shutdown());
    match (turn, tool, child) {
        (Ok(_), Ok(()), Ok(child)) => child.complete().is_ok(),
        (Err(true), Err(true), Err(true)) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn open_session_goes_on_until_the_grace_is_over_and_no_other_opens() {
    let (fixture, shutdown) = with_grace(4 * SECOND);
    let (session, offers) =
        (fixture.orchestrator.session().unwrap(), fixture.orchestrator.session().unwrap());
    let mut drain = draining(&fixture, &shutdown);
    assert!(shutdown.has_begun());

    assert!(fixture.orchestrator.session().unwrap_err().is_shutdown());
    let handoff = offers.handoff_to("writer", "more", Value::Null).unwrap();
    assert!(fixture.orchestrator.accept(&handoff).unwrap_err().is_shutdown());
    assert!(goes_on(&session));
    {
        let mut pause = Box::pin(session.pause_for_input("go on?"));
        assert!(pause.as_mut().now_or_never().is_none(), "a pause begins");
    }

    fixture.clock.advance(Duration::from_nanos(3_999_999_999));
    assert!(drain.as_mut().now_or_never().is_none());
    assert!(goes_on(&session));
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    fixture.clock.advance(Duration::from_nanos(1));
    assert!(drain.as_mut().now_or_never().is_none(), "it waits for the open session");
    assert!(!goes_on(&session));
    turn.settle(dollar());

    fixture.clock.advance(6 * SECOND);
    let drained = wait_for(drain);
    assert!(!drained.in_time);
    assert_eq!(
        (drained.ended, drained.left_over.len()),
        (3, 1),
        "two children, and the one that handed over"
    );
    assert!(session.summary().shutdown);
    for stream in by_session(&fixture.events.events()) {
        assert_lawful(&stream);
    }
}

#[test]
fn second_drain_within_the_grace_refuses_nothing() {
    let (fixture, shutdown) = with_grace(4 * SECOND);
    let session = fixture.orchestrator.session().unwrap();
    let first = draining(&fixture, &shutdown);
    let second = draining(&fixture, &shutdown);
    assert!(goes_on(&session));
    session.complete().unwrap();
    assert!(wait_for(first).in_time && wait_for(second).in_time);
}

#[test]
fn drain_returns_once_the_last_session_has_ended_within_the_grace() {
    let (fixture, shutdown) = with_grace(Duration::MAX);
    let session = fixture.orchestrator.session().unwrap();
    let drain = draining(&fixture, &shutdown);
    fixture.clock.advance(9 * SECOND);
    assert!(goes_on(&session));
    let report = session.finish(Ok::<_, BoxError>(()));
    assert_eq!(report.summary.status(), AgentStatus::Completed);

    let drained = wait_for(drain);
    assert!(drained.in_time && drained.left_over.is_empty());
    assert_eq!(drained.ended, 2);
    assert!(fixture.orchestrator.session().unwrap_err().is_shutdown(), "there is no way back");
    assert_eq!(wait_for(shutdown.drain(limit(&fixture.clock, SECOND))), drained);
}

#[test]
fn timeout_cancels_a_session_whose_grace_is_longer() {
    let (fixture, shutdown) = with_grace(Duration::MAX);
    let session = fixture.orchestrator.session().unwrap();
    let child = session.child("reader").unwrap();
    let drain = draining(&fixture, &shutdown);
    let late = session.child("scout").unwrap();
    fixture.clock.advance(10 * SECOND);
    let drained = wait_for(drain);
    let roles: Vec<_> = drained.left_over.iter().map(|left| &*left.role).collect();
    assert_eq!(roles, ["writer", "reader", "scout"]);
    assert!(child.summary().shutdown && late.summary().shutdown);
}

#[test]
fn session_below_one_that_does_not_drain_is_refused() {
    let (fixture, shutdown) = with_grace(4 * SECOND);
    let elsewhere = Orchestrator::new("editor", "review").session().unwrap();
    let inside = fixture.orchestrator.session().unwrap();
    shutdown.begin();
    let refused = fixture.orchestrator.session_below(&elsewhere).unwrap_err();
    assert!(matches!(refused, SessionError::ShuttingDown(_)));
    fixture.orchestrator.session_below(&inside).unwrap().complete().unwrap();
    assert!(goes_on(&inside), "nobody waits, so nobody notices the end of the grace");
    inside.complete().unwrap();
}

#[test]
fn refusal_within_the_grace_cancels_as_a_shutdown() {
    let (fixture, shutdown) = with_grace(4 * SECOND);
    let run = fixture.orchestrator.run(async |_| {
        shutdown.begin();
        fixture.orchestrator.session().map(drop)?;
        Ok(())
    });
    let report = now(run);
    assert!(report.result.is_err());
    assert_eq!(report.summary.status(), AgentStatus::Cancelled);
    assert!(report.summary.shutdown);
}
