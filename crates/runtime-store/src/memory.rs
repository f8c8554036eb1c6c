//! [`MemoryStore`]: a store for tests, and the model of what the others do.

mod rows;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_events::{Clock, SystemClock};
use serde_json::Value;

use self::rows::Row;
use crate::approval::{Approval, ApprovalRequest, ApprovalState, Decision, Verdict};
use crate::digest::StepKey;
use crate::entry::Stored;
use crate::error::{NotApproved, StoreError};
use crate::fit;
use crate::store::{Append, Approvals, Inbox, PAGE_BYTES, Store, StoreDurability, StoreFuture};
use crate::thread::{Claim, Lease, Leave, Thread, ThreadId, ThreadState, after};

/// A store in memory. Clones share it.
///
/// Everything in it is gone with the process. It is for tests, and says what every other store does.
#[derive(Clone)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    rows: Arc<Mutex<BTreeMap<ThreadId, Row>>>,
}

impl MemoryStore {
    /// Creates a store on the system's clock.
    pub fn new() -> Self {
        Self::on(SystemClock)
    }

    /// Creates a store whose time is this clock's.
    pub fn on(clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), rows: Arc::default() }
    }

    /// Makes a call at this time, as one transaction.
    fn at<T>(
        &self,
        call: impl FnOnce(&mut BTreeMap<ThreadId, Row>, DateTime<Utc>) -> Result<T, StoreError>,
    ) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
    {
        let result = call(&mut self.rows(), self.clock.utc_now());
        Box::pin(std::future::ready(result))
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<ThreadId, Row>> {
        // Each call checks first and changes then, so a panic leaves the rows whole.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread, or the error that there is none.
fn row<'r>(
    rows: &'r mut BTreeMap<ThreadId, Row>,
    thread: &ThreadId,
) -> Result<&'r mut Row, StoreError> {
    rows.get_mut(thread).ok_or_else(|| StoreError::NoThread { thread: thread.clone() })
}

impl Store for MemoryStore {
    fn durability(&self) -> StoreDurability {
        StoreDurability::Process
    }

    fn acquire<'a>(
        &'a self,
        thread: &'a ThreadId,
        claim: &'a Claim,
    ) -> StoreFuture<'a, (Lease, Thread)> {
        self.at(|rows, now| {
            claim.check()?;
            if !rows.contains_key(thread) {
                rows.insert(thread.clone(), Row::new(thread, now));
            }
            row(rows, thread)?.acquire(claim, now)
        })
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> StoreFuture<'a, ()> {
        self.at(|rows, now| row(rows, &lease.thread)?.renew(lease, now))
    }

    fn release<'a>(&'a self, lease: &'a Lease, left: Leave) -> StoreFuture<'a, ()> {
        self.at(|rows, now| {
            left.check()?;
            row(rows, &lease.thread)?.release(lease, left, now)
        })
    }

    fn abandon(&self, lease: &Lease) {
        drop(self.release(lease, Leave::Runnable));
    }

    fn append<'a>(&'a self, lease: &'a Lease, append: Append<'a>) -> StoreFuture<'a, ()> {
        self.at(|rows, now| {
            append.check()?;
            let appended = row(rows, &lease.thread)?.append(lease, append, now);
            appended.map_err(|error| match error {
                StoreError::NotApproved { id, reason: NotApproved::Unknown }
                    if rows.values().any(|row| row.approval(&id, now).is_some()) =>
                {
                    StoreError::NotApproved { id, reason: NotApproved::OtherThread }
                }
                error => error,
            })
        })
    }

    fn read<'a>(
        &'a self,
        thread: &'a ThreadId,
        after: u64,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>> {
        self.at(|rows, _| {
            let row = row(rows, thread)?;
            row.not_forgotten()?;
            let mut left = PAGE_BYTES;
            let first = row.entries.partition_point(|stored| stored.seq <= after);
            let page = row.entries.iter().skip(first).take(limit).take_while(|stored| {
                let goes_on = left > 0;
                left = left.saturating_sub(stored.entry.body.len());
                goes_on
            });
            Ok(page.cloned().collect())
        })
    }

    fn thread<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, Option<Thread>> {
        self.at(|rows, now| Ok(rows.get(thread).map(|row| row.seen_at(now))))
    }

    fn threads<'a>(
        &'a self,
        states: &'a [ThreadState],
        after: Option<&'a ThreadId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Thread>> {
        self.at(|rows, now| {
            let rows = rows.values().filter(|row| after.is_none_or(|after| row.thread.id > *after));
            let rows = rows.filter(|row| states.is_empty() || states.contains(&row.thread.state));
            Ok(rows.take(limit).map(|row| row.seen_at(now)).collect())
        })
    }

    fn runnable<'a>(
        &'a self,
        role: Option<&'a str>,
        code: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ThreadId>> {
        self.at(|rows, now| {
            fit::asker(role, code)?;
            let can_run = |row: &&Row| row.is_runnable((role, code), now);
            let mut rows: Vec<_> = rows.values().filter(can_run).collect();
            rows.sort_by_key(|row| row.thread.wake_at.unwrap_or(row.thread.touched));
            Ok(rows.into_iter().take(limit).map(|row| row.thread.id.clone()).collect())
        })
    }

    fn offer<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, Thread> {
        self.at(|rows, now| row(rows, thread)?.offer(now))
    }

    fn cancel<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, ()> {
        self.at(|rows, now| {
            let row = row(rows, thread)?;
            row.not_held(now)?;
            row.not_final()?;
            row.become_state(ThreadState::Cancelled, now);
            Ok(())
        })
    }

    fn prune<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, u64> {
        self.at(|rows, _| {
            let row = row(rows, thread)?;
            let before = row.entries.len();
            row.prune();
            Ok(u64::try_from(before - row.entries.len()).unwrap_or(u64::MAX))
        })
    }

    fn forget<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, ()> {
        self.at(|rows, now| {
            let row = row(rows, thread)?;
            row.not_held(now)?;
            row.forget(now);
            Ok(())
        })
    }

    fn forget_untouched<'a>(
        &'a self,
        states: &'a [ThreadState],
        since: Duration,
        limit: usize,
    ) -> StoreFuture<'a, usize> {
        self.at(|rows, now| {
            let old = |row: &&mut Row| {
                let Thread { state, touched, wake_at, .. } = &row.thread;
                let last = wake_at.map_or(*touched, |wake| wake.max(*touched));
                states.contains(state) && after(last, since) <= now && row.not_held(now).is_ok()
            };
            let mut rows: Vec<_> = rows.values_mut().filter(old).collect();
            rows.sort_by_key(|row| row.thread.touched);
            rows.truncate(limit);
            let forgotten = rows.len();
            for row in rows {
                row.forget(now);
            }
            Ok(forgotten)
        })
    }
}

