//! How a life of a thread ended.

use chrono::{DateTime, Utc};
use runtime_orchestrator::Summary;
use runtime_store::{ThreadId, Totals};

/// How a life of a thread ended, if it did not fail.
#[derive(Debug)]
#[must_use = "a parked thread has no value yet"]
#[expect(clippy::exhaustive_enums, reason = "a thread has a value, or it waits")]
pub enum Run<T> {
    /// The thread has its value.
    Done(Done<T>),
    /// The thread waits for something outside of this process.
    Parked(Parked),
}

/// A thread that has its value.
#[derive(Debug)]
#[non_exhaustive]
pub struct Done<T> {
    /// The value.
    pub value: T,
    /// What all lives together have used.
    pub totals: Totals,
    /// The session of this life. `None` if an earlier life had the value.
    pub summary: Option<Box<Summary>>,
}

/// A thread that waits.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parked {
    /// The thread.
    pub thread: ThreadId,
    /// What it waits for.
    pub waits_for: String,
    /// When it goes on by itself.
    pub wake_at: Option<DateTime<Utc>>,
    /// The session of this life.
    pub summary: Box<Summary>,
}

impl<T> Run<T> {
    /// The value, if the thread has it.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done.value),
            Self::Parked(_) => None,
        }
    }
}
