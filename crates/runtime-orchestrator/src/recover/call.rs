//! The call of an attempt, and a hedge beside it if its first token is late.
//!
//! ```text
//!   attempt ──────────── token or answer in time ──────────────▶ its outcome
//!      │
//!      └─ late ──▶ hedge: another attempt beside it ──▶ the first answer; the other is cancelled
//!                  (from the retry budget,              a failure leaves the other running
//!                   another route by preference)
//! ```

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use runtime_resilience::{FirstTokens, RouteLease};

use super::attempt::Attempt;
use super::hedge::Hedged;
use super::plan::{Recovering, Started};
use crate::error::{BoxError, TurnError};
use crate::limits::later;
use crate::park::Timer;
use crate::parts::pace::Pulse;
use crate::turn::ActiveTurn;

/// The outcome of a call: the turn with its permit and reservations, and the answer.
type Outcome<'s, T> = Result<(ActiveTurn<'s>, T), TurnError>;

impl<'s> Recovering<'s> {
    /// Makes the call of an admitted attempt.
    #[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
    pub(super) fn call<T, E, F>(
        &mut self,
        started: Started<'s>,
        call: &mut impl FnMut(Attempt) -> F,
    ) -> impl Future<Output = Outcome<'s, T>>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        async move {
            let pulse = Arc::clone(started.attempt.pulse());
            let patience = self.patience(&started.active.model);
            let mut first = pin!(made(launched(started, call)?));
            let Some((mut late, times)) = patience else { return first.await };
            let mut spoke = false;
            let early = poll_fn(|cx| {
                if let Poll::Ready(outcome) = first.as_mut().poll(cx) {
                    return Poll::Ready(Some(outcome));
                }
                // After the first token, a hedge has no use.
                spoke = spoke || pulse.first_token().is_some();
                match &mut late {
                    Some(late) if !spoke => Pin::new(late).poll(cx).map(|()| None),
                    _ => Poll::Pending,
                }
            });
            if let Some(outcome) = early.await {
                return noted(outcome, &pulse, &times);
            }
            let Some(Hedged { started, lease }) = self.hedge() else {
                let answered = first.await;
                return noted(answered, &pulse, &times);
            };
            let beside = Arc::clone(started.attempt.pulse());
            let Ok(launched) = launched(started, call) else {
                let answered = first.await;
                return noted(answered, &pulse, &times);
            };
            // Hedges are rare, so the future of a turn has no room for two calls.
            let mut second = Box::pin(made(launched));
            let (mut failed, mut running) = (false, [true, true]);
            let (outcome, hedged) = poll_fn(|cx| {
                if running[0]
                    && let Poll::Ready(outcome) = first.as_mut().poll(cx)
                {
                    running[0] = false;
                    match outcome {
                        Err(error) if running[1] => {
                            self.note_failure(
                                &error,
                                self.lease.as_ref().map(RouteLease::route).cloned(),
                            );
                            failed = true;
                        }
                        outcome => return Poll::Ready((outcome, false)),
                    }
                }
                if running[1]
                    && let Poll::Ready(outcome) = second.as_mut().poll(cx)
                {
                    running[1] = false;
                    match outcome {
                        Err(error) if running[0] => {
                            self.note_failure(
                                &error,
                                lease.as_ref().map(RouteLease::route).cloned(),
                            );
                            failed = true;
                        }
                        outcome => return Poll::Ready((outcome, true)),
                    }
                }
                Poll::Pending
            })
            .await;
            let (winner, loser) = if hedged { (&beside, &pulse) } else { (&pulse, &beside) };
            loser.lose();
            if !failed {
                // The slower one took at least this long. Without this sample, the delay of hedges
                // would shrink over time.
                times.observe(loser.first_token().unwrap_or_else(|| loser.age()));
            }
            if hedged {
                // The place of the loser is free.
                self.lease = lease;
            }
            noted(outcome, winner, &times)
        }
    }

    /// The times to the first token, if the turn may hedge, and the timer of the hedge. The timer
    /// is `None` until enough times are known.
    fn patience(&self, model: &Arc<str>) -> Option<(Option<Timer>, FirstTokens)> {
        let (time, recovery) = (&self.core.time, &self.core.setup.recovery);
        let hedge = recovery.hedge.as_ref().filter(|_| self.repeatable)?;
        let times = recovery.first_tokens.of(model);
        let (clock, sleeper) = (time.clock(), Some(Arc::clone(time.sleeper()?)));
        let due = hedge
            .delay(&times)
            .map(|delay| Timer::new(Arc::clone(clock), sleeper, later(time.now(), delay)));
        Some((due, times))
    }
}

/// Records the time to the first token, which determines the delay of hedges.
fn noted<'s, T>(outcome: Outcome<'s, T>, pulse: &Pulse, times: &FirstTokens) -> Outcome<'s, T> {
    if outcome.is_ok() {
        times.observe(pulse.first_token().unwrap_or_else(|| pulse.age()));
    }
    outcome
}

/// Begins the call: the caller's code returns its future.
fn launched<'s, F>(
    started: Started<'s>,
    call: &mut impl FnMut(Attempt) -> F,
) -> Result<(ActiveTurn<'s>, F), TurnError> {
    let Started { mut active, attempt } = started;
    active.begin_call()?;
    let future = active.flagged(|| call(attempt));
    Ok((active, future))
}

/// Awaits the call inside its attempt. Dropping the future cancels the attempt.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
fn made<T, E, F>((mut active, call): (ActiveTurn<'_>, F)) -> impl Future<Output = Outcome<'_, T>>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError> + 'static,
{
    async move {
        // By reference, so that the inner futures do not each hold the call.
        let call = pin!(call);
        match active.step(call).await? {
            Ok(value) => Ok((active, value)),
            Err(error) => Err(TurnError::Failed(active.failed(error))),
        }
    }
}
