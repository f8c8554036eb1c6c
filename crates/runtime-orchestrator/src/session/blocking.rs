//! Turns for threads, over the same admission and the same endings.

use std::panic::resume_unwind;
use std::time::Duration;

use crate::error::{BoxError, TurnError};
use crate::session::OrchestrationSession;
use crate::session::active::{ActiveTurn, Answer};
use crate::turn::{Limits, Prompt, Reading, Shown, Timeout, Turn, Untimed};
use crate::wait::on_thread;

/// # Turns for threads
impl OrchestrationSession {
    /// Runs one model turn on this thread. The call borrows freely, so it cannot be interrupted:
    /// a turn with a timeout does not fit here, by its type.
    ///
    /// # Errors
    ///
    /// As for [`run_turn`](Self::run_turn).
    ///
    /// ```compile_fail
    /// # use std::time::Duration;
    /// # use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    /// # let session = Orchestrator::new("writer", "draft").session().unwrap();
    /// let turn = Turn::model("gpt-5").timeout(Duration::from_secs(1));
    /// session.run_turn_blocking(turn, || Ok::<_, BoxError>(()));
    /// ```
    pub fn run_turn_blocking<T, E, R, G>(
        &self,
        turn: Turn<R, Untimed, G>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<Answer<T>, TurnError>
    where
        E: Into<BoxError> + 'static,
        R: Reading<T>,
        G: Shown<T>,
    {
        let mut active = self.core.admit_blocking(turn.model, None, turn.ask)?;
        active.check_input_blocking(turn.guard.input())?;
        active.begin_call()?;
        let result = active.flagged(call);
        conclude(active, turn.reading, &turn.guard, result)
    }

    /// Runs one model turn on a thread of its own and returns when the call does, when `timeout`
    /// is over, or when the session ends, whichever comes first.
    ///
    /// A thread cannot be stopped from outside: one that is late runs on, detached, and what it
    /// returns is dropped. A call that may hang for good should have a timeout of its own.
    ///
    /// # Errors
    ///
    /// As for [`run_turn`](Self::run_turn).
    ///
    /// # Panics
    ///
    /// If the call panics, with its payload.
    pub fn run_turn_blocking_within<T, E, R, G>(
        &self,
        turn: Turn<R, Untimed, G>,
        timeout: Duration,
        call: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Answer<T>, TurnError>
    where
        T: Send + 'static,
        E: Into<BoxError> + Send + 'static,
        R: Reading<T>,
        G: Shown<T>,
    {
        let timeout = Timeout { after: timeout, sleeper: None };
        let limits = Limits { attempt: Some(timeout), ..Limits::default() };
        let mut active = self.core.admit_blocking(turn.model, Some(&limits), turn.ask)?;
        active.check_input_blocking(turn.guard.input())?;
        active.begin_call()?;
        match on_thread(active.core(), active.pace(), "turn", call) {
            Ok(Ok(Ok(result))) => conclude(active, turn.reading, &turn.guard, result),
            Ok(Ok(Err(payload))) => active.flagged(|| resume_unwind(payload)),
            Ok(Err(interrupted)) => Err(active.interrupted(interrupted)),
            Err(error) => {
                // There was no thread to make the call on.
                active.unsent();
                Err(active.fail_blocking(error))
            }
        }
    }

    /// [`begin_turn`](Self::begin_turn) for threads. The session's deadline is not watched while
    /// the caller works.
    ///
    /// # Errors
    ///
    /// [`TurnError`]: why it is refused.
    pub fn begin_turn_blocking<R, G: Prompt>(
        &self,
        turn: Turn<R, Untimed, G>,
    ) -> Result<ActiveTurn<'_>, TurnError> {
        let mut active = self.core.admit_blocking(turn.model, None, turn.ask)?;
        active.check_input_blocking(turn.guard.input())?;
        active.begin_call()?;
        Ok(active)
    }
}

fn conclude<T, E, R, G>(
    mut active: ActiveTurn<'_>,
    reading: R,
    guard: &G,
    result: Result<T, E>,
) -> Result<Answer<T>, TurnError>
where
    E: Into<BoxError> + 'static,
    R: Reading<T>,
    G: Shown<T>,
{
    match result {
        Ok(value) => {
            let review = active.returned(&value, reading, guard);
            active.check_output_blocking(&review)?;
            Ok(active.answer(value))
        }
        Err(error) => Err(active.fail_blocking(error)),
    }
}
