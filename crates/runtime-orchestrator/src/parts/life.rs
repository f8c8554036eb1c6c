//! The life of a session: its state behind a lock, its worker in the registry, and its end.

mod state;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use chrono::{DateTime, Utc};
use runtime_events::AgentEvent;
use runtime_lifecycle::{AgentRegistry, AgentStatus, AgentWorker};

use self::state::{State, Underway};
use self::worker::Worker;
use crate::error::{SessionClosedError, SessionError, ShuttingDownError, TurnError};

/// Whether a session is open, its running turns and tools, and its end.
pub(crate) struct Life {
    state: Mutex<State>,
    /// Set once, under the lock of `state`, and read without it.
    end: OnceLock<End>,
    worker: Worker,
}

/// The end of a session, and the work that was running at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) status: AgentStatus,
    /// The worker's status before, if the session itself moved it.
    pub(crate) from: Option<AgentStatus>,
    /// Whether a shutdown cancelled it.
    pub(crate) shutdown: bool,
    /// The number of running turns and tools.
    pub(crate) in_flight: u32,
    pub(crate) waiting_for_input: bool,
}

/// The requested end of a session.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) status: AgentStatus,
    /// The line for the worker's log.
    pub(crate) worker_detail: Option<String>,
    /// The session's last event.
    pub(crate) event: AgentEvent,
    pub(crate) shutdown: bool,
}

/// A session that has just ended.
pub(crate) struct Ended<P> {
    /// The prepared value, or the error if the worker had already ended in the registry.
    pub(crate) result: Result<P, SessionClosedError>,
    /// The last event, if it is due.
    pub(crate) farewell: Option<Box<AgentEvent>>,
    /// The wakers for after the last event.
    pub(crate) wake: Vec<Waker>,
}

impl Life {
    /// Creates the life of a session with a running worker, before its first event. `iterations`
    /// have been requested in sessions before it.
    pub(crate) fn new(registry: AgentRegistry, worker: &AgentWorker, iterations: u32) -> Self {
        Self {
            state: Mutex::new(State::opening(iterations)),
            end: OnceLock::new(),
            worker: Worker::new(registry, worker),
        }
    }

    pub(crate) fn worker_id(&self) -> &Arc<str> {
        self.worker.id()
    }

    /// The status of the worker. If the worker was removed, the status of its session.
    pub(crate) fn status(&self) -> AgentStatus {
        self.ended().map_or_else(|| self.worker.status(), |end| end.status)
    }

    /// The end of the session, if it has ended.
    pub(crate) fn ended(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// The worker in the registry. If it was removed, one that has made the same way since `new`,
    /// which is given its id and the time of its creation.
    pub(crate) fn worker(
        &self,
        now: DateTime<Utc>,
        new: impl FnOnce(Arc<str>, DateTime<Utc>) -> AgentWorker,
    ) -> AgentWorker {
        self.worker.registered().unwrap_or_else(|| {
            let mut worker = new(Arc::clone(self.worker.id()), self.worker.created_at());
            // A status that cannot follow is skipped.
            for status in [AgentStatus::Initializing, AgentStatus::Running, self.status()] {
                let _ = worker.transition(status, None, now);
            }
            worker
        })
    }

    /// The number of requested turns, including refused ones.
    pub(crate) fn iterations(&self) -> u32 {
        self.state().iterations()
    }

    pub(crate) fn open(&self) -> Result<(), SessionClosedError> {
        self.ended().map_or(Ok(()), |end| Err(end.closed(false)))
    }

    /// Admits an emitter, which must [leave](Self::leave) in any case. `working` for a turn or a
    /// tool, `outlives` if it keeps the session alive.
    ///
    /// # Errors
    ///
    /// If the session has ended, or its worker in the registry.
    pub(crate) fn enter(&self, working: bool, outlives: bool) -> Result<(), SessionClosedError> {
        self.entered(working, outlives).map(drop)
    }

    /// [`enter`](Self::enter) for a turn, which counts as requested. Inside is whether it may begin.
    #[inline]
    pub(crate) fn enter_turn(
        &self,
        outlives: bool,
        cap: u32,
    ) -> Result<Result<(), TurnError>, SessionClosedError> {
        Ok(self.entered(true, outlives)?.ask(cap))
    }

    #[inline]
    fn entered(
        &self,
        working: bool,
        outlives: bool,
    ) -> Result<MutexGuard<'_, State>, SessionClosedError> {
        let mut state = self.state();
        self.goes_on()?;
        state.enter(working, outlives);
        Ok(state)
    }

    /// Fails if the session has ended, or its worker in the registry.
    #[inline]
    fn goes_on(&self) -> Result<(), SessionClosedError> {
        self.open()?;
        let status = self.worker.status();
        if status.is_terminal() { Err(closed_elsewhere(status)) } else { Ok(()) }
    }

    /// Removes an emitter. Returns the last event, if it is due.
    #[inline]
    pub(crate) fn leave(&self, working: bool, outlives: bool) -> Option<Box<AgentEvent>> {
        self.state().leave(working, outlives)
    }

    pub(crate) fn stop_working(&self) {
        self.state().stop_working();
    }

    /// Checks whether new work may begin.
    pub(crate) fn accepting(&self) -> Result<(), ShuttingDownError> {
        self.state().accepting()
    }

    pub(crate) fn drain(&self, may_go_on: bool) {
        self.state().drain(may_go_on);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state().is_draining()
    }

    pub(crate) fn turned_away(&self) -> bool {
        self.state().turned_away()
    }

