//! Who is inside a session, and its first and last word around them.

use runtime_events::payload::{SessionStarted, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus};
use runtime_lifecycle::AgentStatus;

use crate::error::SessionClosedError;
use crate::log::log;
use crate::session::core::Core;

impl Core {
    /// Lets somebody in who may emit; `working` if it is a turn or a tool.
    pub(crate) fn enter(&self, working: bool) -> Result<Entry<'_>, SessionClosedError> {
        let entry = {
            self.state().enter(working)?;
            Entry { core: self, working }
        };
        // Somebody else may have ended the worker in the registry.
        let status = self.status();
        if status.is_terminal() { Err(self.closed(status)) } else { Ok(entry) }
    }

    /// Says the first event. Until it is said, the last one waits.
    pub(crate) fn say_hello(&self) {
        let _entry = Entry { core: self, working: false };
        // The worker tells who takes up a handoff.
        let started = SessionStarted { worker_id: Some(Word::Read(&self.worker_id)) };
        let hello = self.root_event(AgentEventName::AgentStarted, AgentEventStatus::Running);
        self.emit(hello.with_data(started.data()));
        // The worker was made, and moved, before there was anybody to say so.
        self.tell_status(AgentStatus::Idle, AgentStatus::Initializing);
        self.tell_status(AgentStatus::Initializing, AgentStatus::Running);
    }

    /// The session was refused before it had said anything: only its worker has to end.
    pub(crate) fn withdraw(&self) {
        let cancelled = AgentStatus::Cancelled;
        let detail = Some("shutdown before it began");
        let _ = self.setup.registry.transition(&self.worker_id, cancelled, detail);
    }

    /// The last event. What sinks have buffered is written after it: the sinks of an orchestrator
    /// are its own, and nobody else could. Then nobody has to wait for it any more.
    pub(crate) fn say_farewell(&self, mut event: AgentEvent) {
        let _leaving = Leaving(self);
        self.tell_end(&event);
        self.note_statements(&mut event);
        self.emit(event);
        if let Some(error) = self.stream().flush() {
            log!(warn, session = %self.session_id, error = %error, "event sink failed; failures are counted from here on");
        }
        self.flush_usage();
    }
}

/// Somebody inside a session. Leaving is dropping it.
pub(crate) struct Entry<'c> {
    core: &'c Core,
    working: bool,
}

impl Entry<'_> {
    /// It only has to say that it was refused.
    pub(crate) fn stop_working(&mut self) {
        if std::mem::take(&mut self.working) {
            self.core.state().stop_working();
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let farewell = self.core.state().leave(self.working);
        if let Some(farewell) = farewell {
            self.core.say_farewell(*farewell);
        }
    }
}

/// A session that says its last word, however that goes.
struct Leaving<'c>(&'c Core);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.places.leave(self.0);
    }
}
