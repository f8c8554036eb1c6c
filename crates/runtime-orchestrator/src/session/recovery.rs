//! After a failed turn: the books about recovery, and the handler's steps.

use std::borrow::Cow;
use std::error::Error;
use std::future::Future;

use runtime_events::{AgentEventName, AgentEventStatus, FailureScenario};
use runtime_resilience::RecoveryResult;
use runtime_resilience::fault::without_keys;
use runtime_resilience::recovery::{Attempt, Progress};

use crate::error::TurnError;
use crate::log::log;
use crate::pace::Pace;
use crate::session::OrchestrationSession;
use crate::session::core::Core;
use crate::wait::{Interrupted, race};

type Cause<'e> = &'e (dyn Error + Send + Sync + 'static);

/// # Recovery
impl OrchestrationSession {
    /// Tries to recover from a turn's error, and says what that came to.
    ///
    /// A failed turn has tried already, and its result is returned again. A timed-out turn returns
    /// when it is due and leaves this to the caller: the recipe for `llm_timeout` is gone through
    /// now, and the handler's steps end at the latest with the session or its deadline. `None` for
    /// a turn that was refused, and for a session that is over.
    pub async fn recover(&self, error: &TurnError) -> Option<RecoveryResult> {
        let TurnError::TimedOut(timeout) = error else { return error.recovery().cloned() };
        let _entry = self.core.enter(false).ok()?;
        Some(self.core.recover(FailureScenario::LlmTimeout, timeout).await)
    }

    /// [`recover`](Self::recover) for threads. The handler's steps run on this one, and nothing
    /// interrupts them.
    pub fn recover_blocking(&self, error: &TurnError) -> Option<RecoveryResult> {
        let TurnError::TimedOut(timeout) = error else { return error.recovery().cloned() };
        let _entry = self.core.enter(false).ok()?;
        Some(self.core.recover_blocking(FailureScenario::LlmTimeout, timeout))
    }
}

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
                let (taken, failed) = match &self.setup.recovery {
                    Some(handler) => {
                        self.watched(attempt.carry_out_async(&**handler, Some(error))).await
                    }
                    None => all_taken(&attempt),
                };
                self.recovery().finish(attempt, taken, failed.map(clean))
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
                let (taken, failed) = match &self.setup.recovery {
                    Some(handler) => {
                        let mut handling = Handling { core: self, polling: true };
                        let progress = attempt.carry_out(&**handler, Some(error));
                        handling.polling = false;
                        (progress.steps_done, progress.failed)
                    }
                    None => all_taken(&attempt),
                };
                self.recovery().finish(attempt, taken, failed.map(clean))
            }
            Err(escalated) => escalated,
        };
        self.announce(scenario, &result);
        result
    }

    /// Runs the handler until it is done, the session's deadline is over, or the session ends: a
    /// handler that waits for good must not keep a cancelled session from its last event.
    async fn watched(&self, steps: impl Future<Output = Progress>) -> Taken {
        let mut handling = Handling { core: self, polling: false };
        let deadline = Pace::from(self.session_deadline());
        match race(self, &deadline, &mut handling.polling, steps).await {
            Ok(progress) => (progress.steps_done, progress.failed),
            // How far it got is not known, so nothing counts as taken.
            Err(Interrupted::Time(..)) => (0, Some("interrupted by the session's deadline".into())),
            Err(Interrupted::Closed(status)) => (0, Some(format!("interrupted: session {status}"))),
        }
    }

    fn announce(&self, scenario: FailureScenario, result: &RecoveryResult) {
        let outcome = result.outcome;
        log!(info, session = %self.session_id, role = %self.setup.role, scenario = %scenario, outcome = %outcome, "recovery attempted");
        let event = self.root_event(AgentEventName::RecoveryAttempted, AgentEventStatus::Running);
        let class = scenario.failure_class();
        self.emit(event.with_failure_class(class).with_detail(format!("{scenario}: {outcome}")));
    }
}

/// How many steps were taken, and what kept the next one from being.
type Taken = (usize, Option<String>);

/// What kept a step from being taken, in a handler's words, which may quote a key.
fn clean(why: String) -> String {
    match without_keys(&why) {
        Cow::Owned(clean) => clean,
        Cow::Borrowed(_) => why,
    }
}

/// Without a handler every step counts as taken, as in the original.
fn all_taken(attempt: &Attempt) -> Taken {
    (attempt.steps().len(), None)
}

/// A handler at work. Dropped with the flag set, it panicked.
struct Handling<'c> {
    core: &'c Core,
    polling: bool,
}

impl Drop for Handling<'_> {
    fn drop(&mut self) {
        if self.polling {
            self.core.state().note_panic();
        }
    }
}
