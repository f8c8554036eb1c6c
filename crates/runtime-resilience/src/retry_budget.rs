//! How many retries a healthy or an ailing provider is asked to bear: [`RetryBudget`].
//!
//! Retries are paid for by successes. While most calls succeed there are plenty; when most fail, what
//! was put by is soon spent, and no storm of retries keeps the provider down. Hedged calls draw on the
//! same budget.
//!
//! # What is guaranteed
//!
//! Over any history, however many threads share the budget,
//!
//! ```text
//! retries  ≤  reserve + percent / 100 × successes
//! ```
//!
//! so the load that retries add is at most `percent` of what succeeds, and `reserve` calls on top,
//! once. Each success refills it, whatever happened before: a budget that is used up is not used up
//! for good.

#[cfg(all(test, runtime_loom))]
mod loom_tests;

use std::num::NonZeroU32;
use std::sync::Arc;

use thiserror::Error;

use crate::sync::{AtomicU64, Ordering};

/// The settings of a budget.
///
/// ```
/// use runtime_resilience::RetryBudgetConfig;
///
/// let config = RetryBudgetConfig::default().percent(10).reserve(5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudgetConfig {
    percent: u32,
    reserve: u32,
}

impl RetryBudgetConfig {
    /// Allows this many retries for each hundred successes. 20 unless set.
    #[must_use]
    pub const fn percent(mut self, percent: u32) -> Self {
        self.percent = percent;
        self
    }

    /// Allows this many retries before anything succeeded, and never puts by more. 10 unless set.
    ///
    /// With none, no retry is ever paid for: what successes bring must have a place.
    #[must_use]
    pub const fn reserve(mut self, retries: u32) -> Self {
        self.reserve = retries;
        self
    }
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self { percent: 20, reserve: 10 }
    }
}

/// A budget of retries that sessions, threads and tasks share by cloning: one for each provider.
///
/// ```
/// use runtime_resilience::RetryBudget;
///
/// let budget = RetryBudget::default();
/// assert!((0..10).all(|_| budget.try_withdraw().is_ok()), "the reserve");
/// assert!(budget.try_withdraw().is_err(), "nothing succeeded so far");
///
/// (0..5).for_each(|_| budget.succeeded());
/// assert!(budget.try_withdraw().is_ok(), "one for five successes");
/// ```
#[derive(Clone, Debug)]
pub struct RetryBudget {
    shared: Arc<Shared>,
}

/// On a line of its own: neighbours in memory, the counts of clones among them, are written by others.
#[derive(Debug)]
#[repr(align(128))]
struct Shared {
    /// What is there, in thousandths of a retry. Invariant: never more than `most`.
    there: AtomicU64,
    most: u64,
    /// What a success brings.
    deposit: u64,
    config: RetryBudgetConfig,
}

/// A retry, in thousandths of one.
const RETRY: u64 = 1_000;

/// There is no retry left in a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("retry budget is used up: retries are {percent} % of successes at most")]
#[non_exhaustive]
pub struct RetryBudgetExhaustedError {
    /// How many retries a hundred successes bring.
    pub percent: u32,
}

/// Constructors.
impl RetryBudget {
    /// A budget with these settings, and with its reserve put by.
    pub fn new(config: RetryBudgetConfig) -> Self {
        let most = u64::from(config.reserve) * RETRY;
        let deposit = u64::from(config.percent) * (RETRY / 100);
        Self { shared: Arc::new(Shared { there: AtomicU64::new(most), most, deposit, config }) }
    }

    /// A budget that adds at most so much load, and the usual reserve.
    pub fn percent(percent: u32) -> Self {
        Self::new(RetryBudgetConfig::default().percent(percent))
    }
}

impl RetryBudget {
    /// A call succeeded: puts by a part of a retry.
    #[inline]
    pub fn succeeded(&self) {
        // Relaxed, here and below: the word guards no other memory, and one word is seen in one order
        // by all.
        if self.shared.there.load(Ordering::Relaxed) < self.shared.most {
            self.put_by(self.shared.deposit);
        }
    }

    /// Takes a retry.
    ///
    /// # Errors
    ///
    /// [`RetryBudgetExhaustedError`] if there is none, and then nothing is taken.
    #[inline]
    pub fn try_withdraw(&self) -> Result<(), RetryBudgetExhaustedError> {
        self.try_withdraw_weighted(NonZeroU32::MIN)
    }

    /// Takes as much as `weight` retries, for one that costs as much: after a timeout, say, when the
    /// attempt before it may still be running.
    ///
    /// # Errors
    ///
    /// [`RetryBudgetExhaustedError`] if there is not that much, and then nothing is taken.
    #[inline]
    pub fn try_withdraw_weighted(
        &self,
        weight: NonZeroU32,
    ) -> Result<(), RetryBudgetExhaustedError> {
        let cost = u64::from(weight.get()) * RETRY;
        let take = |there: u64| there.checked_sub(cost);
        let taken = self.shared.there.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken
            .map(drop)
            .map_err(|_| RetryBudgetExhaustedError { percent: self.shared.config.percent })
    }

    /// A retry was taken and not made: puts it back.
    pub fn give_back(&self) {
        self.put_by(RETRY);
    }

    /// How many retries there are, whole ones.
    pub fn balance(&self) -> u32 {
        let whole = self.shared.there.load(Ordering::Relaxed) / RETRY;
        u32::try_from(whole).unwrap_or(u32::MAX)
    }

    /// Its settings.
    pub fn config(&self) -> RetryBudgetConfig {
        self.shared.config
    }

    #[cold]
    fn put_by(&self, thousandths: u64) {
        let most = self.shared.most;
        let put = |there: u64| Some(there.saturating_add(thousandths).min(most));
        let _ = self.shared.there.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put);
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(RetryBudgetConfig::default())
    }
}
