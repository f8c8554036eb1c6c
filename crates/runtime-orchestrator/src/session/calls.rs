//! Turns and tools of a session.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;

use super::{BlockingCalls, OrchestrationSession, SessionHandle};
use crate::core::Hold;
use crate::error::{BoxError, ToolError, TurnError};
use crate::recover::{self, Attempt};
use crate::tool::{self, ToolCall};
use crate::turn::{self, ActiveTurn, Answer, Turn};

/// # Turns
impl OrchestrationSession {
    /// Runs one model turn.
    ///
    /// The turn is admitted, its call is made inside the timeout and the breaker, its usage is
    /// recorded, and the budget is checked.
    ///
    /// The call is made only if the turn is admitted. Dropping the future settles the turn as
    /// cancelled and leaves the session running, so `select!` and `timeout` around a turn are safe.
    ///
    /// # Errors
    ///
    /// [`TurnError`]: one variant per refusal, and [`TurnError::Failed`] with the error of the call.
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

    /// Admits a turn and returns it as an [`ActiveTurn`], for a caller that makes the call itself.
    ///
    /// The turn's usage reader is ignored; [`ActiveTurn::settle`] takes the usage. The guardrails
    /// of a guarded turn check its input; its output is the caller's responsibility.
    ///
    /// # Errors
    ///
    /// [`TurnError`] with the reason of the refusal.
    pub async fn begin_turn(&self, turn: Turn) -> Result<ActiveTurn<'_>, TurnError> {
        turn::begin(Hold::Borrowed(&self.core), &turn.spec).await
    }

    /// Runs one model turn, and repeats its call after a failure as the recipe says.
    ///
    /// `call` gets an [`Attempt`]: the provider and model to call, and the changes to the request.
    /// Write it as `async |attempt| …`. Each attempt is admitted, billed and settled separately;
    /// the turn counts as one iteration. After a failure:
    ///
    /// - The turn waits for a back-off, never shorter than the provider asked for. If the wait
    ///   would exceed the cap or the deadline, the turn ends at once.
    /// - With [routes](crate::RecoveryConfig::routes), a switch of provider sends the next attempt
    ///   there at once.
    /// - The other steps of the recipe are in the attempt, and the [recovery
    ///   handler](crate::RecoveryConfig::handler) carries them out.
    /// - An attempt that cannot help is not made: a rejected key is not tried again.
    ///
    /// A recipe limits the attempts of one turn. The [retry
    /// budget](crate::RecoveryConfig::retry_budget) limits the retries of all sessions together.
    ///
    /// The turn's [`timeout`](Turn::timeout) limits each attempt, and [`within`](Turn::within) the
    /// whole turn. Dropping the future cancels the turn, during an attempt or a wait.
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
    /// # Captured values
    ///
    /// An `async` closure that changes what it captures does not compile: it "does not implement
    /// `FnMut`", because its future would borrow from the closure.
    ///
    /// ```compile_fail
    /// # async fn turn() -> Result<(), runtime_orchestrator::BoxError> {
    /// # use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    /// # let session = Orchestrator::new("writer", "draft").session()?;
    /// let mut calls = 0;
    /// let call = async |_| {
    ///     calls += 1;
    ///     Ok::<_, BoxError>("a haiku")
    /// };
    /// session.run_turn_recovering(Turn::model("gpt-5"), call).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// A plain closure that returns a future changes it before the future begins. For a change inside
    /// the future, share the value, as by a `Mutex`.
    ///
    /// ```
    /// # async fn turn() -> Result<(), runtime_orchestrator::BoxError> {
    /// # use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    /// # let session = Orchestrator::new("writer", "draft").session()?;
    /// let mut calls = 0;
    /// let call = |_| {
    ///     calls += 1;
    ///     async { Ok::<_, BoxError>("a haiku") }
    /// };
    /// session.run_turn_recovering(Turn::model("gpt-5"), call).await?;
    /// assert_eq!(calls, 1);
    /// # Ok(()) }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(turn()).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`TurnError::Unrecovered`] with the last failure: it [is final](TurnError::is_final), so an
    /// outer recovering turn does not retry it. Refusals and interruptions that recovery does not
    /// apply to are returned as by [`run_turn`](Self::run_turn).
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
    /// Runs one tool.
    ///
    /// The permission and the arguments are checked, the call is made inside its timeout, and the
    /// result is checked.
    ///
    /// The result is converted to JSON only for guardrails; a result that cannot be converted is
    /// withheld. Dropping the future ends the tool as cancelled.
    ///
    /// A name alone converts into a [`ToolCall`] without arguments.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: one variant per refusal, and [`ToolError::Failed`] with the error of the tool.
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
        tool::run(Hold::Borrowed(&self.core), tool.into(), call)
    }
}

/// # Tools
impl SessionHandle {
    /// [`run_tool`](crate::OrchestrationSession::run_tool) for a tool that outlives a borrow: in a task of its own, or
    /// called by a framework, which finds the [current](Self::current) session.
    ///
    /// The session's last event waits for it, as for the handle's [turns](#turns). A durable session does not record it.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{BoxError, Orchestrator, SessionHandle};
    ///
    /// /// The function behind a tool of another library.
    /// async fn search(query: String) -> Result<usize, BoxError> {
    ///     let session = SessionHandle::current().ok_or("no session is current")?;
    ///     Ok(session.run_tool("search", || async move { Ok::<_, BoxError>(query.len()) }).await?)
    /// }
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let task = tokio::spawn(session.scope(search("breakers".to_owned())));
    /// assert_eq!(task.await??, 8);
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of a session's own [`run_tool`](crate::OrchestrationSession::run_tool).
    pub fn run_tool<N, C, F, T, E>(
        &self,
        tool: N,
        call: C,
    ) -> impl Future<Output = Result<T, ToolError>> + use<N, C, F, T, E>
    where
        N: Into<ToolCall>,
        C: FnOnce() -> F,
        T: Serialize,
        E: Into<BoxError> + 'static,
        F: Future<Output = Result<T, E>>,
    {
        tool::run(Hold::Owned(Arc::clone(&self.core)), tool.into(), call)
    }
}

/// # Threads
impl OrchestrationSession {
    /// The same calls for threads.
    pub fn blocking(&self) -> BlockingCalls<'_> {
        BlockingCalls::of(&self.core)
    }
}
