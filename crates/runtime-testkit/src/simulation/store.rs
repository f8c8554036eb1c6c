//! A store at the other end of a line.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime_store::{
    Append, Approval, ApprovalRequest, Approvals, Claim, Inbox, Lease, Leave, StepKey, Store,
    StoreDurability, StoreError, StoreFuture, Stored, Thread, ThreadId, ThreadState, Verdict,
};
use serde_json::Value;

use super::line::Line;
use super::sim::Sim;
use super::time::SimTime;

/// A store as a process sees it, over the line `store`.
///
/// A process that has crashed writes nothing more, and gives no lease back. A call that hangs fails after
/// [`PATIENCE`](Self::PATIENCE), as those of a database's client do.
#[derive(Clone)]
pub struct SimStore {
    store: Arc<dyn Store>,
    line: Line,
    time: SimTime,
}

impl SimStore {
    /// How long a call waits for its answer.
    pub const PATIENCE: Duration = Duration::from_secs(5);
}

impl Sim {
    /// A store that outlives processes, as this process sees it. Its clock is [`outside`](Self::outside).
    pub fn store(&self, store: impl Store + 'static) -> SimStore {
        SimStore { store: Arc::new(store), line: self.line("store"), time: self.time() }
    }
}

impl SimStore {
    fn over<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a dyn Store) -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let call = self.line.call(|| call(&*self.store));
            let lost = |source| StoreError::Unavailable { attempted: "make a call", source };
            match self.time.within(Self::PATIENCE, call).await {
                Some(Ok(answer)) => answer,
                Some(Err(error)) => Err(lost(error.into())),
                None => Err(lost("no answer in time".into())),
            }
        })
    }
}

macro_rules! over_the_line {
    ($($name:ident ($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $name<'a>(&'a self, $($arg: $type),*) -> StoreFuture<'a, $result> {
            self.over(move |store| store.$name($($arg),*))
        }
    )*};
}

impl Store for SimStore {
    fn durability(&self) -> StoreDurability {
        self.store.durability()
    }

    fn abandon(&self, lease: &Lease) {
        if !self.line.is_cut() {
            self.store.abandon(lease);
        }
    }

    over_the_line! {
        acquire(thread: &'a ThreadId, claim: &'a Claim) -> (Lease, Thread);
        runnable(role: Option<&'a str>, code: Option<&'a str>, limit: usize) -> Vec<ThreadId>;
        offer(thread: &'a ThreadId) -> Thread;
        renew(lease: &'a Lease) -> ();
        release(lease: &'a Lease, left: Leave) -> ();
        append(lease: &'a Lease, append: Append<'a>) -> ();
        read(thread: &'a ThreadId, after: u64, limit: usize) -> Vec<Stored>;
        thread(thread: &'a ThreadId) -> Option<Thread>;
        threads(states: &'a [ThreadState], after: Option<&'a ThreadId>, limit: usize) -> Vec<Thread>;
        cancel(thread: &'a ThreadId) -> ();
        prune(thread: &'a ThreadId) -> u64;
        forget(thread: &'a ThreadId) -> ();
        forget_untouched(states: &'a [ThreadState], since: Duration, limit: usize) -> usize;
    }
}

impl Approvals for SimStore {
    over_the_line! {
        ask(request: &'a ApprovalRequest) -> Approval;
        approval(id: &'a str) -> Option<Approval>;
        approval_of(thread: &'a ThreadId, step: StepKey) -> Option<Approval>;
        pending(thread: Option<&'a ThreadId>, limit: usize) -> Vec<Approval>;
        approvals_of(thread: &'a ThreadId, limit: usize) -> Vec<Approval>;
        decide(verdict: &'a Verdict) -> Approval;
    }
}

impl Inbox for SimStore {
    over_the_line! {
        deliver(thread: &'a ThreadId, key: &'a str, message: &'a Value) -> bool;
        message(thread: &'a ThreadId, key: &'a str) -> Option<Value>;
    }
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimStore").field("line", &self.line).finish_non_exhaustive()
    }
}
