//! Writes the entries of a life: one append after the other, each with all entries that wait.
//!
//! ```text
//!   entry ──▶ the batch that waits ──▶ append ──▶ fold
//!                 │ joined by entries      │
//!                 │ until it begins        └─ the next batch begins
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use runtime_orchestrator::SessionHandle;
use runtime_store::{
    Append, ApprovalUse, Entry, EntryPlace, Fold, JournalError, Lease, Seal, Store, StoreError,
    Stored,
};

use crate::appended::Appended;

/// The writer of a life.
pub(crate) struct Writer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lease: Lease,
    pub(crate) seal: Option<Arc<dyn Seal>>,
    /// It tells how much time has passed.
    session: SessionHandle,
    /// When the lease began, by the clocks of the store and of this process.
    began: (DateTime<Utc>, Instant),
    /// Until when nobody else can have taken the thread over.
    held_until: Mutex<Instant>,
    fold: Mutex<Fold>,
    went_on: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// The batch that has not begun.
    waiting: Option<(Arc<Mutex<Option<Batch>>>, Appended)>,
    /// The last batch, which the next one waits for.
    last: Option<Appended>,
}

#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    approval: Option<ApprovalUse>,
    relaxed: bool,
    role: Option<Arc<str>>,
}

impl Batch {
    /// Whether others may join it.
    const fn is_plain(&self) -> bool {
        self.approval.is_none() && self.role.is_none()
    }
}

impl Writer {
    pub(crate) fn new(
        (store, lease, began): (Arc<dyn Store>, Lease, DateTime<Utc>),
        seal: Option<Arc<dyn Seal>>,
        session: SessionHandle,
        fold: Fold,
    ) -> Self {
        let began = (began, session.now());
        // The lease began before this: the first use renews it.
        let held_until = Mutex::new(began.1);
        let (fold, went_on, queue) = (Mutex::new(fold), AtomicBool::new(false), Mutex::default());
        Self { store, lease, seal, session, began, held_until, fold, went_on, queue }
    }