impl Approvals for MemoryStore {
    fn ask<'a>(&'a self, request: &'a ApprovalRequest) -> StoreFuture<'a, Approval> {
        self.at(|rows, now| {
            request.check()?;
            let row = row(rows, &request.thread)?;
            row.not_final()?;
            Ok(row.ask(request, now))
        })
    }

    fn approval<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<Approval>> {
        self.at(|rows, now| {
            fit::approval(id)?;
            Ok(rows.values().find_map(|row| row.approval(id, now)))
        })
    }

    fn approval_of<'a>(
        &'a self,
        thread: &'a ThreadId,
        step: StepKey,
    ) -> StoreFuture<'a, Option<Approval>> {
        self.at(|rows, now| {
            let row = rows.get(thread);
            Ok(row.and_then(|row| row.approvals_at(now).rfind(|approval| approval.step == step)))
        })
    }

    fn pending<'a>(
        &'a self,
        thread: Option<&'a ThreadId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Approval>> {
        self.at(|rows, now| {
            let rows = rows.values();
            let rows = rows.filter(|row| thread.is_none_or(|thread| row.thread.id == *thread));
            let all = rows.flat_map(|row| row.approvals_at(now));
            let mut pending: Vec<_> =
                all.filter(|approval| approval.state == ApprovalState::Pending).collect();
            pending.sort_by(|a, b| a.asked.cmp(&b.asked).then_with(|| a.id.cmp(&b.id)));
            pending.truncate(limit);
            Ok(pending)
        })
    }

    fn approvals_of<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Approval>> {
        self.at(|rows, now| {
            let row = rows.get(thread);
            Ok(row.map(|row| row.approvals_at(now).take(limit).collect()).unwrap_or_default())
        })
    }

    fn decide<'a>(&'a self, verdict: &'a Verdict) -> StoreFuture<'a, Approval> {
        self.at(|rows, now| {
            verdict.check()?;
            let id = &verdict.id;
            let row = rows.values_mut().find(|row| row.approval(id, now).is_some());
            let row = row.ok_or_else(|| StoreError::NoApproval { id: Arc::clone(id) })?;
            row.decide(verdict, now)
        })
    }
}

impl Inbox for MemoryStore {
    fn deliver<'a>(
        &'a self,
        thread: &'a ThreadId,
        key: &'a str,
        message: &'a Value,
    ) -> StoreFuture<'a, bool> {
        self.at(|rows, now| {
            fit::message(key, message)?;
            row(rows, thread)?.deliver(key, message, now)
        })
    }

    fn message<'a>(&'a self, thread: &'a ThreadId, key: &'a str) -> StoreFuture<'a, Option<Value>> {
        self.at(|rows, _| {
            fit::key(key)?;
            Ok(rows.get(thread).and_then(|row| row.inbox.get(key).cloned()))
        })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("threads", &self.rows().len()).finish_non_exhaustive()
    }
}

/// The approval that a verdict makes.
fn decided(approval: &mut Approval, verdict: &Verdict, now: DateTime<Utc>) {
    approval.state = match verdict.decision {
        Decision::Approve => ApprovalState::Approved,
        Decision::Deny | Decision::Amend(..) => ApprovalState::Denied,
    };
    approval.who = Some(Arc::clone(&verdict.who));
    approval.note.clone_from(&verdict.note);
    approval.decided = Some(now);
}
