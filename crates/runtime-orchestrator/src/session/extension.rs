//! What a layer above sessions needs of one: its time, its events, an end of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::payload::{SessionEnded, Word};
use runtime_events::{AgentEventName, AgentEventStatus, Data, Sleep, Sleeper};
use runtime_lifecycle::AgentStatus;
use runtime_usage::UsageTracker;

use super::{OrchestrationSession, Restored, SessionHandle, open, summary};
use crate::core::cancelled;
use crate::error::SessionError;
use crate::orchestrator::Orchestrator;
use crate::park;
use crate::parts::life::Ending;
use crate::report::Summary;

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

    /// The monotonic reading of the session's clock.
    pub fn now(&self) -> Instant {
        self.core.time.now()
    }

    /// A wait on the session's sleeper, if it has one. In [`block_on`](Self::block_on) the thread parks.
    pub fn sleep(&self, duration: Duration) -> Option<Sleep> {
        self.core.time.sleeper()?;
        Some(self.core.time.timers().sleep(duration))
    }

    /// Whether a shutdown has ended the session, or has refused what it asked for.
    pub fn was_shut_down(&self) -> bool {
        let ended = self.core.life.ended();
        ended.map_or_else(|| self.core.life.turned_away(), |end| end.shutdown)
    }

    /// [`tracker`](OrchestrationSession::tracker), also after the session's value is gone.
    pub fn tracker(&self) -> &UsageTracker {
        self.core.money.tracker()
    }

    /// [`summary`](OrchestrationSession::summary), also after the session's value is gone.
    pub fn summary(&self) -> Summary {
        summary::of(&self.core)
    }

    /// Polls `future` on this thread, which parks while it is pending. Timers of the session work in it;
    /// no runtime is entered.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        park::block_on(&**self.core.time.clock(), future)
    }

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
            let (name, status) = (AgentEventName::AgentPaused, AgentEventStatus::Blocked);
            core.stream.emit(core.stream.root_event(name, status).with_detail(detail.clone()));
        }
        core.end(false, |_| {
            let reason = Some(Word::Literal(PARKED));
            let ended = SessionEnded { reason, ..SessionEnded::default() };
            let event = cancelled(&core.stream, &detail).with_data(ended.data());
            let status = AgentStatus::Cancelled;
            Ok((Ending { status, worker_detail: Some(detail), event, shutdown: false }, ()))
        })
    }
}

/// Polls `future` on this thread, which parks while it is pending, as blocking calls of sessions do. Timers of
/// the orchestrator's sessions work in it; no runtime is entered.
pub fn block_on<F: Future>(orchestrator: &Orchestrator, future: F) -> F::Output {
    park::block_on(&*orchestrator.setup.timers.clock, future)
}

/// The role of an orchestrator's sessions.
pub fn role_of(orchestrator: &Orchestrator) -> &Arc<str> {
    &orchestrator.setup.role
}

/// # For layers above sessions
impl Restored {
    /// Opens a session that continues these lives.
    ///
    /// # Errors
    ///
    /// The errors of [`Orchestrator::session`].
    pub fn open(&self, orchestrator: &Orchestrator) -> Result<OrchestrationSession, SessionError> {
        open::resume(&orchestrator.setup, &orchestrator.sinks, self)
    }
}
