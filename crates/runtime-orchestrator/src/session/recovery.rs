//! After a failed turn: the books about recovery, and the handler's steps.

use std::error::Error;

use runtime_events::{AgentEventName, AgentEventStatus, FailureScenario};
use runtime_resilience::RecoveryResult;
use runtime_resilience::recovery::{Attempt, Progress};

use crate::log::log;
use crate::session::core::Core;

type Cause<'e> = &'e (dyn Error + Send + Sync + 'static);

impl Core {
    /// Goes through the scenario's recipe once and emits `agent.recovery.attempted`.
    ///
    /// The books are not locked while the handler works.
    pub(crate) async fn recover(
        &self,
        scenario: FailureScenario,
        error: Cause<'_>,
    ) -> RecoveryResult {
        let begun = self.recovery().begin(scenario);
        let result = match begun {
            Ok(attempt) => {
                let progress = match &self.setup.recovery {
                    Some(handler) => Some(attempt.carry_out_async(&**handler, Some(error)).await),
                    None => None,
                };
                self.close_attempt(attempt, progress)
            }
            Err(escalated) => escalated,
        };
        self.announce(scenario, &result);
        result
    }

    /// [`recover`](Self::recover) for threads.
    pub(crate) fn recover_blocking(
        &self,
        scenario: FailureScenario,
        error: Cause<'_>,
    ) -> RecoveryResult {
        let begun = self.recovery().begin(scenario);
        let result = match begun {
            Ok(attempt) => {
                let handler = self.setup.recovery.as_deref();
                let progress = handler.map(|handler| attempt.carry_out(handler, Some(error)));
                self.close_attempt(attempt, progress)
            }
            Err(escalated) => escalated,
        };
        self.announce(scenario, &result);
        result
    }

    /// Without a handler, and so without progress, every step counts as taken, as in the original.
    fn close_attempt(&self, attempt: Attempt, progress: Option<Progress>) -> RecoveryResult {
        let (taken, failed) = match progress {
            Some(progress) => (progress.steps_done, progress.failed),
            None => (attempt.steps().len(), None),
        };
        self.recovery().finish(attempt, taken, failed)
    }

    fn announce(&self, scenario: FailureScenario, result: &RecoveryResult) {
        let outcome = result.outcome;
        log!(info, session = %self.session_id, role = %self.setup.role, scenario = %scenario, outcome = %outcome, "recovery attempted");
        let event = self.root_event(AgentEventName::RecoveryAttempted, AgentEventStatus::Running);
        let class = scenario.failure_class();
        self.emit(event.with_failure_class(class).with_detail(format!("{scenario}: {outcome}")));
    }
}
