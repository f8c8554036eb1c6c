//! The rows of threads: leases, states, and what is deleted.

use std::sync::Arc;
use std::time::Duration;

use runtime_store::{Claim, Lease, Leave, StoreError, Thread, ThreadId, ThreadState, fit};
use rusqlite::{Row, params};
use serde_json::json;

use super::work::{Done, Micros, Work, column, corrupt, counted, place, rows};

/// A thread's row, with its lease even if that is over.
struct Found {
    number: i64,
    thread: Thread,
    held_until: Option<Micros>,
    /// Whom it was handed over to.
    role: Option<Arc<str>>,
}

const FIND: &str = "SELECT number, id, state, fence, head, base, holder, held_until, wake_at, code,
    created, touched, stuck, role FROM thread WHERE id = ?1";

const LIST: &str = "SELECT number, id, state, fence, head, base, holder, held_until, wake_at, code,
    created, touched, stuck, role FROM thread WHERE id > ?1 AND (?2 >> state) & 1 ORDER BY id LIMIT ?3";

impl Found {
    fn read(row: &Row<'_>) -> Done<Self> {
        let id: String = row.get(1)?;
        let state: i64 = row.get(2)?;
        let state = ThreadState::from_code(state)
            .ok_or_else(|| corrupt(format!("thread `{id}` has the state {state}")))?;
        let held_until: Option<Micros> = row.get(7)?;
        let stuck: Option<String> = row.get(12)?;
        let odd = |error| corrupt(format!("what thread `{id}` is stuck with: {error}"));
        let stuck = stuck.map(|stuck| serde_json::from_str(&stuck).map_err(odd)).transpose()?;
        let thread = Thread {
            id: ThreadId::new(id).map_err(|error| corrupt(error.to_string()))?,
            state,
            fence: counted(row.get(3)?),
            head: counted(row.get(4)?),
            base: counted(row.get(5)?),
            holder: row.get::<_, Option<String>>(6)?.map(Arc::from),
            held_until: held_until.map(Micros::time),
            wake_at: row.get::<_, Option<Micros>>(8)?.map(Micros::time),
            stuck,
            code: row.get::<_, String>(9)?.into(),
            created: row.get::<_, Micros>(10)?.time(),
            touched: row.get::<_, Micros>(11)?.time(),
        };
        Ok(Self { number: row.get(0)?, thread, held_until, role: row.get(13)? })
    }

    fn seen(self, now: Micros) -> Thread {
        self.thread.seen_at(now.time())
    }

    fn not_held(&self, now: Micros) -> Result<(), StoreError> {
        let Thread { id, holder, .. } = &self.thread;
        match (holder, self.held_until) {
            (Some(holder), Some(until)) if until > now => {
                let (thread, holder) = (id.clone(), Arc::clone(holder));
                Err(StoreError::Held { thread, holder, until: until.time() })
            }
            _ => Ok(()),
        }
    }

    fn not_for_others(&self, role: Option<&str>) -> Result<(), StoreError> {
        match (&self.role, role) {
            (Some(other), Some(role)) if **other != *role => {
                let (thread, role) = (self.thread.id.clone(), Arc::clone(other));
                Err(StoreError::OtherRole { thread, role })
            }
            _ => Ok(()),
        }
    }

    fn not_final(&self) -> Result<(), StoreError> {
        not_final(&self.thread.id, self.thread.state)
    }
}

fn not_final(thread: &ThreadId, state: ThreadState) -> Result<(), StoreError> {
    if state.is_final() {
        return Err(StoreError::Ended { thread: thread.clone(), state });
    }
    Ok(())
}

fn find(work: &Work<'_>, thread: &ThreadId) -> Done<Option<Found>> {
    work.first(FIND, [thread.as_str()], Found::read)
}

fn found(work: &Work<'_>, thread: &ThreadId) -> Done<Found> {
    let found = find(work, thread)?;
    found.ok_or_else(|| StoreError::NoThread { thread: thread.clone() }.into())
}

