//! The traits of a store.

use std::fmt::Debug;

use futures_core::future::BoxFuture;
use runtime_events::wire_names;
use serde_json::Value;

use crate::approval::{Approval, ApprovalRequest, ApprovalUse, Verdict};
use crate::entry::{Entry, Stored};
use crate::error::StoreError;
use crate::thread::{Claim, Lease, Leave, Thread, ThreadId, ThreadState};

/// The future of a store's call.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

wire_names! {
    /// What an acknowledged entry survives.
    #[non_exhaustive]
    pub enum StoreDurability: "durability" {
        /// Nothing: it is gone with the process.
        Process = "process",
        /// The end of the process, not of the machine.
        Os = "os",
        /// The end of the machine, not of its disk.
        Synced = "synced",
        /// The end of the machine's disk.
        Replicated = "replicated",
    }
}

/// A database of threads.
///
/// Every call is one transaction, and time is the database's. A call whose future is dropped may still be
/// made. What one database could not keep, every store refuses, by
/// [`fit`](crate::fit). Stores run the suite of [`conformance`](crate::conformance).
pub trait Store: Approvals + Inbox + Debug + Send + Sync {
    /// What an acknowledged entry survives.
    fn durability(&self) -> StoreDurability;

    /// Takes a thread, which begins if there is none with this id.
    ///
    /// The fence of the thread goes up by one: nothing is written under earlier leases any more. A time at
    /// which the thread was to wake is cleared. A life that has not given the thread back was lost, and is
    /// [counted](Thread::stuck_when_taken).
    ///
    /// Returns the lease, and the thread as it is from then on.
    ///
    /// Errors: [`StoreError::Held`] if another holder's lease is not over, [`StoreError::Ended`] if the state
    /// [is final](ThreadState::is_final), [`StoreError::OtherRole`]. A refusal changes nothing.
    fn acquire<'a>(
        &'a self,
        thread: &'a ThreadId,
        claim: &'a Claim,
    ) -> StoreFuture<'a, (Lease, Thread)>;

    /// Makes a lease last for its time from now on.
    ///
    /// Errors: [`StoreError::Fenced`] if another life has taken the thread over.
    fn renew<'a>(&'a self, lease: &'a Lease) -> StoreFuture<'a, ()>;

    /// Gives a thread back. Unless it is [stuck](Leave::Stuck), it is not any more.
    ///
    /// A parked or stuck thread whose approvals were decided or whose inbox got a message since it was acquired
    /// wakes at once.
    ///
    /// Errors: [`StoreError::Fenced`] if another life has taken the thread over.
    fn release<'a>(&'a self, lease: &'a Lease, left: Leave) -> StoreFuture<'a, ()>;

    /// Gives a thread back without waiting, because its life was dropped. It is then [runnable](Leave).
    ///
    /// A store that cannot do this lets the lease run out.
    fn abandon(&self, lease: &Lease) {
        let _ = lease;
    }

    /// Appends entries to a thread and renews the lease. One that [goes on](crate::EntryKind::goes_on) with the thread
    /// clears what it is stuck with.
    ///
    /// All are written or none. The first one gets the number after `append.head`.
    ///
    /// Errors: [`StoreError::Fenced`] if another life has taken the thread over,
    /// [`StoreError::HeadMoved`] if the last entry has another number than `append.head`,
    /// [`StoreError::NotApproved`] if the approval does not allow the first entry's step.
    fn append<'a>(&'a self, lease: &'a Lease, append: Append<'a>) -> StoreFuture<'a, ()>;

    /// Reads entries after the number `after`, in order: at most `limit`, and none behind [`PAGE_BYTES`] of bodies. If
    /// there is one, it is read, however long.
    ///
    /// Errors: [`StoreError::NoThread`], and [`StoreError::Ended`] of a forgotten one.
    fn read<'a>(
        &'a self,
        thread: &'a ThreadId,
        after: u64,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>>;

    /// A thread. `None` if there is none with this id.
    fn thread<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, Option<Thread>>;

    /// Threads in the order of their ids, after one of them, at most `limit`, of these states or of any.
    fn threads<'a>(
        &'a self,
        states: &'a [ThreadState],
        after: Option<&'a ThreadId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Thread>>;

    /// Threads that can run now and that nobody holds, those that have waited longest first. With a role, those that
    /// were [handed over](Append::role) to another one are left out. A [stuck](Thread::stuck) one that still waits, as
    /// [`Thread::seen_at`] says, is among them if the version of the code is none of those that it is stuck with.
    fn runnable<'a>(
        &'a self,
        role: Option<&'a str>,
        code: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<ThreadId>>;

    /// Offers a thread again at once that is [stuck](Thread::stuck) or has failed. One that is parked stays so.
    ///
    /// Returns the thread as it is from then on.
    ///
    /// Errors: [`StoreError::Held`], [`StoreError::Ended`], [`StoreError::NoThread`].
    fn offer<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, Thread>;

    /// Cancels a thread that nobody holds.
    ///
    /// Errors: [`StoreError::Held`], [`StoreError::Ended`], [`StoreError::NoThread`].
    fn cancel<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, ()>;

    /// Deletes the entries before the thread's last checkpoint. Returns their number.
    fn prune<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, u64>;

    /// Deletes what a thread said and was told. Its id stays, and is not used again.
    ///
    /// Errors: [`StoreError::Held`] if a life holds the thread, [`StoreError::NoThread`].
    fn forget<'a>(&'a self, thread: &'a ThreadId) -> StoreFuture<'a, ()>;

    /// [Forgets](Self::forget) threads of these states that have not changed for this time, the oldest first, at most
    /// `limit`. One that woke since then, is to wake later, or is held, is left out. Returns their number.
    fn forget_untouched<'a>(
        &'a self,
        states: &'a [ThreadState],
        since: std::time::Duration,
        limit: usize,
    ) -> StoreFuture<'a, usize>;
}

