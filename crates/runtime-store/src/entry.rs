//! Entries: what a journal is made of.

use chrono::{DateTime, Utc};

use crate::digest::{Fingerprint, StepKey};

/// What an entry says.
///
/// A number of its own, so that a reader meets those of a newer version as what they are. A kind with the
/// bit [`IGNORABLE`](Self::IGNORABLE) may be skipped by a reader that does not know it; another unknown kind
/// is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKind(i16);

impl EntryKind {
    /// A reader that does not know the kind may skip the entry.
    pub const IGNORABLE: i16 = 0x100;

    /// A life began.
    pub const LIFE: Self = Self(1);
    /// A step is about to have its effect.
    pub const INTENT: Self = Self(2);
    /// A step has its outcome.
    pub const OUTCOME: Self = Self(3);
    /// A turn is about to ask once more, after an attempt that failed.
    pub const ATTEMPT: Self = Self(4);
    /// The state from which the next life goes on.
    pub const CHECKPOINT: Self = Self(5);
    /// The code has other steps from here on: recorded ones are left behind.
    pub const BRANCH: Self = Self(6);
    /// The thread ended.
    pub const END: Self = Self(10);

    /// The kind with this number.
    pub const fn from_code(code: i16) -> Self {
        Self(code)
    }

    /// The number that a store keeps.
    pub const fn code(self) -> i16 {
        self.0
    }

    /// Whether the thread goes on with it: the next life begins behind it, or is answered by it. A store clears what
    /// the thread is [stuck](crate::Thread::stuck) with.
    pub const fn goes_on(self) -> bool {
        self.0 == Self::OUTCOME.0 || self.0 == Self::CHECKPOINT.0
    }

    /// Whether a reader that does not know the kind may skip the entry.
    pub(crate) const fn is_ignorable(self) -> bool {
        self.0 & Self::IGNORABLE != 0
    }
}

/// An entry to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store writes all of it")]
pub struct Entry {
    /// What it says.
    pub kind: EntryKind,
    /// The version of its body.
    pub version: i16,
    /// The step that it belongs to.
    pub step: Option<StepKey>,
    /// What the step does.
    pub print: Option<Fingerprint>,
    /// The rest, as JSON or [sealed](crate::Seal).
    pub body: Vec<u8>,
}

impl Entry {
    /// The version of the bodies that this version writes.
    pub const VERSION: i16 = 1;
}

/// An entry that a store has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores outside of this crate make it")]
pub struct Stored {
    /// Its number in its thread, from 1, without gaps.
    pub seq: u64,
    /// The life that wrote it.
    pub fence: u64,
    /// When the store wrote it.
    pub at: DateTime<Utc>,
    /// What was written.
    pub entry: Entry,
}
