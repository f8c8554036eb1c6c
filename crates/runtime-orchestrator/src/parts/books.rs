//! The record of a session's recoveries and their results.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::{Clock, FailureScenario};
use runtime_resilience::{
    Recipes, RecoveryContext, RecoveryContextConfig, RecoveryEvent, RecoveryEventType,
    RecoveryResult,
};

/// The record of a session's recoveries. It only has attempts that were made.
pub(crate) struct Books(Mutex<RecoveryContext>);

impl Books {
    /// Books that keep the last `kept` entries.
    pub(crate) fn new(recipes: Recipes, kept: NonZeroUsize, clock: Arc<dyn Clock>) -> Self {
        let config =
            RecoveryContextConfig::default().recipes(recipes).max_events(kept.get()).clock(clock);
        Self(Mutex::new(RecoveryContext::with_config(config)))
    }

    pub(crate) fn note(
        &self,
        event: RecoveryEventType,
        scenario: FailureScenario,
        result: RecoveryResult,
    ) {
        self.context().note(event, scenario, result);
    }

    /// The kept entries, the oldest first.
    pub(crate) fn events(&self) -> Vec<RecoveryEvent> {
        self.context().events().cloned().collect()
    }

    /// The scenarios whose recipe has no attempts left.
    pub(crate) fn exhausted(&self) -> Vec<FailureScenario> {
        self.context().exhausted().collect()
    }

    fn context(&self) -> MutexGuard<'_, RecoveryContext> {
        // The context's methods leave it whole if they panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
