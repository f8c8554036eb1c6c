//! [`Sim`]: a simulation, as the code of one of its processes sees it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;
use runtime_events::Sleeper;

use super::case::{Case, stream};
use super::endpoint::{Endpoint, Serving};
use super::ledger::{Ledger, SimEvents};
use super::life::{Life, SimIds};
use super::line::Line;
use super::time::{SimTime, Timeline};
use super::world::LineSpell;

/// The name of the tasks that drive members of fleets.
pub(crate) const HEARTBEAT: &str = "heartbeat";

/// A simulation, as the code of one process sees it: its ports, and what can be begun in it.
///
/// Every port belongs to the process. When it crashes, they are cut first, so that nothing that it does then
/// arrives; after that its tasks are dropped.
#[derive(Clone)]
pub struct Sim {
    pub(crate) shared: Rc<Shared>,
    pub(crate) life: Arc<Life>,
}

/// What all processes share.
pub(crate) struct Shared {
    pub(crate) case: Case,
    pub(crate) time: Arc<Timeline>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) providers: BTreeMap<Arc<str>, Arc<Serving>>,
    pub(crate) lines: Arc<[LineSpell]>,
    pub(crate) orders: RefCell<Vec<Order>>,
    pub(crate) always: RefCell<Vec<Check>>,
    pub(crate) at_end: RefCell<Vec<Check>>,
    pub(crate) failed: RefCell<Option<String>>,
    pub(crate) steps: Cell<u64>,
    /// What is outside of all processes never crashes.
    outside: Arc<Life>,
}

/// What the executor is to do before its next step.
pub(crate) enum Order {
    Spawn { name: Arc<str>, life: Arc<Life>, task: LocalTask },
    Process { name: Arc<str>, boot: Boot },
    Crash { process: Arc<str>, back: Duration },
}

pub(crate) type LocalTask = Pin<Box<dyn Future<Output = ()>>>;
pub(crate) type Boot = Rc<dyn Fn(Sim) -> LocalTask>;
pub(crate) type Check = (String, Box<dyn FnMut() -> Result<(), String>>);

impl Shared {
    pub(crate) fn new(
        case: Case,
        time: Arc<Timeline>,
        providers: BTreeMap<Arc<str>, Arc<Serving>>,
        lines: Arc<[LineSpell]>,
    ) -> Self {
        let outside = Arc::new(Life::new(case.seed, "outside".into(), 1));
        Self {
            outside,
            case,
            time,
            ledger: Arc::default(),
            providers,
            lines,
            orders: RefCell::default(),
            always: RefCell::default(),
            at_end: RefCell::default(),
            failed: RefCell::default(),
            steps: Cell::new(0),
        }
    }
}

impl Sim {
    /// The clock and the sleeper of the process.
    pub fn time(&self) -> SimTime {
        SimTime::new(Arc::clone(&self.shared.time), Arc::clone(&self.life))
    }

    /// The clock of what is outside of all processes, such as a database: it never jumps, and outlives them.
    pub fn outside(&self) -> SimTime {
        let life = Arc::clone(&self.shared.outside);
        SimTime::new(Arc::clone(&self.shared.time), life).steady()
    }

    /// How far the simulation has come.
    pub fn elapsed(&self) -> Duration {
        self.shared.time.now()
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        let time = self.time();
        time.begin();
        time.sleep(duration).await;
    }

    /// Ids that follow from the seed, each once in a life.
    pub fn ids(&self) -> SimIds {
        SimIds(Arc::clone(&self.life))
    }

    /// A sink that keeps and checks events.
    pub fn events(&self) -> SimEvents {
        SimEvents::new(Arc::clone(&self.shared.ledger), Arc::clone(&self.life))
    }

    /// Random numbers for one purpose, from the seed.
    pub fn rng(&self, purpose: &str) -> Rng {
        stream(self.shared.case.seed, purpose)
    }

    /// A provider of the [world](super::World).
    ///
    /// # Panics
    ///
    /// If the world has none of this name.
    pub fn provider(&self, name: &str) -> Endpoint {
        let Some(provider) = self.shared.providers.get(name) else {
            panic!("the world has no provider `{name}`")
        };
        Endpoint::new(Arc::clone(provider), self.time(), Arc::clone(&self.life))
    }

