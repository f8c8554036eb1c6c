//! What a turn asks of budgets and rate limits.

use runtime_usage::{ServiceTier, UsageSnapshot, Usd};

/// What a turn asks for before its call.
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

    /// How many tokens the answer is expected to have: as many as were estimated, or else as are
    /// `usual`; no more than it may have. `None` where nothing says so.
    pub(crate) fn output(&self, usual: impl FnOnce() -> Option<u64>) -> Option<u64> {
        let estimated = self.estimate.map(|usage| usage.total_output_tokens());
        let expected = estimated.filter(|tokens| *tokens > 0).or_else(usual);
        expected.into_iter().chain(self.max_output).min()
    }
}
