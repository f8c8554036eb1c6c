//! Drains beyond their timeout.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use futures_util::{FutureExt, join};
use runtime_events::{AgentEventName, AgentEventStatus, AgentFailureClass, SpanOutcome};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, SessionError, ToolError, Turn, TurnError};
use runtime_usage::{Limit, Usd};

use super::{SECOND, draining};
use crate::support::{
    Fixture, assert_books_agree, assert_lawful, dollar, limit, now, spin_until, wait_for,
};

async fn hangs() -> Result<(), BoxError> {
    pending().await
}

#[test]
fn remaining_sessions_are_cancelled_as_shutdown_everywhere() {
    let fixture = Fixture::new().with(|o| o.project_id(7));
    let session = fixture.orchestrator.session().unwrap();
    let handle = session.handle();
    let mut drain = None;
    let (turn, tool, pause, drained) = wait_for(async {
        let drained = async {
            drain = Some(draining(&fixture));
            fixture.clock.advance(10 * SECOND);
            drain.as_mut().unwrap().await
        };
        join!(
            session.run_turn(Turn::model("m"), hangs),
            session.run_tool("search", hangs),
            session.pause_for_input("publish?"),
            drained
        )
    });

    let turn = turn.unwrap_err();
    assert_eq!(turn.to_string(), "the session has ended: its worker is cancelled by a shutdown");
    assert!(turn.is_shutdown() && !turn.is_refusal());
    assert_eq!(turn.failure_class(), AgentFailureClass::Cancelled);
    let TurnError::Closed(closed) = turn else { panic!("{turn:?}") };
    assert!(closed.shutdown && closed.call_began);
    let ToolError::Closed(closed) = tool.unwrap_err() else { panic!() };
    assert!(closed.shutdown && closed.call_began);
    assert!(matches!(pause, Err(SessionError::Closed(closed)) if closed.shutdown));
    let SessionError::Closed(closed) = session.complete().unwrap_err() else { panic!() };
    assert!(closed.shutdown && !closed.call_began);
    assert!(handle.cancel("too late").unwrap_err().is_shutdown());

    let last = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(last.status, AgentEventStatus::Cancelled);
    assert_eq!(last.failure_class, Some(AgentFailureClass::Cancelled));
    assert_eq!(last.detail.as_deref(), Some("shutdown"));
    assert_eq!(last.data.as_ref().unwrap().get("reason").unwrap(), "shutdown");
    let cut = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(cut.outcome, Some(SpanOutcome::Cancelled));
    assert!(cut.detail.as_deref().unwrap().ends_with("by a shutdown"));
    assert_lawful(&fixture.events.events());

    let summary = session.summary();
    assert!(summary.shutdown);
    let log = summary.worker.events().last().unwrap();
    assert_eq!(log.detail.as_deref(), Some("shutdown"));

    assert!(!drained.in_time);
    assert_eq!(drained.ended, 0);
    let [left] = &*drained.left_over else { panic!("{drained:?}") };
    assert_eq!((left.in_flight, left.waiting_for_input, left.stuck), (2, true, false));
    assert_eq!((&*left.role, &*left.phase, left.project_id), ("writer", "draft", Some(7)));
    assert_eq!(left.status, AgentStatus::Cancelled);
    assert_eq!((&*left.session_id, &*left.worker_id), (session.id(), session.worker_id()));
    let text = format!(
        "drained late: 0 ended, 1 left over\n  writer in draft, session {}: cancelled, 2 turns or \
         tools under way, waiting for input",
        session.id()
    );
    assert_eq!(drained.to_string(), text);
    assert_eq!(fixture.clock.waiting(), 0);
}

