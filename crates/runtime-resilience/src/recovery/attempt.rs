//! One attempt to recover, between its beginning and its end.

use std::error::Error;

use runtime_events::FailureScenario;

use super::handler::{RecoveryHandler, StepContext};
use super::recipe::{RecoveryRecipe, RecoveryStep};

/// An attempt that has begun: the steps to take.
///
/// It is counted already. Dropped without [`finish`](super::RecoveryContext::finish), it leaves no
/// event.
#[must_use = "an attempt is recorded by `RecoveryContext::finish`"]
#[derive(Debug)]
pub struct Attempt {
    pub(super) recipe: RecoveryRecipe,
    pub(super) number: u32,
}

/// How far an attempt got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The number of steps that were taken.
    pub steps_done: usize,
    /// What kept the next step from being taken.
    pub failed: Option<String>,
}

impl Attempt {
    /// The kind of failure it is against.
    pub const fn scenario(&self) -> FailureScenario {
        self.recipe.scenario
    }

    /// Its number among the attempts on this scenario, counted from 1.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The steps to take, in this order.
    pub fn steps(&self) -> &[RecoveryStep] {
        &self.recipe.steps
    }

    /// Hands the steps to `handler` until one fails. `error` is what is being recovered from.
    pub fn carry_out(
        &self,
        handler: &(impl RecoveryHandler + ?Sized),
        error: Option<&(dyn Error + Send + Sync + 'static)>,
    ) -> Progress {
        let mut progress = Progress::default();
        for step in self.contexts(error) {
            if !progress.advance(handler.carry_out(&step)) {
                break;
            }
        }
        progress
    }

    /// As [`carry_out`](Self::carry_out), without blocking the thread.
    pub async fn carry_out_async(
        &self,
        handler: &(impl RecoveryHandler + ?Sized),
        error: Option<&(dyn Error + Send + Sync + 'static)>,
    ) -> Progress {
        let mut progress = Progress::default();
        for step in self.contexts(error) {
            if !progress.advance(handler.carry_out_async(&step).await) {
                break;
            }
        }
        progress
    }

    fn contexts<'a>(
        &'a self,
        error: Option<&'a (dyn Error + Send + Sync + 'static)>,
    ) -> impl Iterator<Item = StepContext<'a>> + Send {
        self.steps().iter().enumerate().map(move |(index, &step)| {
            let context = StepContext::new(step, self.scenario(), self.number, index);
            match error {
                Some(error) => context.with_error(error),
                None => context,
            }
        })
    }
}

impl Progress {
    /// Counts a step; `false` when it failed and the rest must not be tried.
    fn advance(&mut self, result: Result<(), crate::chain::BoxError>) -> bool {
        match result {
            Ok(()) => self.steps_done += 1,
            Err(error) => self.failed = Some(error.to_string()),
        }
        self.failed.is_none()
    }
}
