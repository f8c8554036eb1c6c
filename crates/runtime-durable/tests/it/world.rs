//! A world outside of the process, and a store in a process that may die at any point.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, Run, RunError};
use runtime_events::{Clock, ManualClock};
use runtime_orchestrator::{BoxError, Orchestrator};
use runtime_store::{
    Answer, Append, Approval, Approvals, Claim, Inbox, Lease, Leave, MemoryStore, Request, StepKey,
    Store, StoreDurability, Stored, Thread, ThreadId, ThreadState, Verdict,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What outlives the process: the clock, the store, and a payment server.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) store: MemoryStore,
    /// The keys of the payments that were made.
    pub(crate) paid: Arc<Mutex<Vec<String>>>,
    /// The number of model calls.
    pub(crate) asked: Arc<AtomicU32>,
    /// The number of points that the process still passes before it dies.
    left: Arc<AtomicU32>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        let store = MemoryStore::on(clock.clone());
        let (paid, asked, left) = (Arc::default(), Arc::default(), Arc::default());
        let world = Self { clock, store, paid, asked, left };
        world.live_for(u32::MAX);
        world
    }

    /// Lets the process die at the point after this number of points.
    pub(crate) fn live_for(&self, points: u32) {
        self.left.store(points, Ordering::Relaxed);
    }

    /// A point at which the process may die: then it never returns.
    pub(crate) async fn point(&self) {
        let passed = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if passed.is_err() {
            pending::<()>().await;
        }
    }

    pub(crate) fn durable(&self, orchestrator: Orchestrator) -> Durable {
        let orchestrator = orchestrator.time(self.clock.clone());
        Durable::new(orchestrator, Mortal(self.clone())).code_version("1")
    }

    /// Runs a thread until its life ends. `None` if the process died.
    #[expect(clippy::unused_self, reason = "a world runs it")]
    pub(crate) fn run<T: Serialize + DeserializeOwned>(
        &self,
        durable: &Durable,
        body: impl AsyncFnOnce(&DurableSession) -> Result<T, BoxError>,
    ) -> Option<Result<Run<T>, RunError>> {
        durable.run("order-4711", body).now_or_never()
    }

    /// Another process begins after the lease of the dead one.
    pub(crate) fn reborn(&self) {
        self.live_for(u32::MAX);
        self.clock.advance(Duration::from_secs(31));
    }

    /// A model call.
    pub(crate) async fn ask(&self, answer: &str) -> Result<String, BoxError> {
        self.point().await;
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.point().await;
        Ok(answer.to_owned())
    }

    /// A payment. The server knows the keys of earlier ones if it `dedupes`.
    pub(crate) async fn pay(&self, key: &str, dedupes: bool) -> Result<u32, BoxError> {
        self.point().await;
        self.book(key, dedupes);
        self.point().await;
        Ok(12)
    }

    /// Leaves a message in the thread's inbox.
    pub(crate) fn deliver(&self, key: &str, message: u32) {
        let message = message.into();
        let thread = thread();
        let delivered = self.store.deliver(&thread, key, &message).now_or_never();
        assert!(delivered.unwrap().unwrap(), "the first message");
    }

    fn book(&self, key: &str, dedupes: bool) {
        let mut paid = self.paid.lock().unwrap();
        if !(dedupes && paid.iter().any(|paid| paid == key)) {
            paid.push(key.to_owned());
        }
    }

    pub(crate) fn payments(&self) -> usize {
        self.paid.lock().unwrap().len()
    }

    pub(crate) fn calls(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn in_an_hour(&self) -> DateTime<Utc> {
        self.clock.utc_now() + TimeDelta::hours(1)
    }
}

/// The store as a process sees it: before and after each call the process may die.
#[derive(Clone, Debug)]
struct Mortal(World);

macro_rules! mortal {
    ($($name:ident $(<$life:lifetime>)? ($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $name<'a>(&'a self, $($arg: $type),*) -> Answer<'a, $result> {
            async move {
                self.0.point().await;
                let answer = self.0.store.$name($($arg),*).await;
                self.0.point().await;
                answer
            }
            .boxed()
        }
    )*};
}

impl Store for Mortal {
    fn durability(&self) -> StoreDurability {
        self.0.store.durability()
    }

    // A dead process gives nothing back.
    fn abandon(&self, lease: &Lease) {
        if self.0.left.load(Ordering::Relaxed) > 0 {
            self.0.store.abandon(lease);
        }
    }

    fn runnable(&self, limit: usize) -> Answer<'_, Vec<ThreadId>> {
        self.0.store.runnable(limit)
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
        ask(request: &'a Request) -> Approval;
        approval(id: &'a str) -> Option<Approval>;
        approval_of(thread: &'a ThreadId, step: StepKey) -> Option<Approval>;
        pending(thread: Option<&'a ThreadId>, limit: usize) -> Vec<Approval>;
        decide(verdict: &'a Verdict) -> Approval;
    }
}

impl Inbox for Mortal {
    mortal! {
        deliver(thread: &'a ThreadId, key: &'a str, message: &'a Value) -> bool;
        message(thread: &'a ThreadId, key: &'a str) -> Option<Value>;
    }
}

pub(crate) fn thread() -> ThreadId {
    ThreadId::new("order-4711").unwrap()
}

/// The value of a run that came to its end.
pub(crate) fn value<T>(run: Option<Result<Run<T>, RunError>>) -> T {
    run.expect("the process lives").expect("it has a value").done().expect("nothing waits")
}

/// What a parked run waits for.
pub(crate) fn waits<T>(run: Option<Result<Run<T>, RunError>>) -> String {
    match run {
        Some(Ok(Run::Parked(parked))) => parked.waits_for,
        Some(Ok(Run::Done(_))) => panic!("it waits for nothing"),
        Some(Err(error)) => panic!("{error}"),
        None => panic!("the process died"),
    }
}

/// The error of a run.
pub(crate) fn error<T>(run: Option<Result<Run<T>, RunError>>) -> RunError {
    match run {
        Some(Err(error)) => error,
        Some(Ok(_)) => panic!("it has no error"),
        None => panic!("the process died"),
    }
}
