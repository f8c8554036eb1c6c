//! The line of a member to the backend, which can be cut.

use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::Duration;

use runtime_fleet::{
    AccountPath, AccountState, Booked, Booking, BreakerView, Change, MemberId, MemberReport,
    MemoryState, Probe, ProbeLease, Probed, Rules, SharedState, StateError, StateFuture, View,
    Watcher,
};

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
pub(super) struct Faulty {
    pub(super) state: Arc<Mutex<&'static MemoryState>>,
    pub(super) line: Mutex<Line>,
    pub(super) pushes: bool,
    pub(super) pushed: Mutex<Option<Arc<Pushes>>>,
    /// What happens while the answer to the next booking is on its way.
    pub(super) meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    pub(super) calls: AtomicU64,
    /// The bookings of reports, and the most of one.
    pub(super) bookings: AtomicU64,
    pub(super) most: AtomicU64,
    /// The limits of the last report.
    pub(super) wants: AtomicU64,
    /// The routes of the last report.
    pub(super) routes: AtomicU64,
    /// What the backend cannot read.
    pub(super) damaged: Mutex<BTreeSet<String>>,
    /// The probes that were granted and not given back unused, over all lines.
    pub(super) probes: Arc<AtomicU64>,
}

impl Faulty {
    /// Why the backend cannot read what it has of this name, if it cannot.
    fn damaged(&self, name: &str) -> Option<StateError> {
        let is_it = self.damaged.lock().unwrap().contains(name);
        let corrupt = || StateError::Corrupt { of: format!("`{name}`"), why: "WRONGTYPE".into() };
        is_it.then(corrupt)
    }

    /// A call that is about one thing.
    fn of<'a, T: Send + 'a>(
        &'a self,
        name: &str,
        call: impl FnOnce(&'a MemoryState) -> StateFuture<'a, T>,
    ) -> StateFuture<'a, T> {
        let damaged = self.damaged(name);
        self.over(|state| match damaged {
            Some(error) => Box::pin(async { Err(error) }),
            None => call(state),
        })
    }

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
pub(super) struct End(pub(super) Arc<Faulty>);

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("End").finish_non_exhaustive()
    }
}

impl SharedState for End {
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View> {
        let bookings = report.bookings.len() as u64;
        self.0.bookings.fetch_add(bookings, Ordering::Relaxed);
        self.0.most.fetch_max(bookings, Ordering::Relaxed);
        self.0.wants.store(report.wants.len() as u64, Ordering::Relaxed);
        self.0.routes.store(report.pauses.len() as u64, Ordering::Relaxed);
        let view = self.0.over(|state| state.sync(report));
        Box::pin(async move {
            let mut view = view.await?;
            let damaged = |name: &str| self.0.damaged(name);
            put(&mut view.breakers, report.breakers.iter(), damaged);
            put(&mut view.shares, report.wants.iter().map(|want| &*want.limit), damaged);
            put(&mut view.pauses, report.pauses.iter(), damaged);
            let accounts = report.bookings.iter().map(|booking| booking.account.as_str());
            put(&mut view.booked, accounts, damaged);
            view.members = damaged("members").map_or(view.members, Err);
            Ok(view)
        })
    }

    fn open<'a>(
        &'a self,
        name: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        self.0.of(name, |state| state.open(name, seen, wait))
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        self.0.of(breaker, move |state| {
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
        self.0.of(&lease.breaker, |state| state.probed(lease, ended))
    }

    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.0.of(account.as_str(), |state| state.open_account(account, rules))
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        self.0.of(booking.account.as_str(), |state| {
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
        self.0.of(name, |state| state.pause(name, wait))
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

/// Puts errors in the places of these names.
fn put<T>(
    parts: &mut [Result<T, StateError>],
    names: impl Iterator<Item = impl AsRef<str>>,
    damaged: impl Fn(&str) -> Option<StateError>,
) {
    for (part, name) in parts.iter_mut().zip(names) {
        if let Some(error) = damaged(name.as_ref()) {
            *part = Err(error);
        }
    }
}

/// What is pushed to a member.
#[derive(Debug)]
pub(super) struct Pushes {
    to: Weak<dyn Watcher>,
    /// What waits for the member to go on, while it is stopped.
    pub(super) late: Mutex<Option<Vec<Change>>>,
}

impl Watcher for Pushes {
    fn changed(&self, change: Change) {
        match &mut *self.late.lock().unwrap() {
            Some(late) => late.push(change),
            None => self.to.upgrade().into_iter().for_each(|to| to.changed(change.clone())),
        }
    }
}
