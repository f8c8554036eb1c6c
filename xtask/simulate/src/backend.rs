//! A backend of a fleet, with an eye on what it grants: probes, parts of limits, and the waits of breakers.

mod marks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use runtime_fleet::{
    AccountPath, AccountState, Booked, Booking, BreakerView, MemberId, MemberReport, MemoryState,
    Probe, ProbeLease, Probed, Rules, SharedState, StateFuture, View, Watcher,
};
use runtime_testkit::simulation::SimTime;
use runtime_usage::Usd;

use self::marks::Marks;
use crate::now;

/// A backend that notes what it answers. Clones share it.
#[derive(Clone)]
pub(crate) struct Watched {
    state: MemoryState,
    time: SimTime,
    cooldown: Duration,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    last: Option<(Duration, ProbeLease)>,
    /// Of each breaker, a generation and until when it is open in it.
    open: BTreeMap<String, (u64, Duration)>,
    /// The last report of each member.
    reports: BTreeMap<MemberId, u64>,
    /// What each member may use of each limit, and until when.
    parts: BTreeMap<(String, MemberId), (Duration, u64)>,
    /// Until when the money of each member is its own, and what it has lost of it.
    money: BTreeMap<MemberId, (Duration, Usd)>,
    /// The number of bookings.
    bookings: u64,
    marks: Marks,
    broken: Option<String>,
}

impl Watched {
    pub(crate) fn new(state: MemoryState, time: SimTime, cooldown: Duration) -> Self {
        Self { state, time, cooldown, seen: Arc::default() }
    }

    pub(crate) const fn state(&self) -> &MemoryState {
        &self.state
    }

    /// Whether a member may probe: it was given a probe that is not over, or the fleet has not heard of an opening.
    pub(crate) fn may_probe(&self, breaker: &str, member: &MemberId) -> bool {
        let now = self.time.elapsed();
        let seen = self.seen();
        let own = |(at, lease): &(Duration, ProbeLease)| {
            lease.member == *member && now < at.saturating_add(lease.ttl)
        };
        !seen.open.contains_key(breaker) || seen.last.as_ref().is_some_and(own)
    }

    /// Whether a member may use a part of a limit: it was given one whose time is not over.
    pub(crate) fn may_use(&self, limit: &str, member: &MemberId) -> bool {
        let now = self.time.elapsed();
        let place = (limit.to_owned(), member.clone());
        self.seen().parts.get(&place).is_some_and(|(until, _)| now < *until)
    }

    pub(crate) fn bookings(&self) -> u64 {
        self.seen().bookings
    }

    /// The marks that members say they have heard of.
    pub(crate) fn heard_of(&self) -> BTreeSet<u16> {
        self.seen().marks.heard.clone()
    }

