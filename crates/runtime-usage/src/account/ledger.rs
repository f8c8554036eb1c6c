//! [`Ledger`]: the amounts spent by model and by role.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::Duration;

use thread_local::ThreadLocal;

use super::Charge;
use super::estimates::{Estimate, Estimates, OTHERS, Renamed};
use crate::usd::Usd;

/// The name for charges without a model or a role, if others have one.
const UNNAMED: &str = "(unnamed)";

/// How many models, and how many roles, have entries of their own. The bound keeps hostile names from
/// filling the memory.
const NAMES: usize = 1_024;

/// Amounts by model and by role.
pub(super) type Amounts = BTreeMap<Arc<str>, Usd>;

/// The breakdown of an account, made at the first entry.
#[derive(Debug, Default)]
pub(super) struct Ledger(OnceLock<Box<Entries>>);

/// One book, until a thread would have to wait for it. From then on each thread has a page of its own,
/// and they are added up when they are read.
#[derive(Debug, Default)]
struct Entries {
    book: Mutex<Book>,
    pages: OnceLock<Box<ThreadLocal<Mutex<Names>>>>,
}

/// The entries of threads that did not have to wait, and all estimates.
#[derive(Debug, Default)]
struct Book {
    spent: Names,
    /// What was taken back of the amounts here and on the pages.
    taken: Names,
    estimates: Estimates,
}

#[derive(Clone, Debug, Default)]
struct Names {
    by_model: Amounts,
    by_role: Amounts,
}

impl Ledger {
    /// Enters a charge, whose cost was spent before. A charge of zero, or an exact one without a model
    /// and a role, takes no lock.
    #[inline]
    pub(super) fn enter(&self, charge: &Charge<'_>) {
        if charge.needs_books() && !charge.cost.is_zero() {
            self.enter_names(charge);
        }
    }

    fn enter_names(&self, charge: &Charge<'_>) {
        let Entries { book, pages } = &**self.0.get_or_init(Box::default);
        if charge.estimated {
            return lock(book).estimate(charge);
        }
        if pages.get().is_none() {
            match book.try_lock() {
                Ok(mut book) => return book.spent.enter(charge),
                Err(TryLockError::Poisoned(book)) => return book.into_inner().spent.enter(charge),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(pages.get_or_init(Box::default).get_or_default()).enter(charge);
    }

    /// Takes up to the cost of a charge out of the estimates, those of its model and role if it names
    /// them. Returns them.
    pub(super) fn correct(&self, over: &Charge<'_>) -> Vec<Estimate> {
        let Some(entries) = self.0.get() else { return Vec::new() };
        let mut book = lock(&entries.book);
        let taken = book.estimates.take(over.cost.nanos(), over.model, over.role);
        book.take_back(&taken);
        taken
    }

    /// Takes out those estimates, of which an account below has given back its own. Returns how much it was.
    pub(super) fn correct_same(&self, taken: &[Estimate]) -> u64 {
        let Some(entries) = self.0.get() else { return 0 };
        let mut book = lock(&entries.book);
        let same = book.estimates.take_same(taken);
        book.take_back(&same)
    }

    /// Takes out the estimates that are older than this. Returns how much it was.
    pub(super) fn expire(&self, now: Duration, after: Duration) -> u64 {
        let Some(entries) = self.0.get() else { return 0 };
        let mut book = lock(&entries.book);
        let expired = book.estimates.expire(now, after);
        book.take_back(&expired)
    }

    /// The amounts by model and by role. Each adds up to `spent`, unless it is empty.
    pub(super) fn read(&self, spent: Usd) -> (Amounts, Amounts) {
        let mut sum = Names::default();
        if let Some(Entries { book, pages }) = self.0.get().map(Box::as_ref) {
            let book = lock(book);
            sum = book.spent.clone();
            pages.get().iter().flat_map(|pages| pages.iter()).for_each(|page| sum.add(&lock(page)));
            sum.subtract(&book.taken);
        }
        (completed(sum.by_model, spent), completed(sum.by_role, spent))
    }
}

// No entry can panic half-way, so the contents of a poisoned lock are consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn estimate(&mut self, charge: &Charge<'_>) {
        self.spent.enter(charge);
        let Renamed { models, roles } = self.estimates.add(charge);
        // What is given back later is taken from the name that it has then.
        let Self { spent, taken, .. } = self;
        for (names, taken, spent) in [
            (models, &mut taken.by_model, &mut spent.by_model),
            (roles, &mut taken.by_role, &mut spent.by_role),
        ] {
            for (name, amount) in names {
                let amount = Usd::from_nanos(amount);
                add(taken, &name, amount);
                add(spent, OTHERS, amount);
            }
        }
    }

