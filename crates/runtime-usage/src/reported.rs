//! [`ReportedUsage`]: what a provider says of one turn.

use std::sync::Arc;

use crate::snapshot::UsageSnapshot;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// The tokens of a turn, and what the provider said beside them.
///
/// A [`UsageSnapshot`] is one, of the standard tier and without a cost.
///
/// ```
/// use runtime_usage::{ReportedUsage, ServiceTier, UsageSnapshot};
///
/// let usage = ReportedUsage::from(UsageSnapshot::new(1_200, 340)).tier(ServiceTier::Flex);
/// assert_eq!(usage.tokens.output_tokens, 340);
/// assert!(!usage.estimated);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedUsage {
    /// The tokens, counted disjointly.
    pub tokens: UsageSnapshot,
    /// The tier that served the turn, where the provider says it. It counts, and not the one asked
    /// for.
    pub tier: Option<ServiceTier>,
    /// What the provider says it cost. It wins over any price table.
    pub cost: Option<Usd>,
    /// The model that answered, where the provider names it.
    pub model: Option<Arc<str>>,
    /// Whether a count is an estimate: the stream was cut before it was reported.
    pub estimated: bool,
    /// What the provider should have reported and did not, by its own names. Counts among them are
    /// zero. A count that no field has room for, such as that of another model, is named here, too.
    pub missing: Vec<&'static str>,
}

impl ReportedUsage {
    /// Sets the tier that served the turn. Default: it was not said.
    #[must_use]
    pub const fn tier(mut self, tier: ServiceTier) -> Self {
        self.tier = Some(tier);
        self
    }

    /// Sets what the provider says it cost. Default: nothing was said.
    #[must_use]
    pub const fn cost(mut self, cost: Usd) -> Self {
        self.cost = Some(cost);
        self
    }

    /// Sets the model that answered. Default: it was not named.
    #[must_use]
    pub fn model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Says that a count is an estimate.
    #[must_use]
    pub const fn estimated(mut self) -> Self {
        self.estimated = true;
        self
    }
}

impl From<UsageSnapshot> for ReportedUsage {
    fn from(tokens: UsageSnapshot) -> Self {
        Self { tokens, ..Self::default() }
    }
}
