//! Threads: the durable identity behind sessions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use runtime_events::wire_names;
use serde::Serialize;
use thiserror::Error;

use crate::stuck::Stuck;

/// The name of a thread: up to 200 bytes without control characters, such as `order-4711`.
///
/// ```
/// use runtime_store::ThreadId;
///
/// let thread: ThreadId = "order-4711".parse()?;
/// assert_eq!(thread.as_str(), "order-4711");
/// assert!(ThreadId::new("").is_err());
/// # Ok::<_, runtime_store::ThreadIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ThreadId(Arc<str>);

/// A text that names no thread.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a thread's id has 1 to 200 bytes and no control characters; found {found:?}")]
#[non_exhaustive]
pub struct ThreadIdError {
    /// The text, cut to 200 characters.
    pub found: String,
}

impl ThreadId {
    /// The longest id, in bytes.
    const MAX: usize = 200;

    /// Creates an id.
    ///
    /// # Errors
    ///
    /// If it is empty, longer than 200 bytes, or has a control character.
    pub fn new(id: impl Into<Arc<str>>) -> Result<Self, ThreadIdError> {
        let id = id.into();
        if id.is_empty() || id.len() > Self::MAX || id.chars().any(char::is_control) {
            return Err(ThreadIdError { found: id.chars().take(Self::MAX).collect() });
        }
        Ok(Self(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ThreadId {
    type Err = ThreadIdError;

    fn from_str(id: &str) -> Result<Self, ThreadIdError> {
        Self::new(id)
    }
}

impl TryFrom<&str> for ThreadId {
    type Error = ThreadIdError;

    fn try_from(id: &str) -> Result<Self, ThreadIdError> {
        Self::new(id)
    }
}

impl TryFrom<String> for ThreadId {
    type Error = ThreadIdError;

    fn try_from(id: String) -> Result<Self, ThreadIdError> {
        Self::new(id)
    }
}

impl AsRef<str> for ThreadId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

wire_names! {
    /// How a thread stands.
    #[non_exhaustive]
    pub enum ThreadState: "state of a thread" {
        /// A life holds it, or the next one may begin at once.
        Runnable = "runnable",
        /// It waits for a person, a message or a time.
        Parked = "parked",
        /// It has its result.
        Done = "done",
        /// Its code failed. It goes on only if somebody runs it again.
        Failed = "failed",
        /// It was cancelled for good.
        Cancelled = "cancelled",
        /// Its data are gone. Its id is not used again.
        Forgotten = "forgotten",
    }
}

impl ThreadState {
    /// The number that a store keeps.
    pub const fn code(self) -> i16 {
        match self {
            Self::Runnable => 1,
            Self::Parked => 2,
            Self::Done => 3,
            Self::Failed => 4,
            Self::Cancelled => 5,
            Self::Forgotten => 9,
        }
    }

    /// The state with this [code](Self::code).
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| i64::from(state.code()) == code)
    }

    /// Whether no life can begin any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Forgotten)
    }
}

/// A thread as its store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "stores outside of this crate make it")]
pub struct Thread {
    /// Its name.
    pub id: ThreadId,
    /// How it stands.
    pub state: ThreadState,
    /// The number of lives that have held it.
    pub fence: u64,
    /// The number of its last entry.
    pub head: u64,
    /// The number of the checkpoint from which a life begins, or zero.
    pub base: u64,
    /// The life that holds it, unless its lease is over.
    pub holder: Option<Arc<str>>,
    /// The end of the lease.
    pub held_until: Option<DateTime<Utc>>,
    /// When a parked or stuck thread is to run again, if nothing else wakes it.
    pub wake_at: Option<DateTime<Utc>>,
    /// Why it is not offered to code of these versions before `wake_at`. While it is held, how its earlier lives ended.
    pub stuck: Option<Stuck>,
    /// The version of the code that held it last.
    pub code: Arc<str>,
    /// When it began.
    pub created: DateTime<Utc>,
    /// When it last changed.
    pub touched: DateTime<Utc>,
}

impl Thread {
    /// The row of a store as it stands at `now`: without a lease that is over. If lives were lost before the one of that
    /// lease, the thread waits.
    #[must_use]
    pub fn seen_at(mut self, now: DateTime<Utc>) -> Self {
        if self.held_until.is_some_and(|until| until > now) {
            return self;
        }
        let (over, _) = (self.held_until.take(), self.holder.take());
        let waits = || Some(after(over?, self.stuck.as_ref()?.wait()));
        self.wake_at = self.wake_at.or_else(waits);
        self
    }

    /// What a store writes as [`stuck`](Self::stuck) when the next holder takes the thread. A life that has not given
    /// the thread back was lost. It is counted before the next one begins, so whatever takes a process down cannot take
    /// the count with it.
    #[must_use]
    pub fn stuck_when_taken(&self) -> Option<Stuck> {
        let Some(holder) = &self.holder else { return self.stuck.clone() };
        let why = format!("life {} was lost: {holder}", self.fence);
        Some(Stuck::again(self.stuck.as_ref(), &self.code, &why))
    }
}

/// A time later, or the end of time.
pub(crate) fn after(at: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    let wait = TimeDelta::from_std(wait).ok();
    wait.and_then(|wait| at.checked_add_signed(wait)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// A request to hold a thread: by whom, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store reads all of it")]
pub struct Claim {
    /// The name of the life: unique, and with the host in it for people.
    pub holder: Arc<str>,
    /// The version of its code.
    pub code: Arc<str>,
    /// The role of its agent. A thread that was [handed over](crate::Append::role) to another one is not taken. `None`
    /// takes any.
    pub role: Option<Arc<str>>,
    /// How long the thread is held without a word of the holder.
    pub ttl: Duration,
}

/// The right to write to a thread, until another life has taken it over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores outside of this crate make it")]
pub struct Lease {
    /// The thread that is held.
    pub thread: ThreadId,
    /// The number of the life. A later life has a higher one, and from then on nothing is written under
    /// this one.
    pub fence: u64,
    /// The holder.
    pub claim: Claim,
}

/// How a life leaves its thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store handles every one")]
pub enum Leave {
    /// The next life may begin at once.
    Runnable,
    /// The next life may begin at once with code of another version, and with this code after its
    /// [wait](Stuck::wait).
    Stuck(Stuck),
    /// The next life begins when something wakes the thread, or at this time.
    Parked(Option<DateTime<Utc>>),
    /// The thread has its result.
    Done,
    /// The code failed.
    Failed,
    /// The thread was cancelled.
    Cancelled,
}

impl Leave {
    /// The state of the thread from then on.
    pub const fn state(&self) -> ThreadState {
        match self {
            Self::Runnable | Self::Stuck(_) => ThreadState::Runnable,
            Self::Parked(_) => ThreadState::Parked,
            Self::Done => ThreadState::Done,
            Self::Failed => ThreadState::Failed,
            Self::Cancelled => ThreadState::Cancelled,
        }
    }
}
