//! The calls of a session: turns and tools.

use std::future::Future;

use serde::Serialize;

use super::{BlockingCalls, OrchestrationSession};
use crate::error::{BoxError, ToolError, TurnError};
use crate::recover::{self, Attempt};
use crate::tool::{self, ToolCall};
use crate::turn::{self, ActiveTurn, Answer, Turn};

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
    pub fn run_turn<T, E, F>(
        &self,
        turn: Turn<T>,
        call: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<Answer<T>, TurnError>>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        turn::run(&self.core, turn, call)
    }

    /// Admits a turn for a call that you drive yourself: see [`ActiveTurn`].
    ///
    /// Its usage is the one given to [`ActiveTurn::settle`]. Guardrails check the input of a guarded turn, but
    /// not its output.
    ///
    /// # Errors
    ///
    /// [`TurnError`] with the reason of the refusal.
    pub async fn begin_turn(&self, turn: Turn) -> Result<ActiveTurn<'_>, TurnError> {
        turn::begin(&self.core, &turn.spec).await
    }

    /// Runs one model turn and repeats its call after failures, as their recipes say.
    ///
    /// `call` gets an [`Attempt`] with the provider and model to call and the changes to make. Write it as
    /// `async |attempt| …`. Each attempt is admitted, billed and settled separately; the turn counts as one.
    /// After a failure
    ///
    /// - it waits for the back-off, at least as long as the provider asked, and ends instead of waiting beyond
    ///   the cap or the deadline;
    /// - it switches the provider if there are [routes](crate::RecoveryConfig::routes), without a wait;
    /// - it makes the other changes of the recipe, through the attempt and the
    ///   [recovery handler](crate::RecoveryConfig::handler);
    /// - it makes no attempt that cannot help: a refused key is not used again.
    ///
    /// A recipe bounds the attempts of one turn, the
    /// [retry budget](crate::RecoveryConfig::retry_budget) the retries of all sessions.
    ///
    /// The turn's [`timeout`](Turn::timeout) limits each attempt, and [`within`](Turn::within) the
    /// whole. Dropping the future cancels the turn, in an attempt or in a wait.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{BoxError, Orchestrator, RecoveryConfig, Turn};
    /// use runtime_resilience::{Route, Routes};
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
    /// let recovery = RecoveryConfig::default().routes(routes);
    /// let session = Orchestrator::new("writer", "draft").recovery(recovery).session()?;
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
    pub fn run_turn_recovering<T, E, F>(
        &self,
        turn: Turn<T>,
        call: impl FnMut(Attempt) -> F,
    ) -> impl Future<Output = Result<Answer<T>, TurnError>>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        recover::run(&self.core, turn, call)
    }
}

/// # Tools
impl OrchestrationSession {
    /// Runs one tool: checks the permission and the arguments, makes the call inside its timeout,
    /// and checks the result.
    ///
    /// The result is serialized only if a guardrail checks it; a result that cannot be serialized is withheld.
    /// Dropping the future ends the tool as cancelled.
    ///
    /// A tool without arguments can be given by its name alone.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: a variant per refusal, and [`ToolError::Failed`] with the tool's own error.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{BoxError, Orchestrator, ToolCall};
    /// use serde_json::json;
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let call = ToolCall::new("search").args(json!({ "query": "breaker" }));
    /// let hits = session.run_tool(call, || async { Ok::<_, BoxError>(3) }).await?;
    /// assert_eq!(hits, 3);
    /// let time = session.run_tool("clock", || async { Ok::<_, BoxError>("noon") }).await?;
    /// assert_eq!(time, "noon");
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    #[doc(alias = "arun_tool")]
    pub fn run_tool<T, E, F>(
        &self,
        tool: impl Into<ToolCall>,
        call: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, ToolError>>
    where
        T: Serialize,
        E: Into<BoxError> + 'static,
        F: Future<Output = Result<T, E>>,
    {
        tool::run(&self.core, tool.into(), call)
    }
}

/// # Threads
impl OrchestrationSession {
    /// The same calls for threads: they return when the call does.
    pub fn blocking(&self) -> BlockingCalls<'_> {
        BlockingCalls::of(&self.core)
    }
}
