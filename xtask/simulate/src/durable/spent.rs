//! What the calls of a thread cost, as those who make them see it: without its journal.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use fastrand::Rng;
use runtime_resilience::{FaultError, Reach};
use runtime_testkit::simulation::{Line, Reply};
use runtime_usage::{UsageSnapshot, Usd};

use super::{INPUT, OUTPUT, price};
use crate::draw::one_of;

/// What a strict budget reserves for a call, and keeps of one of which nobody knows what came of it.
fn reserved() -> Usd {
    price().cost(&UsageSnapshot::new(INPUT, OUTPUT))
}

/// What each thread has spent at the least, and how much more it may have. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Spending(Rc<RefCell<BTreeMap<String, Spent>>>);

#[derive(Clone, Copy, Default)]
struct Spent {
    least: Usd,
    /// For what a life has left without knowing whether it was recorded.
    unsure: Usd,
}

impl Spending {
    fn add(&self, thread: &str, least: Usd, unsure: Usd) {
        let mut spending = self.0.borrow_mut();
        let spent = spending.entry(thread.to_owned()).or_default();
        spent.least = spent.least.saturating_add(least);
        spent.unsure = spent.unsure.saturating_add(unsure);
    }

    /// A life comes to a turn. `line` is one of its process.
    pub(super) fn turn(&self, thread: &str, line: Line) -> Entered {
        let (thread, last, calls) = (thread.to_owned(), Rc::default(), Cell::default());
        Entered { spending: self.clone(), thread, line, last, calls, known: false }
    }

    /// The books of a thread have what its calls cost, each once.
    pub(super) fn check(&self, thread: &str, booked: Usd) -> Result<(), String> {
        let Spent { least, unsure } = self.0.borrow().get(thread).copied().unwrap_or_default();
        if least <= booked && booked <= least.saturating_add(unsure) {
            return Ok(());
        }
        Err(format!("`{thread}` has booked {booked}, and its calls cost {least}, or {unsure} more"))
    }
}

/// How the last call of a turn ended, as far as that is known to its life.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Known,
    /// Its process crashed around it.
    Cut,
}

/// A turn that a life has come to.
pub(super) struct Entered {
    spending: Spending,
    thread: String,
    line: Line,
    last: Rc<Cell<Last>>,
    calls: Cell<u32>,
    known: bool,
}

impl Entered {
    /// A call is made: an attempt that was announced.
    pub(super) fn call(&self) -> Called {
        self.last.set(Last::Known);
        self.calls.set(self.calls.get() + 1);
        let (spending, thread) = (self.spending.clone(), self.thread.clone());
        let (line, last) = (self.line.clone(), Rc::clone(&self.last));
        Called { spending, thread, line, last, number: self.calls.get(), cost: None }
    }

    /// The life knows what is recorded of the turn.
    pub(super) const fn known(&mut self) {
        self.known = true;
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // What a crash has cut is lost, and nothing else was announced.
        if !self.known && self.last.get() == Last::Known {
            self.spending.add(&self.thread, Usd::ZERO, reserved());
        }
    }
}

/// A call until its end. One that is dropped may have cost what was reserved.
pub(super) struct Called {
    spending: Spending,
    thread: String,
    line: Line,
    last: Rc<Cell<Last>>,
    /// Of the calls of its turn in this life, from 1.
    number: u32,
    cost: Option<Usd>,
}

/// When a process crashes around a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    Before,
    After,
}

impl Called {
    /// Whether its process crashes around it: some do, which have settled an attempt before.
    pub(super) fn crashes(&self, rng: &mut Rng) -> Option<Crash> {
        let crashes = self.number > 1 && rng.u8(..4) == 0;
        crashes.then(|| one_of(rng, &[Crash::Before, Crash::After]))
    }

    pub(super) fn ended(&mut self, said: &Result<Reply, FaultError>) {
        self.cost = match said {
            Ok(reply) => reply.usage().map(|usage| price().cost(&usage)),
            Err(error) if matches!(error.fault.reach, Reach::NotSent | Reach::Refused) => {
                Some(Usd::ZERO)
            }
            // A strict budget keeps what nobody tells the cost of.
            Err(_) => None,
        };
        self.cost = Some(self.cost.unwrap_or_else(reserved));
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        if self.cost.is_none() && self.line.is_cut() {
            self.last.set(Last::Cut);
        }
        let cost = self.cost.unwrap_or_else(reserved);
        self.spending.add(&self.thread, cost, Usd::ZERO);
    }
}