    /// The time by the clock of the store. All lives agree about it, whatever the clocks of their processes say.
    pub(crate) fn store_now(&self) -> DateTime<Utc> {
        let (began, own) = self.began;
        let since = self.session.now().saturating_duration_since(own);
        let since = TimeDelta::from_std(since).unwrap_or(TimeDelta::MAX);
        began.checked_add_signed(since).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    pub(crate) fn fold(&self) -> MutexGuard<'_, Fold> {
        // An entry is applied whole, or the life ends.
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this life has an outcome, or made a checkpoint.
    pub(crate) fn went_on(&self) -> bool {
        // Relaxed: the flag guards no other memory.
        self.went_on.load(Ordering::Relaxed)
    }

    /// Appends an entry. The future may be dropped: the entry is then written with the next one, or not.
    pub(crate) fn append(
        self: &Arc<Self>,
        entry: Entry,
        approval: Option<ApprovalUse>,
        relaxed: bool,
    ) -> Appended {
        self.enqueue(Batch { entries: vec![entry], approval, relaxed, role: None })
    }

    /// Appends a checkpoint from which an agent of this role goes on.
    pub(crate) fn checkpoint(self: &Arc<Self>, entry: Entry, role: Option<Arc<str>>) -> Appended {
        self.enqueue(Batch { entries: vec![entry], approval: None, relaxed: false, role })
    }

    fn enqueue(self: &Arc<Self>, mut added: Batch) -> Appended {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if added.is_plain()
            && let Some((batch, appended)) = &queue.waiting
            && let Some(batch) = &mut *lock(batch)
            && batch.is_plain()
        {
            batch.entries.append(&mut added.entries);
            batch.relaxed &= added.relaxed;
            return appended.clone();
        }
        let batch = Arc::new(Mutex::new(Some(added)));
        let (writer, slot, before) = (Arc::clone(self), Arc::clone(&batch), queue.last.take());
        let appended = Appended::new(async move {
            if let Some(before) = before {
                // Its own callers get its error; what made it fail makes this one fail as well.
                let _ = before.await;
            }
            let batch = lock(&slot).take().unwrap_or_default();
            writer.write(batch).await
        });
        queue.last = Some(appended.clone());
        queue.waiting = Some((batch, appended.clone()));
        drop(queue);
        appended
    }

    /// Renews the lease.
    pub(crate) async fn renew(&self) -> Result<(), StoreError> {
        let asked = self.session.now();
        self.store.renew(&self.lease).await?;
        self.held_from(asked);
        Ok(())
    }

    /// Makes sure that nobody else has the thread: a process that was stopped does not know how long.
    ///
    /// It may have been stopped while the store answered, so the answer counts only while the lease lasts.
    pub(crate) async fn still_held(&self) -> Result<(), StoreError> {
        // It may be stopped while it renews, too.
        for _ in 0..3 {
            if self.session.now() < self.held_until() {
                return Ok(());
            }
            self.renew().await?;
        }
        if self.session.now() < self.held_until() {
            return Ok(());
        }
        let late = "each renewal is answered when it is over";
        Err(StoreError::Unavailable { attempted: "hold a lease", source: late.into() })
    }

    fn held_until(&self) -> Instant {
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_from(&self, asked: Instant) {
        let until = asked.checked_add(self.lease.claim.ttl).unwrap_or(asked);
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    async fn write(&self, batch: Batch) -> Result<(), JournalError> {
        let head = self.fold().head();
        let sealed = self.sealed(head, &batch.entries)?;
        let entries = sealed.as_deref().unwrap_or(&batch.entries);
        let (approval, role) = (batch.approval.as_ref(), batch.role.as_deref());
        let append = Append { head, entries, approval, relaxed: batch.relaxed, role };
        let asked = self.session.now();
        match self.store.append(&self.lease, append).await {
            Ok(()) => self.held_from(asked),
            // It may have been written before the connection was lost.
            Err(lost @ StoreError::Unavailable { .. }) => {
                if !self.has_written(head, entries).await {
                    return Err(lost.into());
                }
            }
            Err(refused) => return Err(refused.into()),
        }
        let (fence, at) = (self.lease.fence, self.store_now());
        // What was written is read as the next life will read it, so that both have the same books. Values are
        // skipped, and the caller has its own.
        let mut fold = self.fold();
        for (seq, entry) in (head + 1..).zip(batch.entries) {
            self.went_on.fetch_or(entry.kind.goes_on(), Ordering::Relaxed);
            fold.apply(Stored { seq, fence, at, entry })?;
        }
        drop(fold);
        Ok(())
    }

    /// Whether these entries, and none of another life, are behind this number.
    async fn has_written(&self, mut head: u64, mut entries: &[Entry]) -> bool {
        let Lease { thread, fence, .. } = &self.lease;
        while !entries.is_empty() {
            let page = self.store.read(thread, head, entries.len()).await.unwrap_or_default();
            let same = |(stored, entry): (&Stored, &Entry)| {
                stored.entry == *entry && stored.fence == *fence
            };
            let Some(last) = page.last().filter(|_| page.iter().zip(entries).all(same)) else {
                return false;
            };
            head = last.seq;
            entries = entries.get(page.len()..).unwrap_or_default();
        }
        true
    }

    fn sealed(&self, head: u64, entries: &[Entry]) -> Result<Option<Vec<Entry>>, JournalError> {
        let Some(seal) = &self.seal else { return Ok(None) };
        let sealed = (head + 1..).zip(entries).map(|(seq, entry)| {
            let place =
                EntryPlace { thread: &self.lease.thread, seq, kind: entry.kind, step: entry.step };
            let body = seal.seal(&place, &entry.body);
            let body =
                body.map_err(|error| JournalError::Corrupt { seq, what: error.to_string() })?;
            Ok(Entry { body, ..entry.clone() })
        });
        sealed.collect::<Result<_, JournalError>>().map(Some)
    }
}

/// A writer until the end of its life. What was sent and is not waited for holds the writer, which holds it.
pub(crate) struct Writing(pub(crate) Arc<Writer>);

impl Drop for Writing {
    fn drop(&mut self) {
        let queue = self.0.queue.lock().map(|mut queue| std::mem::take(&mut *queue));
        // After the lock: it may be the last to hold the writer.
        drop(queue);
    }
}

fn lock(batch: &Mutex<Option<Batch>>) -> MutexGuard<'_, Option<Batch>> {
    batch.lock().unwrap_or_else(PoisonError::into_inner)
}
