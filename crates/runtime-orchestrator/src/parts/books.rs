//! The record of a session's recoveries and their results.

use std::sync::{Mutex, MutexGuard, PoisonError};

use runtime_events::FailureScenario;
use runtime_resilience::{
    RecoveryContext, RecoveryContextConfig, RecoveryEvent, RecoveryEventType, RecoveryResult,
};

/// The record of a session's recoveries. It only has attempts that were made.
///
/// Made at the first entry, because most sessions recover from nothing.
#[derive(Default)]
pub(crate) struct Books(Mutex<Option<Box<RecoveryContext>>>);

impl Books {
    /// Enters an event of a recovery, in books of this configuration if it is the first one.
    pub(crate) fn note(
        &self,
        config: impl FnOnce() -> RecoveryContextConfig,
        event: RecoveryEventType,
        scenario: FailureScenario,
        result: RecoveryResult,
    ) {
        let begin = || Box::new(RecoveryContext::with_config(config()));
        self.context().get_or_insert_with(begin).note(event, scenario, result);
    }

    /// The kept entries, the oldest first.
    pub(crate) fn events(&self) -> Vec<RecoveryEvent> {
        self.context().iter().flat_map(|context| context.events()).cloned().collect()
    }

    /// The scenarios whose recipe has no attempts left.
    pub(crate) fn exhausted(&self) -> Vec<FailureScenario> {
        self.context().iter().flat_map(|context| context.exhausted()).collect()
    }

    fn context(&self) -> MutexGuard<'_, Option<Box<RecoveryContext>>> {
        // The context's methods leave it whole if they panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
