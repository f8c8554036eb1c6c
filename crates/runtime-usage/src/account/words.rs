//! [`Words`]: the committed and the spent amount of an account, as atomics.

use crate::sync::{AtomicU64, Ordering};

/// The amounts of an account. `committed` is the sum of the spent and the reserved amount.
///
/// ```text
///            reserve(r)                    settle(r, a)
///  committed ───────────▶ committed + r ───────────────▶ committed + a
///  spent                  spent                          spent + a
/// ```
///
/// One compare-and-exchange on `committed` decides whether a reservation fits, so no interleaving
/// takes more than the cap. The invariant is `spent <= committed`, at every moment. So a settlement
/// that costs more than was reserved raises `committed` first, and one that costs less lowers it last.
#[derive(Debug)]
pub(super) struct Words {
    committed: AtomicU64,
    spent: AtomicU64,
    /// The part of `spent` that is an estimate.
    estimated: AtomicU64,
}

/// A reading of an account's amounts.
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

    /// Commits `amount` unless more than `cap` would be committed. Then it returns the committed amount.
    #[inline]
    pub(super) fn reserve(&self, amount: u64, cap: u64) -> Result<(), u64> {
        // Relaxed: the decision depends on this word alone, whose changes have one order.
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

    /// Spends `actual` out of `reserved`, or more than that. Returns the spent amount before and after.
    /// Sums are capped at the largest amount.
    #[inline]
    pub(super) fn settle(&self, reserved: u64, actual: u64) -> (u64, u64) {
        let actual = match actual.checked_sub(reserved) {
            Some(beyond) if beyond > 0 => reserved + self.raise(beyond),
            _ => actual,
        };
        // It cannot wrap, because the amount is committed and `committed` has not wrapped. Release
        // pairs with the Acquire in `read`: a reader that sees it spent sees it committed, too.
        let before = self.spent.fetch_add(actual, Ordering::Release);
        self.release(reserved.saturating_sub(actual));
        (before, before + actual)
    }

    /// Gives a reserved amount back.
    #[inline]
    pub(super) fn release(&self, reserved: u64) {
        if reserved > 0 {
            // Relaxed: a reader that sees it late has less room, never more. It cannot wrap, because the
            // amount was committed.
            self.committed.fetch_sub(reserved, Ordering::Relaxed);
        }
    }

    /// Commits `amount` regardless of the cap, or as much as fits. Returns how much it was.
    #[cold]
    fn raise(&self, amount: u64) -> u64 {
        // Relaxed: the Release in `settle` comes after it.
        let mut committed = self.committed.load(Ordering::Relaxed);
        loop {
            let raised = amount.min(u64::MAX - committed);
            let (new, order) = (committed + raised, Ordering::Relaxed);
            match self.committed.compare_exchange_weak(committed, new, order, order) {
                Ok(_) => return raised,
                Err(now) => committed = now,
            }
        }
    }

    /// Marks a part of the spent amount as an estimate.
    pub(super) fn estimate(&self, amount: u64) {
        // Relaxed: nothing else depends on this total. It cannot wrap, because it is part of `spent`.
        self.estimated.fetch_add(amount, Ordering::Relaxed);
    }

    /// Gives back a part of what was spent as an estimate.
    pub(super) fn give_back(&self, amount: u64) {
        // Relaxed: no reader takes one of these for a sign of another. None can wrap, because the amount
        // was committed, spent and marked as an estimate before, and is given back once. `committed` comes
        // last: a reservation that is late for it has less room, never more.
        self.estimated.fetch_sub(amount, Ordering::Relaxed);
        self.spent.fetch_sub(amount, Ordering::Relaxed);
        self.release(amount);
    }

    #[inline]
    pub(super) fn read(&self) -> Reading {
        // In this order `spent` is never more than `committed`: spent amounts were committed before, and a
        // settlement gives back only what it has not spent. An estimate that is given back meanwhile may
        // still be in `spent` and no longer in `committed`; then the spent amount counts as committed.
        let estimated = self.estimated.load(Ordering::Relaxed);
        let spent = self.spent.load(Ordering::Acquire);
        let committed = self.committed.load(Ordering::Relaxed);
        Reading { committed, spent, estimated }
    }
}
