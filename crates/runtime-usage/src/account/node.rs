//! [`Node`]: one account of a path.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use super::Account;
use super::error::BudgetRefusedError;
use super::estimates::Estimate;
use super::funds::{Funds, Lack};
use super::ledger::{self, Ledger};
use super::limit::Limit;
use super::reservation::Charge;
use super::statement::{Balance, BudgetListener, BudgetMark};
use super::words::{Reading, Words};
use crate::sync::{AtomicU64, Ordering};
use crate::usd::Usd;

/// One account of a path: its rules and its books.
pub(super) struct Node {
    pub(super) words: Words,
    /// The most that may be committed. Only that of a funded account changes.
    pub(super) cap: AtomicU64,
    /// While less is spent, the limit has no mark to report.
    pub(super) unmarked: u64,
    pub(super) funds: Option<Box<Funds>>,
    pub(super) limit: Arc<Limit>,
    pub(super) ledger: Ledger,
    /// Asserted, because it is only called where its panic is caught.
    pub(super) listener: Option<AssertUnwindSafe<Arc<dyn BudgetListener>>>,
    pub(super) above: Option<Account>,
}

impl Node {
    #[inline]
    pub(super) fn reserve(&self, amount: Usd, wrapping_up: bool) -> Result<(), u64> {
        self.words.reserve(amount.nanos(), self.cap(wrapping_up))
    }

    /// The most that may be committed. `wrapping_up` includes the money set aside.
    #[inline]
    fn cap(&self, wrapping_up: bool) -> u64 {
        // Relaxed: a cap only rises while calls count on it, and one that is read late allows less.
        let cap = self.cap.load(Ordering::Relaxed);
        if wrapping_up { cap } else { cap.saturating_sub(self.limit.set_aside().nanos()) }
    }

    /// The money left, that which a funded account may still be granted included.
    #[inline]
    pub(super) fn left(&self, wrapping_up: bool) -> Usd {
        self.left_here(wrapping_up).saturating_add(self.elsewhere())
    }

    /// The money left in this very account.
    #[inline]
    pub(super) fn left_here(&self, wrapping_up: bool) -> Usd {
        let committed = Usd::from_nanos(self.words.read().committed);
        self.open(wrapping_up).saturating_sub(committed)
    }

    /// The amount that could be committed if the limit were enforced.
    #[inline]
    pub(super) fn open(&self, wrapping_up: bool) -> Usd {
        self.funds.as_ref().map_or_else(|| self.limit.open(wrapping_up), |funds| funds.granted())
    }

    /// What a funded account may still be granted, as far as is known.
    #[inline]
    fn elsewhere(&self) -> Usd {
        self.funds.as_ref().map_or(Usd::ZERO, |funds| funds.elsewhere())
    }

    /// What was taken out of a funded account.
    #[inline]
    fn taken(&self) -> Usd {
        self.funds.as_ref().map_or(Usd::ZERO, |funds| funds.taken())
    }

    #[inline]
    pub(super) fn spent(&self) -> Usd {
        Usd::from_nanos(self.words.read().spent)
    }

    #[inline]
    pub(super) fn balance(&self) -> Balance {
        let Reading { committed, spent, estimated } = self.words.read();
        let spent = Usd::from_nanos(spent);
        let committed = Usd::from_nanos(committed).saturating_sub(self.taken()).max(spent);
        let open = self.open(true).saturating_add(self.elsewhere());
        let limit = open.saturating_sub(self.taken());
        Balance {
            limit,
            spent,
            reserved: committed.saturating_sub(spent),
            left: limit.signed_sub(committed),
            estimated: Usd::from_nanos(estimated),
        }
    }

    /// Gives back estimates of this account, and returns them.
    pub(super) fn correct(&self, over: &Charge<'_>) -> Vec<Estimate> {
        let taken = self.ledger.correct(over);
        self.give_back(ledger::sum(&taken));
        taken
    }

    /// Gives back what is here of estimates that an account below has given back.
    pub(super) fn correct_same(&self, taken: &[Estimate]) {
        self.give_back(self.ledger.correct_same(taken));
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

    /// Settles a charge. Returns the spent amount before and after it, if it has to be
    /// [entered](Self::enter).
    #[inline]
    pub(super) fn settle(&self, reserved: Usd, charge: &Charge<'_>) -> Option<(u64, u64)> {
        let (before, after) = self.words.settle(reserved.nanos(), charge.cost.nanos());
        (charge.needs_books() || after >= self.unmarked).then_some((before, after))
    }

    /// Enters a charge that grew the spent amount from `before` to `after`, and tells the marks it crossed.
    #[inline(never)]
    pub(super) fn enter(
        &self,
        charge: &Charge<'_>,
        (before, after): (u64, u64),
        crossed: impl FnMut(BudgetMark),
    ) {
        // Less only at the largest amount there is.
        let charge = &Charge { cost: Usd::from_nanos(after - before), ..*charge };
        if charge.estimated {
            self.words.estimate(after - before);
        }
        self.ledger.enter(charge);
        if after < self.unmarked {
            return;
        }
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
        let lack = self.funds.as_ref().map(|funds| funds.lacks(asked));
        if let Some(Lack::Short { account, limit, left, held }) = lack {
            let spent = limit.saturating_sub(left).saturating_sub(held);
            let (account, reserved, left) = (Some(account), held, left.into());
            let set_aside = Usd::ZERO;
            return BudgetRefusedError {
                account,
                limit,
                spent,
                reserved,
                set_aside,
                asked,
                left,
                away: false,
            };
        }
        let away = lack == Some(Lack::Away);
        let taken = self.taken();
        let spent = Usd::from_nanos(self.words.read().spent.min(committed));
        let committed = Usd::from_nanos(committed).saturating_sub(taken);
        let set_aside = if wrapping_up { Usd::ZERO } else { self.limit.set_aside() };
        // What may still be granted is of no use while nobody grants it.
        let more = if away { Usd::ZERO } else { self.elsewhere() };
        let limit = self.open(true).saturating_add(more).saturating_sub(taken);
        // A recorded account refuses only what no number can count.
        let open = if self.limit.is_enforced() { limit } else { Usd::MAX };
        BudgetRefusedError {
            account: self.limit.name.clone(),
            limit,
            spent,
            reserved: committed.saturating_sub(spent),
            set_aside,
            asked,
            left: open.saturating_sub(set_aside).signed_sub(committed),
            away,
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