    fn take_back(&mut self, estimates: &[Estimate]) -> u64 {
        for Estimate { amount, model, role, .. } in estimates {
            self.taken.enter(&Charge::new(Usd::from_nanos(*amount)).model(model).role(role));
        }
        sum(estimates)
    }
}

/// The sum of estimates. Each is part of the spent amount, and so is their sum.
pub(super) fn sum(estimates: &[Estimate]) -> u64 {
    estimates.iter().map(|estimate| estimate.amount).sum()
}

impl Names {
    fn enter(&mut self, charge: &Charge<'_>) {
        add(&mut self.by_model, charge.model, charge.cost);
        add(&mut self.by_role, charge.role, charge.cost);
    }

    fn add(&mut self, other: &Self) {
        other.by_model.iter().for_each(|(model, amount)| add(&mut self.by_model, model, *amount));
        other.by_role.iter().for_each(|(role, amount)| add(&mut self.by_role, role, *amount));
    }

    fn subtract(&mut self, taken: &Self) {
        taken
            .by_model
            .iter()
            .for_each(|(model, amount)| subtract(&mut self.by_model, model, *amount));
        taken.by_role.iter().for_each(|(role, amount)| subtract(&mut self.by_role, role, *amount));
    }
}

/// Takes an amount from where [`add`] put it.
fn subtract(amounts: &mut Amounts, name: &str, taken: Usd) {
    let name = if amounts.contains_key(name) { name } else { OTHERS };
    if let Some(amount) = amounts.get_mut(name) {
        *amount = amount.saturating_sub(taken);
        if amount.is_zero() {
            amounts.remove(name);
        }
    }
}

/// The amounts with an entry for what has no name.
fn completed(mut amounts: Amounts, spent: Usd) -> Amounts {
    let unnamed = spent.saturating_sub(amounts.values().sum());
    if !amounts.is_empty() && !unnamed.is_zero() {
        let amount = amounts.entry(UNNAMED.into()).or_default();
        *amount = amount.saturating_add(unnamed);
    }
    amounts
}

fn add(amounts: &mut Amounts, name: &str, cost: Usd) {
    if name.is_empty() {
        return;
    }
    if let Some(amount) = amounts.get_mut(name) {
        *amount = amount.saturating_add(cost);
        return;
    }
    let name = if amounts.len() < NAMES { name } else { OTHERS };
    let amount = amounts.entry(name.into()).or_default();
    *amount = amount.saturating_add(cost);
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::*;

    fn usd(nanos: u64) -> Usd {
        Usd::from_nanos(nanos)
    }

    fn charge(nanos: u64) -> Charge<'static> {
        Charge::new(usd(nanos)).model("m").role("writer")
    }

    #[test]
    fn thread_that_would_wait_enters_on_a_page_of_its_own() {
        let ledger = Ledger::default();
        ledger.enter(&charge(1));
        let entries = ledger.0.get().expect("the first entry makes it");
        let book = lock(&entries.book);
        ledger.enter(&charge(10));
        drop(book);
        assert!(entries.pages.get().is_some());
        ledger.enter(&charge(100));
        assert_eq!(lock(&entries.book).spent.by_model["m"], usd(1), "the book is left alone");

        let (by_model, by_role) = ledger.read(usd(111));
        assert_eq!((by_model["m"], by_role["writer"]), (usd(111), usd(111)));
    }

    #[test]
    fn charge_of_zero_or_without_names_makes_no_entry() {
        let ledger = Ledger::default();
        ledger.enter(&charge(0));
        ledger.enter(&Charge::new(usd(1)));
        assert!(ledger.0.get().is_none());
    }

    #[test]
    fn estimate_is_taken_back_from_what_is_on_pages() {
        let ledger = Ledger::default();
        ledger.enter(&charge(5).estimated());
        let entries = ledger.0.get().expect("the first entry makes it");
        let book = lock(&entries.book);
        ledger.enter(&charge(10).role("editor"));
        drop(book);

        assert_eq!(sum(&ledger.correct(&charge(8))), 5);
        let (by_model, by_role) = ledger.read(usd(10));
        assert_eq!(by_model["m"], usd(10));
        assert_eq!(by_role.into_iter().collect::<Vec<_>>(), [("editor".into(), usd(10))]);
    }
}
