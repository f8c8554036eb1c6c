//! A session that is busy is neither handed over nor complete.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use runtime_orchestrator::{OrchestrationSession, SessionError, Turn};
use runtime_testkit::simulation::Sim;
use serde_json::Value;

use super::ROLES;
use super::family::Line;

/// Tries to end a session while a turn of it runs, and while it waits for a person.
pub(super) async fn hands_over(sim: &Sim, session: &OrchestrationSession, line: &Line) {
    let ends = |what: &str| {
        let ended = session.status().is_terminal();
        let tried =
            [session.handoff_to(ROLES[0], "go on", Value::Null).map(drop), session.complete()];
        if !ended && tried.iter().any(|tried| !is_refused(tried)) {
            sim.fail(format!("a session with {what} ended: {tried:?}"));
        }
    };
    // It counts, even if it is refused.
    line.turn();
    if let Ok(turn) = session.handle().begin_turn(Turn::unmetered()).await {
        ends("a turn under way");
        turn.release();
    }
    let mut pause = pin!(session.pause_for_input("may I?"));
    let waits = poll_fn(|cx| Poll::Ready(pause.as_mut().poll(cx).is_pending())).await;
    if waits {
        ends("a question that nobody answered");
    }
}

fn is_refused(tried: &Result<(), SessionError>) -> bool {
    matches!(tried, Err(SessionError::Busy(_) | SessionError::Handoffs(_)))
}
