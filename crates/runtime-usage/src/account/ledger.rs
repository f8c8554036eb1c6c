//! [`Ledger`]: the amounts spent by model and by role.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Charge;
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

/// The breakdown of an account.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Books>);

#[derive(Clone, Debug, Default)]
struct Books {
    by_model: Amounts,
    by_role: Amounts,
}

impl Ledger {
    /// Enters a charge. A charge of zero, or without a model and a role, takes no lock.
    #[inline]
    pub(super) fn enter(&self, charge: &Charge<'_>) {
        let named = !charge.model.is_empty() || !charge.role.is_empty();
        if named && !charge.cost.is_zero() {
            self.enter_names(charge);
        }
    }

    fn enter_names(&self, charge: &Charge<'_>) {
        let mut books = self.books();
        add(&mut books.by_model, charge.model, charge.cost);
        add(&mut books.by_role, charge.role, charge.cost);
    }

    /// The amounts by model and by role. Each adds up to `spent`, unless it is empty.
    pub(super) fn read(&self, spent: Usd) -> (Amounts, Amounts) {
        let Books { by_model, by_role } = self.books().clone();
        (completed(by_model, spent), completed(by_role, spent))
    }

    // No entry can panic half-way, so the contents of a poisoned lock are consistent.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
