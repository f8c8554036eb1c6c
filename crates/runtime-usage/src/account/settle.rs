//! Settling: a charge is spent by each account of a path.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Account;
use super::reservation::{Charge, Settlement};
use super::statement::BudgetMark;
use crate::usd::Usd;

impl Account {
    #[inline]
    pub(super) fn settle(&self, reserved: Usd, charge: Charge<'_>) -> Settlement {
        let settled =
            |(height, account): (_, &Self)| Some((height, account.node.settle(reserved, &charge)?));
        let first = self.path().enumerate().find_map(settled);
        let marks =
            first.map_or_else(Vec::new, |first| self.settle_in_books(reserved, charge, first));
        let beyond = charge.cost.saturating_sub(reserved);
        Settlement { cost: charge.cost, beyond, marks }
    }

    /// Goes on with the account at this height, whose amounts have grown already. A locked instruction waits for
    /// every write before it, so those that only books need are apart.
    #[inline(never)]
    fn settle_in_books(
        &self,
        reserved: Usd,
        charge: Charge<'_>,
        (first, grown): (usize, (u64, u64)),
    ) -> Vec<BudgetMark> {
        let charge = Charge { owner: self.id(), ..charge };
        let (mut crossed, mut grown) = (Vec::new(), Some(grown));
        for (height, account) in self.path().enumerate().skip(first) {
            if let Some(grown) = grown.take().or_else(|| account.node.settle(reserved, &charge)) {
                account.node.enter(&charge, grown, |mark| crossed.push((height, mark)));
            }
        }
        if crossed.is_empty() { Vec::new() } else { self.report(crossed) }
    }

    /// Calls each listener on the path for the marks of its account and of those below. This happens
    /// after every account is settled, so a panicking listener cannot lose money.
    #[cold]
    fn report(&self, crossed: Vec<(usize, BudgetMark)>) -> Vec<BudgetMark> {
        for (height, account) in self.path().enumerate() {
            let Some(listener) = &account.node.listener else { continue };
            for (_, mark) in crossed.iter().filter(|(below, _)| *below <= height) {
                // Each mark is reported once, and maybe from a drop while another panic unwinds. A
                // listener that panics must not keep the others from hearing of it.
                let _ = catch_unwind(AssertUnwindSafe(|| listener.mark_crossed(mark)));
            }
        }
        crossed.into_iter().map(|(_, mark)| mark).collect()
    }
}
