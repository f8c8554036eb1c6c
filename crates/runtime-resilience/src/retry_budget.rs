//! A bound on the load that retries add to a provider.

#[cfg(all(test, runtime_loom))]
mod loom_tests;

use std::sync::Arc;

use thiserror::Error;

use crate::sync::{AtomicU64, Ordering};

/// The settings of a [`RetryBudget`].
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
    /// The number of retries for each hundred successes. 20 unless set.
    #[must_use]
    pub const fn percent(mut self, percent: u32) -> Self {
        self.percent = percent;
        self
    }

    /// The number of retries that the budget has from the start, and the most that it ever holds. 10
    /// unless set.
    ///
    /// With 0 there are never any retries, since successes have no room to add to.
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

/// A budget of retries that successes pay for. Sessions, threads and tasks share it by cloning: use one
/// for each place that gets the load, a provider or a [route](crate::Route::retry_budget).
///
/// While most calls succeed, there are plenty of retries. When most fail, the budget is soon used up,
/// and no storm of retries keeps the provider down. Hedged calls draw on the same budget.
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
///
/// # Guarantee
///
/// Over any history, however many threads share the budget:
///
/// ```text
/// retries  ≤  reserve + percent / 100 × successes
/// ```
///
/// So retries add at most `percent` of the successful calls, and once `reserve` calls. Each success
/// adds to the budget, whatever happened before: a budget that is used up recovers.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    shared: Arc<Shared>,
}

/// On a cache line of its own: other threads write to its neighbours, such as the counts of clones.
#[derive(Debug)]
#[repr(align(128))]
struct Shared {
    /// The balance, in thousandths of a retry. Invariant: never more than `most`.
    there: AtomicU64,
    most: u64,
    /// The amount that a success adds.
    deposit: u64,
    config: RetryBudgetConfig,
}

/// A retry, in thousandths of one.
const RETRY: u64 = 1_000;

/// A retry budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("retry budget is used up: it allows {percent} retries for 100 successes")]
#[non_exhaustive]
pub struct RetryBudgetExhaustedError {
    /// The number of retries for each hundred successes.
    pub percent: u32,
}

/// Constructors.
impl RetryBudget {
    /// A full budget with these settings.
    pub fn new(config: RetryBudgetConfig) -> Self {
        let most = u64::from(config.reserve) * RETRY;
        let deposit = u64::from(config.percent) * (RETRY / 100);
        Self { shared: Arc::new(Shared { there: AtomicU64::new(most), most, deposit, config }) }
    }

    /// A budget with this many retries for each hundred successes, and the usual reserve.
    pub fn percent(percent: u32) -> Self {
        Self::new(RetryBudgetConfig::default().percent(percent))
    }
}

impl RetryBudget {
    /// A call succeeded: adds a part of a retry.
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
    /// [`RetryBudgetExhaustedError`] if there is none. Nothing is taken then.
    #[inline]
    pub fn try_withdraw(&self) -> Result<(), RetryBudgetExhaustedError> {
        let take = |there: u64| there.checked_sub(RETRY);
        let taken = self.shared.there.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken
            .map(drop)
            .map_err(|_| RetryBudgetExhaustedError { percent: self.shared.config.percent })
    }

    /// Puts back a retry that was taken and not made.
    pub fn give_back(&self) {
        self.put_by(RETRY);
    }

    /// The number of whole retries that are left.
    pub fn balance(&self) -> u32 {
        let whole = self.shared.there.load(Ordering::Relaxed) / RETRY;
        u32::try_from(whole).unwrap_or(u32::MAX)
    }

    /// The settings.
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
