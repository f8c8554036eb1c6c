//! Members on a manual clock that share one backend, each over a line that can be cut.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_events::{AgentEventName, CountingIds, ManualClock};
use runtime_fleet::{
    AccountPath, AccountState, Accounts as _, Booked, Booking, BreakerView, Change, Fleet,
    FleetConfig, FleetDriver, MemberId, MemoryState, Probe, ProbeLease, Probed, Report, Rules,
    SharedState, StateError, StateFuture, View, Watcher,
};
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{Account, Limit, Reservation, Usd};

pub(crate) const TICK: Duration = Duration::from_millis(500);
pub(crate) const TTL: Duration = Duration::from_secs(5);

pub(crate) const fn cents(cents: u64) -> Usd {
    Usd::from_cents(cents)
}

/// What a line does with calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Line {
    #[default]
    Up,
    /// No call arrives.
    Cut,
    /// Calls arrive, and their answers are lost.
    Deaf,
    /// Calls arrive, and nothing more is heard.
    Stalled,
    /// Calls arrive, and their answers wait until the line is up again.
    Slow,
}

/// A line to the backend.
pub(crate) struct Faulty {
    state: Arc<Mutex<&'static MemoryState>>,
    line: Mutex<Line>,
    pushes: bool,
    pushed: Mutex<Option<Arc<Pushes>>>,
    /// What happens while the answer to the next booking is on its way.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    calls: AtomicU64,
    /// The bookings of reports.
    bookings: AtomicU64,
    /// The limits of the last report.
    wants: AtomicU64,
    /// The probes that were granted and not given back unused, over all lines.
    probes: Arc<AtomicU64>,
}

impl Faulty {
    fn over<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a MemoryState) -> StateFuture<'a, T>,
    ) -> StateFuture<'a, T> {
        // Relaxed: a count.
        self.calls.fetch_add(1, Ordering::Relaxed);
        let line = *self.line.lock().unwrap();
        if line == Line::Cut {
            return Box::pin(async { Err(StateError::unavailable("call", "the line is cut")) });
        }
        let state = *self.state.lock().unwrap();
        let answer = call(state);
        Box::pin(async move {
            let answer = answer.await;
            match line {
                Line::Up => answer,
                Line::Stalled => std::future::pending().await,
                Line::Slow => {
                    let slow = || *self.line.lock().unwrap() == Line::Slow;
                    poll_fn(|_| if slow() { Poll::Pending } else { Poll::Ready(()) }).await;
                    answer
                }
                _ => Err(StateError::unavailable("call", "the answer is lost")),
            }
        })
    }
}

/// A member's end of its line.
struct End(Arc<Faulty>);

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("End").finish_non_exhaustive()
    }
}

impl SharedState for End {
    fn sync<'a>(&'a self, report: &'a Report) -> StateFuture<'a, View> {
        self.0.bookings.fetch_add(report.bookings.len() as u64, Ordering::Relaxed);
        self.0.wants.store(report.wants.len() as u64, Ordering::Relaxed);
        self.0.over(|state| state.sync(report))
    }

    fn open<'a>(
        &'a self,
        name: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        self.0.over(|state| state.open(name, seen, wait))
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        self.0.over(move |state| {
            let probe = state.probe(breaker, member, ttl, wait);
            let probes = Arc::clone(&self.0.probes);
            Box::pin(async move {
                let probe = probe.await?;
                if let Probe::Granted(_) = probe {
                    probes.fetch_add(1, Ordering::Relaxed);
                }
                Ok(probe)
            })
        })
    }

    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView> {
        if ended == Probed::Unused {
            self.0.probes.fetch_sub(1, Ordering::Relaxed);
        }
        self.0.over(|state| state.probed(lease, ended))
    }

    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.0.over(|state| state.open_account(account, rules))
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        self.0.over(|state| {
            Box::pin(async {
                let booked = state.book(booking).await;
                if let Some(meanwhile) = self.0.meanwhile.lock().unwrap().take() {
                    meanwhile();
                }
                booked
            })
        })
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        self.0.over(|state| state.pause(name, wait))
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        if self.0.pushes {
            let pushes = Arc::new(Pushes { to: watcher, late: Mutex::default() });
            let weak = Arc::downgrade(&pushes);
            self.0.state.lock().unwrap().watch(weak);
            *self.0.pushed.lock().unwrap() = Some(pushes);
        }
    }
}

/// What is pushed to a member.
#[derive(Debug)]
struct Pushes {
    to: Weak<dyn Watcher>,
    /// What waits for the member to go on, while it is stopped.
    late: Mutex<Option<Vec<Change>>>,
}

impl Watcher for Pushes {
    fn changed(&self, change: Change) {
        match &mut *self.late.lock().unwrap() {
            Some(late) => late.push(change),
            None => self.to.upgrade().into_iter().for_each(|to| to.changed(change.clone())),
        }
    }
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

    /// How many limits it told of in its last report.
    pub(crate) fn wants(&self) -> u64 {
        self.line.wants.load(Ordering::Relaxed)
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
            wants: AtomicU64::new(0),
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
