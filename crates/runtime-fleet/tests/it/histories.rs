//! Histories of members: good ones break no promise, and a backend that breaks one is caught.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_executor::block_on;
use runtime_fleet::conformance::{Outage, a_history};
use runtime_fleet::{
    AccountPath, AccountState, Accounts, Booked, Booking, BreakerView, Holder, MemberId,
    MemberReport, MemoryState, Probe, ProbeLease, Probed, Rules, SharedState, StateError,
    StateFuture, View, Watcher,
};
use runtime_usage::Usd;

/// The promise that is broken, now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    Take,
    Settle,
    Open,
    Probe,
    Share,
}

/// A backend with a defect, over lines that lose every tenth answer.
struct Odd {
    state: MemoryState,
    defect: Defect,
    calls: AtomicU64,
}

impl fmt::Debug for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Odd").field("defect", &self.defect).finish_non_exhaustive()
    }
}

impl Odd {
    /// Whether the defect shows in this call.
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect && self.calls.load(Ordering::Relaxed).is_multiple_of(7)
    }

    fn over<'a, T: Send + 'a>(&'a self, answer: StateFuture<'a, T>) -> StateFuture<'a, T> {
        // Relaxed: a count.
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let answer = answer.await;
            let lost = call % 10 == 9;
            if lost { Err(StateError::unavailable("call", "the answer is lost")) } else { answer }
        })
    }
}

impl SharedState for Odd {
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View> {
        self.over(Box::pin(async move {
            let mut view = self.state.sync(report).await?;
            if self.has(Defect::Share) {
                let given =
                    view.shares.iter_mut().flatten().filter_map(|share| share.given[0].as_mut());
                given.for_each(|part| *part += 700);
            }
            Ok(view)
        }))
    }

    fn open<'a>(
        &'a self,
        breaker: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        self.over(Box::pin(async move {
            let mut view = self.state.open(breaker, seen, wait).await?;
            if self.has(Defect::Open) {
                view.open = Some(wait);
            }
            Ok(view)
        }))
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        self.over(Box::pin(async move {
            let probe = self.state.probe(breaker, member, ttl, wait).await?;
            match probe {
                Probe::Refused(BreakerView { generation, probing: true, .. })
                    if self.has(Defect::Probe) =>
                {
                    let (breaker, member) = (breaker.into(), member.clone());
                    Ok(Probe::Granted(ProbeLease { breaker, member, generation, ttl }))
                }
                probe => Ok(probe),
            }
        }))
    }

    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView> {
        self.over(self.state.probed(lease, ended))
    }

    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.over(self.state.open_account(account, rules))
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        self.over(Box::pin(async move {
            if self.has(Defect::Settle) {
                // It forgets what the member has spent.
                let forgets = Booking { spent: Usd::ZERO, ..booking.clone() };
                return self.state.book(&forgets).await;
            }
            let mut booked = self.state.book(booking).await?;
            if self.has(Defect::Take) {
                booked.granted = booked.granted.saturating_add(booking.most);
            }
            Ok(booked)
        }))
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        self.over(self.state.pause(name, wait))
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.state.watch(watcher);
    }
}

impl Accounts for Odd {
    fn set<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        self.state.set(account, rules)
    }

    fn account<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Option<AccountState>> {
        self.state.account(account)
    }

    fn accounts(&self) -> StateFuture<'_, Vec<AccountState>> {
        self.state.accounts()
    }

    fn holders<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Vec<Holder>> {
        self.state.holders(account)
    }

    fn correct<'a>(
        &'a self,
        account: &'a AccountPath,
        member: &'a MemberId,
        over: Usd,
    ) -> StateFuture<'a, Usd> {
        self.state.correct(account, member, over)
    }
}

/// What the history of three members says of a backend.
fn play(defect: Defect, seed: u64) -> Result<(), String> {
    let state = MemoryState::new();
    let odd = || Odd { state: state.clone(), defect, calls: AtomicU64::new(seed) };
    let states = [odd(), odd(), odd()];
    let game = a_history(&states, seed, Outage::Lines, || {});
    let played = catch_unwind(AssertUnwindSafe(|| block_on(game)));
    played.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn good_histories_break_nothing() {
    for seed in 0..200 {
        play(Defect::None, seed).unwrap();
    }
}

#[test]
fn a_backend_that_breaks_a_promise_is_caught() {
    for defect in [Defect::Take, Defect::Settle, Defect::Open, Defect::Probe, Defect::Share] {
        let found = (0..20).find_map(|seed| play(defect, seed).err());
        let found = found.unwrap_or_else(|| panic!("{defect:?} was not caught in 20 games"));
        assert!(found.contains(&format!("{defect:?}")), "{defect:?}: {found}");
    }
}
