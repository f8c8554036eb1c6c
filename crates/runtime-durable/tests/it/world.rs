//! A world outside of the process, and a store in a process that may die at any point.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, Run, RunError};
use runtime_events::{Clock, ManualClock};
use runtime_orchestrator::{BoxError, Orchestrator};
use runtime_store::{Inbox, MemoryStore, ThreadId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::mortal::{Gate, Mortal};

/// What outlives the process: the clock, the store, and a payment server.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) store: MemoryStore,
    /// The keys of the payments that were made.
    pub(crate) paid: Arc<Mutex<Vec<String>>>,
    /// The number of model calls.
    pub(crate) asked: Arc<AtomicU32>,
    gate: Gate,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        let store = MemoryStore::on(clock.clone());
        let (paid, asked, gate) = (Arc::default(), Arc::default(), Gate::open());
        Self { clock, store, paid, asked, gate }
    }

    /// Lets the process die at the point after this number of points.
    pub(crate) fn live_for(&self, points: u32) {
        self.gate.set(points);
    }

    /// The store of the process, which may fail.
    pub(crate) const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Calls this at each point of the process.
    pub(crate) fn at_points(&self, called: impl FnMut() + Send + 'static) {
        self.gate.at_points(called);
    }

    /// Whether the process passed all points that it was let.
    pub(crate) fn lived_on(&self) -> bool {
        !self.gate.is_dead()
    }

    /// A point at which the process may die: then it never returns.
    pub(crate) async fn point(&self) {
        self.gate.point().await;
    }

    pub(crate) fn durable(&self, orchestrator: Orchestrator) -> Durable {
        let orchestrator = orchestrator.time(self.clock.clone());
        Durable::new(orchestrator, Mortal::new(Arc::new(self.store.clone()), &self.gate))
            .code_version("1")
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
        let delivered = Inbox::deliver(&self.store, &thread, key, &message).now_or_never();
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
