//! The call of an attempt, and a second one beside it where the first is slow to speak.
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

use runtime_events::Sleep;

use super::attempt::Attempt;
use super::hedge::Hedged;
use super::turn::{Recovering, Started};
use crate::error::{BoxError, TurnError};
use crate::pace::Pulse;
use crate::session::active::ActiveTurn;

/// What a call has come to: the turn that holds what it has taken, and the answer.
type Outcome<'s, T> = Result<(ActiveTurn<'s>, T), TurnError>;

impl<'s> Recovering<'s> {
    /// Makes the call of an attempt that was admitted.
    pub(super) async fn call<T, E, F>(
        &mut self,
        started: Started<'s>,
        call: &mut impl FnMut(Attempt) -> F,
    ) -> Outcome<'s, T>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        let Started { active, attempt } = started;
        let pulse = Arc::clone(attempt.pulse());
        let Some(mut late) = self.patience() else {
            let answered = made(launched(active, attempt, call)?).await;
            return self.noted(answered, &pulse);
        };
        let mut first = pin!(made(launched(active, attempt, call)?));
        let mut spoke = false;
        let early = poll_fn(|cx| {
            if let Poll::Ready(outcome) = first.as_mut().poll(cx) {
                return Poll::Ready(Some(outcome));
            }
            // Once it speaks, another one would only say the same.
            spoke = spoke || pulse.first_token().is_some();
            if spoke { Poll::Pending } else { Pin::new(&mut late).poll(cx).map(|()| None) }
        });
        if let Some(outcome) = early.await {
            return self.noted(outcome, &pulse);
        }
        let Some(Hedged { started, lease }) = self.hedge() else {
            let answered = first.await;
            return self.noted(answered, &pulse);
        };
        let Started { active, attempt } = started;
        let beside = Arc::clone(attempt.pulse());
        let Ok(launched) = launched(active, attempt, call) else {
            let answered = first.await;
            return self.noted(answered, &pulse);
        };
        let mut second = pin!(made(launched));
        let (mut failed, mut running) = (None, [true, true]);
        let (outcome, hedged) = poll_fn(|cx| {
            if running[0]
                && let Poll::Ready(outcome) = first.as_mut().poll(cx)
            {
                running[0] = false;
                match outcome {
                    Err(error) if running[1] => failed = Some(error),
                    outcome => return Poll::Ready((outcome, false)),
                }
            }
            if running[1]
                && let Poll::Ready(outcome) = second.as_mut().poll(cx)
            {
                running[1] = false;
                match outcome {
                    Err(error) if running[0] => failed = Some(error),
                    outcome => return Poll::Ready((outcome, true)),
                }
            }
            Poll::Pending
        })
        .await;
        let (winner, loser) = if hedged { (&beside, &pulse) } else { (&pulse, &beside) };
        loser.lose();
        self.settle_hedge(lease, hedged, failed.as_ref());
        self.noted(outcome, winner)
    }

    /// Remembers how long the first token took: that is what hedges wait for.
    fn noted<T>(&self, outcome: Outcome<'s, T>, pulse: &Pulse) -> Outcome<'s, T> {
        if let (Ok(_), Some(hedge)) = (&outcome, &self.core.setup.hedge) {
            hedge.observe(pulse.first_token().unwrap_or_else(|| pulse.age()));
        }
        outcome
    }

    /// Ends when a hedge is due, where there may be one.
    fn patience(&self) -> Option<Sleep> {
        if !self.ask.repeatable {
            return None;
        }
        let (hedge, sleeper) = (self.core.setup.hedge.as_ref()?, self.core.setup.sleeper.as_ref()?);
        Some(sleeper.sleep(hedge.delay()?))
    }
}

/// Begins the call: the caller's code makes its future.
fn launched<'s, F>(
    mut active: ActiveTurn<'s>,
    attempt: Attempt,
    call: &mut impl FnMut(Attempt) -> F,
) -> Result<(ActiveTurn<'s>, F), TurnError> {
    active.begin_call()?;
    let future = active.flagged(|| call(attempt));
    Ok((active, future))
}

/// Awaits the call inside its attempt. Dropped, the attempt was cancelled.
async fn made<T, E, F>((mut active, call): (ActiveTurn<'_>, F)) -> Outcome<'_, T>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError> + 'static,
{
    match active.step(call).await? {
        Ok(value) => Ok((active, value)),
        Err(error) => Err(TurnError::Failed(active.failed(error))),
    }
}
