//! [`Ledger`]: the amounts spent by model and by role.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Charge;
use super::estimates::{Estimate, Estimates};
use crate::usd::Usd;

/// The name for all further models or roles once there are too many.
pub(super) const OTHERS: &str = "(others)";

/// The name for charges without a model or a role, if others have one.
const UNNAMED: &str = "(unnamed)";

/// How many models, and how many roles, have entries of their own. The bound keeps hostile names from
/// filling the memory.
const NAMES: usize = 1_024;

/// Amounts by model and by role.
pub(super) type Amounts = BTreeMap<Arc<str>, Usd>;

/// The breakdown of an account, made at the first entry.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Option<Box<Books>>>);

#[derive(Debug, Default)]
struct Books {
    by_model: Amounts,
    by_role: Amounts,
    estimates: Estimates,
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
        self.books().get_or_insert_default().enter(charge);
    }

    /// Takes up to the cost of a charge out of the estimates, those of its model and role if it names
    /// them. Returns how much it was.
    pub(super) fn correct(&self, over: &Charge<'_>) -> u64 {
        let correct = |books: &mut Box<Books>| {
            let taken = books.estimates.take(over.cost.nanos(), over.model, over.role);
            books.subtract(&taken)
        };
        self.books().as_mut().map_or(0, correct)
    }

    /// Takes out the estimates that are older than this. Returns how much it was.
    pub(super) fn expire(&self, now: Duration, after: Duration) -> u64 {
        let expire = |books: &mut Box<Books>| {
            let expired = books.estimates.expire(now, after);
            books.subtract(&expired)
        };
        self.books().as_mut().map_or(0, expire)
    }

    /// The amounts by model and by role. Each adds up to `spent`, unless it is empty.
    pub(super) fn read(&self, spent: Usd) -> (Amounts, Amounts) {
        let books = self.books();
        let amounts = books.as_ref().map(|books| (books.by_model.clone(), books.by_role.clone()));
        drop(books);
        let (by_model, by_role) = amounts.unwrap_or_default();
        (completed(by_model, spent), completed(by_role, spent))
    }

    // No entry can panic half-way, so the contents of a poisoned lock are consistent.
    fn books(&self) -> MutexGuard<'_, Option<Box<Books>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn enter(&mut self, charge: &Charge<'_>) {
        add(&mut self.by_model, charge.model, charge.cost);
        add(&mut self.by_role, charge.role, charge.cost);
        if charge.estimated {
            self.estimates.add(charge.cost.nanos(), charge.model, charge.role);
        }
    }

    fn subtract(&mut self, estimates: &[Estimate]) -> u64 {
        for Estimate { amount, model, role, .. } in estimates {
            subtract(&mut self.by_model, model, *amount);
            subtract(&mut self.by_role, role, *amount);
        }
        // Each is part of the spent amount, and so is their sum.
        estimates.iter().map(|estimate| estimate.amount).sum()
    }
}

/// Takes an amount from where [`add`] put it.
fn subtract(amounts: &mut Amounts, name: &str, nanos: u64) {
    let name = if amounts.contains_key(name) { name } else { OTHERS };
    if let Some(amount) = amounts.get_mut(name) {
        *amount = amount.saturating_sub(Usd::from_nanos(nanos));
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
