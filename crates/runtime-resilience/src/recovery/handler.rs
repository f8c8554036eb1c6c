//! The handler that carries out the steps of a recipe.

use std::error::Error;
use std::pin::Pin;

use runtime_events::FailureScenario;

use super::recipe::RecoveryStep;
use crate::chain::BoxError;

/// The future of one step.
pub type StepFuture<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;

/// Carries out the steps of a recipe: switches the provider, shrinks the context and so on.
///
/// Every closure from a step to a result is a handler.
///
/// ```
/// use runtime_events::FailureScenario;
/// use runtime_resilience::{
///     BoxError, RecoveryContext, RecoveryOutcome, RecoveryStep, StepContext,
///     attempt_recovery_with,
/// };
///
/// let handler = |step: &StepContext<'_>| match step.step {
///     RecoveryStep::RetryWithBackoff => Ok(()),
///     other => Err(BoxError::from(format!("cannot {other}"))),
/// };
///
/// let mut books = RecoveryContext::default();
/// let result = attempt_recovery_with(FailureScenario::LlmError, &mut books, &handler);
/// assert_eq!(result.outcome, RecoveryOutcome::PartialRecovery);
/// assert_eq!(result.reason, "cannot switch_provider");
/// ```
pub trait RecoveryHandler: Send + Sync {
    /// Carries out one step, blocking the thread.
    ///
    /// # Errors
    ///
    /// Any error ends the attempt. Its text becomes the reason.
    fn carry_out(&self, step: &StepContext<'_>) -> Result<(), BoxError>;

    /// Carries out one step without blocking the thread. Calls [`carry_out`](Self::carry_out) unless
    /// overridden.
    ///
    /// # Errors
    ///
    /// As for [`carry_out`](Self::carry_out).
    fn carry_out_async<'a>(&'a self, step: &'a StepContext<'a>) -> StepFuture<'a> {
        Box::pin(async move { self.carry_out(step) })
    }
}

impl<F> RecoveryHandler for F
where
    F: Fn(&StepContext<'_>) -> Result<(), BoxError> + Send + Sync,
{
    fn carry_out(&self, step: &StepContext<'_>) -> Result<(), BoxError> {
        self(step)
    }
}

/// One step, and its place in its attempt.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "drivers of the loop build it")]
pub struct StepContext<'a> {
    /// The step to carry out.
    pub step: RecoveryStep,
    /// The scenario.
    pub scenario: FailureScenario,
    /// The number of the attempt against this scenario, counted from 1.
    pub attempt: u32,
    /// The place of the step in its recipe, counted from 0.
    pub index: usize,
    /// The error to recover from, where it is known.
    pub error: Option<&'a (dyn Error + Send + Sync + 'static)>,
}
