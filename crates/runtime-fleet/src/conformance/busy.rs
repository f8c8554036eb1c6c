//! [`Busy`]: a member for benchmarks of a backend.

use runtime_usage::Usd;

use super::{booking, enforced, path, report};
use crate::money::Booking;
use crate::pace::Want;
use crate::state::{Accounts, MemberReport};

/// A member that has a breaker, a limit, and an account below two others, for benchmarks.
#[derive(Debug)]
pub struct Busy<S> {
    state: S,
    report: MemberReport,
    next: Booking,
}

impl<S: Accounts> Busy<S> {
    /// Makes its accounts.
    ///
    /// # Panics
    ///
    /// If a call fails, as everything here does.
    pub async fn new(state: S) -> Self {
        let account = "company/team/tenant";
        for above in ["company", "company/team", account] {
            state.set(&path(above), &enforced(100_000_000)).await.unwrap();
        }
        let applied = [Some(600), None, None, None];
        let mut report = report("bench", 0);
        report.breakers.push("openai".into());
        let limit = "gpt-5".into();
        report.wants.push(Want { limit, limits: applied, applied, demand: applied });
        Self { state, report, next: booking(account, "bench") }
    }

    /// Goes on where another connection of the same member is.
    pub fn follow(&mut self, other: &Self) {
        (self.next, self.report.seq) = (other.next.clone(), other.report.seq);
    }

    /// A heartbeat, with something spent or not.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub async fn sync(&mut self, spent: Usd) {
        self.next.spent = self.next.spent.saturating_add(spent);
        self.next.seq += 1;
        self.report.seq += 1;
        self.report.bookings = vec![self.next.clone()];
        let view = self.state.sync(&self.report).await.unwrap();
        let booked = view.booked[0].as_ref().unwrap();
        (self.next.granted, self.next.heard) = (booked.granted, self.next.seq);
    }

    /// Takes an exact sum, as each turn of a strict account does.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub async fn take(&mut self) {
        self.next.seq += 1;
        (self.next.least, self.next.most) = (Usd::from_cents(1), Usd::from_cents(1));
        let booked = self.state.book(&self.next).await.unwrap();
        (self.next.granted, self.next.heard) = (booked.granted, self.next.seq);
        (self.next.least, self.next.most) = (Usd::ZERO, Usd::ZERO);
    }
}