#[test]
fn cancel_by_a_user_is_not_a_shutdown() {
    let fixture = Fixture::new();
    let (by_user, by_shutdown) =
        (fixture.orchestrator.session().unwrap(), fixture.orchestrator.session().unwrap());
    let drain = draining(&fixture);
    by_user.handle().cancel("ctrl-c").unwrap();
    fixture.clock.advance(10 * SECOND);
    let drained = wait_for(drain);
    assert!(!by_user.summary().shutdown);
    assert!(by_shutdown.summary().shutdown);
    let told = |session: &runtime_orchestrator::OrchestrationSession| {
        now(session.run_turn(Turn::model("m"), hangs)).unwrap_err().is_shutdown()
    };
    assert_eq!((told(&by_user), told(&by_shutdown)), (false, true));
    assert_eq!((drained.ended, drained.left_over.len()), (1, 1));
}

#[test]
fn shutdown_settles_money_and_permits_like_a_cancel() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
    fixture.half_open();
    let session = fixture.orchestrator.session().unwrap();
    let turn = session.run_turn(Turn::model("m").estimate(dollar()), hangs);
    let mut turn = Box::pin(turn);
    assert!(turn.as_mut().now_or_never().is_none());
    let mut drain = draining(&fixture);
    fixture.clock.advance(10 * SECOND);
    assert!(drain.as_mut().now_or_never().is_none(), "it waits for the turn's last event");
    assert!(turn.as_mut().now_or_never().unwrap().unwrap_err().is_shutdown());
    assert!(!wait_for(drain).left_over[0].stuck);
    // The call was sent, so its reservation is billed.
    assert!(session.account().unwrap().balance().spent >= Usd::from_dollars(1));
    assert_books_agree(&fixture, &session);
    fixture.assert_no_probe_is_leaked();
    assert_lawful(&fixture.events.events());
}

#[test]
fn uninterruptible_call_is_reported_as_stuck_after_a_second() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    let mut drain = draining(&fixture);
    fixture.clock.advance(10 * SECOND);
    assert!(drain.as_mut().now_or_never().is_none());
    fixture.clock.advance(SECOND);
    let drained = wait_for(drain);
    assert!(drained.left_over[0].stuck);
    assert!(
        drained
            .to_string()
            .ends_with("cancelled, 1 turn or tool under way, stuck, last event undelivered")
    );
    drop(turn);
    assert_lawful(&fixture.events.events());
    let again = wait_for(fixture.orchestrator.drain(limit(&fixture.clock, SECOND)));
    assert!(!again.left_over[0].stuck, "the last event is emitted meanwhile");
    assert!(!again.in_time);
}

#[test]
fn stuck_session_that_a_user_cancelled_is_left_over() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    let mut drain = draining(&fixture);
    session.cancel("ctrl-c").unwrap();
    fixture.clock.advance(10 * SECOND);
    assert!(drain.as_mut().now_or_never().is_none());
    fixture.clock.advance(SECOND);
    let drained = wait_for(drain);
    assert_eq!((drained.ended, drained.left_over.len()), (0, 1));
    assert!(!session.summary().shutdown);
    drop(turn);
    let again = wait_for(fixture.orchestrator.drain(limit(&fixture.clock, SECOND)));
    assert_eq!((again.ended, again.left_over.len()), (1, 0));
}

#[test]
fn second_drain_has_the_same_report_and_may_return_sooner() {
    let fixture = Fixture::new();
    let (quick, _slow) =
        (fixture.orchestrator.session().unwrap(), fixture.orchestrator.session().unwrap());
    let first = draining(&fixture);
    let mut second = Box::pin(fixture.orchestrator.drain(limit(&fixture.clock, 3 * SECOND)));
    assert!(second.as_mut().now_or_never().is_none());
    quick.complete().unwrap();
    fixture.clock.advance(3 * SECOND);
    let second = wait_for(second);
    assert_eq!(wait_for(first), second);
    assert_eq!((second.ended, second.left_over.len(), second.in_time), (1, 1, false));
    assert_eq!(wait_for(fixture.orchestrator.drain(limit(&fixture.clock, SECOND))), second);
}

