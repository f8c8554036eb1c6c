//! The rows of entries: written under a fence, read in order.

use runtime_store::{
    Append, ApprovalUse, Entry, EntryKind, Lease, NotApproved, PAGE_BYTES, StepKey, StoreError,
    Stored, ThreadId, ThreadState,
};
use rusqlite::{ErrorCode, Row, params};

use super::approvals::approval_row;
use super::threads::fenced;
use super::work::{Done, Fail, Micros, Work, column, corrupt, counted, not_approved, place, rows};

/// The number of the last entry that a thread can have.
const LAST: i64 = u32::MAX as i64;

/// The row of a thread that this life holds.
const HELD: &str =
    "SELECT number, head FROM thread WHERE id = ?1 AND fence = ?2 AND holder IS NOT NULL";

pub(super) fn append(work: &Work<'_>, lease: &Lease, append: &Append<'_>) -> Done<()> {
    append.check()?;
    let Append { head, entries, approval, role, .. } = *append;
    let (mut seq, head) = (column(head), column(head));
    let last = head.saturating_add(rows(entries.len()));
    let base = entries.iter().rposition(|entry| entry.kind == EntryKind::CHECKPOINT);
    let base = base.map(|place| head.saturating_add(rows(place)).saturating_add(1));
    // Two statements that find the row by a number take less than one that returns it.
    let own = work.first(HELD, params![lease.thread.as_str(), column(lease.fence)], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?))
    })?;
    let Some((thread, found)) = own else { return fenced(work, lease) };
    if found != head {
        let thread = lease.thread.clone();
        return Err(StoreError::HeadMoved { thread, head: append.head }.into());
    }
    work.execute(
        "UPDATE thread SET head = ?2, base = coalesce(?3, base), held_until = ?4, touched = ?5,
            role = CASE WHEN ?3 IS NULL THEN role ELSE ?6 END,
            stuck = CASE WHEN ?7 THEN NULL ELSE stuck END
        WHERE number = ?1",
        params![
            thread,
            last,
            base,
            work.now.after(lease.claim.ttl),
            work.now,
            role,
            entries.iter().any(|entry| entry.kind.goes_on())
        ],
    )?;
    if let Some(used) = approval {
        let step = entries.first().and_then(|entry| entry.step);
        use_approval(work, used, step, (thread, head.saturating_add(1)))?;
    }
    let mut insert = work.prepare(
        "INSERT INTO entry (place, fence, at, kind, version, step, print, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for entry in entries {
        seq += 1;
        let Entry { kind, version, step, print, body } = entry;
        let inserted = insert.execute(params![
            place(thread, seq),
            column(lease.fence),
            work.now,
            kind.code(),
            version,
            step.as_ref().map(StepKey::as_bytes),
            print.as_ref().map(runtime_store::Fingerprint::as_bytes),
            body
        ]);
        inserted.map_err(|error| twice(error, entry))?;
    }
    Ok(())
}

/// Uses up the approval of a step, by the intent with this number.
fn use_approval(
    work: &Work<'_>,
    used: &ApprovalUse,
    step: Option<StepKey>,
    (thread, seq): (i64, i64),
) -> Done<()> {
    let no = |reason| not_approved(&used.id, reason);
    let approval = approval_row(work, &used.id)?.ok_or_else(|| no(NotApproved::Unknown))?;
    let reason = if approval.thread != thread {
        Some(NotApproved::OtherThread)
    } else if Some(approval.seen.step) != step {
        Some(NotApproved::OtherStep)
    } else if approval.seen.digest != used.digest {
        Some(NotApproved::OtherArguments)
    } else {
        approval.not_usable()
    };
    if let Some(reason) = reason {
        return Err(no(reason));
    }
    work.execute(
        "UPDATE approval SET state = 3, used = ?2 WHERE id = ?1",
        params![&*used.id, seq],
    )?;
    Ok(())
}

pub(super) fn read(
    work: &Work<'_>,
    thread: &ThreadId,
    after: u64,
    limit: usize,
) -> Done<Vec<Stored>> {
    let found =
        work.first("SELECT number, state FROM thread WHERE id = ?1", [thread.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
    let Some((number, state)) = found else {
        return Err(StoreError::NoThread { thread: thread.clone() }.into());
    };
    if let Some(state @ ThreadState::Forgotten) = ThreadState::from_code(state) {
        return Err(StoreError::Ended { thread: thread.clone(), state }.into());
    }
    let mut select = work.prepare(
        "SELECT seq, fence, at, kind, version, step, print, body FROM entry
        WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3",
    )?;
    let after = place(number, column(after).min(LAST));
    let mut rows = select.query(params![after, place(number, LAST), rows(limit)])?;
    let (mut page, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE_BYTES
        && let Some(row) = rows.next()?
    {
        let stored = stored(row)?;
        bytes += stored.entry.body.len();
        page.push(stored);
    }
    Ok(page)
}

fn stored(row: &Row<'_>) -> Done<Stored> {
    let seq = counted(row.get(0)?);
    let odd = |error: runtime_store::DigestError| corrupt(format!("entry {seq}: {error}"));
    let digest =
        |column: usize| row.get_ref(column)?.as_blob_or_null().map_err(rusqlite::Error::from);
    let (step, print) = (digest(5)?, digest(6)?);
    let entry = Entry {
        kind: EntryKind::from_code(row.get(3)?),
        version: row.get(4)?,
        step: step.map(StepKey::try_from).transpose().map_err(odd)?,
        print: print.map(runtime_store::Fingerprint::try_from).transpose().map_err(odd)?,
        body: row.get(7)?,
    };
    let at = row.get::<_, Micros>(2)?.time();
    Ok(Stored { seq, fence: counted(row.get(1)?), at, entry })
}

/// The error of an entry that is a second outcome of its step.
fn twice(error: rusqlite::Error, entry: &Entry) -> Fail {
    let step = entry.step.filter(|_| entry.kind == EntryKind::OUTCOME);
    match (error.sqlite_error_code(), step) {
        (Some(ErrorCode::ConstraintViolation), Some(step)) => {
            corrupt(format!("a second outcome of {step}"))
        }
        _ => error.into(),
    }
}
