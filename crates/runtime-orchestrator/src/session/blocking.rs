//! The blocking calls of a session.
//!
//! Each polls the future of its async call on the calling thread.

use std::future::{Future, ready};
use std::time::Duration;

use serde::Serialize;

use crate::core::{Core, Hold};
use crate::error::{BoxError, ToolError, TurnError, UninterruptibleCallError};
use crate::limits::Timeout;
use crate::park::block_on;
use crate::recover::{self, Attempt};
use crate::tool::{self, ToolCall};
use crate::turn::{self, ActiveTurn, Answer, Turn};
use crate::wait::on_thread;

/// The turns and tools of a session for threads, from
/// [`OrchestrationSession::blocking`](crate::OrchestrationSession::blocking).
///
/// | call | borrows | timeout | runs on |
/// |---|---|---|---|
/// | [`run_turn`](Self::run_turn), [`run_tool`](Self::run_tool) | freely | refused | the calling thread |
/// | [`run_turn_within`](Self::run_turn_within), [`run_tool_within`](Self::run_tool_within) | `Send + 'static` | yes | a new thread |
///
/// A call on the calling thread cannot be interrupted. The waits before and between calls end with
/// the session and at its deadline.
///
/// ```
/// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
///
/// let session = Orchestrator::new("writer", "draft").session()?;
/// let prompt = String::from("a haiku");
/// let answer = session.blocking().run_turn(Turn::model("gpt-5"), || {
///     Ok::<_, BoxError>(format!("re: {prompt}"))
/// })?;
/// assert_eq!(answer.value, "re: a haiku");
/// # Ok::<_, BoxError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BlockingCalls<'s> {
    core: &'s Core,
}

/// # Turns
impl<'s> BlockingCalls<'s> {
    pub(super) const fn of(core: &'s Core) -> Self {
        Self { core }
    }

    /// [`run_turn`](crate::OrchestrationSession::run_turn) on this thread.
    ///
    /// # Errors
    ///
    /// The same as [`run_turn`](crate::OrchestrationSession::run_turn), and
    /// [`TurnError::Uninterruptible`] for a turn with a timeout.
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    ///
    /// # #[cfg(feature = "tokio")] {
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let turn = Turn::model("gpt-5").timeout(Duration::from_secs(1));
    /// let refused = session.blocking().run_turn(turn, || Ok::<_, BoxError>(())).unwrap_err();
    /// assert!(refused.to_string().contains("use `blocking().run_turn_within`"));
    /// # }
    /// # Ok::<_, BoxError>(())
    /// ```
    pub fn run_turn<T, E>(
        self,
        turn: Turn<T>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<Answer<T>, TurnError>
    where
        E: Into<BoxError> + 'static,
    {
        unlimited(&turn, "blocking().run_turn_within")?;
        self.drive(turn::run(self.core, turn, || ready(call())))
    }

    /// Runs one model turn on a new thread, for at most `timeout`.
    ///
    /// Returns at the end of the call, of `timeout` or of the session, whichever comes first.
    ///
    /// A thread cannot be stopped from outside: a late one runs on, detached, and its result is
    /// dropped. A call that may hang forever should have a timeout of its own.
    ///
    /// # Errors
    ///
    /// The same as [`run_turn`](crate::OrchestrationSession::run_turn).
    ///
    /// # Panics
    ///
    /// If the call panics, with its payload.
    pub fn run_turn_within<T, E>(
        self,
        mut turn: Turn<T>,
        timeout: Duration,
        call: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Answer<T>, TurnError>
    where
        T: Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        turn.limits().attempt = Some(Timeout::after(timeout));
        self.drive(turn::run(self.core, turn, || on_thread("turn", call)))
    }

    /// [`begin_turn`](crate::OrchestrationSession::begin_turn) for threads.
    ///
    /// The session's deadline does not interrupt the caller's code.
    ///
    /// # Errors
    ///
    /// [`TurnError`] with the reason of the refusal.
    #[expect(clippy::needless_pass_by_value, reason = "as `begin_turn` takes it")]
    pub fn begin_turn(self, turn: Turn) -> Result<ActiveTurn<'s>, TurnError> {
        unlimited(&turn, "begin_turn")?;
        self.drive(turn::begin(Hold::Borrowed(self.core), &turn.spec))
    }

    /// [`run_turn_recovering`](crate::OrchestrationSession::run_turn_recovering) on this thread.
    ///
    /// ```
    /// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let answer = session.blocking().run_turn_recovering(Turn::model("gpt-5"), |attempt| {
    ///     let kept = attempt.context_budget(1_000);
    ///     if kept > 800 { Err("context_length_exceeded") } else { Ok(kept) }
    /// })?;
    /// assert_eq!((answer.value, answer.attempts), (750, 2));
    /// # Ok::<_, BoxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`run_turn_recovering`](crate::OrchestrationSession::run_turn_recovering), and
    /// [`TurnError::Uninterruptible`] for a turn with a timeout.
    pub fn run_turn_recovering<T, E>(
        self,
        turn: Turn<T>,
        mut call: impl FnMut(Attempt) -> Result<T, E>,
    ) -> Result<Answer<T>, TurnError>
    where
        E: Into<BoxError> + 'static,
    {
        unlimited(&turn, "run_turn_recovering")?;
        self.drive(recover::run(self.core, turn, |attempt| ready(call(attempt))))
    }

    fn drive<F: Future>(self, future: F) -> F::Output {
        block_on(&**self.core.time.clock(), future)
    }
}

/// # Tools
impl BlockingCalls<'_> {
    /// [`run_tool`](crate::OrchestrationSession::run_tool) on this thread.
    ///
    /// The call borrows freely and therefore cannot be interrupted: a tool with a timeout is
    /// refused.
    ///
    /// # Errors
    ///
    /// The same as [`run_tool`](crate::OrchestrationSession::run_tool), and
    /// [`ToolError::Uninterruptible`] for a tool with a timeout.
    pub fn run_tool<T, E>(
        self,
        tool: impl Into<ToolCall>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, ToolError>
    where
        T: Serialize,
        E: Into<BoxError> + 'static,
    {
        let tool = tool.into();
        if tool.timeout.is_some() {
            return Err(UninterruptibleCallError { instead: "blocking().run_tool_within" }.into());
        }
        self.drive(tool::run(Hold::Borrowed(self.core), tool, || ready(call())))
    }

    /// Runs one tool on a new thread, for at most `timeout`.
    ///
    /// Returns at the end of the call, of `timeout` or of the session, whichever comes first. A
    /// late thread runs on, detached.
    ///
    /// # Errors
    ///
    /// The same as [`run_tool`](crate::OrchestrationSession::run_tool).
    ///
    /// # Panics
    ///
    /// If the call panics, with its payload.
    pub fn run_tool_within<T, E>(
        self,
        tool: impl Into<ToolCall>,
        timeout: Duration,
        call: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, ToolError>
    where
        T: Serialize + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let tool = tool.into().timeout(Timeout::after(timeout));
        self.drive(tool::run(Hold::Borrowed(self.core), tool, || on_thread("tool", call)))
    }
}

/// Refuses a turn with a timeout: a call on the calling thread cannot be interrupted.
fn unlimited<T>(turn: &Turn<T>, instead: &'static str) -> Result<(), UninterruptibleCallError> {
    if turn.spec.limits.is_some() { Err(UninterruptibleCallError { instead }) } else { Ok(()) }
}
