//! A process that may die at any point, and its store.

use std::fmt;
use std::future::pending;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use runtime_store::{
    Append, Approval, ApprovalRequest, Approvals, Claim, Inbox, Lease, Leave, StepKey, Store,
    StoreDurability, StoreFuture, Stored, Thread, ThreadId, ThreadState, Verdict,
};
use serde_json::Value;

/// The points at which a process may die.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    /// The number of points that the process still passes.
    left: Arc<AtomicU32>,
    death: Death,
    answered: Answered,
}

/// What happens when the store has answered a call, by its name, and the process does not know it yet.
#[derive(Clone, Default)]
struct Answered(Arc<Mutex<Option<Then>>>);

type Then = Box<dyn FnMut(&str) + Send>;

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answered")
    }
}

/// What happens at the last point.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// The future is never ready again.
    Pends,
    /// The process is killed.
    Kill,
    /// The process is stopped, and may go on later.
    Stop,
}

impl Gate {
    /// A process that lives on.
    pub(crate) fn open() -> Self {
        Self {
            left: Arc::new(AtomicU32::new(u32::MAX)),
            death: Death::Pends,
            answered: Answered::default(),
        }
    }

    /// Kills this process at the point after this number of points.
    pub(crate) fn killing(points: u32) -> Self {
        Self {
            left: Arc::new(AtomicU32::new(points)),
            death: Death::Kill,
            answered: Answered::default(),
        }
    }

    /// Stops this process once, at the point after this number of points.
    pub(crate) fn stopping(points: u32) -> Self {
        Self {
            left: Arc::new(AtomicU32::new(points)),
            death: Death::Stop,
            answered: Answered::default(),
        }
    }

    pub(crate) fn on_answer(&self, then: impl FnMut(&str) + Send + 'static) {
        *self.answered.0.lock().unwrap() = Some(Box::new(then));
    }

    pub(crate) fn set(&self, points: u32) {
        self.left.store(points, Ordering::Relaxed);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    pub(crate) async fn point(&self) {
        let passed = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if passed.is_ok() {
            return;
        }
        let me = std::process::id().to_string();
        let signal = |signal: &str| Command::new("kill").args([signal, &me]).status();
        match self.death {
            Death::Pends => pending::<()>().await,
            Death::Kill => panic!("this process was to be dead: {:?}", signal("-KILL")),
            Death::Stop => {
                self.set(u32::MAX);
                assert!(signal("-STOP").is_ok_and(|sent| sent.success()));
            }
        }
    }
}

/// A store as a process sees it: before and after each call the process may die.
#[derive(Clone, Debug)]
pub(crate) struct Mortal {
    store: Arc<dyn Store>,
    gate: Gate,
}

impl Mortal {
    pub(crate) fn new(store: impl Store + 'static, gate: &Gate) -> Self {
        Self { store: Arc::new(store), gate: gate.clone() }
    }
}

macro_rules! mortal {
    ($($name:ident $(<$life:lifetime>)? ($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $name<'a>(&'a self, $($arg: $type),*) -> StoreFuture<'a, $result> {
            async move {
                self.gate.point().await;
                let answer = self.store.$name($($arg),*).await;
                if let Some(then) = &mut *self.gate.answered.0.lock().unwrap() {
                    then(stringify!($name));
                }
                self.gate.point().await;
                answer
            }
            .boxed()
        }
    )*};
}

impl Store for Mortal {
    fn durability(&self) -> StoreDurability {
        self.store.durability()
    }

    // A dead process gives nothing back.
    fn abandon(&self, lease: &Lease) {
        if self.gate.is_open() {
            self.store.abandon(lease);
        }
    }

    fn runnable(&self, limit: usize) -> StoreFuture<'_, Vec<ThreadId>> {
        self.store.runnable(limit)
    }

    mortal! {
        acquire(thread: &'a ThreadId, claim: &'a Claim) -> (Lease, Thread);
        renew(lease: &'a Lease) -> ();
        release(lease: &'a Lease, left: Leave) -> ();
        append(lease: &'a Lease, append: Append<'a>) -> ();
        read(thread: &'a ThreadId, after: u64, limit: usize) -> Vec<Stored>;
        thread(thread: &'a ThreadId) -> Option<Thread>;
        threads(states: &'a [ThreadState], after: Option<&'a ThreadId>, limit: usize) -> Vec<Thread>;
        cancel(thread: &'a ThreadId) -> ();
        prune(thread: &'a ThreadId) -> u64;
        forget(thread: &'a ThreadId) -> ();
        untouched(states: &'a [ThreadState], since: Duration, limit: usize) -> Vec<ThreadId>;
    }
}

impl Approvals for Mortal {
    mortal! {
        ask(request: &'a ApprovalRequest) -> Approval;
        approval(id: &'a str) -> Option<Approval>;
        approval_of(thread: &'a ThreadId, step: StepKey) -> Option<Approval>;
        pending(thread: Option<&'a ThreadId>, limit: usize) -> Vec<Approval>;
        approvals_of(thread: &'a ThreadId, limit: usize) -> Vec<Approval>;
        decide(verdict: &'a Verdict) -> Approval;
    }
}

impl Inbox for Mortal {
    mortal! {
        deliver(thread: &'a ThreadId, key: &'a str, message: &'a Value) -> bool;
        message(thread: &'a ThreadId, key: &'a str) -> Option<Value>;
    }
}