    pub(crate) fn broken(&self) -> Result<(), String> {
        self.seen().broken.clone().map_or(Ok(()), Err)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at an answer that is there at once, as those in memory are.
    fn look<'a, T: Send + 'a>(
        &self,
        answer: StateFuture<'a, T>,
        look: impl FnOnce(&mut Seen, Duration, &T),
    ) -> StateFuture<'a, T> {
        let answer = now(answer);
        if let Some(Ok(answer)) = &answer {
            look(&mut self.seen(), self.time.elapsed(), answer);
        }
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

impl Seen {
    fn breaks(&mut self, why: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(why);
    }

    fn granted(&mut self, at: Duration, lease: &ProbeLease, cooldown: Duration) {
        if let Some((before, last)) = &self.last {
            // Who has a probe may ask again.
            let same = (&last.member, last.generation) == (&lease.member, lease.generation);
            if !same && at.saturating_sub(*before) < cooldown {
                let why = format!("{last:?} at {before:?}, and {lease:?} at {at:?}");
                self.breaks(|| why);
            }
        }
        if let Some((generation, until)) = self.open.get(&*lease.breaker).copied()
            && generation + 1 == lease.generation
            && at < until
        {
            self.breaks(|| format!("{lease:?} at {at:?}, and it was open until {until:?}"));
        }
        self.last = Some((at, lease.clone()));
    }

    /// A member that is heard of in time keeps its money, and hears of each mark that is reached.
    fn booked(&mut self, at: Duration, booking: &Booking, booked: &Booked) {
        self.bookings += 1;
        if let Err(why) = self.marks.booked(at, booking, booked) {
            self.breaks(|| why);
        }
        let until = at.saturating_add(booking.ttl);
        let (own, lost) = self.money.entry(booking.member.clone()).or_insert((until, booked.lost));
        let taken = booked.lost > *lost && at < *own;
        (*own, *lost) = (until, booked.lost);
        if taken {
            self.breaks(|| format!("{booking:?} in time, and money is lost: {booked:?}"));
        }
    }

    /// In one generation a wait never gets shorter.
    fn viewed(&mut self, at: Duration, breaker: &str, view: BreakerView) {
        let until = view.open.map(|left| at.saturating_add(left));
        if let Some((generation, before)) = self.open.get(breaker).copied()
            && generation == view.generation
            && before > at
            && until.is_none_or(|until| until < before)
        {
            self.breaks(|| {
                format!("`{breaker}` is {view:?} at {at:?}, and was open until {before:?}")
            });
        }
        match until {
            Some(until) => drop(self.open.insert(breaker.to_owned(), (view.generation, until))),
            None => drop(self.open.remove(breaker)),
        }
    }

    /// What members may use together is never more than there is.
    fn reported(&mut self, at: Duration, report: &MemberReport, view: &View) {
        for (name, breaker) in report.breakers.iter().zip(&view.breakers) {
            if let Ok(breaker) = breaker {
                self.viewed(at, name, *breaker);
            }
        }
        for (booking, booked) in report.bookings.iter().zip(&view.booked) {
            if let Ok(booked) = booked {
                self.booked(at, booking, booked);
            }
        }
        let last = self.reports.entry(report.member.clone()).or_default();
        if report.seq < *last {
            // It comes late, and changes nothing.
            return;
        }
        *last = report.seq;
        if report.ttl.is_zero() {
            // It leaves.
            self.parts.retain(|(_, member), _| *member != report.member);
            return;
        }
        let until = at.saturating_add(report.ttl);
        for (want, share) in report.wants.iter().zip(&view.shares) {
            let given = share.as_ref().ok().and_then(|share| share.given[0]);
            let (Some(whole), Some(given)) = (want.limits[0], given) else { continue };
            // The answer may be lost, and then it goes by what it had.
            let most = given.max(want.applied[0].unwrap_or(0));
            let place = (want.limit.to_string(), report.member.clone());
            self.parts.insert(place, (until, most));
            let live = self
                .parts
                .iter()
                .filter(|((limit, _), (until, _))| **limit == *want.limit && *until > at);
            let sum: u64 = live.map(|(_, (_, part))| part).sum();
            if sum > whole {
                self.breaks(|| format!("members may use {sum} of {whole} thousandths at {at:?}"));
            }
        }
    }
}

impl SharedState for Watched {
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View> {
        self.look(self.state.sync(report), |seen, at, view| seen.reported(at, report, view))
    }

    fn open<'a>(
        &'a self,
        name: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        let opened = self.state.open(name, seen, wait);
        self.look(opened, |seen, at, view| seen.viewed(at, name, *view))
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        let probe = self.state.probe(breaker, member, ttl, wait);
        self.look(probe, |seen, at, probe| {
            if let Probe::Granted(lease) = probe {
                seen.granted(at, lease, self.cooldown);
            }
        })
    }

    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView> {
        // It may come late, for one that is over.
        let its = |(_, last): &(Duration, ProbeLease)| last.generation == lease.generation;
        let late = self
            .seen()
            .last
            .as_mut()
            .filter(|last| its(last))
            .is_some_and(|(at, lease)| self.time.elapsed() >= at.saturating_add(lease.ttl));
        if ended == Probed::Unused {
            self.seen().last.take_if(|last| its(last));
        }
        let answer = self.state.probed(lease, ended);
        self.look(answer, |seen, at, view| {
            if late && view.generation != lease.generation {
                seen.breaks(|| {
                    format!("{lease:?} is over at {at:?}, and {ended:?} counts: {view:?}")
                });
            }
            seen.viewed(at, &lease.breaker, *view);
        })
    }

    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.state.open_account(account, rules)
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        self.look(self.state.book(booking), |seen, at, booked| seen.booked(at, booking, booked))
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        self.state.pause(name, wait)
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.state.watch(watcher);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}
