//! A backend of a fleet, with an eye on what it grants: probes, parts of limits, and the waits of breakers.

mod marks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use runtime_fleet::{
    AccountPath, AccountState, Booked, Booking, BreakerView, MemberId, MemberReport, MemoryState,
    Probe, ProbeLease, Probed, Rules, SharedState, StateFuture, View, Want, Watcher,
};
use runtime_testkit::simulation::SimTime;
use runtime_usage::Usd;

use self::marks::Marks;
use crate::now;

/// A backend that notes what it answers. Clones share it.
#[derive(Clone)]
pub(crate) struct Watched {
    state: Arc<Mutex<MemoryState>>,
    time: SimTime,
    cooldown: Duration,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    last: Option<(Duration, ProbeLease)>,
    /// Of each breaker, a generation and until when it is open in it.
    open: BTreeMap<String, (u64, Duration)>,
    /// Until when any of them was to be open, and how long a pause of a limit was told.
    longest: Duration,
    pauses: Duration,
    /// The last report of each member.
    reports: BTreeMap<MemberId, u64>,
    /// Until when and how much each member may use of each limit, and what it has said it goes by.
    parts: BTreeMap<(String, MemberId), (Duration, u64, u64)>,
    /// Until when the money of each member is its own, and what it has lost of it.
    money: BTreeMap<MemberId, (Duration, Usd)>,
    /// What each member had lost, by the answer that told it so.
    losses: BTreeMap<MemberId, BTreeMap<u64, Usd>>,
    /// The number of bookings.
    bookings: u64,
    marks: Marks,
    /// Those who have reported, and have not left, since it lost its memory.
    since: Option<BTreeSet<MemberId>>,
    /// Until when it cannot know what members go by.
    blind_until: Duration,
    broken: Option<String>,
}

impl Watched {
    pub(crate) fn new(state: MemoryState, time: SimTime, cooldown: Duration) -> Self {
        Self { state: Arc::new(Mutex::new(state)), time, cooldown, seen: Arc::default() }
    }

    pub(crate) fn state(&self) -> MemoryState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Members may go by the whole limit while they cannot reach it.
    pub(crate) fn limits_are_open(&self) {
        self.seen().blind_until = Duration::MAX;
    }

    /// It loses its memory: another one, of which nobody hears, takes its place.
    pub(crate) fn forget(&self) {
        let other = MemoryState::on(self.time.clone());
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = other;
        let mut seen = self.seen();
        seen.since = Some(BTreeSet::new());
        // Of answers that are under way, nobody can know any more.
        seen.parts.values_mut().for_each(|(_, most, applied)| *most = *applied);
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
        self.seen().parts.get(&place).is_some_and(|(until, ..)| now < *until)
    }

    /// Whether the money of a member is still its own, if it has any.
    pub(crate) fn owns(&self, member: &MemberId) -> bool {
        let now = self.time.elapsed();
        self.seen().money.get(member).is_none_or(|(until, _)| now < *until)
    }

    /// Until when a breaker was to be open, at the latest.
    pub(crate) fn open_until(&self) -> Duration {
        self.seen().longest
    }

    /// Until when a limit is to pause, as members have told.
    pub(crate) fn paused_until(&self) -> Duration {
        self.seen().pauses
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
    fn look<'a, T: Send + 'static>(
        &self,
        answer: StateFuture<'_, T>,
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
        self.longest = self.longest.max(at.saturating_add(lease.ttl).saturating_add(cooldown));
        self.last = Some((at, lease.clone()));
    }

    /// A member that is heard of in time keeps its money, and hears of each mark that is reached.
    fn booked(&mut self, at: Duration, booking: &Booking, booked: &Booked) {
        self.bookings += 1;
        if let Err(why) = self.marks.booked(at, booking, booked) {
            self.breaks(|| why);
        }
        // What its calls have taken beyond what is its own comes first.
        let losses = self.losses.entry(booking.member.clone()).or_default();
        let heard = losses.range(..=booking.heard).next_back();
        let own = booking.granted.saturating_sub(heard.map_or(Usd::ZERO, |(_, lost)| *lost));
        losses.insert(booking.seq, booked.lost);
        let debt = booking.spent.saturating_add(booking.returned).saturating_sub(own);
        if booking.least < debt && !booking.ttl.is_zero() {
            self.breaks(|| format!("{debt} are owed, and not asked for: {booking:?}"));
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
        self.longest = self.longest.max(until.unwrap_or_default());
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
            if let Some(since) = &mut self.since {
                since.remove(&report.member);
            }
            self.parts.retain(|(_, member), _| *member != report.member);
            return;
        }
        let goes_by_a_part = |want: &Want| want.applied.iter().any(|units| *units > Some(0));
        if let Some(since) = &mut self.since {
            if since.is_empty() && !report.wants.iter().any(goes_by_a_part) {
                // A newcomer gets the whole: nothing tells that there are others, who hear of it when their time is over.
                let ends = self.parts.values().map(|(until, ..)| *until).max().unwrap_or_default();
                self.blind_until = self.blind_until.max(ends.saturating_add(report.ttl));
            }
            since.insert(report.member.clone());
        }
        let until = at.saturating_add(report.ttl);
        for (want, share) in report.wants.iter().zip(&view.shares) {
            let given = share.as_ref().ok().and_then(|share| share.given[0]);
            let (Some(whole), Some(given)) = (want.limits[0], given) else { continue };
            // The answer may be lost, and then it goes by what it had.
            let applied = want.applied[0].unwrap_or(0);
            let most = given.max(applied);
            let place = (want.limit.to_string(), report.member.clone());
            self.parts.insert(place, (until, most, applied));
            let live = self
                .parts
                .iter()
                .filter(|((limit, _), (until, ..))| **limit == *want.limit && *until > at);
            let sum: u64 = live.map(|(_, (_, part, _))| part).sum();
            if sum > whole && at >= self.blind_until {
                self.breaks(|| format!("members may use {sum} of {whole} thousandths at {at:?}"));
            }
        }
    }
}

impl SharedState for Watched {
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View> {
        self.look(self.state().sync(report), |seen, at, view| seen.reported(at, report, view))
    }

    fn open<'a>(
        &'a self,
        name: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        let state = self.state();
        let opened = state.open(name, seen, wait);
        self.look(opened, |seen, at, view| seen.viewed(at, name, *view))
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        let state = self.state();
        let probe = state.probe(breaker, member, ttl, wait);
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
        let state = self.state();
        let answer = state.probed(lease, ended);
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
        self.look(self.state().open_account(account, rules), |_, _, _| ())
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        self.look(self.state().book(booking), |seen, at, booked| seen.booked(at, booking, booked))
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        self.look(self.state().pause(name, wait), |seen, at, ()| {
            seen.pauses = seen.pauses.max(at.saturating_add(wait));
        })
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.state().watch(watcher);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}
