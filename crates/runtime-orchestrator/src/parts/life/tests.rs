//! Tests of a life without a session.

use std::task::{Poll, Waker};

use chrono::DateTime;
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus};
use runtime_lifecycle::{AgentRegistry, AgentStatus};

use super::{Ended, Ending, Life};
use crate::error::{SessionBusyError, SessionError, TurnError};

/// A life with a running worker, after its first event.
fn open() -> (Life, AgentRegistry) {
    let registry = AgentRegistry::new();
    let worker = registry.create("writer", "draft", None).unwrap();
    for status in [AgentStatus::Initializing, AgentStatus::Running] {
        registry.transition(worker.id(), status, None).unwrap();
    }
    let life = Life::new(registry.clone(), &worker, 0);
    assert!(life.leave(false, false).is_none(), "the first event is out");
    (life, registry)
}

fn event(name: AgentEventName) -> AgentEvent {
    AgentEvent::new(name, AgentEventStatus::Completed, DateTime::UNIX_EPOCH)
}

fn end(life: &Life, idle: bool) -> Result<Ended<u8>, SessionError> {
    let (status, event) = (AgentStatus::Completed, event(AgentEventName::AgentCompleted));
    let ending = Ending { status, worker_detail: None, event, shutdown: false };
    life.end(idle, |_| Ok((ending, 7)), |_| self::event(AgentEventName::AgentFailed))
}

#[test]
fn farewell_waits_for_the_last_one_inside() {
    let (life, _) = open();
    life.enter(true, false).unwrap();
    let ended = end(&life, false).unwrap();
    assert_eq!((ended.result, ended.farewell.is_none()), (Ok(7), true));
    assert_eq!(life.ended().unwrap().in_flight, 1);
    assert!(life.enter(true, false).is_err(), "an ended session admits nothing");
    let farewell = life.leave(true, false).unwrap();
    assert_eq!(farewell.event, AgentEventName::AgentCompleted);
    assert!(life.abandon().is_none(), "the farewell is taken once");
}

#[test]
fn farewell_of_a_dropped_session_waits_for_turns_that_outlive_it_and_not_for_leaked_ones() {
    let (life, _) = open();
    life.enter(true, false).unwrap();
    life.enter(true, true).unwrap();
    assert!(end(&life, false).unwrap().farewell.is_none());
    assert!(life.abandon().is_none(), "a turn that keeps the session alive is under way");
    assert!(life.leave(true, true).is_some(), "the other one has leaked");

    let (life, _) = open();
    life.enter(true, false).unwrap();
    assert!(end(&life, false).unwrap().farewell.is_none());
    assert!(life.abandon().is_some());
}

#[test]
fn busy_life_does_not_complete_and_stays_open() {
    let (life, _) = open();
    life.enter(true, false).unwrap();
    let Err(SessionError::Busy(SessionBusyError { in_flight: 1, .. })) = end(&life, true) else {
        panic!("it is busy")
    };
    life.stop_working();
    assert!(life.open().is_ok());
    assert_eq!(life.status(), AgentStatus::Running);
    assert!(end(&life, true).is_ok(), "an emitter that does not work keeps no session open");
}

#[test]
fn life_takes_over_an_end_in_the_registry() {
    let (life, registry) = open();
    registry.transition(life.worker_id(), AgentStatus::Cancelled, None).unwrap();
    assert!(life.enter(false, false).is_err());
    assert!(life.enter_turn(false, 1).is_err());
    assert_eq!(life.iterations(), 0, "what cannot enter is not counted");
    let ended = end(&life, false).unwrap();
    assert_eq!(ended.result.unwrap_err().status, AgentStatus::Cancelled);
    assert_eq!(ended.farewell.unwrap().event, AgentEventName::AgentFailed);
    assert_eq!(life.ended().unwrap().from, None, "the session moved no worker");
}

#[test]
fn refused_turns_count_as_iterations() {
    let (life, _) = open();
    let ask = |cap| life.enter_turn(false, cap).unwrap();
    ask(1).unwrap();
    assert!(matches!(ask(1), Err(TurnError::MaxIterations(_))));
    life.drain(false);
    assert!(matches!(ask(3), Err(TurnError::ShuttingDown(_))));
    assert_eq!(life.iterations(), 3);
    assert!(life.turned_away());
}

#[test]
fn pause_takes_one_input_and_ends_with_the_life() {
    let (life, _) = open();
    assert!(matches!(life.answer("early".into()), Err(SessionError::NobodyWaiting)));
    assert_eq!(life.pause("publish?").unwrap(), Some(AgentStatus::Running));
    assert!(matches!(life.pause("again?"), Err(SessionError::AlreadyWaiting)));
    assert!(life.poll_input(Waker::noop()).is_pending());
    life.answer("yes".into()).unwrap();
    assert_eq!(life.poll_input(Waker::noop()), Poll::Ready(Ok("yes".to_owned())));
    assert!(life.answer("no".into()).is_err(), "the pause has its input");
    assert_eq!(life.stop_waiting("input received").unwrap(), Some(AgentStatus::WaitingForInput));
    life.resume();

    life.pause("more?").unwrap();
    let ended = end(&life, false).unwrap();
    assert!(life.ended().unwrap().waiting_for_input && ended.result.is_ok());
    assert!(matches!(life.poll_input(Waker::noop()), Poll::Ready(Err(_))));
    // Seen here alone: through a session, another thread would have to end it between two calls.
    assert!(life.stop_waiting("gave up").is_err());
}
