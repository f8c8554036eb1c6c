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
    let mut attempt = Attempt::begin(scenario, context);
    while let Some(step) = attempt.next_step() {
        attempt.carried_out(handler.carry_out(&step));
    }
    attempt.result()
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
    let mut attempt = Attempt::begin(scenario, context);
    while let Some(step) = attempt.next_step() {
        attempt.carried_out(handler.carry_out_async(&step).await);
    }
    attempt.result()
}

/// One attempt under way: the logic of both drivers.
struct Attempt<'c> {
    context: &'c mut RecoveryContext,
    recipe: RecoveryRecipe,
    /// `None` if the recipe's attempts are used up.
    number: Option<u32>,
    taken: usize,
    /// The reason why the next step was not taken.
    failed: Option<String>,
}

impl<'c> Attempt<'c> {
    fn begin(scenario: FailureScenario, context: &'c mut RecoveryContext) -> Self {
        let (recipe, number) = context.begin(scenario);
        Self { context, recipe, number, taken: 0, failed: None }
    }

    /// The next step to carry out; `None` after the last, and after one that failed.
    fn next_step(&self) -> Option<StepContext<'static>> {
        let (attempt, index) = (self.number?, self.taken);
        let step = *self.recipe.steps.get(index).filter(|_| self.failed.is_none())?;
        Some(StepContext { step, scenario: self.recipe.scenario, attempt, index, error: None })
    }

    fn carried_out(&mut self, result: Result<(), BoxError>) {
        match result {
            Ok(()) => self.taken += 1,
            Err(error) => self.failed = Some(error.to_string()),
        }
    }

    fn result(self) -> RecoveryResult {
        match self.number {
            Some(_) => self.context.finish(self.recipe, self.taken, self.failed),
            None => self.context.escalate(self.recipe),
        }
    }
}
