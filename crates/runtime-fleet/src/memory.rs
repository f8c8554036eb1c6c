//! [`MemoryState`]: a backend for tests, and the model of what the others do.

mod accounts;
mod breakers;
mod limits;

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use runtime_events::{Clock, SystemClock};
use runtime_usage::Usd;

use self::accounts::Books;
use self::breakers::Breaker;
use self::limits::Limits;
use crate::error::StateError;
use crate::member::MemberId;
use crate::money::{AccountPath, AccountState, Booked, Booking, Holder, Rules};
use crate::probe::{BreakerView, Probe, ProbeLease, Probed};
use crate::state::{Accounts, Change, MemberReport, SharedState, StateFuture, View, Watcher};
use crate::watchers::Watchers;

/// A backend in memory. Clones share it.
///
/// It joins the fleets of one process, so it is for tests; and it says what every other backend does.
#[derive(Clone)]
pub struct MemoryState {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    /// Times are counted from here.
    origin: Instant,
    tables: Mutex<Tables>,
    watchers: Watchers,
}

/// What the backend keeps. Times are counted from its beginning.
#[derive(Default)]
struct Tables {
    /// Until when each member is there.
    members: BTreeMap<MemberId, Duration>,
    breakers: BTreeMap<Arc<str>, Breaker>,
    limits: Limits,
    books: Books,
    /// Until when each limit and route is paused.
    pauses: BTreeMap<Arc<str>, Duration>,
    /// What the call has changed.
    changes: Vec<Change>,
}

impl MemoryState {
    /// Creates a backend on the system's clock.
    pub fn new() -> Self {
        Self::on(SystemClock)
    }

    /// Creates a backend whose time is this clock's.
    pub fn on(clock: impl Clock + 'static) -> Self {
        let (origin, clock) = (clock.now(), Arc::new(clock));
        let (tables, watchers) = (Mutex::default(), Watchers::default());
        Self { shared: Arc::new(Shared { clock, origin, tables, watchers }) }
    }

    /// Makes a call at this time, as one transaction, and tells what it changed.
    fn at<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Tables, Duration) -> Result<T, StateError>,
    ) -> StateFuture<'static, T> {
        let now = self.shared.clock.now().saturating_duration_since(self.shared.origin);
        let mut tables = lock(&self.shared.tables);
        let result = call(&mut tables, now);
        let changes = std::mem::take(&mut tables.changes);
        drop(tables);
        for change in changes {
            self.shared.watchers.tell(&change);
        }
        Box::pin(ready(result))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each call checks first and changes then, so a panic leaves the tables whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tables {
    fn sync(&mut self, report: &MemberReport, now: Duration) -> View {
        let gone = report.ttl.is_zero();
        self.members.retain(|_, until| *until > now);
        if gone {
            self.members.remove(&report.member);
        } else {
            self.members.insert(report.member.clone(), now.saturating_add(report.ttl));
        }
        let view = |name: &Arc<str>| {
            Ok(self
                .breakers
                .get(name)
                .map_or_else(BreakerView::default, |breaker| breaker.view(now)))
        };
        let breakers = report.breakers.iter().map(view).collect();
        let mut shares = Vec::with_capacity(report.wants.len());
        for want in &report.wants {
            let mut share = self.limits.share(want, report, now);
            share.paused = self.paused(&want.limit, now);
            shares.push(Ok(share));
        }
        let mut booked = Vec::with_capacity(report.bookings.len());
        for booking in &report.bookings {
            booked.push(self.book(booking, now));
        }
        let pauses = report.pauses.iter().map(|name| Ok(self.paused(name, now))).collect();
        let members = Ok(u32::try_from(self.members.len()).unwrap_or(u32::MAX));
        View { at: now, members, breakers, shares, pauses, booked }
    }

    fn book(&mut self, booking: &Booking, now: Duration) -> Result<Booked, StateError> {
        let (booked, short) = self.books.book(booking, now)?;
        self.changes.extend(short);
        Ok(booked)
    }

    fn paused(&self, name: &str, now: Duration) -> Option<Duration> {
        self.pauses.get(name).map(|until| until.saturating_sub(now)).filter(|left| !left.is_zero())
    }

    /// Changes a breaker, and tells so if it is another one then.
    fn breaker<T>(
        &mut self,
        name: &str,
        now: Duration,
        change: impl FnOnce(&mut Breaker) -> T,
    ) -> T {
        let name: Arc<str> = name.into();
        let breaker = self.breakers.entry(name.clone()).or_default();
        let before = breaker.view(now);
        let result = change(breaker);
        let view = breaker.view(now);
        if view != before {
            self.changes.push(Change::Breaker { name, view, at: now });
        }
        result
    }
}

impl SharedState for MemoryState {
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View> {
        self.at(|tables, now| Ok(tables.sync(report, now)))
    }

    fn open<'a>(
        &'a self,
        breaker: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        self.at(|tables, now| {
            Ok(tables.breaker(breaker, now, |breaker| breaker.open(seen, wait, now)))
        })
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        self.at(|tables, now| {
            let probe = |row: &mut Breaker| match row.probe(member, ttl, wait, now) {
                Some((generation, ttl)) => {
                    let (breaker, member) = (breaker.into(), member.clone());
                    Probe::Granted(ProbeLease { breaker, member, generation, ttl })
                }
                None => Probe::Refused(row.view(now)),
            };
            Ok(tables.breaker(breaker, now, probe))
        })
    }

    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView> {
        self.at(|tables, now| {
            Ok(tables.breaker(&lease.breaker, now, |breaker| breaker.probed(lease, ended, now)))
        })
    }

    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.at(|tables, now| {
            tables.books.open(account, rules)?;
            tables.books.read(account, now)
        })
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        self.at(|tables, now| tables.book(booking, now))
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        self.at(|tables, now| {
            let name: Arc<str> = name.into();
            let until = now.saturating_add(wait);
            let paused = tables.pauses.entry(name.clone()).or_default();
            if until > *paused {
                *paused = until;
                tables.changes.push(Change::Pause { name, wait, at: now });
            }
            Ok(())
        })
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.shared.watchers.add(watcher);
    }
}

impl Accounts for MemoryState {
    fn set<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.at(|tables, now| {
            let changed = tables.books.set(account, rules)?;
            tables.changes.extend(changed);
            tables.books.read(account, now)
        })
    }

    fn account<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Option<AccountState>> {
        self.at(|tables, now| Ok(tables.books.read(account, now).ok()))
    }

    fn accounts(&self) -> StateFuture<'_, Vec<AccountState>> {
        self.at(|tables, now| Ok(tables.books.all(now)))
    }

    fn holders<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Vec<Holder>> {
        self.at(|tables, now| tables.books.holders(account, now))
    }

    fn correct<'a>(
        &'a self,
        account: &'a AccountPath,
        member: &'a MemberId,
        over: Usd,
    ) -> StateFuture<'a, Usd> {
        self.at(|tables, now| tables.books.correct(account, member, over, now))
    }
}

impl Default for MemoryState {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryState").finish_non_exhaustive()
    }
}
