//! What a session continues from an earlier process.

use std::sync::Arc;
use std::time::Duration;

use runtime_usage::{ModelUsage, UsageSnapshot, Usd};

/// What a session continues from its earlier lives in other processes: its turns, its money, its time.
///
/// ```
/// use std::time::Duration;
/// use runtime_orchestrator::{BoxError, Orchestrator, Restored};
/// use runtime_usage::{Limit, UsageSnapshot, Usd};
///
/// let writer = Orchestrator::new("writer", "draft").budget(Limit::enforced(Usd::from_dollars(1)));
/// let before = Restored::new()
///     .iterations(7)
///     .elapsed(Duration::from_secs(40))
///     .usage("gpt-5", (7, UsageSnapshot::new(9_000, 800)), Usd::from_cents(30));
/// let session = before.open(&writer)?;
/// assert_eq!(session.account().unwrap().available(), Usd::from_cents(70));
/// assert_eq!(session.tracker().totals().turns, 7);
/// # Ok::<_, BoxError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Restored {
    pub(crate) iterations: u32,
    pub(crate) elapsed: Duration,
    pub(crate) models: Vec<(Arc<str>, ModelUsage)>,
}

impl Restored {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of turns, which count for [`max_iterations`](crate::Orchestrator::max_iterations).
    pub const fn iterations(mut self, turns: u32) -> Self {
        self.iterations = turns;
        self
    }

    /// Sets the time that was used, which counts for the [`deadline`](crate::Orchestrator::deadline).
    pub const fn elapsed(mut self, time: Duration) -> Self {
        self.elapsed = time;
        self
    }

    /// Adds the turns, tokens and cost of a model. The cost counts for the session's own
    /// [`budget`](crate::Orchestrator::budget); shared accounts have books of their own.
    pub fn usage(
        mut self,
        model: impl Into<Arc<str>>,
        (turns, tokens): (u64, UsageSnapshot),
        cost: Usd,
    ) -> Self {
        let mut usage = ModelUsage::default();
        (usage.turns, usage.tokens, usage.cost) = (turns, tokens, cost);
        self.models.push((model.into(), usage));
        self
    }
}
