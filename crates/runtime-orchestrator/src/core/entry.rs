//! Emitters inside a session, and its first and last event around them.

use runtime_events::payload::{SessionStarted, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus};
use runtime_lifecycle::AgentStatus;

use super::{Core, Hold};
use crate::error::{EnterError, SessionClosedError, TurnError};
use crate::tell;

impl Core {
    /// Admits an emitter that does not come from a sink of this session. `working` for a turn or a
    /// tool.
    pub(crate) fn enter(&self, working: bool) -> Result<Entry<'_>, EnterError> {
        Entry::of(Hold::Borrowed(self), working)
    }

    /// Admits an emitter, wherever it comes from.
    pub(crate) fn enter_anyway(&self, working: bool) -> Result<Entry<'_>, SessionClosedError> {
        Entry::anyway(Hold::Borrowed(self), working)
    }

    /// Emits the first event. The last one waits for it.
    pub(crate) fn say_hello(&self) {
        let _entry = Entry { core: Hold::Borrowed(self), working: false };
        // The worker id identifies the handoff that the session took over.
        let started = SessionStarted { worker_id: Some(Word::Shared(self.life.worker_id())) };
        self.stream.tell(AgentEventName::AgentStarted, AgentEventStatus::Running, started.data());
        // The worker was created and moved before the session could emit events.
        tell::status(&self.stream, AgentStatus::Idle, AgentStatus::Initializing);
        tell::status(&self.stream, AgentStatus::Initializing, AgentStatus::Running);
    }

    /// Emits the last event, and leaves.
    pub(crate) fn say_farewell(&self, event: AgentEvent) {
        self.post_farewell(event);
        self.deliver_farewell();
    }

    /// Posts the last events. [`deliver_farewell`](Self::deliver_farewell) is to follow.
    pub(crate) fn post_farewell(&self, mut event: AgentEvent) {
        let Self { stream, .. } = self;
        if let Some(handover) = tell::handover(stream, &event) {
            stream.post(handover);
        }
        if let Some((from, to)) = self.life.ended().and_then(|end| Some((end.from?, end.status))) {
            stream.post(tell::status_changed(stream, from, to));
        }
        tell::statements(&self.money, &mut event);
        stream.post_last(event);
    }

    /// Delivers the last events, flushes the sinks and drops them, and leaves the rosters. Handles may
    /// outlive the session for long; its sinks must not, since one may be the end of a channel.
    pub(crate) fn deliver_farewell(&self) {
        let _leaving = Leaving(self);
        self.stream.deliver();
        self.stream.flush();
        self.money.till(self.stream.payer()).flush();
        self.stream.close();
        self.money.till(self.stream.payer()).close();
    }
}

/// An emitter inside a session. Dropping it leaves.
pub(crate) struct Entry<'c> {
    core: Hold<'c>,
    working: bool,
}

impl<'c> Entry<'c> {
    /// Enters, unless the call comes from a sink of the session.
    pub(crate) fn of(core: Hold<'c>, working: bool) -> Result<Self, EnterError> {
        core.refuse_sinks()?;
        Ok(Self::anyway(core, working)?)
    }

    /// [`of`](Self::of) for a turn, which counts as requested. With the entry comes whether it may begin:
    /// a refusal is told from inside.
    #[inline]
    pub(crate) fn of_turn(core: Hold<'c>) -> Result<(Self, Result<(), TurnError>), EnterError> {
        core.refuse_sinks()?;
        let asked = core.life.enter_turn(core.is_owned(), core.setup.max_iterations)?;
        Ok((Self { core, working: true }, asked))
    }

    fn anyway(core: Hold<'c>, working: bool) -> Result<Self, SessionClosedError> {
        core.life.enter(working, core.is_owned())?;
        Ok(Self { core, working })
    }

    /// The session.
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Stops counting as work: only the refusal is left to emit.
    pub(crate) fn stop_working(&mut self) {
        if std::mem::take(&mut self.working) {
            self.core.life.stop_working();
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let Self { core, working } = self;
        if let Some(farewell) = core.life.leave(*working, core.is_owned()) {
            core.say_farewell(*farewell);
        }
    }
}

/// Leaves the rosters after the last event, even after a panic.
struct Leaving<'c>(&'c Core);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.places.leave(self.0);
    }
}