pub(super) fn acquire(work: &Work<'_>, thread: &ThreadId, claim: &Claim) -> Done<(Lease, Thread)> {
    claim.check()?;
    let stuck = if let Some(found) = find(work, thread)? {
        found.not_final()?;
        found.not_held(work.now)?;
        found.not_for_others(claim.role.as_deref())?;
        found.thread.stuck_when_taken().map(|stuck| json!(stuck).to_string())
    } else {
        work.execute(
            "INSERT INTO thread (id, state, fence, head, base, code, created, touched)
            VALUES (?1, 1, 0, 0, 0, '', ?2, ?2)",
            params![thread.as_str(), work.now],
        )?;
        None
    };
    work.execute(
        "UPDATE thread SET state = 1, fence = fence + 1, holder = ?2, held_until = ?3,
            wake_at = NULL, code = ?4, touched = ?5, stuck = ?6 WHERE id = ?1",
        params![
            thread.as_str(),
            &*claim.holder,
            work.now.after(claim.ttl),
            &*claim.code,
            work.now,
            stuck
        ],
    )?;
    let taken = found(work, thread)?.thread;
    let lease = Lease { thread: taken.id.clone(), fence: taken.fence, claim: claim.clone() };
    Ok((lease, taken))
}

/// The error of a lease under which nothing was changed.
pub(super) fn fenced<T>(work: &Work<'_>, lease: &Lease) -> Done<T> {
    // There is no lease of a thread that is not there.
    work.number(&lease.thread)?;
    Err(StoreError::Fenced { thread: lease.thread.clone(), fence: lease.fence }.into())
}

pub(super) fn renew(work: &Work<'_>, lease: &Lease) -> Done<()> {
    let renewed = work.execute(
        "UPDATE thread SET held_until = ?3
        WHERE id = ?1 AND fence = ?2 AND holder IS NOT NULL",
        params![lease.thread.as_str(), column(lease.fence), work.now.after(lease.claim.ttl)],
    )?;
    if renewed == 0 { fenced(work, lease) } else { Ok(()) }
}

pub(super) fn release(work: &Work<'_>, lease: &Lease, left: &Leave) -> Done<()> {
    left.check()?;
    let (waits, wake_at, stuck) = match left {
        Leave::Parked(wake_at) => (true, wake_at.map(Micros::of), None),
        Leave::Stuck(stuck) => (true, Some(work.now.after(stuck.wait())), Some(json!(stuck))),
        _ => (false, None, None),
    };
    // What woke the thread since it was acquired counts.
    let released = work.execute(
        "UPDATE thread SET state = ?3, holder = NULL, held_until = NULL, touched = ?4,
            wake_at = CASE WHEN ?5 THEN min(coalesce(wake_at, ?6), coalesce(?6, wake_at)) END, stuck = ?7
        WHERE id = ?1 AND fence = ?2 AND holder IS NOT NULL",
        params![
            lease.thread.as_str(),
            column(lease.fence),
            left.state().code(),
            work.now,
            waits,
            wake_at,
            stuck.map(|stuck| stuck.to_string())
        ],
    )?;
    if released == 0 { fenced(work, lease) } else { Ok(()) }
}

/// Makes a thread run at once, if it can run at all.
pub(super) fn wake(work: &Work<'_>, number: i64) -> Done<()> {
    work.execute(
        "UPDATE thread SET wake_at = ?2 WHERE number = ?1 AND state IN (1, 2)",
        params![number, work.now],
    )?;
    Ok(())
}

/// The number of a thread's row, if it is not over, and whether it has failed.
pub(super) fn open_number(work: &Work<'_>, thread: &ThreadId) -> Done<(i64, bool)> {
    let found = found(work, thread)?;
    found.not_final()?;
    Ok((found.number, found.thread.state == ThreadState::Failed))
}

pub(super) fn thread(work: &Work<'_>, thread: &ThreadId) -> Done<Option<Thread>> {
    Ok(find(work, thread)?.map(|found| found.seen(work.now)))
}

pub(super) fn threads(
    work: &Work<'_>,
    states: &[ThreadState],
    after: Option<&ThreadId>,
    limit: usize,
) -> Done<Vec<Thread>> {
    let after = after.map_or("", ThreadId::as_str);
    let listed = params![after, set(states), rows(limit)];
    work.all(LIST, listed, |row| Ok(Found::read(row)?.seen(work.now)))
}

