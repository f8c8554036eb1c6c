//! Carrying the steps of a recipe out: what the caller's handler does, and the wait.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_resilience::RecoveryStep;
use runtime_resilience::fault::{NoRetry, Phase};
use runtime_resilience::recovery::{GaveUp, StepContext};

use super::turn::{After, Recovering};
use crate::error::TurnError;
use crate::pace::Pace;
use crate::session::telling::{Reason, Wait};
use crate::wait::{Interrupted, Kind, Until, later, race, race_blocking};

/// What is to be done before another attempt, and what for.
struct Work {
    error: TurnError,
    scenario: FailureScenario,
    steps: Vec<RecoveryStep>,
    wait: Duration,
}

impl Recovering<'_> {
    /// After a failure: returns once another attempt may be made, or with the error that ends the
    /// turn.
    pub(super) async fn recover(&mut self, failed: TurnError) -> Result<(), TurnError> {
        let Work { error, scenario, steps, wait } = self.begin_recovery(failed)?;
        if let Some(handler) = self.core.setup.recovery.clone() {
            let attempt = self.attempts;
            let work = async {
                for (index, step) in for_the_caller(&steps) {
                    let context = StepContext::new(step, scenario, attempt, index);
                    let context = context.with_error(&error);
                    let done = handler.carry_out_async(&context).await;
                    done.map_err(|reason| failed_step(step, reason))?;
                }
                Ok(())
            };
            let end = Pace::from(self.end());
            let Self { core, in_callers_code, .. } = self;
            match race(core, &end, in_callers_code, work).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return Err(self.gave_up(error, why)),
                Err(interrupted) => return self.interrupted(interrupted),
            }
        }
        if wait.is_zero() {
            return Ok(());
        }
        if self.core.setup.sleeper.is_none() {
            let why = failed_step(RecoveryStep::RetryWithBackoff, "no sleeper is configured");
            return Err(self.gave_up(error, why));
        }
        if let Some(why) = self.too_late_for(wait) {
            return Err(self.gave_up(error, why));
        }
        let over = self.pause(wait);
        let waiting = self.core.begin_wait(Reason::BackOff, self.span);
        let ended = race(self.core, &over, &mut false, pending::<Infallible>()).await;
        self.waited(waiting, ended)
    }

    /// [`recover`](Self::recover) for threads. The handler's steps run on this one, and nothing
    /// interrupts them.
    pub(super) fn recover_blocking(&mut self, failed: TurnError) -> Result<(), TurnError> {
        let Work { error, scenario, steps, wait } = self.begin_recovery(failed)?;
        if let Some(handler) = self.core.setup.recovery.clone() {
            for (index, step) in for_the_caller(&steps) {
                let context = StepContext::new(step, scenario, self.attempts, index);
                self.in_callers_code = true;
                let done = handler.carry_out(&context.with_error(&error));
                self.in_callers_code = false;
                if let Err(reason) = done {
                    return Err(self.gave_up(error, failed_step(step, reason)));
                }
            }
        }
        if wait.is_zero() {
            return Ok(());
        }
        if let Some(why) = self.too_late_for(wait) {
            return Err(self.gave_up(error, why));
        }
        let over = self.pause(wait);
        let waiting = self.core.begin_wait(Reason::BackOff, self.span);
        let ended = race_blocking(self.core, &over, &mut false, pending::<Infallible>());
        self.waited(waiting, ended)
    }

    fn begin_recovery(&mut self, failed: TurnError) -> Result<Work, TurnError> {
        match self.after(failed) {
            After::Pass(error) => Err(self.passed(error)),
            After::Stop(error, why) => Err(self.gave_up(error, why)),
            After::Again(pending, error) => {
                self.fail_pending(&error.to_string());
                let (scenario, wait) = (pending.fault.scenario(), pending.next.wait);
                let steps = pending.next.steps.clone();
                self.tell_attempt(pending);
                Ok(Work { error, scenario, steps, wait })
            }
        }
    }

    /// Whether the handler has taken the time that the wait was to have.
    fn too_late_for(&self, wait: Duration) -> Option<GaveUp> {
        let left = self.left().filter(|left| *left <= wait)?;
        Some(GaveUp::NothingHelps(NoRetry::Deadline { wait, left }))
    }

    /// A time that is over once the wait is. It ends before the turn does, or it would not be
    /// waited.
    fn pause(&self, wait: Duration) -> Pace {
        let now = self.core.now();
        let at = later(now, wait);
        let sleeper = self.core.setup.sleeper.as_ref().map(Arc::clone);
        Pace::from(Some(Until { at, after: wait, kind: Kind::Timeout(Phase::Attempt), sleeper }))
    }

    fn waited(
        &mut self,
        waiting: Wait<'_>,
        ended: Result<Infallible, Interrupted>,
    ) -> Result<(), TurnError> {
        let Err(interrupted) = ended;
        match interrupted {
            Interrupted::Time(..) => waiting.over(),
            Interrupted::Closed(_) => drop(waiting),
        }
        self.interrupted(interrupted)
    }

    /// The end of a wait, or of the session.
    fn interrupted(&mut self, interrupted: Interrupted) -> Result<(), TurnError> {
        match interrupted {
            // The next attempt looks at deadlines itself.
            Interrupted::Time(..) => Ok(()),
            Interrupted::Closed(end) => {
                let closed = end.closed(self.attempts > 0);
                Err(self.passed(closed.into()))
            }
        }
    }
}

/// The steps that only the caller can take. The wait, and the way to another provider, are ours.
fn for_the_caller(steps: &[RecoveryStep]) -> impl Iterator<Item = (usize, RecoveryStep)> {
    let steps = steps.iter().copied().enumerate();
    steps.filter(|(_, step)| step.changes_the_request())
}

fn failed_step(step: RecoveryStep, reason: impl Display) -> GaveUp {
    GaveUp::StepFailed { step, reason: reason.to_string() }
}
