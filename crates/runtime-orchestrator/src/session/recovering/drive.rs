//! The loop, for tasks.

use std::future::Future;

use super::attempt::Attempt;
use super::turn::Recovering;
use crate::error::{BoxError, TurnError};
use crate::session::OrchestrationSession;
use crate::session::active::Answer;
use crate::turn::{Reading, Shown, Timing, Turn};

/// # Turns that recover
impl OrchestrationSession {
    /// Runs one model turn and makes its call again after a failure, as the recipe for it says.
    ///
    /// `call` gets an [`Attempt`]: which provider and model to call, and what is to be different.
    /// Write it as `async |attempt| …`. Each attempt is admitted, billed and settled on its own;
    /// the turn counts as one. After a failure
    ///
    /// - a back-off is waited, never shorter than the provider asked for, and never beyond the cap
    ///   or the deadline: rather than that, the turn ends;
    /// - a provider is switched, where there are [routes](crate::Orchestrator::routes); the next
    ///   attempt goes there at once;
    /// - what else the recipe says stands in the attempt, and the
    ///   [recovery handler](crate::Orchestrator::recovery_handler) is asked to do its part;
    /// - nothing is tried that cannot help: a refused key is not asked again.
    ///
    /// A recipe's attempts are those of one turn. The
    /// [retry budget](crate::Orchestrator::retry_budget) bounds what all sessions retry together.
    ///
    /// The turn's [`timeout`](Turn::timeout) is that of each attempt, and [`within`](Turn::within)
    /// that of the whole. Dropping the future cancels the turn, in an attempt or in a wait.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    /// use runtime_resilience::route::{Route, Routes};
    ///
    /// async fn chat(provider: &str, model: &str) -> Result<String, std::io::Error> {
    ///     match provider {
    ///         "openai" => Err(std::io::ErrorKind::ConnectionRefused.into()),
    ///         _ => Ok(format!("{model} answers")),
    ///     }
    /// }
    ///
    /// let routes = Routes::ordered([
    ///     Route::new("openai", "gpt-5"),
    ///     Route::new("anthropic", "claude-sonnet-4-5"),
    /// ]);
    /// let session = Orchestrator::new("writer", "draft").routes(routes).session()?;
    ///
    /// let turn = Turn::model("gpt-5");
    /// let answer = session
    ///     .run_turn_recovering(turn, async |attempt| {
    ///         chat(attempt.provider(), attempt.model()).await
    ///     })
    ///     .await?;
    ///
    /// assert_eq!(answer.value, "claude-sonnet-4-5 answers");
    /// assert_eq!((answer.attempts, answer.provider.as_deref()), (2, Some("anthropic")));
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`TurnError::Unrecovered`] with the last failure: it [is final](TurnError::is_final), and a
    /// recovering turn around this one does not try again. A refusal or an interruption that recovery
    /// is not for is returned as by [`run_turn`](Self::run_turn).
    pub async fn run_turn_recovering<T, E, F, R, L, G>(
        &self,
        turn: Turn<R, L, G>,
        mut call: impl FnMut(Attempt) -> F,
    ) -> Result<Answer<T>, TurnError>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
        R: Reading<T>,
        L: Timing,
        G: Shown<T>,
    {
        let Turn { model, reading, limit, guard, ask } = turn;
        let mut turn = Recovering::admit(&self.core, model, limit.limits(), ask)?;
        let (mut active, value) = loop {
            let failed = match turn.attempt().await {
                Err(refused) => refused,
                Ok(mut started) => {
                    if turn.is_first()
                        && let Err(objected) = started.active.check_input(guard.input()).await
                    {
                        drop(started);
                        return Err(turn.passed(objected));
                    }
                    match turn.call(started, &mut call).await {
                        Ok(answered) => break answered,
                        Err(failed) => failed,
                    }
                }
            };
            turn.recover(failed).await?;
        };
        let review = active.returned(&value, reading, &guard);
        if let Err(objected) = active.check_output(&review).await {
            drop(active);
            return Err(turn.passed(objected));
        }
        Ok(turn.answered(active.answer(value)))
    }
}
