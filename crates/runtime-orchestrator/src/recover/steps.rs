//! Carries out the steps of a recipe: the caller's handler, and the wait.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::Duration;

use runtime_events::{FailureScenario, SpanOutcome};
use runtime_resilience::{GaveUp, NoRetry, RecoveryStep, StepContext};

use super::plan::{After, Recovering};
use crate::error::{TurnError, text_of};
use crate::park::is_thread;
use crate::parts::pace::Pace;
use crate::tell::{Reason, Wait};
use crate::wait::{Interrupted, race};

/// The work before another attempt.
struct Work {
    error: TurnError,
    scenario: FailureScenario,
    steps: Vec<RecoveryStep>,
    /// The number of the attempt that failed.
    attempt: u32,
    wait: Duration,
}

impl Recovering<'_> {
    /// Recovers from a failure. Returns once another attempt may be made, or the error that ends
    /// the turn.
    pub(super) async fn recover(&mut self, failed: TurnError) -> Result<(), TurnError> {
        let work = self.begin_recovery(failed)?;
        let on_thread = poll_fn(|cx| Poll::Ready(is_thread(cx.waker()))).await;
        if let Some(handler) = self.core.setup.recovery.handler.clone() {
            let steps = async {
                for (index, step) in for_the_caller(&work.steps) {
                    let Work { scenario, attempt, ref error, .. } = work;
                    let context =
                        StepContext { step, scenario, attempt, index, error: Some(error) };
                    let done = if on_thread {
                        handler.carry_out(&context)
                    } else {
                        handler.carry_out_async(&context).await
                    };
                    done.map_err(|reason| failed_step(step, reason))?;
                }
                Ok(())
            };
            let end = Pace::from(self.end());
            let Self { core, in_callers_code, .. } = self;
            match race(&**core, &end, in_callers_code, steps).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return Err(self.gave_up(work.error, why)),
                Err(interrupted) => return self.interrupted(interrupted),
            }
        }
        if work.wait.is_zero() {
            return Ok(());
        }
        if self.core.time.sleeper().is_none() && !on_thread {
            let why = failed_step(RecoveryStep::RetryWithBackoff, "no sleeper is configured");
            return Err(self.gave_up(work.error, why));
        }
        if let Some(why) = self.too_late_for(work.wait) {
            return Err(self.gave_up(work.error, why));
        }
        // The wait ends before the turn's time, or the turn would have given up.
        let pause = self.core.time.pause(work.wait);
        let waiting = Wait::begin(&self.core.stream, Reason::BackOff, self.story.span);
        let Err(ended) = race(&*self.core, &pause, &mut false, pending::<Infallible>()).await;
        match ended {
            Interrupted::Time(..) => waiting.ended(SpanOutcome::Ok),
            Interrupted::Closed(_) => drop(waiting),
        }
        self.interrupted(ended)
    }

    fn begin_recovery(&mut self, failed: TurnError) -> Result<Work, TurnError> {
        match self.after(failed) {
            After::Pass(error) => Err(self.passed(error)),
            After::Stop(error, why) => Err(self.gave_up(error, why)),
            After::Again(pending, error) => {
                self.story.fail_pending(&text_of(&error));
                let (scenario, wait) = (pending.fault.scenario(), pending.next.wait);
                let steps = pending.next.steps.clone();
                self.story.tell_attempt(pending);
                let attempt = self.story.attempts;
                Ok(Work { error, scenario, steps, attempt, wait })
            }
        }
    }

    /// The reason to give up, if the handler has used the time for the wait.
    fn too_late_for(&self, wait: Duration) -> Option<GaveUp> {
        let left = self.left().filter(|left| *left <= wait)?;
        Some(GaveUp::NothingHelps(NoRetry::Deadline { wait, left }))
    }

    /// Handles the end of a wait, or of the session.
    fn interrupted(&mut self, interrupted: Interrupted) -> Result<(), TurnError> {
        match interrupted {
            // The next attempt checks deadlines itself.
            Interrupted::Time(..) => Ok(()),
            Interrupted::Closed(end) => {
                let closed = end.closed(self.story.attempts > 0);
                Err(self.passed(closed.into()))
            }
        }
    }
}

/// The steps for the caller's handler. The turn itself waits and switches providers.
fn for_the_caller(steps: &[RecoveryStep]) -> impl Iterator<Item = (usize, RecoveryStep)> {
    let steps = steps.iter().copied().enumerate();
    steps.filter(|(_, step)| step.changes_the_request())
}

fn failed_step(step: RecoveryStep, reason: impl Display) -> GaveUp {
    GaveUp::StepFailed { step, reason: reason.to_string() }
}
