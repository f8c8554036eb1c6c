//! Members on a manual clock that share one backend, each over a line that can be cut.

mod line;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_events::{AgentEventName, CountingIds, ManualClock};
use runtime_fleet::{
    AccountPath, AccountState, Accounts as _, Fleet, FleetConfig, FleetDriver, MemoryState,
    Watcher as _,
};
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{Account, Limit, Reservation, Usd};

pub(crate) use self::line::Line;
use self::line::{End, Faulty};

pub(crate) const TICK: Duration = Duration::from_millis(500);
pub(crate) const TTL: Duration = Duration::from_secs(5);

pub(crate) const fn cents(cents: u64) -> Usd {
    Usd::from_cents(cents)
}

/// A member of the fleet.
pub(crate) struct Member {
    pub(crate) fleet: Fleet,
    pub(crate) driver: FleetDriver,
    pub(crate) events: RecordingEventSink,
    line: Arc<Faulty>,
}

impl Member {
    pub(crate) fn line(&self, line: Line) {
        *self.line.line.lock().unwrap() = line;
    }

    pub(crate) fn is_up(&self) -> bool {
        *self.line.line.lock().unwrap() == Line::Up
    }

    /// The member is stopped: what is pushed waits.
    pub(crate) fn stop(&self) {
        let pushed = self.line.pushed.lock().unwrap().clone().unwrap();
        *pushed.late.lock().unwrap() = Some(Vec::new());
    }

    /// It goes on, and first with what was pushed meanwhile.
    pub(crate) fn go_on(&self) {
        let pushed = self.line.pushed.lock().unwrap().clone().unwrap();
        let late = pushed.late.lock().unwrap().take();
        late.into_iter().flatten().for_each(|change| pushed.changed(change));
    }

    /// While the answer to the next booking is on its way, this happens.
    pub(crate) fn meanwhile(&self, what: impl FnOnce() + Send + 'static) {
        *self.line.meanwhile.lock().unwrap() = Some(Box::new(what));
    }

    pub(crate) fn calls(&self) -> u64 {
        self.line.calls.load(Ordering::Relaxed)
    }

    /// The most bookings of a report of its.
    pub(crate) fn most(&self) -> u64 {
        self.line.most.load(Ordering::Relaxed)
    }

    /// How many limits it told of in its last report.
    pub(crate) fn wants(&self) -> u64 {
        self.line.wants.load(Ordering::Relaxed)
    }

    /// How many routes it told of in its last report.
    pub(crate) fn routes(&self) -> u64 {
        self.line.routes.load(Ordering::Relaxed)
    }

    /// What the backend has of these names cannot be read.
    pub(crate) fn damage(&self, names: &[&str]) {
        *self.line.damaged.lock().unwrap() = names.iter().map(ToString::to_string).collect();
    }

    pub(crate) fn drive(&mut self) {
        let _ = self.driver.drive();
    }

    /// Opens an account, in as many drives as it takes.
    pub(crate) fn account(&mut self, path: &str, limit: Limit) -> Account {
        let fleet = self.fleet.clone();
        let opened = self.until(async move { fleet.account(path, limit).await });
        opened.unwrap()
    }

    /// Drives until the future is ready.
    pub(crate) fn until<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        for _ in 0..10 {
            if let Some(value) = poll(future.as_mut()) {
                return value;
            }
            self.drive();
        }
        panic!("it was to be ready after a few drives")
    }

    /// The names of the events since the last look.
    pub(crate) fn told(&self) -> Vec<AgentEventName> {
        let names = self.events.names();
        self.events.clear();
        names
    }
}

pub(crate) fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// The same backend, for futures of any life.
fn leaked(backend: &MemoryState) -> &'static MemoryState {
    Box::leak(Box::new(backend.clone()))
}

/// A backend, and members of its fleet.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) backend: MemoryState,
    pub(crate) members: Vec<Member>,
    /// Where all lines lead to.
    state: Arc<Mutex<&'static MemoryState>>,
    probes: Arc<AtomicU64>,
    pushes: bool,
}

impl World {
    pub(crate) fn new(members: usize) -> Self {
        let mut world = Self::empty(true);
        (0..members).for_each(|_| world.join(|config| config));
        world
    }

    pub(crate) fn empty(pushes: bool) -> Self {
        let clock = ManualClock::new();
        let backend = MemoryState::on(clock.clone());
        let state = Arc::new(Mutex::new(leaked(&backend)));
        Self { backend, clock, members: Vec::new(), state, probes: Arc::default(), pushes }
    }

    /// The backend forgets everything, and pushes nothing to those who are there.
    pub(crate) fn forget(&mut self) {
        self.backend = MemoryState::on(self.clock.clone());
        *self.state.lock().unwrap() = leaked(&self.backend);
    }

    pub(crate) fn join(&mut self, config: impl FnOnce(FleetConfig) -> FleetConfig) {
        let name = format!("m{}", self.members.len());
        let events = RecordingEventSink::new();
        let line = Arc::new(Faulty {
            state: Arc::clone(&self.state),
            line: Mutex::default(),
            pushes: self.pushes,
            pushed: Mutex::default(),
            meanwhile: Mutex::default(),
            calls: AtomicU64::new(0),
            bookings: AtomicU64::new(0),
            most: AtomicU64::new(0),
            wants: AtomicU64::new(0),
            routes: AtomicU64::new(0),
            damaged: Mutex::default(),
            probes: Arc::clone(&self.probes),
        });
        let config = config(FleetConfig::default())
            .name(name)
            .time(self.clock.clone())
            .ids(CountingIds::default())
            .event_sink(events.clone());
        let (fleet, driver) = Fleet::driven(End(Arc::clone(&line)), config).unwrap();
        self.members.push(Member { fleet, driver, events, line });
    }

    /// Drives each member once, or until nothing more follows at this time.
    pub(crate) fn drive(&mut self) {
        for _ in 0..3 {
            self.members.iter_mut().for_each(Member::drive);
        }
    }

    /// Lets a heartbeat pass, so many times.
    pub(crate) fn ticks(&mut self, count: u32) {
        for _ in 0..count {
            self.clock.advance(TICK);
            self.drive();
        }
    }

    /// Runs a future of one member while all are driven, for at most a minute.
    pub(crate) fn until<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        for step in 0..600 {
            if let Some(value) = poll(future.as_mut()) {
                return value;
            }
            self.drive();
            if step > 5 {
                self.clock.advance(TICK / 5);
            }
        }
        panic!("it was to be ready within a minute")
    }

    /// Reserves as a session does: asks once for what it lacks.
    pub(crate) fn reserve(
        &mut self,
        account: &Account,
        amount: Usd,
    ) -> Option<Reservation<'static>> {
        for _ in 0..4 {
            if let Ok(held) = account.reserve(amount) {
                return Some(held.into_owned());
            }
            if !self.until(account.fund(amount)) {
                return None;
            }
        }
        None
    }

    /// An account as the backend has it.
    pub(crate) fn state(&self, account: &str) -> AccountState {
        let account = AccountPath::new(account).unwrap();
        let state = pin!(self.backend.account(&account));
        poll(state).unwrap().unwrap().unwrap()
    }

    /// How many bookings were in the reports of all members.
    pub(crate) fn bookings(&self) -> u64 {
        self.members.iter().map(|member| member.line.bookings.load(Ordering::Relaxed)).sum()
    }

    /// How many probes were granted and not given back unused.
    pub(crate) fn probes(&self) -> u64 {
        self.probes.load(Ordering::Relaxed)
    }
}
