//! Running turns: admission, the call, the answer.

use std::future::Future;
use std::sync::Arc;

use runtime_policy::GuardrailStage;
use runtime_resilience::CircuitBreaker;

use crate::error::{BoxError, TurnError};
use crate::session::OrchestrationSession;
use crate::session::active::{ActiveTurn, Answer};
use crate::session::core::Core;
use crate::turn::{Ask, Prompt, Reading, Shown, Timeout, Timing, Turn};

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
        let mut active = self.core.admit(model, limit.timeout(), ask)?;
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
        let mut active = self.core.admit(turn.model, turn.limit.timeout(), turn.ask)?;
        active.check_input(turn.guard.input()).await?;
        active.begin_call()?;
        Ok(active)
    }
}

impl Core {
    /// Everything a turn has to pass before its call, in the order of the design. What was taken
    /// is given back if it is refused, except its iteration.
    pub(crate) fn admit(
        &self,
        model: Arc<str>,
        timeout: Option<&Timeout>,
        ask: Ask,
    ) -> Result<ActiveTurn<'_>, TurnError> {
        let mut entry = self.enter(true)?;
        let admitted = (|| {
            self.state().ask(self.setup.max_iterations)?;
            let until = self.until(timeout)?;
            let breaker = self.setup.breaker.as_ref();
            // Asked without taking a place: a refusal by the budget must not cost a probe.
            breaker.map_or(Ok(()), CircuitBreaker::check)?;
            let funds = self.fund(&model, ask)?;
            match breaker.map(CircuitBreaker::try_acquire).transpose() {
                Ok(permit) => Ok((permit, until, funds)),
                Err(open) => Err(open.into()),
            }
        })();
        match admitted {
            Ok((permit, until, funds)) => {
                Ok(ActiveTurn::begin(self, entry, model, permit, until, funds))
            }
            Err(error) => {
                entry.stop_working();
                self.turn_refused(&model, &error);
                Err(error)
            }
        }
    }

    pub(crate) fn guards(&self, stage: GuardrailStage) -> bool {
        self.setup.guardrails.has_any(stage)
    }
}