pub(super) fn runnable(
    work: &Work<'_>,
    (role, code): (Option<&str>, Option<&str>),
    limit: usize,
) -> Done<Vec<ThreadId>> {
    fit::asker(role, code)?;
    work.all(
        // As `Thread::seen_at`: one of lost lives waits behind its lease.
        "WITH seen AS (
            SELECT *, coalesce(wake_at, held_until
                + min(3600, 1 << min(stuck ->> '$.times' - 1, 12)) * 1000000) AS wakes
            FROM thread WHERE state IN (1, 2) AND (holder IS NULL OR held_until <= ?1)
        )
        SELECT id FROM seen
        WHERE (wakes <= ?1 OR (state = 1 AND (wakes IS NULL OR (?4 IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM json_each(stuck, '$.codes') WHERE value = ?4)))))
            AND (role IS NULL OR ?3 IS NULL OR role = ?3)
        ORDER BY coalesce(wakes, touched), number LIMIT ?2",
        params![work.now, rows(limit), role, code],
        id,
    )
}

pub(super) fn offer(work: &Work<'_>, thread: &ThreadId) -> Done<Thread> {
    let offered = found(work, thread)?;
    offered.not_held(work.now)?;
    offered.not_final()?;
    if offered.thread.state != ThreadState::Parked {
        become_state(work, offered.number, ThreadState::Runnable)?;
    }
    Ok(found(work, thread)?.seen(work.now))
}

pub(super) fn forget_untouched(
    work: &Work<'_>,
    states: &[ThreadState],
    since: Duration,
    limit: usize,
) -> Done<usize> {
    let since = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    let before = Micros(work.now.0.saturating_sub(since));
    if states.is_empty() {
        return Ok(0);
    }
    let old = work.all(
        "SELECT number FROM thread
        WHERE touched <= ?1 AND coalesce(wake_at, ?1) <= ?1 AND (?2 >> state) & 1
            AND (holder IS NULL OR held_until <= ?4)
        ORDER BY touched, number LIMIT ?3",
        params![before, set(states), rows(limit), work.now],
        |row| Ok(row.get::<_, i64>(0)?),
    )?;
    old.iter().try_for_each(|number| forget_row(work, *number))?;
    Ok(old.len())
}

pub(super) fn cancel(work: &Work<'_>, thread: &ThreadId) -> Done<()> {
    let found = found(work, thread)?;
    found.not_held(work.now)?;
    found.not_final()?;
    become_state(work, found.number, ThreadState::Cancelled)
}

pub(super) fn prune(work: &Work<'_>, thread: &ThreadId) -> Done<u64> {
    let Found { number, thread, .. } = found(work, thread)?;
    let pruned = work.execute(
        "DELETE FROM entry WHERE place >= ?1 AND place < ?2",
        params![place(number, 0), place(number, column(thread.base))],
    )?;
    Ok(u64::try_from(pruned).unwrap_or(u64::MAX))
}

pub(super) fn forget(work: &Work<'_>, thread: &ThreadId) -> Done<()> {
    let found = found(work, thread)?;
    found.not_held(work.now)?;
    forget_row(work, found.number)
}

fn forget_row(work: &Work<'_>, number: i64) -> Done<()> {
    work.execute(
        "DELETE FROM entry WHERE place >= ?1 AND place < ?2",
        [place(number, 0), place(number + 1, 0)],
    )?;
    for delete in ["DELETE FROM approval WHERE thread = ?1", "DELETE FROM inbox WHERE thread = ?1"]
    {
        work.execute(delete, [number])?;
    }
    become_state(work, number, ThreadState::Forgotten)
}

fn become_state(work: &Work<'_>, number: i64, state: ThreadState) -> Done<()> {
    work.execute(
        "UPDATE thread SET state = ?2, holder = NULL, held_until = NULL, wake_at = NULL,
            stuck = NULL, touched = ?3 WHERE number = ?1",
        params![number, state.code(), work.now],
    )?;
    Ok(())
}

/// States as bits. No state is every state.
fn set(states: &[ThreadState]) -> i64 {
    match states {
        [] => -1,
        states => states.iter().fold(0, |set, state| set | 1 << state.code()),
    }
}

fn id(row: &Row<'_>) -> Done<ThreadId> {
    ThreadId::new(row.get::<_, String>(0)?).map_err(|error| corrupt(error.to_string()))
}