    pub(crate) fn note_panic(&self) {
        self.state().note_panic();
    }

    pub(crate) fn panicked(&self) -> bool {
        self.state().panicked()
    }

    /// The session's value is dropped. Returns the last event, unless turns that outlive the value
    /// are under way.
    pub(crate) fn abandon(&self) -> Option<Box<AgentEvent>> {
        self.state().abandon()
    }

    /// The end of the session. If it has not ended, `waker` is woken at the end.
    pub(crate) fn watch(&self, key: &mut Option<u64>, waker: &Waker) -> Option<End> {
        let waker = waker.clone();
        let mut state = self.state();
        let ended = self.ended();
        let unused = if ended.is_none() { state.watch(key, waker) } else { Some(waker) };
        drop(state);
        drop(unused);
        ended
    }

    pub(crate) fn unwatch(&self, key: u64) {
        let unused = self.state().unwatch(key);
        // Here the lock is released.
        drop(unused);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state's methods change it in single steps, so it stays consistent after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # End
impl Life {
    /// Ends the session as `prepare` says, given the number of requested turns. With `idle`, only if nothing is running. If the worker
    /// has already ended in the registry, the session takes over that end, with the event of
    /// `elsewhere`.
    pub(crate) fn end<P>(
        &self,
        idle: bool,
        prepare: impl FnOnce(u32) -> Result<(Ending, P), SessionError>,
        elsewhere: impl FnOnce(AgentStatus) -> AgentEvent,
    ) -> Result<Ended<P>, SessionError> {
        let mut state = self.state();
        self.open()?;
        let before = self.status();
        let mut moved_by_others = Some(before).filter(|status| status.is_terminal());
        let mut prepared = None;
        if moved_by_others.is_none() {
            if idle {
                state.idle()?;
            }
            let (ending, value) = prepare(state.iterations())?;
            moved_by_others = self.worker.end(ending.status, ending.worker_detail.as_deref());
            prepared = Some((ending, value));
        }
        let Underway { working: in_flight, waiting_for_input } = state.underway();
        let (status, from, shutdown, event, result) = match (moved_by_others, prepared) {
            (None, Some((Ending { status, event, shutdown, .. }, value))) => {
                (status, Some(before), shutdown, event, Ok(value))
            }
            (others, _) => {
                let status = others.unwrap_or(AgentStatus::Cancelled);
                (status, None, false, elsewhere(status), Err(closed_elsewhere(status)))
            }
        };
        let _ = self.end.set(End { status, from, shutdown, in_flight, waiting_for_input });
        let (farewell, wake) = state.end(event);
        drop(state);
        Ok(Ended { result, farewell, wake })
    }

    /// Ends the worker of a session that was refused before its first event.
    pub(crate) fn withdraw(&self) {
        let _ = self.worker.transition(AgentStatus::Cancelled, Some("shutdown before it began"));
    }
}

/// # Waiting for input
impl Life {
    /// Begins a pause. Returns the worker's status before, if the worker was moved.
    pub(crate) fn pause(&self, prompt: &str) -> Result<Option<AgentStatus>, SessionError> {
        let mut state = self.state();
        self.open()?;
        state.accepting()?;
        if state.is_waiting() {
            return Err(SessionError::AlreadyWaiting);
        }
        let before = self.status();
        let moved = self.worker.transition(AgentStatus::WaitingForInput, Some(prompt)).is_ok();
        if !moved {
            self.goes_on()?;
        }
        state.pause();
        drop(state);
        Ok(moved.then_some(before))
    }

    pub(crate) fn poll_input(&self, waker: &Waker) -> Poll<Result<String, SessionClosedError>> {
        let waker = waker.clone();
        let mut state = self.state();
        let (polled, unused) = match self.open() {
            Ok(()) => {
                let (polled, unused) = state.poll_input(waker);
                (polled.map(Ok), unused)
            }
            Err(closed) => (Poll::Ready(Err(closed)), Some(waker)),
        };
        drop(state);
        drop(unused);
        polled
    }

    /// Ends the wait, and the worker runs again. No other pause begins until
    /// [`resume`](Self::resume). Returns the worker's status before, if the worker was moved.
    ///
    /// # Errors
    ///
    /// If the session has ended.
    pub(crate) fn stop_waiting(
        &self,
        detail: &str,
    ) -> Result<Option<AgentStatus>, SessionClosedError> {
        let mut state = self.state();
        // Its caller has entered an open session, which another thread may have ended since. Nothing of
        // the user runs in between, so only a test of this part can end it there.
        self.open()?;
        state.close_input();
        let before = self.status();
        // Fails only if the worker was moved in the registry meanwhile.
        let moved = self.worker.transition(AgentStatus::Running, Some(detail)).is_ok();
        drop(state);
        Ok(moved.then_some(before))
    }

    pub(crate) fn resume(&self) {
        let unused = self.state().resume();
        // Here the lock is released.
        drop(unused);
    }

    /// Provides the input for the pause.
    pub(crate) fn answer(&self, value: String) -> Result<(), SessionError> {
        let waker = self.state().answer(value)?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

impl End {
    pub(crate) const fn closed(self, call_began: bool) -> SessionClosedError {
        SessionClosedError { status: self.status, call_began, shutdown: self.shutdown }
    }
}

/// Others have ended the worker in the registry, which a shutdown does not do.
const fn closed_elsewhere(status: AgentStatus) -> SessionClosedError {
    SessionClosedError { status, call_began: false, shutdown: false }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.shutdown { " by a shutdown" } else { "" };
        write!(f, "{}{by}", self.status)
    }
}