/// The questions to people.
pub trait Approvals {
    /// Asks a person. If the thread has asked the same before, the answer is how that one stands.
    ///
    /// Errors: [`StoreError::NoThread`], and [`StoreError::Ended`] if the thread is over: a life that was replaced does
    /// not know.
    fn ask<'a>(&'a self, request: &'a ApprovalRequest) -> StoreFuture<'a, Approval>;

    /// An approval. `None` if there is none with this id.
    fn approval<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<Approval>>;

    /// The approval that a step has asked for last, with its amendments.
    fn approval_of<'a>(
        &'a self,
        thread: &'a ThreadId,
        step: crate::StepKey,
    ) -> StoreFuture<'a, Option<Approval>>;

    /// The approvals that wait for a person, of one thread or of all, the oldest first.
    fn pending<'a>(
        &'a self,
        thread: Option<&'a ThreadId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Approval>>;

    /// The approvals that a thread has asked for, decided or not, the oldest first.
    fn approvals_of<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Approval>>;

    /// Decides about a pending approval, and wakes its thread.
    ///
    /// Returns the approval, or the amended one.
    ///
    /// Errors: [`StoreError::NoApproval`], [`StoreError::OtherDigest`], [`StoreError::Decided`].
    fn decide<'a>(&'a self, verdict: &'a Verdict) -> StoreFuture<'a, Approval>;
}

/// The messages to threads.
pub trait Inbox {
    /// Leaves a message for a thread under a key, and wakes it. A thread keeps the first message under a key, until
    /// it fails: then the message may be of the wrong kind, and this one takes its place.
    ///
    /// Returns whether this one is kept.
    ///
    /// Errors: [`StoreError::NoThread`], and [`StoreError::Ended`] if the thread is over.
    fn deliver<'a>(
        &'a self,
        thread: &'a ThreadId,
        key: &'a str,
        message: &'a Value,
    ) -> StoreFuture<'a, bool>;

    /// The message under a key, if there is one.
    fn message<'a>(&'a self, thread: &'a ThreadId, key: &'a str) -> StoreFuture<'a, Option<Value>>;
}

/// Entries to be written to a thread.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a store reads all of it")]
pub struct Append<'a> {
    /// The number of the last entry that the writer knows of.
    pub head: u64,
    /// The entries.
    pub entries: &'a [Entry],
    /// The approval that the first entry uses up. It is for the step of that entry.
    pub approval: Option<&'a ApprovalUse>,
    /// With a checkpoint: the role of the agents that the thread is for from then on. `None` is any.
    pub role: Option<&'a str>,
    /// Whether a crash of the machine may lose the entries: the calls in them are then paid for once more.
    pub relaxed: bool,
}

/// The bodies behind which a [page](Store::read) ends, in bytes.
pub const PAGE_BYTES: usize = 4 << 20;

/// The most entries that are read at once.
const PAGE: usize = 1_000;

/// A thread, and its entries from its last checkpoint on, as they were at one time: whatever is written or
/// [pruned](Store::prune) meanwhile.
///
/// # Errors
///
/// [`StoreError::NoThread`], and those of [`Store::read`].
pub async fn snapshot(
    store: &dyn Store,
    id: &ThreadId,
) -> Result<(Thread, Vec<Stored>), StoreError> {
    let find = async || {
        let found = store.thread(id).await?;
        found.ok_or_else(|| StoreError::NoThread { thread: id.clone() })
    };
    let mut thread = find().await?;
    'anew: loop {
        let mut entries: Vec<Stored> = Vec::new();
        let mut last = thread.base.saturating_sub(1);
        while last < thread.head {
            let page = store.read(id, last, PAGE).await?;
            if page.first().is_none_or(|first| first.seq != last + 1) {
                // They were before a later checkpoint, or are missing: then their reader tells.
                let now = find().await?;
                if now.base != thread.base {
                    thread = now;
                    continue 'anew;
                }
            }
            let Some(end) = page.last() else { break };
            last = end.seq;
            entries.extend(page.into_iter().filter(|stored| stored.seq <= thread.head));
        }
        return Ok((thread, entries));
    }
}
