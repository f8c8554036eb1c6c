//! Whole attempts in one call.

use runtime_events::FailureScenario;

use super::context::RecoveryContext;
use super::handler::RecoveryHandler;
use super::result::RecoveryResult;

/// Keeps the books of an attempt to recover without carrying anything out: every step counts as
/// taken.
///
/// ```
/// use runtime_events::FailureScenario;
/// use runtime_resilience::{RecoveryContext, RecoveryOutcome, attempt_recovery};
///
/// let mut books = RecoveryContext::default();
/// let first = attempt_recovery(FailureScenario::MemoryCorruption, &mut books);
/// assert_eq!(first.outcome, RecoveryOutcome::Recovered);
///
/// let second = attempt_recovery(FailureScenario::MemoryCorruption, &mut books);
/// assert_eq!(second.outcome, RecoveryOutcome::EscalationRequired);
/// assert_eq!(second.reason, "max attempts (1) exhausted for memory_corruption");
/// ```
pub fn attempt_recovery(
    scenario: FailureScenario,
    context: &mut RecoveryContext,
) -> RecoveryResult {
    match context.begin(scenario) {
        Ok(attempt) => {
            let all = attempt.steps().len();
            context.finish(attempt, all, None)
        }
        Err(escalated) => escalated,
    }
}

/// Makes one attempt to recover: `handler` carries the steps out, until one fails.
pub fn attempt_recovery_with(
    scenario: FailureScenario,
    context: &mut RecoveryContext,
    handler: &(impl RecoveryHandler + ?Sized),
) -> RecoveryResult {
    match context.begin(scenario) {
        Ok(attempt) => {
            let progress = attempt.carry_out(handler, None);
            context.finish(attempt, progress.steps_done, progress.failed)
        }
        Err(escalated) => escalated,
    }
}

/// As [`attempt_recovery_with`], without blocking the thread.
///
/// Dropped half-way, the attempt counts and leaves no event.
#[doc(alias = "aattempt_recovery")]
pub async fn attempt_recovery_async(
    scenario: FailureScenario,
    context: &mut RecoveryContext,
    handler: &(impl RecoveryHandler + ?Sized),
) -> RecoveryResult {
    match context.begin(scenario) {
        Ok(attempt) => {
            let progress = attempt.carry_out_async(handler, None).await;
            context.finish(attempt, progress.steps_done, progress.failed)
        }
        Err(escalated) => escalated,
    }
}
