//! The same steps for threads.

use std::future::ready;
use std::time::Duration;

use runtime_orchestrator::{Answer, Attempt, BoxError, ToolCall, Turn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::approval::Approved;
use super::tool::{DurableTool, ToolAttempt};
use crate::error::StepError;
use crate::session::DurableSession;

/// The steps of a [`DurableSession`] for threads, from [`DurableSession::blocking`].
///
/// The calls run on the calling thread and cannot be interrupted.
#[derive(Clone, Copy, Debug)]
pub struct BlockingSteps<'s> {
    session: &'s DurableSession,
}

/// # Threads
impl DurableSession {
    /// The same steps for threads.
    pub const fn blocking(&self) -> BlockingSteps<'_> {
        BlockingSteps { session: self }
    }
}

impl BlockingSteps<'_> {
    /// [`DurableSession::run_turn`] on this thread.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run_turn<T, E>(
        self,
        turn: Turn<T>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<Answer<T>, StepError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError> + 'static,
    {
        self.drive(self.session.run_turn(turn, || ready(call())))
    }

    /// [`DurableSession::run_turn_recovering`] on this thread.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run_turn_recovering<T, E>(
        self,
        turn: Turn<T>,
        mut call: impl FnMut(Attempt) -> Result<T, E>,
    ) -> Result<Answer<T>, StepError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError> + 'static,
    {
        self.drive(self.session.run_turn_recovering(turn, |attempt| ready(call(attempt))))
    }

    /// [`DurableSession::run_tool`] on this thread.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run_tool<T, E>(
        self,
        tool: impl Into<DurableTool<T>>,
        call: impl FnOnce(ToolAttempt) -> Result<T, E>,
    ) -> Result<T, StepError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError> + 'static,
    {
        self.drive(self.session.run_tool(tool, |attempt| ready(call(attempt))))
    }

    /// [`DurableSession::approval`] on this thread.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn approval(
        self,
        call: &ToolCall,
        policy: &str,
        expires_in: Duration,
    ) -> Result<Approved, StepError> {
        self.drive(self.session.approval(call, policy, expires_in))
    }

    /// Any other step on this thread: `session.blocking().drive(session.now())`.
    pub fn drive<F: Future>(self, step: F) -> F::Output {
        self.session.session().handle().block_on(step)
    }
}
