//! Retry budgets, as they are counted beside them: answers fill them, and further calls draw on them.

use std::cell::{Cell, RefCell};

use runtime_resilience::RetryBudget;

/// What the retry budget of each place has at the least and at the most, in thousandths of a retry.
pub(super) struct Purses {
    all: RefCell<Vec<Purse>>,
    /// What there is at the start, and at the most.
    full: i64,
    deposit: i64,
    /// Turns whose last call failed: each may have drawn a retry that is not made yet.
    pending: Cell<i64>,
    routed: bool,
}

struct Purse {
    budget: RetryBudget,
    least: i64,
    most: i64,
}

const RETRY: i64 = 1_000;

impl Purses {
    pub(super) fn new(
        budgets: Vec<RetryBudget>,
        (reserve, percent): (u32, u32),
        routed: bool,
    ) -> Self {
        let (full, deposit) = (i64::from(reserve) * RETRY, i64::from(percent) * RETRY / 100);
        let purse = |budget| Purse { budget, least: full, most: full };
        let all = RefCell::new(budgets.into_iter().map(purse).collect());
        Self { all, full, deposit, pending: Cell::new(0), routed }
    }

    /// The last call of a turn has failed, or that is over: the turn has ended, or made another one.
    pub(super) fn pend(&self, by: i64) {
        self.pending.set(self.pending.get() + by);
        let brim = self.full + RETRY * self.pending.get();
        self.all.borrow_mut().iter_mut().for_each(|purse| purse.most = purse.most.min(brim));
    }

    /// A hedge begins at a place.
    pub(super) fn hedged(&self, place: usize) {
        let purse = &mut self.all.borrow_mut()[place];
        purse.least -= RETRY;
        purse.most -= RETRY;
    }

    /// A further call begins, at a place that it surely draws on if that is `known`. Where there are routes, a healthy
    /// one takes it as the call of any other turn.
    pub(super) fn again(&self, place: usize, known: bool) {
        for (at, purse) in self.all.borrow_mut().iter_mut().enumerate() {
            purse.least -= RETRY;
            let draws = if self.routed { known && at == place } else { true };
            purse.most -= if draws { RETRY } else { 0 };
        }
    }

    /// A turn that recovers is answered by a place.
    pub(super) fn answered(&self, place: usize) {
        let brim = self.full + RETRY * self.pending.get();
        let purse = &mut self.all.borrow_mut()[place];
        purse.least = (purse.least + self.deposit).min(self.full);
        purse.most = (purse.most + self.deposit).min(brim);
    }

    /// Budgets have what was filled in and not drawn.
    pub(super) fn check(&self) -> Result<(), String> {
        for Purse { budget, least, most } in &*self.all.borrow() {
            let (least, most) = (least - RETRY * self.pending.get(), *most);
            let left = i64::from(budget.balance());
            if left < least.div_euclid(RETRY) || left > most.div_euclid(RETRY) {
                return Err(format!(
                    "{left} are left, and {least} to {most} thousandths are to be"
                ));
            }
        }
        Ok(())
    }
}
