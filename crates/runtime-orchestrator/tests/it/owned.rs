//! Turns and tools that outlive the session's value: its end knows of them.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use runtime_events::{AgentEventName, SpanOutcome};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{
    ActiveTurn, BoxError, OrchestrationSession, SessionBusyError, SessionError, ToolError, Turn,
    TurnError,
};
use runtime_usage::{Limit, UsageSnapshot, Usd};

use crate::support::{
    CountingWaker, Fixture, WAIT, assert_books_agree, assert_lawful, assert_lawful_so_far, dollar,
    limit, now, wait_for,
};

fn begun(session: &OrchestrationSession) -> ActiveTurn<'static> {
    now(session.handle().begin_turn(Turn::model("m"))).unwrap()
}

#[test]
fn owned_turn_is_billed_like_a_borrowed_one() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").estimate(UsageSnapshot::new(2_000_000, 0)).max_output(0);
    let turn = now(session.handle().begin_turn(turn)).unwrap();
    assert_eq!(turn.reserved(), Usd::from_dollars(2));
    assert_eq!(session.account().unwrap().balance().reserved, Usd::from_dollars(2));
    assert_eq!(turn.settle(dollar()).cost, Usd::from_dollars(1));
    assert_books_agree(&fixture, &session);
    session.complete().unwrap();
    assert_lawful(&fixture.events.events());
}

#[test]
fn session_does_not_complete_while_an_owned_turn_is_under_way() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = begun(&session);
    let Err(SessionError::Busy(SessionBusyError { in_flight: 1, .. })) = session.complete() else {
        panic!("a turn is under way")
    };
    let report = session.finish(Ok::<_, BoxError>("an answer"));
    let busy = report.result.unwrap_err();
    assert_eq!(busy.downcast_ref::<SessionBusyError>().unwrap().in_flight, 1);
    assert_eq!(report.summary.status(), AgentStatus::Failed);
    assert_lawful_so_far(&fixture.events.events());

    drop(turn);
    let events = fixture.events.events();
    assert_lawful(&events);
    assert_eq!(fixture.only(AgentEventName::AgentFailed).outcome, Some(SpanOutcome::Failed));
}

#[test]
fn last_event_of_a_dropped_session_waits_for_its_owned_turns() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let (one, mut other) = (begun(&session), begun(&session));
    drop(session);
    assert_lawful_so_far(&fixture.events.events());
    assert_eq!(one.settle(dollar()).cost, Usd::from_dollars(1));
    assert_lawful_so_far(&fixture.events.events());

    let Err(TurnError::Closed(closed)) = now(other.run(async {})) else { panic!("it has ended") };
    assert!(closed.call_began);
    drop(other);
    assert_lawful(&fixture.events.events());
    assert_eq!(fixture.only(AgentEventName::TurnCompleted).outcome, Some(SpanOutcome::Ok));
    assert_eq!(fixture.only(AgentEventName::TurnFailed).outcome, Some(SpanOutcome::Cancelled));
}

#[test]
fn last_event_of_a_dropped_session_waits_for_the_tool_of_a_handle() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let run = session.handle().run_tool("search", || async {
        std::future::pending::<()>().await;
        Ok::<_, BoxError>(())
    });
    // It borrows nothing.
    let mut run = Box::pin(assert_static(run));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(run.as_mut().poll(&mut cx).is_pending());
    assert!(matches!(session.complete(), Err(SessionError::Busy(_))), "a tool is under way");
    drop(session);
    assert_lawful_so_far(&fixture.events.events());

    let Err(ToolError::Closed(closed)) = now(run) else { panic!("it has ended") };
    assert!(closed.call_began);
    assert_lawful(&fixture.events.events());
    let completed = fixture.only(AgentEventName::ToolCompleted);
    assert_eq!(completed.outcome, Some(SpanOutcome::Cancelled));
}

fn assert_static<F: Future + Send + 'static>(future: F) -> F {
    future
}

#[test]
fn drain_waits_for_an_owned_turn_of_a_dropped_session() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = begun(&session);
    let handle = session.handle();
    drop(session);
    let mut drain = Box::pin(fixture.orchestrator.drain(limit(&fixture.clock, WAIT)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(drain.as_mut().poll(&mut cx).is_pending(), "a turn is under way");
    let refused = now(handle.begin_turn(Turn::model("m"))).unwrap_err();
    assert!(matches!(refused, TurnError::Closed(_)), "{refused}");

    drop(turn.settle(dollar()));
    let drained = wait_for(drain);
    assert!(drained.in_time && drained.left_over.is_empty(), "{drained:?}");
    assert_lawful(&fixture.events.events());
}

#[test]
fn polled_step_is_woken_by_the_end_of_the_session_and_of_its_time() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let woken = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);

    let mut turn = begun(&session);
    let ready = turn.poll_run(&mut cx, |_| Poll::Ready(7), || None);
    assert!(matches!(ready, Poll::Ready(Ok(7))));
    for _ in 0..3 {
        assert!(turn.poll_run::<()>(&mut cx, |_| Poll::Pending, || None).is_pending());
    }
    assert_eq!(woken.wakes(), 0);
    let timed = Turn::model("m").timeout(limit(&fixture.clock, WAIT));
    let mut timed = now(session.handle().begin_turn(timed)).unwrap();
    assert!(timed.poll_run::<()>(&mut cx, |_| Poll::Pending, || None).is_pending());
    fixture.clock.advance(WAIT);
    assert_eq!(woken.wakes(), 1, "its time is over");
    let over = timed.poll_run(&mut cx, |_| Poll::Ready(()), || None);
    assert!(matches!(over, Poll::Ready(Err(TurnError::TimedOut(_)))), "{over:?}");

    session.cancel("enough").unwrap();
    assert_eq!(woken.wakes(), 2, "the session has ended");
    let ended = turn.poll_run::<()>(&mut cx, |_| Poll::Pending, || None);
    assert!(matches!(ended, Poll::Ready(Err(TurnError::Closed(_)))), "{ended:?}");
    drop((turn, timed));
    assert_lawful(&fixture.events.events());
}

#[test]
fn interrupted_step_is_billed_by_what_came() {
    for is_timed in [true, false] {
        let fixture = Fixture::new();
        let session = fixture.orchestrator.session().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let timed = Turn::model("m").timeout(limit(&fixture.clock, WAIT));
        let mut turn = now(session.handle().begin_turn(timed)).unwrap();
        let usage = UsageSnapshot::new(1_000, 10);
        let mut poll = || turn.poll_run::<()>(&mut cx, |_| Poll::Pending, || Some(usage.into()));
        assert!(poll().is_pending());
        if is_timed {
            fixture.clock.advance(WAIT);
        } else {
            session.cancel("enough").unwrap();
        }
        assert!(matches!(poll(), Poll::Ready(Err(_))));
        assert_eq!(session.tracker().totals().tokens, usage, "timed: {is_timed}");
    }
}

#[test]
fn panic_in_a_polled_step_is_a_panic() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut turn = begun(&session);
    let thread = std::thread::spawn(move || {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = turn.poll_run::<()>(&mut cx, |_| panic!("a defect"), || None);
    });
    thread.join().unwrap_err();
    assert_eq!(fixture.only(AgentEventName::TurnFailed).outcome, Some(SpanOutcome::Panicked));
}
