//! The loop, for threads.

use super::attempt::Attempt;
use super::turn::{Recovering, Started};
use crate::error::{BoxError, TurnError};
use crate::session::OrchestrationSession;
use crate::session::active::Answer;
use crate::turn::{Reading, Shown, Turn, Untimed};

/// # Turns that recover, for threads
impl OrchestrationSession {
    /// [`run_turn_recovering`](Self::run_turn_recovering) on this thread. The call borrows freely, so
    /// it cannot be interrupted; the waits between attempts end with the session.
    ///
    /// ```
    /// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let answer = session.run_turn_recovering_blocking(Turn::model("gpt-5"), |attempt| {
    ///     let kept = attempt.context_budget(1_000);
    ///     if kept > 800 { Err("context_length_exceeded") } else { Ok(kept) }
    /// })?;
    /// assert_eq!((answer.value, answer.attempts), (750, 2));
    /// # Ok::<_, BoxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`run_turn_recovering`](Self::run_turn_recovering).
    pub fn run_turn_recovering_blocking<T, E, R, G>(
        &self,
        turn: Turn<R, Untimed, G>,
        mut call: impl FnMut(Attempt) -> Result<T, E>,
    ) -> Result<Answer<T>, TurnError>
    where
        E: Into<BoxError> + 'static,
        R: Reading<T>,
        G: Shown<T>,
    {
        let Turn { model, reading, guard, ask, .. } = turn;
        let mut turn = Recovering::admit(&self.core, model, None, ask)?;
        let (mut active, value) = loop {
            let failed = match turn.attempt_blocking() {
                Err(refused) => refused,
                Ok(Started { mut active, attempt }) => {
                    if turn.is_first()
                        && let Err(objected) = active.check_input_blocking(guard.input())
                    {
                        drop(active);
                        return Err(turn.passed(objected));
                    }
                    match active.begin_call() {
                        Err(closed) => closed,
                        Ok(()) => match active.flagged(|| call(attempt)) {
                            Ok(value) => break (active, value),
                            Err(error) => TurnError::Failed(active.failed(error)),
                        },
                    }
                }
            };
            turn.recover_blocking(failed)?;
        };
        let review = active.returned(&value, reading, &guard);
        if let Err(objected) = active.check_output_blocking(&review) {
            drop(active);
            return Err(turn.passed(objected));
        }
        Ok(turn.answered(active.answer(value)))
    }
}
