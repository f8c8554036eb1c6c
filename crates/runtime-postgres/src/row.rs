//! Rows of the functions as what they are.

use std::sync::Arc;

use runtime_store::{
    Approval, ApprovalState, Entry, EntryKind, StoreError, Stored, Stuck, Thread, ThreadId,
    ThreadState,
};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Json};

/// A column of a row, by its name.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, name: &str) -> Result<T, StoreError> {
    let damaged = |error| StoreError::Corrupt { what: format!("column `{name}`: {error}") };
    row.try_get(name).map_err(damaged)
}

/// A number that is never negative.
fn count(row: &Row, name: &str) -> Result<u64, StoreError> {
    let number: i64 = get(row, name)?;
    let damaged = |_| StoreError::Corrupt { what: format!("column `{name}` is {number}") };
    u64::try_from(number).map_err(damaged)
}

fn text(row: &Row, name: &str) -> Result<Arc<str>, StoreError> {
    get::<&str>(row, name).map(Into::into)
}

fn some_text(row: &Row, name: &str) -> Result<Option<Arc<str>>, StoreError> {
    Ok(get::<Option<&str>>(row, name)?.map(Into::into))
}

/// Bytes of a fixed length, if they are there.
fn digest<'r, T: TryFrom<&'r [u8], Error: std::fmt::Display>>(
    row: &'r Row,
    name: &str,
) -> Result<Option<T>, StoreError> {
    let bytes: Option<&[u8]> = get(row, name)?;
    let damaged = |error| StoreError::Corrupt { what: format!("column `{name}`: {error}") };
    bytes.map(|bytes| T::try_from(bytes).map_err(damaged)).transpose()
}

fn absent(name: &str) -> StoreError {
    StoreError::Corrupt { what: format!("column `{name}` is empty") }
}

/// The id of a thread.
pub(crate) fn thread_id(row: &Row, name: &str) -> Result<ThreadId, StoreError> {
    let damaged = |error| StoreError::Corrupt { what: format!("column `{name}`: {error}") };
    ThreadId::new(text(row, name)?).map_err(damaged)
}

pub(crate) fn thread(row: &Row) -> Result<Thread, StoreError> {
    let code: i16 = get(row, "state")?;
    let state = ThreadState::from_code(code.into());
    let unknown = || StoreError::Corrupt { what: format!("a thread's state {code} is unknown") };
    Ok(Thread {
        id: thread_id(row, "id")?,
        state: state.ok_or_else(unknown)?,
        fence: count(row, "fence")?,
        head: count(row, "head")?,
        base: count(row, "base")?,
        holder: some_text(row, "holder")?,
        held_until: get(row, "held_until")?,
        wake_at: get(row, "wake_at")?,
        stuck: get::<Option<Json<Stuck>>>(row, "stuck")?.map(|Json(stuck)| stuck),
        code: text(row, "code")?,
        created: get(row, "created")?,
        touched: get(row, "touched")?,
    })
}

/// The role that a thread is for, if that is why it was not taken.
pub(crate) fn other_role(row: &Row) -> Result<Option<Arc<str>>, StoreError> {
    some_text(row, "other_role")
}

pub(crate) fn stored(row: &Row) -> Result<Stored, StoreError> {
    let entry = Entry {
        kind: EntryKind::from_code(get(row, "kind")?),
        version: get(row, "version")?,
        step: digest(row, "step")?,
        print: digest(row, "print")?,
        body: get(row, "body")?,
    };
    Ok(Stored { seq: count(row, "seq")?, fence: count(row, "fence")?, at: get(row, "at")?, entry })
}

pub(crate) fn approval(row: &Row) -> Result<Approval, StoreError> {
    let code: i16 = get(row, "state")?;
    let state = ApprovalState::from_code(code.into());
    let unknown = || StoreError::Corrupt { what: format!("an approval's state {code} is unknown") };
    Ok(Approval {
        id: text(row, "id")?,
        thread: thread_id(row, "thread")?,
        step: digest(row, "step")?.ok_or_else(|| absent("step"))?,
        tool: text(row, "tool")?,
        digest: digest(row, "digest")?.ok_or_else(|| absent("digest"))?,
        shown: get(row, "shown")?,
        policy: text(row, "policy")?,
        asked: get(row, "asked")?,
        expires: get(row, "expires")?,
        state: state.ok_or_else(unknown)?,
        amended: get(row, "amended")?,
        who: some_text(row, "who")?,
        note: some_text(row, "note")?,
        decided: get(row, "decided")?,
        used: get::<Option<i64>>(row, "used")?.map(|_| count(row, "used")).transpose()?,
    })
}
