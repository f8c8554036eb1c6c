//! Sealing: encryption of what a store keeps.

use std::fmt::Debug;

use thiserror::Error;

use crate::digest::StepKey;
use crate::entry::EntryKind;
use crate::thread::ThreadId;

/// Encrypts the bodies of entries, each for its place.
///
/// A sealed body that was moved to another place, changed, or replaced by a plain one is refused.
pub trait Seal: Debug + Send + Sync {
    /// Encrypts a body, and authenticates the place with it.
    ///
    /// # Errors
    ///
    /// [`SealError::Key`] if there is no key.
    fn seal(&self, place: &EntryPlace<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError>;

    /// Decrypts a body.
    ///
    /// # Errors
    ///
    /// [`SealError`] if it was not sealed for this place.
    fn open(&self, place: &EntryPlace<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError>;
}

/// The place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a seal is over all of it")]
pub struct EntryPlace<'a> {
    /// The thread.
    pub thread: &'a ThreadId,
    /// The number of the entry.
    pub seq: u64,
    /// Its kind.
    pub kind: EntryKind,
    /// Its step.
    pub step: Option<StepKey>,
}

impl EntryPlace<'_> {
    /// The place as bytes, for the associated data of an authenticated cipher.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.thread.as_str().as_bytes().to_vec();
        bytes.push(0);
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.kind.code().to_be_bytes());
        bytes.extend(self.step.iter().flat_map(StepKey::as_bytes));
        bytes
    }
}

/// A body that could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The body is not sealed at all.
    #[error("the body is not sealed, although a seal is set")]
    Plain,
    /// The body was changed, or is sealed for another place or with another key.
    #[error("the body was changed, or is sealed for another place or with another key")]
    Broken,
    /// The key could not be had.
    #[error("no key: {0}")]
    Key(String),
}
