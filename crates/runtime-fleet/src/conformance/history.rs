//! What members asked of a backend and were answered, and whether one that keeps its promises can have answered so.
//!
//! ```text
//!   member 0   ──take──────12 ct──spend──────────told───▶
//!   member 1   ───────probe──────granted────────(no answer)
//! ```
//!
//! A call has a moment at which it began, and one at which it was answered. One without an answer may have been
//! made, or not.

use std::collections::BTreeMap;

use runtime_usage::Usd;

use super::HOUR;
use crate::money::{Booked, Booking};
use crate::probe::{BreakerView, Probe, ProbeLease};

/// The breaker that nobody closes.
pub(super) const HELD: &str = "held";

/// What was asked.
#[derive(Debug)]
pub(super) enum Asked {
    Book(Booking),
    Open(&'static str),
    Probe,
    Probed(ProbeLease),
    Part,
}

/// What was answered.
#[derive(Debug)]
pub(super) enum Answer {
    Booked(Booked),
    Opened(BreakerView),
    Probe(Probe),
    Probed,
    Part(u64),
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    member: usize,
    began: usize,
    asked: Asked,
    answered: Option<(usize, Answer)>,
}

/// The calls of all members, in the order of their beginnings.
#[derive(Debug, Default)]
pub(super) struct History {
    now: usize,
    pub(super) calls: Vec<Call>,
}

/// A promise of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// No more is granted than there is.
    Take,
    /// What was booked is in the books, and nothing else.
    Settle,
    /// A breaker that was opened stays open for its wait.
    Open,
    /// One member probes at a time.
    Probe,
    /// The parts of a limit are within it.
    Share,
}

/// Promises that were broken, and how.
pub(super) type Found = Vec<(Promise, String)>;

impl History {
    pub(super) fn begin(&mut self, member: usize, asked: Asked) -> usize {
        self.now += 1;
        self.calls.push(Call { member, began: self.now, asked, answered: None });
        self.calls.len() - 1
    }

    pub(super) fn end(&mut self, call: usize, answer: Answer) {
        self.now += 1;
        self.calls[call].answered = Some((self.now, answer));
    }

    /// The promises about money that this history breaks, if the account has this amount.
    pub(super) fn money(&self, amount: Usd) -> Found {
        let mut found = Vec::new();
        for (at, _, _) in self.booked() {
            let held = self.held(at);
            if held > amount {
                found.push((
                    Promise::Take,
                    format!("at {at}, {held} of {amount} are held or spent"),
                ));
            }
        }
        for (at, began, booked) in self.booked() {
            let Some(level) = booked.path.last() else { continue };
            let (least, most) = (self.spent_for_good(began), self.spent_by(at));
            let spent = level.state.spent;
            if spent < least || spent > most {
                let what =
                    format!("at {at}, {spent} are spent, between {least} and {most} were told");
                found.push((Promise::Settle, what));
            }
        }
        found
    }

    /// The promises about breakers and limits that this history breaks, if the limit is `whole`.
    pub(super) fn rest(&self, whole: u64) -> Found {
        let mut found = Vec::new();
        self.opened(&mut found);
        self.probed(&mut found);
        self.shared(whole, &mut found);
        found
    }

    /// The answers to bookings: when they came, when their calls began, and what they say.
    fn booked(&self) -> impl Iterator<Item = (usize, usize, &Booked)> {
        self.calls.iter().filter_map(|call| match &call.answered {
            Some((at, Answer::Booked(booked))) => Some((*at, call.began, booked)),
            _ => None,
        })
    }

    /// What members surely hold or have spent at this moment: what they have heard that they got, without what
    /// they may have given back.
    fn held(&self, at: usize) -> Usd {
        let mut members: BTreeMap<usize, (Usd, Usd)> = BTreeMap::new();
        for call in self.calls.iter().filter(|call| call.began <= at) {
            let Asked::Book(booking) = &call.asked else { continue };
            let (granted, returned) = members.entry(call.member).or_default();
            *returned = booking.returned.max(*returned);
            if let Some((heard, Answer::Booked(booked))) = &call.answered
                && *heard <= at
            {
                *granted = booked.granted.max(*granted);
            }
        }
        members.into_values().map(|(granted, returned)| granted.saturating_sub(returned)).sum()
    }

