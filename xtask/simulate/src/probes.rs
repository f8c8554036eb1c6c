//! A backend of a fleet, with an eye on the probes that it grants.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use runtime_fleet::{
    AccountPath, AccountState, Booked, Booking, BreakerView, MemberId, MemoryState, Probe,
    ProbeLease, Probed, Report, Rules, SharedState, StateFuture, View, Watcher,
};
use runtime_testkit::simulation::SimTime;

use crate::now;

/// A backend that notes when it grants a probe. Clones share it.
#[derive(Clone)]
pub(crate) struct Probes {
    state: MemoryState,
    time: SimTime,
    cooldown: Duration,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    last: Option<(Duration, ProbeLease)>,
    broken: Option<String>,
}

impl Probes {
    pub(crate) fn new(state: MemoryState, time: SimTime, cooldown: Duration) -> Self {
        Self { state, time, cooldown, seen: Arc::default() }
    }

    pub(crate) const fn state(&self) -> &MemoryState {
        &self.state
    }

    pub(crate) fn broken(&self) -> Result<(), String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.broken.clone().map_or(Ok(()), Err)
    }

    fn granted(&self, lease: &ProbeLease) {
        let at = self.time.elapsed();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, last)) = &seen.last {
            // Who has a probe may ask again.
            let same = (&last.member, last.generation) == (&lease.member, lease.generation);
            if !same && at.saturating_sub(*before) < self.cooldown {
                let why = format!("{last:?} at {before:?}, and {lease:?} at {at:?}");
                seen.broken.get_or_insert(why);
            }
        }
        seen.last = Some((at, lease.clone()));
    }
}

impl SharedState for Probes {
    fn sync<'a>(&'a self, report: &'a Report) -> StateFuture<'a, View> {
        self.state.sync(report)
    }

    fn open<'a>(
        &'a self,
        name: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        self.state.open(name, seen, wait)
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        let probe = now(self.state.probe(breaker, member, ttl, wait));
        if let Some(Ok(Probe::Granted(lease))) = &probe {
            self.granted(lease);
        }
        Box::pin(async move {
            match probe {
                Some(probe) => probe,
                None => std::future::pending().await,
            }
        })
    }

    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView> {
        if ended == Probed::Unused {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).last = None;
        }
        self.state.probed(lease, ended)
    }

    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.state.open_account(account, rules)
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        self.state.book(booking)
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        self.state.pause(name, wait)
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.state.watch(watcher);
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").finish_non_exhaustive()
    }
}
