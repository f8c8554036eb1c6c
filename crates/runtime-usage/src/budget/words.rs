//! The two words of an account, what is committed and what of that is spent, and a count of
//! estimates beside them.

use crate::sync::{AtomicU64, Ordering};

/// `committed` is what was spent and what is reserved together; `spent` is what was spent.
///
/// ```text
///            reserve(r)                    settle(r, a)
///  committed ───────────▶ committed + r ───────────────▶ committed + a
///  spent                  spent                          spent + a
/// ```
///
/// Whether a reservation fits is decided by one word, in one compare-and-exchange: no
/// interleaving takes more than the cap. Invariant, at every moment: `spent <= committed`, as long
/// as neither has reached the end of its type. So a settlement that costs more than was reserved
/// raises `committed` first, and one that costs less lowers it last.
#[derive(Debug)]
pub(super) struct Words {
    committed: AtomicU64,
    spent: AtomicU64,
    /// The part of `spent` that nobody has reported.
    estimated: AtomicU64,
}

/// What an account's words said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) committed: u64,
    pub(super) spent: u64,
    pub(super) estimated: u64,
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            committed: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            estimated: AtomicU64::new(0),
        }
    }

    /// Takes `amount` if no more than `cap` is committed then. Otherwise says what is.
    pub(super) fn reserve(&self, amount: u64, cap: u64) -> Result<(), u64> {
        // Relaxed: the decision is about this word alone, and an atomic has one order of its own.
        let mut committed = self.committed.load(Ordering::Relaxed);
        loop {
            let fits = committed.checked_add(amount).filter(|sum| *sum <= cap);
            let Some(sum) = fits else { return Err(committed) };
            if amount == 0 {
                return Ok(());
            }
            let (new, order) = (sum, Ordering::Relaxed);
            match self.committed.compare_exchange_weak(committed, new, order, order) {
                Ok(_) => return Ok(()),
                Err(now) => committed = now,
            }
        }
    }

    /// Spends `actual` of what was `reserved`, or more. Says what was spent before and after.
    pub(super) fn settle(&self, reserved: u64, actual: u64) -> (u64, u64) {
        if actual > reserved {
            add(&self.committed, actual - reserved, Ordering::Relaxed);
        }
        // Release pairs with the Acquire in `read`: who sees this spent sees it committed, too.
        let before = add(&self.spent, actual, Ordering::Release);
        self.release(reserved.saturating_sub(actual));
        (before, before.saturating_add(actual))
    }

    /// Gives back what was reserved. An account that has reached the end of its type stays there.
    pub(super) fn release(&self, reserved: u64) {
        // Relaxed: whoever sees it late has less room, never more. It cannot wrap: what is given
        // back was taken.
        let mut committed = self.committed.load(Ordering::Relaxed);
        while reserved > 0 && committed < u64::MAX {
            let (new, order) = (committed.saturating_sub(reserved), Ordering::Relaxed);
            match self.committed.compare_exchange_weak(committed, new, order, order) {
                Ok(_) => return,
                Err(now) => committed = now,
            }
        }
    }

    /// Notes that so much of what was spent is an estimate.
    pub(super) fn estimate(&self, amount: u64) {
        // Relaxed: a total that nothing else depends on.
        add(&self.estimated, amount, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Reading {
        // Read in this order, `spent` is never more than `committed`: what it holds was committed
        // before, and a settlement gives back only what it has not spent.
        let estimated = self.estimated.load(Ordering::Relaxed);
        let spent = self.spent.load(Ordering::Acquire);
        let committed = self.committed.load(Ordering::Relaxed);
        Reading { committed, spent, estimated }
    }
}

/// Adds without wrapping, and says what was there before.
fn add(word: &AtomicU64, amount: u64, order: Ordering) -> u64 {
    let mut before = word.load(Ordering::Relaxed);
    if amount == 0 {
        return before;
    }
    loop {
        let sum = before.saturating_add(amount);
        match word.compare_exchange_weak(before, sum, order, Ordering::Relaxed) {
            Ok(_) => return before,
            Err(now) => before = now,
        }
    }
}
