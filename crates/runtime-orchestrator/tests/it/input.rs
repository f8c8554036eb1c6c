//! Waiting for input.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use runtime_events::{AgentEventName, AgentEventStatus};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, SessionError, Turn};

use crate::support::{CountingWaker, Fixture, assert_lawful, now, poll_times};

#[test]
fn pause_waits_for_input_with_its_worker() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let counted = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&counted));
    let mut cx = Context::from_waker(&waker);
    {
        let mut pause = pin!(session.pause_for_input("publish?"));
        assert!(pause.as_mut().poll(&mut cx).is_pending());
        assert_eq!(session.status(), AgentStatus::WaitingForInput);
        let paused = fixture.only(AgentEventName::AgentPaused);
        assert_eq!(paused.detail.as_deref(), Some("publish?"));
        assert_eq!(paused.status, AgentEventStatus::Blocked);

        session.handle().provide_input("yes").unwrap();
        assert_eq!(counted.wakes(), 1);
        let second = session.provide_input("no").unwrap_err();
        assert!(matches!(second, SessionError::AlreadyAnswered), "{second:?}");
        assert_eq!(second.to_string(), "the pause_for_input in flight already has an input");
        let std::task::Poll::Ready(input) = pause.as_mut().poll(&mut cx) else { panic!() };
        assert_eq!(input.unwrap(), "yes", "the first answer counts");
    }
    assert_eq!(session.status(), AgentStatus::Running);
    let resumed = fixture.only(AgentEventName::AgentResumed);
    assert_eq!(resumed.detail.as_deref(), Some("input received"));
    session.complete().unwrap();
    assert_lawful(&fixture.events.events());
}

#[test]
fn turns_run_during_a_pause_and_the_session_is_busy() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let (paused, ()) = now(async {
        futures_util::join!(session.pause_for_input("?"), async {
            session.run_turn(Turn::model("m"), async || Ok::<_, BoxError>(())).await.unwrap();
            let busy = session.complete().unwrap_err();
            let SessionError::Busy(busy) = busy else { panic!("{busy:?}") };
            assert_eq!((busy.in_flight, busy.waiting_for_input), (0, true));
            assert!(session.handoff_to("editor", "x", serde_json::Value::Null).is_err());
            session.provide_input("go on").unwrap();
        })
    });
    assert_eq!(paused.unwrap(), "go on");
}

#[test]
fn second_pause_is_refused_and_the_first_still_waits() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut first = Box::pin(session.pause_for_input("?"));
    assert!(poll_times(1, &mut first).is_none());
    let second = now(session.pause_for_input("??")).unwrap_err();
    assert!(matches!(second, SessionError::AlreadyWaiting));
    assert_eq!(second.to_string(), "a previous pause_for_input is still pending");
    assert_eq!(session.status(), AgentStatus::WaitingForInput);
    session.provide_input("yes").unwrap();
    assert_eq!(now(first).unwrap(), "yes");
}

#[test]
fn session_end_wakes_the_pause() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let counted = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&counted));
    let mut cx = Context::from_waker(&waker);
    let mut pause = pin!(session.pause_for_input("?"));
    assert!(pause.as_mut().poll(&mut cx).is_pending());
    session.handle().cancel("enough").unwrap();
    assert_eq!(counted.wakes(), 1);
    let std::task::Poll::Ready(Err(SessionError::Closed(closed))) = pause.as_mut().poll(&mut cx)
    else {
        panic!("still waiting")
    };
    assert_eq!(closed.status, AgentStatus::Cancelled);
    assert!(fixture.events.all(AgentEventName::AgentResumed).is_empty());
    assert_lawful(&fixture.events.events());
}

#[test]
fn pause_takes_a_worker_as_it_was_moved_from_outside() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let moved = |to| {
        let registry = fixture.orchestrator.shared_registry();
        registry.transition(session.worker_id(), to, Some("from outside")).unwrap();
    };
    let changes = || fixture.events.all(AgentEventName::StatusChanged).len();

    let before = changes();
    moved(AgentStatus::WaitingForInput);
    let mut pause = Box::pin(session.pause_for_input("?"));
    assert!(poll_times(1, pause.as_mut()).is_none());
    assert_eq!(changes(), before, "the pause did not move it");
    session.provide_input("yes").unwrap();
    assert_eq!(now(pause).unwrap(), "yes");
    assert_eq!((session.status(), changes()), (AgentStatus::Running, before + 1));

    moved(AgentStatus::Cancelled);
    let told = fixture.events.all(AgentEventName::AgentPaused).len();
    let ended = now(session.pause_for_input("?")).unwrap_err();
    assert!(matches!(ended, SessionError::Closed(_)), "{ended:?}");
    assert_eq!(fixture.events.all(AgentEventName::AgentPaused).len(), told);
}

#[test]
fn input_without_a_pause_is_refused() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    assert!(session.provide_input("x").is_err());
    assert!(poll_times(1, session.pause_for_input("?")).is_none());
    assert!(session.provide_input("x").is_err());
    assert_eq!(session.status(), AgentStatus::Running);
    let resumed = fixture.only(AgentEventName::AgentResumed);
    assert_eq!(resumed.detail.as_deref(), Some("gave up waiting"));
}

#[test]
fn answered_pause_takes_no_further_input() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut pause = Box::pin(session.pause_for_input("?"));
    assert!(poll_times(1, pause.as_mut()).is_none());
    session.provide_input("first").unwrap();
    assert_eq!(now(pause.as_mut()).unwrap(), "first");
    assert!(session.provide_input("second").is_err());
    drop(pause);
    assert_eq!(session.status(), AgentStatus::Running);
}
