//! Errors of steps and of runs.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_events::AgentFailureClass;
use runtime_orchestrator::{BoxError, SessionError, Summary, ToolError, TurnError};
use runtime_resilience::{errors, frame};
use runtime_store::{
    FailureKind, FailureRecord, JournalError, StepKey, StepName, StoreError, ThreadId,
    ThreadIdError, ThreadState,
};
use serde_json::Value;
use thiserror::Error;

/// A step without a value.
///
/// [`Failed`](Self::Failed) is recorded, and the next life gets it again. Every other error ends this life:
/// return it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StepError {
    /// The step was refused or failed, and this is recorded.
    #[error(transparent)]
    Failed(Box<StepFailure>),
    /// The thread waits, and this life is over.
    #[error(transparent)]
    Parked(#[from] ParkedError),
    /// The session has ended or drains. Nothing is recorded.
    #[error(fmt = session_over)]
    Turn(#[source] TurnError),
    /// The session has ended or drains. Nothing is recorded.
    #[error(fmt = session_over)]
    Tool(#[source] ToolError),
    /// The step must not begin, or could not be recorded.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The tool had its effect, but this could not be recorded. The next life finds the tool in doubt.
    #[error(transparent)]
    Unrecorded(Box<UnrecordedError>),
    /// The recorded value has another type than the code asks for, or a value cannot be written as JSON.
    #[error("the value of {step} does not fit its type")]
    Value {
        /// The step.
        step: StepName,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// The session is used in a way that cannot be recorded.
    #[error("{0}")]
    Misused(&'static str),
    /// The session could not be ended, or that of a child could not be opened.
    #[error(fmt = session_refused)]
    Session(#[from] SessionError),
}

/// The failure of a step, as it is recorded: the next life gets the same.
///
/// Its [`source`](Error::source) is the error itself, or the record if an earlier life had it: both have the
/// same [text](runtime_resilience::chain_text).
#[derive(Debug)]
#[non_exhaustive]
pub struct StepFailure {
    /// The step.
    pub step: StepName,
    /// Its key in the thread.
    pub key: StepKey,
    /// How it failed.
    pub failure: FailureRecord,
    /// The error itself. `None` if it was recorded by an earlier life.
    pub live: Option<BoxError>,
}

impl From<StepFailure> for StepError {
    fn from(failure: StepFailure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// A tool had its effect, but this could not be recorded.
#[derive(Debug, Error)]
#[error("{step} had its effect, but its outcome could not be recorded")]
#[non_exhaustive]
pub struct UnrecordedError {
    /// The step.
    pub step: StepName,
    /// The value that it had.
    pub value: Value,
    /// Why it could not be recorded.
    pub source: JournalError,
}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.failure.kind {
            FailureKind::Refused => "was refused",
            FailureKind::Denied => "was denied",
            FailureKind::TimedOut => "timed out",
            _ => "failed",
        };
        frame(f, format_args!("{} {end}", self.step))
    }
}

impl Error for StepFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match &self.live {
            Some(live) => &**live,
            None => &self.failure,
        })
    }
}

/// The thread waits for something outside of this process.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the thread waits: {waits_for}")]
#[non_exhaustive]
pub struct ParkedError {
    /// What it waits for.
    pub waits_for: String,
    /// When it goes on by itself.
    pub wake_at: Option<DateTime<Utc>>,
}

impl ParkedError {
    /// Waits for both, until the first of their times.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let waits_for = format!("{}, and {}", self.waits_for, other.waits_for);
        let wake_at = [self.wake_at, other.wake_at].into_iter().flatten().min();
        Self { waits_for, wake_at }
    }
}

/// A run without a result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The text is no thread's id.
    #[error(transparent)]
    Thread(#[from] ThreadIdError),
    /// Another life holds the thread.
    #[error(transparent)]
    Held(StoreError),
    /// The thread was cancelled or forgotten.
    #[error("thread `{thread}` is {state}")]
    Ended {
        /// The thread.
        thread: ThreadId,
        /// How it ended.
        state: ThreadState,
    },
    /// The steps of the thread are in the journal of an engine and this run has none, or the other way round.
    #[error("the steps of thread `{thread}` are in the journal of {}", if *.in_engine { "an engine" } else { "its store" })]
    Elsewhere {
        /// The thread.
        thread: ThreadId,
        /// Whether they are in the journal of an engine.
        in_engine: bool,
    },
    /// The thread was handed over to an agent of another role. It goes on when that one runs it.
    #[error("thread `{thread}` was handed over to an agent of role `{role}`")]
    OtherRole {
        /// The thread.
        thread: ThreadId,
        /// The role.
        role: Arc<str>,
    },
    /// The store refused, or could not be reached. The thread goes on when it is run again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session was not opened. The thread goes on when it is run again.
    #[error(fmt = session_refused)]
    Session(#[from] SessionError),
    /// The journal does not fit the code, or could not be written. The thread goes on when it is run again.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The orchestrator drains. The thread goes on when it is run again.
    #[error("the life of thread `{thread}` was ended by a shutdown")]
    ShutDown {
        /// The thread.
        thread: ThreadId,
        /// The session of this life.
        summary: Box<Summary>,
    },
    /// The thread was cancelled during this life.
    #[error("thread `{thread}` was cancelled")]
    Cancelled {
        /// The thread.
        thread: ThreadId,
        /// The session of this life.
        summary: Box<Summary>,
    },
    /// The code failed. If the thread is run again, the steps that failed last are made again.
    #[error(fmt = code_failed)]
    Failed {
        /// The thread.
        thread: ThreadId,
        /// The error of the code.
        #[source]
        error: BoxError,
        /// The session of this life.
        summary: Box<Summary>,
    },
    /// The result of the code cannot be written as JSON.
    #[error("the result of thread `{thread}` cannot be written as JSON")]
    Unwritten {
        /// The thread.
        thread: ThreadId,
        /// What cannot.
        source: serde_json::Error,
    },
    /// The thread is done, and its result was written by code with another type: it does not fit this one. Run it
    /// with [`serde_json::Value`] as the type, which fits every result.
    #[error(
        "thread `{thread}` is done, and its result does not fit the type: run it with `serde_json::Value` as the \
         type to read it, or forget the thread"
    )]
    Value {
        /// The thread.
        thread: ThreadId,
        /// What does not fit.
        source: serde_json::Error,
    },
}

fn session_over<E>(_: &E, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    frame(f, format_args!("the step has no session to run in"))
}

fn session_refused(_: &SessionError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    frame(f, format_args!("the session could not be opened or ended"))
}

fn code_failed(
    thread: &ThreadId,
    _: &BoxError,
    _: &Summary,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    frame(f, format_args!("the code of thread `{thread}` failed"))
}

/// The class under which an error of the body is recorded.
pub(crate) fn class_of(error: &(dyn Error + 'static)) -> AgentFailureClass {
    let step = failed_step(error).map(|step| step.failure.class);
    let call = || {
        errors(error).find_map(|error| {
            let turn = error.downcast_ref::<TurnError>().map(TurnError::failure_class);
            turn.or_else(|| error.downcast_ref::<ToolError>().map(ToolError::failure_class))
        })
    };
    step.or_else(call).unwrap_or(AgentFailureClass::Unknown)
}

/// The step whose failure an error of the body is, if it tells.
pub(crate) fn failed_step<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e StepFailure> {
    errors(error).find_map(|error| match error.downcast_ref::<StepError>() {
        Some(StepError::Failed(step)) => Some(&**step),
        _ => error.downcast_ref::<StepFailure>(),
    })
}
