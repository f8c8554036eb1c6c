//! The backend of a fleet at the other end of a line, and what drives a member.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use runtime_events::Sleeper;
use runtime_fleet::{
    AccountPath, AccountState, Booked, Booking, BreakerView, Fleet, FleetConfig, FleetDriver,
    MemberId, MemberReport, Probe, ProbeLease, Probed, Rules, SharedState, StateError, StateFuture,
    View, Watcher,
};

use super::line::Line;
use super::pushes::Pushes;
use super::sim::{HEARTBEAT, Sim};
use super::time::SimTime;

/// The backend of a fleet as a process sees it, over the line `backend`.
///
/// What the backend pushes comes over the line as well, for a member that [`Sim::fleet`] makes: each push on a way of
/// its own, so that one may come after a later one, or be lost.
#[derive(Clone)]
pub struct SimBackend {
    state: Arc<dyn SharedState>,
    line: Line,
    pushes: Arc<Pushes>,
}

impl Sim {
    /// A backend that outlives processes, as this process sees it. Its clock is [`outside`](Self::outside).
    pub fn backend(&self, state: impl SharedState + 'static) -> SimBackend {
        let line = self.line("backend");
        let pushes = Arc::new(Pushes::new(line.clone(), self.time()));
        SimBackend { state: Arc::new(state), line, pushes }
    }

    /// Makes this process a member of a fleet, with its clock, its ids and its events, and drives it until it leaves.
    ///
    /// # Panics
    ///
    /// If the name of the fleet is none, or a time of its configuration is of no use.
    pub fn fleet(&self, state: impl SharedState + 'static, config: FleetConfig) -> Fleet {
        let config = config.time(self.time()).ids(self.ids()).event_sink(self.events());
        let backend = self.backend(state);
        let pushes = Arc::clone(&backend.pushes);
        let member = Fleet::driven(backend, config);
        let (fleet, driver) = member.expect("settings that are of no use are documented to panic");
        // Without it, the process would be no member.
        self.begin(HEARTBEAT.into(), false, driven(driver, pushes, self.time()));
        fleet
    }
}

async fn driven(mut driver: FleetDriver, pushes: Arc<Pushes>, time: SimTime) {
    let mut timer = None;
    poll_fn(|cx| {
        loop {
            let next = pushes.deliver(cx.waker());
            let Some(rest) = driver.drive_with(cx) else { return Poll::Ready(()) };
            let timer = timer.insert(time.sleep(next.map_or(rest, |next| rest.min(next))));
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

impl SimBackend {
    fn over<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a dyn SharedState) -> StateFuture<'a, T> + Send + 'a,
    ) -> StateFuture<'a, T> {
        Box::pin(async move {
            match self.line.call(|| call(&*self.state)).await {
                Ok(answer) => answer,
                Err(error) => Err(StateError::unavailable("make a call", error)),
            }
        })
    }
}

impl SharedState for SimBackend {
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View> {
        self.over(|state| state.sync(report))
    }

    fn open<'a>(
        &'a self,
        breaker: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        self.over(move |state| state.open(breaker, seen, wait))
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        self.over(move |state| state.probe(breaker, member, ttl, wait))
    }

    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView> {
        self.over(move |state| state.probed(lease, ended))
    }

    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.over(|state| state.open_account(account, rules))
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        self.over(|state| state.book(booking))
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        self.over(move |state| state.pause(name, wait))
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.pushes.add(watcher);
        let pushes = Arc::downgrade(&self.pushes);
        self.state.watch(pushes);
    }
}

impl fmt::Debug for SimBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimBackend").field("line", &self.line).finish_non_exhaustive()
    }
}
