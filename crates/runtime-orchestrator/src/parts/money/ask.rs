//! The options of a turn for budgets and rate limits.

use runtime_usage::{ServiceTier, UsageSnapshot, Usd};

/// The options of a turn for budgets and rate limits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) estimate: Option<UsageSnapshot>,
    pub(crate) max_output: Option<u64>,
    pub(crate) reserve: Option<Usd>,
    pub(crate) tier: ServiceTier,
    pub(crate) wrap_up: bool,
}

impl Ask {
    pub(crate) const NOTHING: Self = Self {
        estimate: None,
        max_output: None,
        reserve: None,
        tier: ServiceTier::Standard,
        wrap_up: false,
    };

    /// The expected number of output tokens: the estimate, or else `usual`, but at most the
    /// maximum. `None` if no number is known.
    pub(crate) fn output(&self, usual: impl FnOnce() -> Option<u64>) -> Option<u64> {
        let estimated = self.estimate.map(|usage| usage.total_output_tokens());
        let expected = estimated.filter(|tokens| *tokens > 0).or_else(usual);
        expected.into_iter().chain(self.max_output).min()
    }
}
