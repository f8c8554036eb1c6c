//! [`Node`]: one account of a path.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use super::Account;
use super::error::BudgetRefusedError;
use super::ledger::Ledger;
use super::limit::Limit;
use super::reservation::Charge;
use super::statement::{BudgetListener, BudgetMark};
use super::words::Words;
use crate::usd::Usd;

/// One account of a path: its rules and its books.
pub(super) struct Node {
    pub(super) words: Words,
    pub(super) limit: Arc<Limit>,
    pub(super) ledger: Ledger,
    /// Asserted, because it is only called where its panic is caught.
    pub(super) listener: Option<AssertUnwindSafe<Arc<dyn BudgetListener>>>,
    pub(super) above: Option<Account>,
}

impl Node {
    pub(super) fn reserve(&self, amount: Usd, wrapping_up: bool) -> Result<(), u64> {
        self.words.reserve(amount.nanos(), self.limit.cap(wrapping_up).nanos())
    }

    pub(super) fn left(&self, wrapping_up: bool) -> Usd {
        let committed = Usd::from_nanos(self.words.read().committed);
        self.limit.open(wrapping_up).saturating_sub(committed)
    }

    pub(super) fn correct(&self, over: &Charge<'_>) -> Usd {
        self.give_back(self.ledger.correct(over))
    }

    pub(super) fn expire(&self, now: Duration) -> Usd {
        let expired = self.limit.estimates_expire.map(|after| self.ledger.expire(now, after));
        self.give_back(expired.unwrap_or(0))
    }

    fn give_back(&self, estimated: u64) -> Usd {
        if estimated > 0 {
            self.words.give_back(estimated);
        }
        Usd::from_nanos(estimated)
    }

    #[inline]
    pub(super) fn settle(
        &self,
        reserved: Usd,
        charge: &Charge<'_>,
        crossed: impl FnMut(BudgetMark),
    ) {
        let (before, after) = self.words.settle(reserved.nanos(), charge.cost.nanos());
        // Less only at the largest amount there is.
        let charge = &Charge { cost: Usd::from_nanos(after - before), ..*charge };
        if charge.estimated {
            self.words.estimate(after - before);
        }
        self.ledger.enter(charge);
        // The spent amount grows by one settlement after the other, so each mark lies between the before
        // and the after of exactly one of them, until estimates are given back.
        let mark = |percent| BudgetMark {
            account: self.limit.name.clone(),
            percent,
            limit: self.limit.amount,
            spent: Usd::from_nanos(after),
        };
        self.limit.marks_between(before, after).map(mark).for_each(crossed);
    }

    #[cold]
    pub(super) fn refusal(
        &self,
        asked: Usd,
        committed: u64,
        wrapping_up: bool,
    ) -> BudgetRefusedError {
        let spent = self.words.read().spent.min(committed);
        let cap = self.limit.cap(wrapping_up);
        BudgetRefusedError {
            account: self.limit.name.clone(),
            limit: self.limit.amount,
            spent: Usd::from_nanos(spent),
            reserved: Usd::from_nanos(committed - spent),
            set_aside: self.limit.amount.saturating_sub(cap),
            asked,
            left: cap.signed_sub(Usd::from_nanos(committed)),
        }
    }
}

/// Drops account after account instead of recursively: a path may be longer than the stack.
impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.above.take();
        while let Some(Account { node }) = next {
            next = Arc::into_inner(node).and_then(|mut node| node.above.take());
        }
    }
}
