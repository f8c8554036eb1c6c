//! Who carries the steps of a recipe out.

use std::error::Error;
use std::pin::Pin;

use runtime_events::FailureScenario;

use super::recipe::RecoveryStep;
use crate::chain::BoxError;

/// The future of a step that is being carried out.
pub type StepFuture<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;

/// Carries out the steps of a recipe: waits, switches the provider, shrinks the context.
///
/// Every closure from a step to a result is one.
///
/// ```
/// use runtime_events::FailureScenario;
/// use runtime_resilience::{
///     BoxError, RecoveryContext, RecoveryOutcome, RecoveryStep, StepContext,
///     attempt_recovery_with,
/// };
///
/// let handler = |step: &StepContext<'_>| match step.step() {
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
    /// Carries one step out, and blocks until it is done.
    ///
    /// # Errors
    ///
    /// Whatever kept it from doing so. The attempt ends there, and the text becomes its reason.
    fn carry_out(&self, step: &StepContext<'_>) -> Result<(), BoxError>;

    /// Carries one step out without blocking the thread. Unless overridden, does what
    /// [`carry_out`](Self::carry_out) does.
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

/// One step, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct StepContext<'a> {
    step: RecoveryStep,
    scenario: FailureScenario,
    attempt: u32,
    index: usize,
    error: Option<&'a (dyn Error + Send + Sync + 'static)>,
}

impl<'a> StepContext<'a> {
    /// The step at place `index` of a recipe, in the attempt of this number, counted from 1.
    pub const fn new(
        step: RecoveryStep,
        scenario: FailureScenario,
        attempt: u32,
        index: usize,
    ) -> Self {
        Self { step, scenario, attempt, index, error: None }
    }

    /// Adds the error that is being recovered from.
    #[must_use]
    pub const fn with_error(mut self, error: &'a (dyn Error + Send + Sync + 'static)) -> Self {
        self.error = Some(error);
        self
    }

    /// The step to carry out.
    pub const fn step(&self) -> RecoveryStep {
        self.step
    }

    /// The kind of failure.
    pub const fn scenario(&self) -> FailureScenario {
        self.scenario
    }

    /// The number of the attempt on this scenario, counted from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The place of the step in the recipe, counted from 0.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The error that is being recovered from, where it is known.
    pub const fn error(&self) -> Option<&'a (dyn Error + Send + Sync + 'static)> {
        self.error
    }
}
