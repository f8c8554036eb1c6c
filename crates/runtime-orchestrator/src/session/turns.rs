//! Running turns: admission, the call, the answer.

use std::future::Future;

use crate::error::{BoxError, TurnError};
use crate::session::OrchestrationSession;
use crate::session::active::{ActiveTurn, Answer};
use crate::turn::{Prompt, Reading, Shown, Timing, Turn};

/// # Turns
impl OrchestrationSession {
    /// Runs one model turn: admits it, makes the call inside its timeout and the breaker, records
    /// its usage, and judges the budget.
    ///
    /// The call is made only if the turn is admitted. Dropping the future settles the turn as
    /// cancelled and leaves the session running: `select!` and `timeout` around a turn are fine.
    ///
    /// # Errors
    ///
    /// [`TurnError`]: a variant per refusal, and [`TurnError::Failed`] with the call's own error.
    #[doc(alias = "arun_turn")]
    pub async fn run_turn<T, E, F, R, L, G>(
        &self,
        turn: Turn<R, L, G>,
        call: impl FnOnce() -> F,
    ) -> Result<Answer<T>, TurnError>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
        R: Reading<T>,
        L: Timing,
        G: Shown<T>,
    {
        let Turn { model, reading, limit, guard, ask } = turn;
        let mut active = self.core.admit(model, limit.limits(), ask).await?;
        active.check_input(guard.input()).await?;
        active.begin_call()?;
        match active.step(async { call().await }).await? {
            Ok(value) => {
                let review = active.returned(&value, reading, &guard);
                active.check_output(&review).await?;
                Ok(active.answer(value))
            }
            Err(error) => Err(active.fail(error).await),
        }
    }

    /// Admits a turn for a caller who makes the call himself: see [`ActiveTurn`].
    ///
    /// How the turn reads usage does not matter here; [`ActiveTurn::settle`] is told. A guarded
    /// turn has its input looked at; its output is the caller's.
    ///
    /// # Errors
    ///
    /// [`TurnError`]: why it is refused.
    pub async fn begin_turn<R, L: Timing, G: Prompt>(
        &self,
        turn: Turn<R, L, G>,
    ) -> Result<ActiveTurn<'_>, TurnError> {
        let mut active = self.core.admit(turn.model, turn.limit.limits(), turn.ask).await?;
        active.check_input(turn.guard.input()).await?;
        active.begin_call()?;
        Ok(active)
    }
}