    /// A line to something outside of the process, with the faults that the world has for it.
    pub fn line(&self, name: &str) -> Line {
        Line::new(name, Arc::clone(&self.shared.lines), self.time(), Arc::clone(&self.life))
    }

    /// Begins a task of this process. Leaving tasks out is how a failing simulation is made smaller, so they need
    /// names.
    pub fn spawn<T: 'static>(
        &self,
        name: impl Into<Arc<str>>,
        task: impl Future<Output = T> + 'static,
    ) -> Joined<T> {
        let name = name.into();
        let left_out = self.shared.case.leaves_out(&name);
        self.begin(name, left_out, task)
    }

    /// A task that may be left out, or must not.
    pub(crate) fn begin<T: 'static>(
        &self,
        name: Arc<str>,
        left_out: bool,
        task: impl Future<Output = T> + 'static,
    ) -> Joined<T> {
        let end = Rc::new(End {
            value: RefCell::default(),
            waker: RefCell::default(),
            over: Cell::new(false),
        });
        if self.life.is_cut() || left_out {
            end.over.set(true);
            return Joined(end);
        }
        let ending = Ending(Rc::clone(&end));
        let task = Box::pin(async move {
            // Moved in, so that it is dropped with the task.
            let ending = ending;
            let value = task.await;
            *ending.0.value.borrow_mut() = Some(value);
        });
        self.order(Order::Spawn { name, life: Arc::clone(&self.life), task });
        Joined(end)
    }

    /// Begins a process: `boot` runs in it, and again after each crash.
    pub fn process<F: Future<Output = ()> + 'static>(
        &self,
        name: impl Into<Arc<str>>,
        boot: impl Fn(Self) -> F + 'static,
    ) {
        let name = name.into();
        if !self.shared.case.leaves_out(&name) {
            let boot: Boot = Rc::new(move |sim| Box::pin(boot(sim)));
            self.order(Order::Process { name, boot });
        }
    }

    /// Lets a process crash now. It comes back after `back`.
    pub fn crash(&self, process: impl Into<Arc<str>>, back: Duration) {
        self.order(Order::Crash { process: process.into(), back });
    }

    /// The number of the life of this process: 1, and one more after each crash.
    pub fn life(&self) -> u32 {
        self.life.number
    }

    /// Asserts something after every step.
    pub fn always(
        &self,
        name: impl Into<String>,
        check: impl FnMut() -> Result<(), String> + 'static,
    ) {
        self.shared.always.borrow_mut().push((name.into(), Box::new(check)));
    }

    /// Asserts something when all tasks have ended.
    pub fn at_end(
        &self,
        name: impl Into<String>,
        check: impl FnMut() -> Result<(), String> + 'static,
    ) {
        self.shared.at_end.borrow_mut().push((name.into(), Box::new(check)));
    }

    /// Lets the simulation fail. The first reason counts.
    pub fn fail(&self, why: impl Into<String>) {
        self.shared.failed.borrow_mut().get_or_insert_with(|| why.into());
    }

    fn order(&self, order: Order) {
        self.shared.orders.borrow_mut().push(order);
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("case", &self.shared.case.to_string())
            .field("process", &self.life.process)
            .field("life", &self.life.number)
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

/// The value of a task, once it has ended. `None` if it was dropped in a crash, or left out. The task goes on if this is
/// dropped.
pub struct Joined<T>(Rc<End<T>>);

struct End<T> {
    value: RefCell<Option<T>>,
    waker: RefCell<Option<Waker>>,
    over: Cell<bool>,
}

/// Tells the end of a task, however it ends.
struct Ending<T>(Rc<End<T>>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.over.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

impl<T> Future for Joined<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.0.over.get() {
            return Poll::Ready(self.0.value.take());
        }
        *self.0.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T> fmt::Debug for Joined<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined").field("over", &self.0.over.get()).finish_non_exhaustive()
    }
}
