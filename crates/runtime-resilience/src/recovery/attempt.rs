//! The original's pure function, for loops of your own: attempts at a recipe's steps, counted in a
//! [`RecoveryContext`]. Sessions use [`TurnRecovery`](super::TurnRecovery) instead.

use runtime_events::FailureScenario;

use super::context::RecoveryContext;
use super::handler::{RecoveryHandler, StepContext};
use super::recipe::RecoveryRecipe;
use super::result::RecoveryResult;
use crate::chain::BoxError;

/// Counts an attempt to recover, without carrying anything out: each step counts as taken.
///
/// ```
/// use runtime_events::FailureScenario;
/// use runtime_resilience::{RecoveryContext, RecoveryOutcome, attempt_recovery};
///
/// let mut context = RecoveryContext::default();
/// let first = attempt_recovery(FailureScenario::MemoryCorruption, &mut context);
/// assert_eq!(first.outcome, RecoveryOutcome::Recovered);
///
/// let second = attempt_recovery(FailureScenario::MemoryCorruption, &mut context);
/// assert_eq!(second.outcome, RecoveryOutcome::EscalationRequired);
/// assert_eq!(second.reason, "max attempts (1) exhausted for memory_corruption");
/// ```
pub fn attempt_recovery(
    scenario: FailureScenario,
    context: &mut RecoveryContext,
) -> RecoveryResult {
    attempt_recovery_with(scenario, context, &|_: &StepContext<'_>| Ok(()))
}

/// Makes one attempt to recover: `handler` carries out the steps, until one fails.
pub fn attempt_recovery_with(
    scenario: FailureScenario,
    context: &mut RecoveryContext,
    handler: &(impl RecoveryHandler + ?Sized),
) -> RecoveryResult {
    let (recipe, number) = match context.begin(scenario) {
        Ok(begun) => begun,
        Err(escalated) => return escalated,
    };
    let mut progress = Progress::default();
    for step in steps(&recipe, number) {
        if !progress.advance(handler.carry_out(&step)) {
            break;
        }
    }
    context.finish(recipe, progress.taken, progress.failed)
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
    let (recipe, number) = match context.begin(scenario) {
        Ok(begun) => begun,
        Err(escalated) => return escalated,
    };
    let mut progress = Progress::default();
    for step in steps(&recipe, number) {
        if !progress.advance(handler.carry_out_async(&step).await) {
            break;
        }
    }
    context.finish(recipe, progress.taken, progress.failed)
}

fn steps(recipe: &RecoveryRecipe, number: u32) -> impl Iterator<Item = StepContext<'static>> {
    let scenario = recipe.scenario;
    let steps = recipe.steps.iter().enumerate();
    steps.map(move |(index, &step)| StepContext::new(step, scenario, number, index))
}

/// The progress of an attempt.
#[derive(Default)]
struct Progress {
    taken: usize,
    /// The reason why the next step was not taken.
    failed: Option<String>,
}

impl Progress {
    /// Counts a step; `false` when it failed and the rest must not be tried.
    fn advance(&mut self, result: Result<(), BoxError>) -> bool {
        match result {
            Ok(()) => self.taken += 1,
            Err(error) => self.failed = Some(error.to_string()),
        }
        self.failed.is_none()
    }
}
