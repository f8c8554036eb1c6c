//! What every store takes, so that what is written to one can be written to any other.
//!
//! Postgres keeps no text with a zero character, and no long text in an index; `serde_json` reads nothing that is too
//! deep.

use serde_json::Value;

use crate::approval::{ApprovalRequest, Decision, Verdict};
use crate::error::StoreError;
use crate::store::Append;
use crate::thread::{Claim, Leave};

/// The longest name, in bytes.
const NAME: usize = 2_000;
/// The most levels of arrays and objects that `serde_json` reads.
const LEVELS: usize = 127;
/// The most entries of a thread: a store may keep the number of one in 32 bits.
const ENTRIES: u64 = 0xffff_ffff;

/// Checks the key of a message: a name, of at most 2,000 bytes.
///
/// # Errors
///
/// [`StoreError::Unfit`].
pub fn key(key: &str) -> Result<(), StoreError> {
    name("the key of a message", key)
}

/// Checks a message, and its key.
///
/// # Errors
///
/// [`StoreError::Unfit`].
pub fn message(key: &str, message: &Value) -> Result<(), StoreError> {
    self::key(key)?;
    json("a message", message)
}

/// Checks the id of an approval.
///
/// # Errors
///
/// [`StoreError::Unfit`].
pub fn approval(id: &str) -> Result<(), StoreError> {
    name("the id of an approval", id)
}

/// Checks who asks for threads: the role of the agent, and the version of its code.
///
/// # Errors
///
/// [`StoreError::Unfit`].
pub fn asker(role: Option<&str>, code: Option<&str>) -> Result<(), StoreError> {
    text("the role of an agent", role.unwrap_or_default())?;
    text("the version of the code", code.unwrap_or_default())
}

fn text(field: &'static str, text: &str) -> Result<(), StoreError> {
    let why = "a text must have no zero character";
    if text.contains('\0') { Err(unfit(field, text, why)) } else { Ok(()) }
}

/// What is found by its text.
fn name(field: &'static str, name: &str) -> Result<(), StoreError> {
    if name.len() > NAME {
        return Err(unfit(field, name, "a name must have at most 2000 bytes"));
    }
    text(field, name)
}

fn json(field: &'static str, value: &Value) -> Result<(), StoreError> {
    if is_within(value, LEVELS) {
        return Ok(());
    }
    Err(unfit(field, &value.to_string(), "JSON must be nested at most 127 levels deep"))
}

fn is_within(value: &Value, levels: usize) -> bool {
    let below = |value| levels > 0 && is_within(value, levels - 1);
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(below),
        Value::Object(members) => levels > 0 && members.values().all(below),
        _ => true,
    }
}

#[cold]
fn unfit(field: &'static str, value: &str, why: &'static str) -> StoreError {
    StoreError::Unfit { field, value: value.chars().take(200).collect(), why }
}

impl Claim {
    /// Refuses what no store takes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unfit`].
    pub fn check(&self) -> Result<(), StoreError> {
        text("the holder of a thread", &self.holder)?;
        asker(self.role.as_deref(), Some(&self.code))
    }
}

impl Append<'_> {
    /// Refuses what no store takes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unfit`].
    pub fn check(&self) -> Result<(), StoreError> {
        self.approval.map_or(Ok(()), |used| approval(&used.id))?;
        asker(self.role, None)?;
        let entries = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        let last = self.head.saturating_add(entries);
        if last > ENTRIES {
            let why = "a thread must have at most 4294967295 entries";
            return Err(unfit("the number of an entry", &last.to_string(), why));
        }
        Ok(())
    }
}

impl Leave {
    /// Refuses what no store takes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unfit`].
    pub fn check(&self) -> Result<(), StoreError> {
        let Self::Stuck(stuck) = self else { return Ok(()) };
        text("why a thread is stuck", &stuck.why)?;
        stuck.codes.iter().try_for_each(|code| text("the version of the code", code))
    }
}

impl ApprovalRequest {
    /// Refuses what no store takes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unfit`].
    pub fn check(&self) -> Result<(), StoreError> {
        approval(&self.id)?;
        text("the tool of an approval", &self.tool)?;
        text("the policy of an approval", &self.policy)?;
        json("what an approval shows", &self.shown)
    }
}

impl Verdict {
    /// Refuses what no store takes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unfit`].
    pub fn check(&self) -> Result<(), StoreError> {
        approval(&self.id)?;
        text("who decides", &self.who)?;
        text("the note of a verdict", self.note.as_deref().unwrap_or_default())?;
        let Decision::Amend(request, args) = &self.decision else { return Ok(()) };
        request.check()?;
        json("the arguments of an amendment", args)
    }
}
