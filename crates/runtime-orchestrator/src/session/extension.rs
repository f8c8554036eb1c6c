//! What a layer above sessions needs of one: its time, its events, an end of its own.

use std::future::Future;
use std::time::Duration;

use runtime_events::payload::{SessionEnded, Word};
use runtime_events::{AgentEventName, AgentEventStatus, Data, Sleep};
use runtime_lifecycle::AgentStatus;

use super::{OrchestrationSession, SessionHandle};
use crate::error::SessionError;
use crate::orchestrator::Orchestrator;
use crate::park::block_on;
use crate::parts::life::Ending;

/// The reason of a parked session's end in the data of events.
const PARKED: &str = "parked";

/// # For layers above sessions
impl SessionHandle {
    /// Emits an event of a layer above the session, in the session's own span.
    pub fn emit(&self, name: AgentEventName, status: AgentEventStatus, data: Data) {
        if let Ok(_entry) = self.core.enter(false) {
            self.core.stream.emit(self.core.stream.root_event(name, status).with_data(data));
        }
    }

    /// A wait on the session's sleeper, if it has one.
    pub fn sleep(&self, duration: Duration) -> Option<Sleep> {
        Some(self.core.time.sleeper()?.sleep(duration))
    }

    /// Polls `future` on this thread, which parks while it is pending. Timers of the session work in it;
    /// no runtime is entered.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(&**self.core.time.clock(), future)
    }
}

/// # For layers above sessions
impl Orchestrator {
    /// Polls `future` on this thread, which parks while it is pending. Timers of the sessions work in it;
    /// no runtime is entered.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(&*self.clock(), future)
    }
}

/// # For layers above sessions
impl OrchestrationSession {
    /// Ends the session because its work waits, to go on in another session.
    ///
    /// `agent.paused` says what it waits for. The worker is `CANCELLED`, since nobody in this process waits;
    /// its last event has the reason `parked`.
    ///
    /// # Errors
    ///
    /// [`SessionError::Closed`] if the session has ended.
    pub fn park(&self, waits_for: impl Into<String>) -> Result<(), SessionError> {
        self.core.refuse_sinks()?;
        let (core, detail) = (&self.core, waits_for.into());
        if let Ok(_entry) = core.enter(false) {
            let paused = (AgentEventName::AgentPaused, AgentEventStatus::Blocked);
            let event = core.stream.root_event(paused.0, paused.1);
            core.stream.emit(event.with_detail(detail.clone()));
        }
        core.end(false, |_| {
            let reason = Some(Word::Literal(PARKED));
            let ended = SessionEnded { reason, ..SessionEnded::default() };
            let event = core.cancelled(&detail).with_data(ended.data());
            let status = AgentStatus::Cancelled;
            Ok((Ending { status, worker_detail: Some(detail), event, shutdown: false }, ()))
        })
    }
}
