//! What a store refuses, and what a journal finds wrong.

use std::error::Error;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use thiserror::Error;

use crate::approval::ApprovalState;
use crate::step::StepName;
use crate::thread::{ThreadId, ThreadState};

/// A call that a store refused or could not make.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another life holds the thread.
    #[error("thread `{thread}` is held by {holder} until {}", stamp(.until))]
    Held {
        /// The thread.
        thread: ThreadId,
        /// The life that holds it.
        holder: Arc<str>,
        /// The end of its lease, unless it is renewed.
        until: DateTime<Utc>,
    },
    /// Another life has taken the thread over. This one writes nothing more.
    #[error(
        "thread `{thread}` was taken over: this life is number {fence}, and a later one has begun"
    )]
    Fenced {
        /// The thread.
        thread: ThreadId,
        /// The number of the life that was refused.
        fence: u64,
    },
    /// The thread has other entries than this life knows of.
    #[error("thread `{thread}` has entries after number {head} that this life does not know")]
    HeadMoved {
        /// The thread.
        thread: ThreadId,
        /// The last entry that this life knows of.
        head: u64,
    },
    /// The thread has ended.
    #[error("thread `{thread}` is {state}")]
    Ended {
        /// The thread.
        thread: ThreadId,
        /// How it ended.
        state: ThreadState,
    },
    /// The thread was handed over to agents of another role, and is left as it is.
    #[error("thread `{thread}` was handed over to an agent of role `{role}`")]
    OtherRole {
        /// The thread.
        thread: ThreadId,
        /// Whom it was handed over to.
        role: Arc<str>,
    },
    /// There is no such thread.
    #[error("there is no thread `{thread}`")]
    NoThread {
        /// The thread that was asked for.
        thread: ThreadId,
    },
    /// There is no such approval.
    #[error("there is no approval `{id}`")]
    NoApproval {
        /// The approval that was asked for.
        id: Arc<str>,
    },
    /// A step wanted to begin with an approval that does not allow it.
    #[error("approval `{id}` does not allow this call: {reason}")]
    NotApproved {
        /// The approval.
        id: Arc<str>,
        /// Why it does not.
        reason: NotApproved,
    },
    /// A person decided about an approval that is not open any more.
    #[error("approval `{id}` is {state}: only a pending one can be decided")]
    Decided {
        /// The approval.
        id: Arc<str>,
        /// How it stands.
        state: ApprovalState,
    },
    /// A person decided about something else than the approval is about.
    #[error("approval `{id}` is about something else than what was decided: look at it again")]
    OtherDigest {
        /// The approval.
        id: Arc<str>,
    },
    /// A value that no store takes, whatever its database could keep.
    #[error("{field} is {value:?}, and {why}")]
    Unfit {
        /// What the value is, such as `the key of a message`.
        field: &'static str,
        /// The value, cut to 200 characters.
        value: String,
        /// What it must not be.
        why: &'static str,
    },
    /// The data have a schema of a newer version.
    #[error("the schema of the store is version {found}, and this version reads up to {known}")]
    Newer {
        /// The version that was found.
        found: i64,
        /// The newest version that this one reads.
        known: i64,
    },
    /// The data cannot be what a store has written.
    #[error("the store is damaged: {what}")]
    Corrupt {
        /// What is wrong, and where.
        what: String,
    },
    /// The database could not be asked, or failed. The call may have been made.
    #[error("the store could not {attempted}")]
    Unavailable {
        /// What was attempted, such as `append to a thread`.
        attempted: &'static str,
        /// The database's error.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Why an approval does not allow a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotApproved {
    /// There is none with this id.
    #[error("there is none with this id")]
    Unknown,
    /// It is of another thread.
    #[error("it is of another thread")]
    OtherThread,
    /// It is for another step.
    #[error("it is for another step")]
    OtherStep,
    /// It is for other arguments.
    #[error("it is for other arguments")]
    OtherArguments,
    /// Nobody has decided.
    #[error("nobody has decided")]
    Pending,
    /// It was denied.
    #[error("it was denied")]
    Denied,
    /// It was used before.
    #[error("it was used before")]
    Used,
    /// It has expired.
    #[error("it has expired")]
    Expired,
}

/// A step that a journal does not let begin.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The code does something else than the recorded one did.
    #[error(transparent)]
    Diverged(#[from] Box<DivergedError>),
    /// A step without a key began beside another one, so that their order is not certain.
    #[error("{now} began beside {other}: steps at the same time need keys of their own")]
    Unordered {
        /// The step that was refused.
        now: StepName,
        /// A step that is running.
        other: StepName,
    },
    /// Two steps have one key.
    #[error("{now} has the key of an earlier step: keys are unique within a thread")]
    Repeated {
        /// The step that was refused.
        now: StepName,
    },
    /// An entry is of a kind or version that this version does not know.
    #[error("entry {seq} is of kind {kind}, version {version}, which this version does not know")]
    Unknown {
        /// The number of the entry.
        seq: u64,
        /// Its kind.
        kind: i16,
        /// The version of its body.
        version: i16,
    },
    /// An entry cannot be read.
    #[error("entry {seq} cannot be read: {what}")]
    Corrupt {
        /// The number of the entry.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The store refused, or could not be reached.
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
    /// An engine that is the journal failed.
    #[error("the engine failed")]
    Engine(#[source] Arc<dyn Error + Send + Sync>),
}

/// The first step of a life that is not the recorded one. Nothing was executed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "entry {seq} of the thread is {recorded}{}, recorded by code version `{code}`, but the code now has {}{}",
    if .now.as_ref().is_some_and(|now| now == .recorded) { " with other arguments" } else { "" },
    .now.as_ref().map_or_else(|| "no more steps".to_owned(), ToString::to_string),
    if .code_now == .code { String::new() } else { format!(" (code version `{}`)", .code_now) }
)]
#[non_exhaustive]
pub struct DivergedError {
    /// The number of the recorded entry.
    pub seq: u64,
    /// The step that was recorded.
    pub recorded: StepName,
    /// The version of the code that recorded it.
    pub code: Arc<str>,
    /// The step that the code has now. `None` at its end.
    pub now: Option<StepName>,
    /// The version of the code now.
    pub code_now: Arc<str>,
}

impl JournalError {
    /// Whether another life has taken the thread over.
    pub fn is_fenced(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_fenced())
    }

    /// Whether the same code comes to it again, whenever the thread is run again.
    pub fn lasts(&self) -> bool {
        match self {
            Self::Store(error) => matches!(
                **error,
                StoreError::NotApproved { .. }
                    | StoreError::Unfit { .. }
                    | StoreError::Newer { .. }
                    | StoreError::Corrupt { .. }
            ),
            Self::Engine(_) => false,
            _ => true,
        }
    }
}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl StoreError {
    /// Whether another life has taken the thread over.
    pub const fn is_fenced(&self) -> bool {
        matches!(self, Self::Fenced { .. } | Self::HeadMoved { .. })
    }
}

fn stamp(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
