//! Who is inside a session, and its first and last word around them.

use runtime_events::payload::{SessionStarted, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus};
use runtime_lifecycle::AgentStatus;

use super::Core;
use crate::error::SessionClosedError;
use crate::tell;

impl Core {
    /// Lets somebody in who may emit; `working` if it is a turn or a tool.
    pub(crate) fn enter(&self, working: bool) -> Result<Entry<'_>, SessionClosedError> {
        self.life.enter(working)?;
        let entry = Entry { core: self, working };
        self.life.ended_elsewhere()?;
        Ok(entry)
    }

    /// Says the first event. Until it is said, the last one waits.
    pub(crate) fn say_hello(&self) {
        let _entry = Entry { core: self, working: false };
        // The worker tells who takes up a handoff.
        let started = SessionStarted { worker_id: Some(Word::Shared(self.life.worker_id())) };
        self.stream.tell(AgentEventName::AgentStarted, AgentEventStatus::Running, started.data());
        // The worker was made, and moved, before there was anybody to say so.
        tell::status(&self.stream, AgentStatus::Idle, AgentStatus::Initializing);
        tell::status(&self.stream, AgentStatus::Initializing, AgentStatus::Running);
    }

    /// The last event. What sinks have buffered is written after it: the sinks of an orchestrator
    /// are its own, and nobody else could. Then nobody has to wait for it any more.
    pub(crate) fn say_farewell(&self, mut event: AgentEvent) {
        let _leaving = Leaving(self);
        tell::handover(&self.stream, &event);
        if let Some((from, to)) = self.life.ended().and_then(|end| Some((end.from?, end.status))) {
            tell::status(&self.stream, from, to);
        }
        tell::statements(&self.money, &mut event);
        self.stream.emit(event);
        self.stream.flush();
        self.money.flush();
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
            self.core.life.stop_working();
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(farewell) = self.core.life.leave(self.working) {
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
