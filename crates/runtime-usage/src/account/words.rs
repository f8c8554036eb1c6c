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
/// interleaving takes more than the cap. Invariant, at every moment: `spent <= committed`. So a
/// settlement that costs more than was reserved raises `committed` first, and one that costs less
/// lowers it last.
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
    #[inline]
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

    /// Spends `actual` of what was `reserved`, or more. Says what was spent before and after. What is
    /// too much for the type is cut off.
    #[inline]
    pub(super) fn settle(&self, reserved: u64, actual: u64) -> (u64, u64) {
        let actual = match actual.checked_sub(reserved) {
            Some(beyond) if beyond > 0 => reserved + self.raise(beyond),
            _ => actual,
        };
        // It cannot wrap: what is spent here is committed, and that has not wrapped. Release pairs
        // with the Acquire in `read`: who sees this spent sees it committed, too.
        let before = self.spent.fetch_add(actual, Ordering::Release);
        self.release(reserved.saturating_sub(actual));
        (before, before + actual)
    }

    /// Gives back what was reserved.
    #[inline]
    pub(super) fn release(&self, reserved: u64) {
        if reserved > 0 {
            // Relaxed: whoever sees it late has less room, never more. It cannot wrap: what is
            // given back was taken.
            self.committed.fetch_sub(reserved, Ordering::Relaxed);
        }
    }

    /// Commits `amount` whatever the cap, or as much as the type holds. Says how much.
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

    /// Notes that so much of what was spent is an estimate.
    pub(super) fn estimate(&self, amount: u64) {
        // Relaxed: a total that nothing else depends on. It cannot wrap: it is a part of `spent`.
        self.estimated.fetch_add(amount, Ordering::Relaxed);
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