    /// What the backend may know to be spent at this moment: all that was told before.
    fn spent_by(&self, at: usize) -> Usd {
        self.told(|call| call.began <= at)
    }

    /// What the backend has to know at this moment, whatever happened to it: what it had answered before it
    /// granted money. A grant is answered once it is on the disk, and so is what was booked before it.
    fn spent_for_good(&self, at: usize) -> Usd {
        let gained = |call: &&Call| matches!(&call.asked, Asked::Book(it) if !it.least.is_zero());
        let ended = |call: &Call| call.answered.as_ref().map(|(ended, _)| *ended);
        let grants = self.calls.iter().filter(gained);
        let grants = grants.filter(|call| ended(call).is_some_and(|ended| ended < at));
        let sure = grants.map(|call| call.began).max().unwrap_or(0);
        self.told(|call| ended(call).is_some_and(|ended| ended < sure))
    }

    /// The sum of the most that each member told in the calls that are chosen.
    fn told(&self, chosen: impl Fn(&Call) -> bool) -> Usd {
        let mut members: BTreeMap<usize, Usd> = BTreeMap::new();
        for call in self.calls.iter().filter(|call| chosen(call)) {
            if let Asked::Book(booking) = &call.asked {
                let spent = members.entry(call.member).or_default();
                *spent = booking.spent.max(*spent);
            }
        }
        members.into_values().sum()
    }

    fn opened(&self, found: &mut Found) {
        let views = self.calls.iter().filter_map(|call| match (&call.asked, &call.answered) {
            (Asked::Open(HELD), Some((at, Answer::Opened(view)))) => Some((call.began, *at, view)),
            _ => None,
        });
        // Once it was opened, it is open for the hour; nobody closes it.
        let mut first = None;
        for (began, at, view) in views {
            let long = view.open.is_some_and(|open| open > HOUR / 2);
            match first {
                Some(opened) if began > opened && !long => {
                    let what = format!("at {at}, it is {view:?}, and was opened at {opened}");
                    found.push((Promise::Open, what));
                }
                None if long => first = Some(at),
                _ => {}
            }
        }
    }

    fn probed(&self, found: &mut Found) {
        let mut granted: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
        for call in &self.calls {
            let Some((at, Answer::Probe(Probe::Granted(lease)))) = &call.answered else { continue };
            match granted.insert(lease.generation, (call.member, *at)) {
                // A member that asks again has the same.
                Some((member, _)) if member != call.member => {
                    let what = format!("{member} and {} both have {lease:?}", call.member);
                    found.push((Promise::Probe, what));
                }
                _ => {}
            }
        }
        for ((earlier, (member, _)), (later, (other, at))) in
            granted.iter().zip(granted.iter().skip(1))
        {
            let over = self.calls.iter().any(|call| {
                matches!(&call.asked, Asked::Probed(lease) if lease.generation == *earlier)
                    && call.began < *at
            });
            if !over {
                let what = format!(
                    "{other} got probe {later} at {at}, and probe {earlier} of {member} is not over"
                );
                found.push((Promise::Probe, what));
            }
        }
    }

    fn shared(&self, whole: u64, found: &mut Found) {
        let answers = self.calls.iter().filter_map(|call| match &call.answered {
            Some((at, Answer::Part(part))) => Some((*at, call.member, *part)),
            _ => None,
        });
        let mut answers: Vec<_> = answers.collect();
        answers.sort_unstable();
        let mut parts: BTreeMap<usize, u64> = BTreeMap::new();
        for (at, member, part) in answers {
            parts.insert(member, part);
            let sum: u64 = parts.values().sum();
            if sum > whole {
                found.push((Promise::Share, format!("at {at}, {sum} of {whole} are gone by")));
            }
        }
    }
}
