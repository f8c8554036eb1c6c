//! Runs the tasks of a simulation on one thread, in an order that follows from its seed.

mod look;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fastrand::Rng;
use runtime_resilience::{BoxError, chain_text};

use super::life::Life;
use super::sim::{Boot, Check, LocalTask, Order, Sim};
use super::world::{Mishap, What, When};

/// The tasks that can go on. Sorted, so that the order in which they were woken is of no account.
#[derive(Default)]
struct Ready(Mutex<BTreeSet<u64>>);

impl Ready {
    fn set(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        // Every change is whole when the lock is released.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of those that can go on.
    fn draw(&self, rng: &mut Rng) -> Option<u64> {
        let mut ready = self.set();
        let at = rng.usize(..ready.len().max(1));
        let id = ready.iter().nth(at).copied();
        id.map(|id| ready.remove(&id));
        drop(ready);
        id
    }
}

struct Wakes {
    ready: Arc<Ready>,
    task: u64,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.set().insert(self.task);
    }
}

/// The number of the task of `run` itself.
const BODY: u64 = 0;

struct Task {
    name: Arc<str>,
    life: Arc<Life>,
    waker: Waker,
    future: LocalTask,
}

/// A process that was begun.
struct Process {
    boot: Boot,
    life: Arc<Life>,
    /// The steps that its lives have made.
    steps: u32,
    /// When it comes back.
    back: Option<Duration>,
    /// Until when it stands still.
    stalled: Option<Duration>,
}

type Body<'b> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + 'b>>;

pub(crate) struct Executor<'b> {
    sim: Sim,
    rng: Rng,
    /// For when tasks that wait are looked at, if they are.
    looks: Option<Rng>,
    ready: Arc<Ready>,
    body: Option<Body<'b>>,
    tasks: BTreeMap<u64, Task>,
    next: u64,
    processes: BTreeMap<Arc<str>, Process>,
    mishaps: Vec<Mishap>,
    /// The tasks that could go on, of processes that stand still.
    held_up: Vec<u64>,
    /// No simulation is longer.
    horizon: Duration,
    /// The names of all tasks.
    pub(crate) names: BTreeSet<Arc<str>>,
}

/// The most steps of a simulation: one that makes more does not come to rest.
const MOST_STEPS: u64 = 5_000_000;

impl<'b> Executor<'b> {
    pub(crate) fn new(
        sim: Sim,
        (rng, looks): (Rng, Option<Rng>),
        mishaps: Vec<Mishap>,
        horizon: Duration,
    ) -> Self {
        Self {
            sim,
            rng,
            looks,
            ready: Arc::default(),
            body: None,
            tasks: BTreeMap::new(),
            next: BODY + 1,
            processes: BTreeMap::new(),
            mishaps,
            held_up: Vec::new(),
            horizon,
            names: BTreeSet::new(),
        }
    }

    /// Runs until all tasks have ended.
    pub(crate) fn run(&mut self, body: Body<'b>) -> Result<(), String> {
        self.body = Some(body);
        self.ready.set().insert(BODY);
        loop {
            self.obey()?;
            self.happen()?;
            if let Some(task) = self.ready.draw(&mut self.rng) {
                self.step(task)?;
                self.check()?;
            } else if self.is_over() {
                return self.end();
            } else {
                self.look()?;
                // Whom a poll has woken comes first.
                if self.ready.set().is_empty() {
                    self.advance()?;
                }
            }
        }
    }

    /// Makes one step of a task. It may have ended.
    fn step(&mut self, id: u64) -> Result<(), String> {
        let steps = &self.sim.shared.steps;
        steps.set(steps.get() + 1);
        if steps.get() > MOST_STEPS {
            return Err(format!("no rest after {MOST_STEPS} steps"));
        }
        if id == BODY {
            return self.step_body();
        }
        let Some(task) = self.tasks.get_mut(&id) else { return Ok(()) };
        if self.processes.get(&task.life.process).is_some_and(|process| process.stalled.is_some()) {
            self.held_up.push(id);
            return Ok(());
        }
        let polled = task.poll();
        if let Some(process) = self.processes.get_mut(&task.life.process) {
            process.steps += 1;
        }
        if polled?.is_ready() { self.drop_task(id) } else { Ok(()) }
    }

