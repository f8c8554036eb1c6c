//! The suite of tests that any backend runs.
//!
//! Each test is an async function that takes an empty place of a backend. A failed one panics. No test waits:
//! times are zero or an hour.
//!
//! ```
//! use runtime_fleet::{MemoryState, conformance};
//!
//! # futures_util::FutureExt::now_or_never(async {
//! conformance::run(|| async { MemoryState::new() }).await;
//! # }).unwrap();
//! ```
#![expect(clippy::unwrap_used, reason = "a test panics if it fails")]

mod breakers;
mod busy;
mod connections;
mod damage;
mod histories;
mod history;
mod limits;
mod losses;
mod many;
mod money;
mod names;
mod parts;

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use runtime_usage::Usd;

pub use self::busy::Busy;
pub use self::connections::{
    away_at_the_start, impatient, no_pushes, one_dollar_and_kills, pushes, refusal, silent, told,
};
pub use self::damage::{Thing, damaged};
pub use self::histories::{Outage, a_history, a_troubled_history};
pub use self::many::{one_dollar, one_probe_each_time, parts_of_a_whole};
pub use self::names::apart;
pub use self::parts::{members_report, parts_add_up, parts_in_full};
use crate::BoxFuture;
use crate::member::MemberId;
use crate::money::{AccountPath, Booked, Booking, OnLoss, Rules};
use crate::pace::Share;
use crate::state::{Accounts, MemberReport, SharedState, View};

/// Runs every test, each on a new backend.
///
/// [`one_probe_each_time`], [`parts_of_a_whole`], [`one_dollar`] and [`a_history`] are of many connections to one
/// place. The last two may run while the backend is killed and started again. [`pushes`], [`no_pushes`],
/// [`damaged`], [`apart`], [`away_at_the_start`], [`silent`], [`impatient`] and [`one_dollar_and_kills`] are of connections to a server.
pub async fn run<S: Accounts, F: Future<Output = S>>(mut new: impl FnMut() -> F) {
    breakers::opening(&new().await).await;
    breakers::probing(&new().await).await;
    breakers::lost_probes(&new().await).await;
    breakers::longer_waits(&new().await).await;
    breakers::one_probe_of_many(&new().await).await;
    limits::shares(&new().await).await;
    limits::forgotten(&new().await).await;
    limits::late_reports(&new().await).await;
    limits::pauses(&new().await).await;
    for seed in 0..4 {
        parts_in_full(&new().await, seed).await;
        parts_add_up(&new().await, seed).await;
        names::differ(&new().await, seed).await;
    }
    money::opening(&new().await).await;
    money::grants(&new().await).await;
    money::trees(&new().await).await;
    money::repetitions(&new().await).await;
    money::beyond(&new().await).await;
    money::too_large(&new().await).await;
    money::marks(&new().await).await;
    money::marks_of_other_rules(&new().await).await;
    money::short(&new().await).await;
    money::no_more_than_there_is(&new().await).await;
    losses::spent(&new().await).await;
    losses::returned(&new().await).await;
    losses::corrected(&new().await).await;
    losses::handed_on(&new().await).await;
    losses::forgotten(&new().await).await;
}

const HOUR: Duration = Duration::from_secs(3_600);

fn member(id: &str) -> MemberId {
    MemberId::new(id)
}

fn path(path: &str) -> AccountPath {
    AccountPath::new(path).unwrap()
}

const fn cents(cents: u64) -> Usd {
    Usd::from_cents(cents)
}

fn enforced(cents: u64) -> Rules {
    let amount = Usd::from_cents(cents);
    let marks = vec![80, 100];
    Rules { amount, enforced: true, strict: false, marks, on_loss: OnLoss::Spend }
}

/// The books of a member that has booked nothing.
///
/// # Panics
///
/// If the path is none.
pub fn booking(account: &str, id: &str) -> Booking {
    let zero = Usd::ZERO;
    Booking {
        account: path(account),
        member: member(id),
        seq: 0,
        heard: 0,
        granted: zero,
        spent: zero,
        estimated: zero,
        returned: zero,
        least: zero,
        most: zero,
        ttl: HOUR,
    }
}

fn report(id: &str, seq: u64) -> MemberReport {
    MemberReport {
        member: member(id),
        seq,
        ttl: HOUR,
        breakers: Vec::new(),
        wants: Vec::new(),
        pauses: Vec::new(),
        bookings: Vec::new(),
    }
}

impl View {
    /// The first share.
    fn share(&self) -> &Share {
        self.shares[0].as_ref().unwrap()
    }
}

async fn sync(state: &dyn SharedState, report: MemberReport) -> View {
    state.sync(&report).await.unwrap()
}

/// A member's books of an account, as the member has them.
struct Owner<'s> {
    state: &'s dyn SharedState,
    next: Booking,
}

impl<'s> Owner<'s> {
    fn new(state: &'s dyn SharedState, account: &str, id: &str) -> Self {
        let next = booking(account, id);
        Self { state, next }
    }

    /// Books, and hears the answer.
    async fn book(&mut self) -> Booked {
        let booked = self.unheard().await;
        self.next.granted = booked.granted;
        self.next.heard = self.next.seq;
        booked
    }

    /// Books, and the answer is lost.
    async fn unheard(&mut self) -> Booked {
        self.next.seq += 1;
        self.state.book(&self.next).await.unwrap()
    }

    /// Asks for this much. Returns what it got.
    async fn take(&mut self, least: Usd, most: Usd) -> Usd {
        let before = self.next.granted;
        (self.next.least, self.next.most) = (least, most);
        let booked = self.book().await;
        (self.next.least, self.next.most) = (Usd::ZERO, Usd::ZERO);
        booked.granted.saturating_sub(before)
    }
}

/// Spent, estimated and granted cents of an account.
async fn sums(state: &dyn Accounts, account: &str) -> [u64; 3] {
    let state = state.account(&path(account)).await.unwrap().unwrap();
    let cents = |usd: Usd| usd.nanos() / Usd::from_cents(1).nanos();
    [cents(state.spent), cents(state.estimated), cents(state.granted)]
}

/// Lets others go on.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs futures side by side.
async fn all<T>(mut futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut pending = false;
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(value) => *done = Some(value),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}
