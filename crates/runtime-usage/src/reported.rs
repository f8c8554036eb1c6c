//! [`ReportedUsage`]: what a provider reports about one turn.

use std::sync::Arc;

use crate::finish::FinishReason;
use crate::snapshot::UsageSnapshot;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// What a provider reports about a turn: its tokens, tier, cost and model, and why it ended.
///
/// A [`UsageSnapshot`] converts into a report of tokens alone, which is complete. The default is a report
/// of nothing: it is estimated, and its `usage` is missing, so that a turn is not taken for free.
///
/// ```
/// use runtime_usage::{ReportedUsage, ServiceTier, UsageSnapshot};
///
/// let usage = ReportedUsage::from(UsageSnapshot::new(1_200, 340)).tier(ServiceTier::Flex);
/// assert_eq!(usage.tokens.output_tokens, 340);
/// assert!(!usage.estimated);
///
/// let nothing = ReportedUsage::default();
/// assert!(nothing.estimated);
/// assert_eq!(nothing.missing, ["usage"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedUsage {
    /// The tokens, counted disjointly.
    pub tokens: UsageSnapshot,
    /// The tier that served the turn, if the provider names it. The turn is priced by this tier, even
    /// if another one was requested.
    pub tier: Option<ServiceTier>,
    /// The cost, if the provider names it. It takes precedence over any price table.
    pub cost: Option<Usd>,
    /// The model that answered, if the provider names it.
    pub model: Option<Arc<str>>,
    /// Why the answer ended, for each of its first six choices; `None` where the provider did not say.
    pub finish_reasons: [Option<FinishReason>; 6],
    /// Whether a count is an estimate, because the stream ended before it was reported.
    pub estimated: bool,
    /// The provider's names of the fields that it should have reported and did not. Their counts are
    /// zero. Tokens that fit no field of [`UsageSnapshot`], such as those of another model, are listed
    /// here as well. `tools` are searches and the like that are counted under a name that is not known.
    pub missing: Vec<&'static str>,
}

impl ReportedUsage {
    /// Sets the tier that served the turn. Default: unknown.
    #[must_use]
    pub const fn tier(mut self, tier: ServiceTier) -> Self {
        self.tier = Some(tier);
        self
    }

    /// Sets the cost that the provider names. Default: unknown.
    #[must_use]
    pub const fn cost(mut self, cost: Usd) -> Self {
        self.cost = Some(cost);
        self
    }
}

impl From<UsageSnapshot> for ReportedUsage {
    fn from(tokens: UsageSnapshot) -> Self {
        Self {
            tokens,
            tier: None,
            cost: None,
            model: None,
            finish_reasons: [None; 6],
            estimated: false,
            missing: Vec::new(),
        }
    }
}

impl Default for ReportedUsage {
    fn default() -> Self {
        let nothing = Self::from(UsageSnapshot::default());
        Self { estimated: true, missing: vec!["usage"], ..nothing }
    }
}