    fn step_body(&mut self) -> Result<(), String> {
        let Some(body) = &mut self.body else { return Ok(()) };
        let waker = waker(&self.ready, BODY);
        let mut cx = Context::from_waker(&waker);
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(&mut cx))) {
            Ok(Poll::Pending) => Ok(()),
            Ok(Poll::Ready(result)) => {
                self.body = None;
                result.map_err(|error| chain_text(&*error))
            }
            Err(panic) => Err(text(&*panic)),
        }
    }

    /// Does what tasks have ordered.
    fn obey(&mut self) -> Result<(), String> {
        loop {
            let orders = self.sim.shared.orders.take();
            if orders.is_empty() {
                return Ok(());
            }
            for order in orders {
                match order {
                    Order::Spawn { name, life, task } => self.spawn(name, life, task),
                    Order::Process { name, boot } => self.boot(name, boot, 1, 0),
                    Order::Crash { process, back } => self.crash(&process, back)?,
                }
            }
        }
    }

    fn spawn(&mut self, name: Arc<str>, life: Arc<Life>, future: LocalTask) {
        if life.is_cut() {
            return;
        }
        let id = self.next;
        self.next += 1;
        self.names.insert(Arc::clone(&name));
        let waker = waker(&self.ready, id);
        self.tasks.insert(id, Task { name, life, waker, future });
        self.ready.set().insert(id);
    }

    fn boot(&mut self, name: Arc<str>, boot: Boot, number: u32, steps: u32) {
        let seed = self.sim.shared.case.seed;
        let life = Arc::new(Life::new(seed, Arc::clone(&name), number));
        let sim = Sim { life: Arc::clone(&life), ..self.sim.clone() };
        let task = boot(sim);
        let process = Process { boot, life: Arc::clone(&life), steps, back: None, stalled: None };
        self.processes.insert(Arc::clone(&name), process);
        self.spawn(name, life, task);
    }

    /// Cuts all ports of a process, and then drops its tasks.
    fn crash(&mut self, name: &str, back: Duration) -> Result<(), String> {
        let now = self.sim.elapsed();
        let Some(process) = self.processes.get_mut(name) else { return Ok(()) };
        let life = Arc::clone(&process.life);
        let its = |task: &Task| Arc::ptr_eq(&task.life, &life);
        let ids: Vec<_> =
            self.tasks.iter().filter(|(_, task)| its(task)).map(|(id, _)| *id).collect();
        if ids.is_empty() {
            // It has ended, or is down.
            return Ok(());
        }
        process.back = Some(now.saturating_add(back));
        life.cut();
        ids.into_iter().try_for_each(|id| self.drop_task(id))
    }

    fn drop_task(&mut self, id: u64) -> Result<(), String> {
        self.ready.set().remove(&id);
        let Some(task) = self.tasks.remove(&id) else { return Ok(()) };
        let name = Arc::clone(&task.name);
        catch_unwind(AssertUnwindSafe(|| drop(task)))
            .map_err(|panic| format!("task `{name}` panicked when dropped: {}", text(&*panic)))
    }

    /// Does what the world has for now.
    fn happen(&mut self) -> Result<(), String> {
        let now = self.sim.elapsed();
        let processes = &self.processes;
        let due = |mishap: &mut Mishap| match (&mishap.what, mishap.when) {
            (_, When::At(at)) => at <= now,
            (What::Crash { process, .. } | What::Stall { process, .. }, When::Steps(steps)) => {
                processes.get(process).is_some_and(|process| process.steps >= steps)
            }
            (What::Jump(_), When::Steps(_)) => true,
        };
        let due: Vec<_> = self.mishaps.extract_if(.., due).collect();
        for Mishap { what, .. } in due {
            match what {
                What::Crash { process, back } => self.crash(&process, back)?,
                What::Stall { process, during } => {
                    if let Some(process) = self.processes.get_mut(&process) {
                        process.stalled = Some(now.saturating_add(during));
                    }
                }
                What::Jump(by) => self.sim.shared.time.jump(by),
            }
        }
        let over = |until: &mut Duration| *until <= now;
        let ended = self.processes.values_mut().filter_map(|it| it.stalled.take_if(over)).count();
        if ended > 0 {
            self.ready.set().extend(self.held_up.drain(..));
        }
        let back: Vec<_> = self
            .processes
            .iter()
            .filter(|(_, process)| process.back.is_some_and(|at| at <= now))
            .map(|(name, process)| {
                let (name, boot) = (Arc::clone(name), Boot::clone(&process.boot));
                (name, boot, process.life.number + 1, process.steps)
            })
            .collect();
        for (name, boot, number, steps) in back {
            self.boot(name, boot, number, steps);
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let down = self.processes.values().any(|process| process.back.is_some());
        self.body.is_none() && self.tasks.is_empty() && !down
    }

    /// Nobody can go on: time goes on to what happens next.
    fn advance(&self) -> Result<(), String> {
        let backs = self.processes.values().flat_map(|process| [process.back, process.stalled]);
        let backs = backs.flatten();
        let mishaps = self.mishaps.iter().filter_map(|mishap| match mishap.when {
            When::At(at) => Some(at),
            When::Steps(_) => None,
        });
        let time = &self.sim.shared.time;
        let next = time.next().into_iter().chain(backs).chain(mishaps).min();
        match next {
            Some(at) if at <= self.horizon => {
                time.advance_to(at);
                Ok(())
            }
            Some(_) => Err(format!("not over after {:?}: {}", self.horizon, self.left())),
            None => Err(format!("nobody wakes {}", self.left())),
        }
    }

    fn left(&self) -> String {
        let body = self.body.iter().map(|_| "the body of the simulation".to_owned());
        let tasks = self.tasks.values().map(|task| format!("task `{}`", task.name));
        body.chain(tasks).collect::<Vec<_>>().join(", ")
    }

    /// What holds after every step.
    fn check(&self) -> Result<(), String> {
        let shared = &self.sim.shared;
        if let Some(why) = shared.failed.take().or_else(|| shared.ledger.broken()) {
            return Err(why);
        }
        all(&mut shared.always.borrow_mut())
    }

    /// What holds at the end.
    fn end(&self) -> Result<(), String> {
        let shared = &self.sim.shared;
        all(&mut shared.at_end.borrow_mut())?;
        if let Some(open) = shared.ledger.left_open() {
            return Err(open);
        }
        match shared.time.waiting() {
            0 => Ok(()),
            timers => Err(format!("{timers} timers are left, and no task")),
        }
    }
}

impl Task {
    fn poll(&mut self) -> Result<Poll<()>, String> {
        let mut cx = Context::from_waker(&self.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(&mut cx)));
        polled.map_err(|panic| format!("task `{}` panicked: {}", self.name, text(&*panic)))
    }
}

fn all(checks: &mut [Check]) -> Result<(), String> {
    checks.iter_mut().try_for_each(|(name, check)| match catch_unwind(AssertUnwindSafe(check)) {
        Ok(checked) => checked.map_err(|why| format!("{name}: {why}")),
        Err(panic) => Err(format!("{name}: {}", text(&*panic))),
    })
}

fn waker(ready: &Arc<Ready>, task: u64) -> Waker {
    Waker::from(Arc::new(Wakes { ready: Arc::clone(ready), task }))
}

/// The text of a panic.
fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a text".to_owned())
}