#[test]
fn dropping_the_drain_ends_the_wait_not_the_draining() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    drop(draining(&fixture));
    assert_eq!(fixture.clock.waiting(), 0);
    fixture.clock.advance(20 * SECOND);
    assert_eq!(session.status(), AgentStatus::Running, "no drain cancels the session");
    assert!(now(session.run_turn(Turn::model("m"), hangs)).unwrap_err().is_shutdown());
    drop(session);
}

#[test]
fn unpolled_drain_has_not_begun() {
    let fixture = Fixture::new();
    drop(fixture.orchestrator.drain(limit(&fixture.clock, SECOND)));
    assert!(fixture.orchestrator.session().is_ok());
}

#[test]
fn drain_accepts_zero_and_maximal_timeouts() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut forever = Box::pin(fixture.orchestrator.drain(limit(&fixture.clock, Duration::MAX)));
    assert!(forever.as_mut().now_or_never().is_none());
    fixture.clock.advance(Duration::from_hours(24 * 365 * 20));
    assert!(forever.as_mut().now_or_never().is_none());
    let drained = wait_for(fixture.orchestrator.drain(limit(&fixture.clock, Duration::ZERO)));
    assert_eq!(drained.left_over.len(), 1);
    assert!(session.summary().shutdown);
    assert_eq!(wait_for(forever), drained);
}

#[test]
fn drain_inside_its_own_session_cancels_it() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = session.run_turn(Turn::model("m"), async || {
        let _ = fixture.orchestrator.drain(limit(&fixture.clock, SECOND)).await;
        Ok::<_, BoxError>(())
    });
    let mut turn = Box::pin(turn);
    assert!(turn.as_mut().now_or_never().is_none());
    fixture.clock.advance(SECOND);
    assert!(now(turn).unwrap_err().is_shutdown());
    assert_lawful(&fixture.events.events());
}

#[test]
fn session_that_panics_during_a_drain_fails() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    let drain = draining(&fixture);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut turn = turn;
        now(turn.run(async { panic!("boom") })).unwrap_or(());
    }));
    assert!(panicked.is_err());
    drop(session);
    let drained = wait_for(drain);
    assert_eq!((drained.ended, drained.left_over.len()), (1, 0));
    let last = fixture.only(AgentEventName::AgentFailed);
    assert_eq!(last.outcome, Some(SpanOutcome::Panicked));
}

#[test]
fn drain_blocking_works_on_threads() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    thread::scope(|scope| {
        let drain = scope.spawn(|| fixture.orchestrator.drain_blocking(10 * SECOND));
        spin_until(|| fixture.clock.waiting() == 1);
        assert!(fixture.orchestrator.session().unwrap_err().is_shutdown());
        fixture.clock.advance(10 * SECOND);
        let drained = drain.join().unwrap();
        assert_eq!((drained.in_time, drained.left_over.len()), (false, 1));
    });
    assert!(session.summary().shutdown);
}

#[test]
fn last_session_wakes_a_draining_thread() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    thread::scope(|scope| {
        let drain = scope.spawn(|| fixture.orchestrator.drain_blocking(10 * SECOND));
        spin_until(|| fixture.clock.waiting() == 1);
        session.complete().unwrap();
        let drained = drain.join().unwrap();
        assert_eq!((drained.in_time, drained.ended), (true, 1));
    });
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn drain_uses_tokios_timer_by_default() {
    let orchestrator = runtime_orchestrator::Orchestrator::new("writer", "draft");
    let session = orchestrator.session().unwrap();
    let hung = async {
        let turn = session.run_turn(Turn::model("m"), hangs).await;
        turn.unwrap_err().is_shutdown()
    };
    let (told, drained) = join!(hung, orchestrator.drain(Duration::from_millis(10)));
    assert!(told);
    assert_eq!((drained.in_time, drained.left_over[0].in_flight), (false, 1));
}
