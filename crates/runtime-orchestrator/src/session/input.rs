//! Waiting for a person.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus};
use runtime_lifecycle::AgentStatus;

use crate::error::{NobodyWaitingError, PauseError};
use crate::session::OrchestrationSession;
use crate::session::core::Core;
use crate::session::state::Input;

/// # Waiting for a person
impl OrchestrationSession {
    /// Puts the worker into `WAITING_FOR_INPUT` and waits until somebody answers, here or through
    /// a [`SessionHandle`](crate::SessionHandle).
    ///
    /// Dropping the future gives up waiting; the worker runs again. Turns and tools are allowed
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`PauseError::AlreadyWaiting`] if another pause waits, [`PauseError::Closed`] if the
    /// session is over or ends while it waits, [`PauseError::ShuttingDown`] if its orchestrator
    /// drains.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::Orchestrator;
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let handle = session.handle();
    /// let person = async { handle.provide_input("go ahead") };
    /// let (answer, _) = tokio::join!(session.pause_for_input("publish?"), person);
    /// assert_eq!(answer?, "go ahead");
    /// # Ok::<_, runtime_orchestrator::BoxError>(()) }).unwrap();
    /// ```
    pub async fn pause_for_input(&self, prompt: impl Into<String>) -> Result<String, PauseError> {
        let prompt = prompt.into();
        let core = &*self.core;
        core.begin_pause(prompt)?;
        let mut pause = Pause { core, detail: "gave up waiting" };
        let value = poll_fn(|cx| core.poll_input(cx.waker())).await?;
        pause.detail = "input received";
        Ok(value)
    }

    /// Answers the pause of this session.
    ///
    /// # Errors
    ///
    /// [`NobodyWaitingError`] if nobody waits.
    pub fn provide_input(&self, value: impl Into<String>) -> Result<(), NobodyWaitingError> {
        self.core.provide_input(value.into())
    }
}

/// A pause under way. However it ends, the session no longer waits.
struct Pause<'c> {
    core: &'c Core,
    detail: &'static str,
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.core.end_pause(self.detail);
    }
}

impl Core {
    fn begin_pause(&self, prompt: String) -> Result<(), PauseError> {
        // Should the session end here, its last word waits for this one.
        let _entry = self.enter(false)?;
        let mut state = self.state();
        state.open()?;
        state.accepting()?;
        if state.input().is_some() {
            return Err(PauseError::AlreadyWaiting);
        }
        let before = self.status();
        let waiting = AgentStatus::WaitingForInput;
        let moved = self.setup.registry.transition(&self.worker_id, waiting, Some(&prompt));
        if moved.is_err() && self.status().is_terminal() {
            return Err(self.closed(self.status()).into());
        }
        *state.input() = Some(Input::default());
        drop(state);
        if moved.is_ok() {
            self.tell_status(before, waiting);
        }
        self.say(AgentEventName::AgentPaused, AgentEventStatus::Blocked, prompt);
        Ok(())
    }

    fn poll_input(&self, waker: &Waker) -> Poll<Result<String, PauseError>> {
        let mut state = self.state();
        if let Err(closed) = state.open() {
            return Poll::Ready(Err(closed.into()));
        }
        // The pause that polls is what put the input there.
        let input = state.input().get_or_insert_default();
        if let Some(value) = input.value.take() {
            input.over = true;
            return Poll::Ready(Ok(value));
        }
        input.waker = Some(waker.clone());
        drop(state);
        Poll::Pending
    }

    fn end_pause(&self, detail: &'static str) {
        let entry = self.enter(false);
        let mut state = self.state();
        if entry.is_err() || state.ended().is_some() {
            *state.input() = None;
            return;
        }
        // Nobody can answer it from here, and until it is told, no other pause begins.
        if let Some(input) = state.input() {
            input.over = true;
        }
        // Fails only if somebody moved the worker behind the session's back.
        let (before, running) = (self.status(), AgentStatus::Running);
        let moved = self.setup.registry.transition(&self.worker_id, running, Some(detail));
        drop(state);
        if moved.is_ok() {
            self.tell_status(before, running);
        }
        self.say(AgentEventName::AgentResumed, AgentEventStatus::Running, detail.to_owned());
        *self.state().input() = None;
    }

    pub(crate) fn provide_input(&self, value: String) -> Result<(), NobodyWaitingError> {
        let mut state = self.state();
        if state.ended().is_some() {
            return Err(NobodyWaitingError);
        }
        let input = state.input().as_mut().filter(|input| !input.over).ok_or(NobodyWaitingError)?;
        input.value.get_or_insert(value);
        let waker = input.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Emits an event of the session's own span.
    fn say(&self, name: AgentEventName, status: AgentEventStatus, detail: String) {
        let mut event: AgentEvent = self.root_event(name, status);
        event.detail = Some(detail.into());
        self.emit(event);
    }
}
