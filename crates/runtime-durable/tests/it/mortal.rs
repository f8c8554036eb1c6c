//! A process that may die at any point, and its store.

use std::fmt;
use std::future::{pending, ready};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use runtime_store::{
    Append, Approval, ApprovalRequest, Approvals, Claim, EntryKind, Inbox, Lease, Leave, StepKey,
    Store, StoreDurability, StoreError, StoreFuture, Stored, Thread, ThreadId, ThreadState,
    Verdict,
};
use serde_json::Value;

/// The points at which a process may die.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    /// The number of points that the process still passes.
    left: Arc<AtomicU32>,
    dead: Arc<AtomicBool>,
    death: Death,
    hook: Hook,
    /// The number of answers of the store until one is an error, though the call may have been made.
    fails_after: Arc<AtomicU32>,
    /// Whether it refuses outcomes.
    refuses: Arc<AtomicBool>,
}

/// What is called at each point.
#[derive(Clone, Default)]
struct Hook(Arc<Mutex<Option<Called>>>);

type Called = Box<dyn FnMut() + Send>;

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// What happens at the last point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// The future is never ready again.
    Pends,
    /// The same, and the process lives on.
    Drop,
    /// The process is killed.
    Kill,
    /// The process is stopped, and may go on later.
    Stop,
}

impl Gate {
    fn new(points: u32, death: Death) -> Self {
        let (left, dead) = (Arc::new(AtomicU32::new(points)), Arc::default());
        let (hook, fails_after) = (Hook::default(), Arc::new(AtomicU32::new(u32::MAX)));
        Self { left, dead, death, hook, fails_after, refuses: Arc::default() }
    }

    /// Lets the store fail once: before or after it makes a call.
    pub(crate) fn fail_after(&self, times: u32) {
        self.fails_after.store(times, Ordering::Relaxed);
    }

    /// Whether it has failed, or whether it fails now.
    pub(crate) fn has_failed(&self) -> bool {
        self.fails_after.load(Ordering::Relaxed) == u32::MAX
    }

    fn fails(&self) -> Result<(), StoreError> {
        let count = |left: u32| (left != u32::MAX).then(|| left.checked_sub(1).unwrap_or(u32::MAX));
        let left = self.fails_after.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        if left == Ok(0) { Err(refused()) } else { Ok(()) }
    }

    /// Lets the store refuse each outcome.
    pub(crate) fn refuse_outcomes(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Relaxed);
    }

    /// A process that lives on.
    pub(crate) fn open() -> Self {
        Self::new(u32::MAX, Death::Pends)
    }

    /// Lets the life be dropped at the point after this number of points.
    pub(crate) fn dropping(points: u32) -> Self {
        Self::new(points, Death::Drop)
    }

    /// Kills this process at the point after this number of points.
    pub(crate) fn killing(points: u32) -> Self {
        Self::new(points, Death::Kill)
    }

    /// Stops this process once, at the point after this number of points.
    pub(crate) fn stopping(points: u32) -> Self {
        Self::new(points, Death::Stop)
    }

    pub(crate) fn set(&self, points: u32) {
        self.left.store(points, Ordering::Relaxed);
    }

    /// Whether its process is stopped at the last point, and goes on.
    pub(crate) fn stops(&self) -> bool {
        self.death == Death::Stop
    }

    pub(crate) fn is_open(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    /// Whether it came to its last point.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// A point within a call of the store. A process that is stopped there would keep a database in a file locked.
    async fn point_within(&self) {
        if !self.stops() {
            self.point().await;
        }
    }

    /// Calls this at each point from now on, but not within itself.
    pub(crate) fn at_points(&self, called: impl FnMut() + Send + 'static) {
        *self.hook.0.lock().unwrap() = Some(Box::new(called));
    }

    pub(crate) async fn point(&self) {
        let called = self.hook.0.lock().unwrap().take();
        if let Some(mut called) = called {
            called();
            *self.hook.0.lock().unwrap() = Some(called);
        }
        let passed = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if passed.is_ok() {
            return;
        }
        let me = std::process::id().to_string();
        let signal = |signal: &str| Command::new("kill").args([signal, &me]).status();
        match self.death {
            Death::Pends | Death::Drop => {
                self.dead.store(true, Ordering::Relaxed);
                pending::<()>().await;
            }
            Death::Kill => panic!("this process was to be dead: {:?}", signal("-KILL")),
            Death::Stop => {
                self.set(u32::MAX);
                assert!(signal("-STOP").is_ok_and(|sent| sent.success()));
            }
        }
    }
}

/// A store as a process sees it: the process may die before each call, when it is sent, and after it.
#[derive(Clone, Debug)]
pub(crate) struct Mortal {
    store: Arc<dyn Store>,
    gate: Gate,
}

impl Mortal {
    pub(crate) fn new(store: Arc<dyn Store>, gate: &Gate) -> Self {
        Self { store, gate: gate.clone() }
    }
}

fn refused() -> StoreError {
    StoreError::Unavailable { attempted: "answer", source: "it was to fail".into() }
}

impl Mortal {
    /// Makes a call.
    async fn make<'a, T>(
        &'a self,
        call: impl FnOnce(&'a dyn Store) -> StoreFuture<'a, T>,
    ) -> Result<T, StoreError> {
        self.gate.point().await;
        self.gate.fails()?;
        let mut call = call(&*self.store);
        let answer = if let Some(answer) = call.as_mut().now_or_never() {
            answer
        } else {
            self.gate.point_within().await;
            call.await
        };
        self.gate.point().await;
        self.gate.fails()?;
        answer
    }
}

macro_rules! mortal {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $name<'a>(&'a self, $($arg: $type),*) -> StoreFuture<'a, $result> {
            self.make(move |store| store.$name($($arg),*)).boxed()
        }
    )*};
}

impl Store for Mortal {
    fn durability(&self) -> StoreDurability {
        self.store.durability()
    }

    fn append<'a>(&'a self, lease: &'a Lease, append: Append<'a>) -> StoreFuture<'a, ()> {
        let outcome = append.entries.iter().any(|entry| entry.kind == EntryKind::OUTCOME);
        if outcome && self.gate.refuses.load(Ordering::Relaxed) {
            return ready(Err(refused())).boxed();
        }
        self.make(move |store| store.append(lease, append)).boxed()
    }

    // A dead process gives nothing back.
    fn abandon(&self, lease: &Lease) {
        if self.gate.is_open() || self.gate.death == Death::Drop {
            self.store.abandon(lease);
        }
    }

    mortal! {
        acquire(thread: &'a ThreadId, claim: &'a Claim) -> (Lease, Thread);
        runnable(role: Option<&'a str>, code: Option<&'a str>, limit: usize) -> Vec<ThreadId>;
        offer(thread: &'a ThreadId) -> Thread;
        renew(lease: &'a Lease) -> ();
        release(lease: &'a Lease, left: Leave) -> ();
        read(thread: &'a ThreadId, after: u64, limit: usize) -> Vec<Stored>;
        thread(thread: &'a ThreadId) -> Option<Thread>;
        threads(states: &'a [ThreadState], after: Option<&'a ThreadId>, limit: usize) -> Vec<Thread>;
        cancel(thread: &'a ThreadId) -> ();
        prune(thread: &'a ThreadId) -> u64;
        forget(thread: &'a ThreadId) -> ();
        forget_untouched(states: &'a [ThreadState], since: Duration, limit: usize) -> usize;
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
