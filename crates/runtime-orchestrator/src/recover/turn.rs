//! A recovering turn for callers that make its calls themselves.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use runtime_resilience::FaultError;
use runtime_usage::{ReportedUsage, Usd};
use serde::Serialize;
use serde_json::Value;

use super::attempt::Attempt;
use super::plan::{Recovering, Started};
use crate::core::Hold;
use crate::error::{BoxError, TurnError};
use crate::turn::{ActiveTurn, Answer, ReplyReader, Turn, unanswered};

/// A recovering turn between its attempts, for callers that make the calls themselves, such as a
/// layer below a client.
///
/// It is [`run_turn_recovering`](crate::OrchestrationSession::run_turn_recovering) in steps:
/// [`attempt`](Self::attempt) admits the next attempt, and the [`ActiveAttempt`] ends the turn with
/// its answer or [recovers](ActiveAttempt::recover) from its failure. Attempts are not hedged.
/// Dropping it cancels the turn.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_orchestrator::{Attempt, BoxError, Orchestrator, RecoveryConfig, Turn};
/// use runtime_resilience::{Route, Routes};
/// use runtime_usage::UsageSnapshot;
///
/// async fn chat(attempt: Attempt) -> Result<String, std::io::Error> {
///     match attempt.provider() {
///         "openai" => Err(std::io::ErrorKind::ConnectionRefused.into()),
///         _ => Ok(format!("{} answers", attempt.model())),
///     }
/// }
///
/// let routes = Routes::ordered([
///     Route::new("openai", "gpt-5"),
///     Route::new("anthropic", "claude-sonnet-4-5"),
/// ]);
/// let recovery = RecoveryConfig::default().routes(routes);
/// let session = Orchestrator::new("writer", "draft").recovery(recovery).session()?;
///
/// let mut turn = session.handle().begin_turn_recovering(Turn::model("gpt-5"))?;
/// let (text, answer) = loop {
///     let mut attempt = turn.attempt().await?;
///     let call = chat(attempt.attempt().clone());
///     match attempt.run(call).await {
///         Ok(text) => break (text, attempt.settle(UsageSnapshot::new(9, 2))),
///         Err(failed) => turn = attempt.recover(failed).await?,
///     }
/// };
/// assert_eq!((text.as_str(), answer.attempts), ("claude-sonnet-4-5 answers", 2));
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
#[must_use = "dropping an unsettled turn cancels it"]
pub struct RecoveringTurn<'s> {
    recovering: Box<Recovering<'s>>,
    /// The input for guardrails before the first call.
    prompt: Option<Box<Value>>,
    /// The bill of the last attempt that was made.
    before: Option<Box<Answer<()>>>,
}

/// A running attempt of a [`RecoveringTurn`].
///
/// It holds the permit and the reservations of its admission until its outcome. Dropping it cancels
/// the call and the turn; the call is billed by its [observed](Attempt::observe) usage, or else by
/// its reservation.
#[must_use = "dropping an unsettled attempt cancels the turn"]
pub struct ActiveAttempt<'s> {
    /// First, so that the last event of the attempt comes before the turn's.
    active: ActiveTurn<'s>,
    attempt: Attempt,
    turn: RecoveringTurn<'s>,
}

impl<'s> RecoveringTurn<'s> {
    pub(crate) fn begin(core: Hold<'s>, mut turn: Turn) -> Result<Self, TurnError> {
        let recovering = Box::new(Recovering::admit(core, &mut turn.spec)?);
        Ok(Self { recovering, prompt: turn.spec.prompt, before: None })
    }

    /// Admits the next attempt.
    ///
    /// Waits for the rate limit, if there is one. Recovers from a refusal that time or another
    /// route can change.
    ///
    /// # Errors
    ///
    /// [`TurnError`] with the reason of the refusal. The turn has ended then.
    pub async fn attempt(mut self) -> Result<ActiveAttempt<'s>, TurnError> {
        loop {
            let Started { mut active, attempt } =
                Box::pin(self.recovering.next(self.prompt.as_deref())).await?;
            match active.begin_call() {
                Ok(()) => return Ok(ActiveAttempt { active, attempt, turn: self }),
                Err(ended) => {
                    drop(active);
                    Box::pin(self.recovering.recover(ended)).await?;
                }
            }
        }
    }
}

impl<'s> ActiveAttempt<'s> {
    /// The place to call, and the changes to the request. Its clones report tokens and usage.
    pub const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// The bill of the attempt before this one, if there was one: each attempt is paid for by itself.
    pub fn before(&self) -> Option<&Answer<()>> {
        self.turn.before.as_deref()
    }

    /// Awaits one step of the call inside the limits of the attempt.
    ///
    /// # Errors
    ///
    /// [`TurnError::Failed`] with the error of the step, or the reason why it was interrupted. The
    /// attempt has ended then: [`recover`](Self::recover) from it, or [give
    /// up](Self::give_up).
    pub async fn run<T, E, F>(&mut self, step: F) -> Result<T, TurnError>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        let step = pin!(step);
        self.active.run(step).await?.map_err(|error| self.fail(error))
    }

    /// [`run`](Self::run) for a caller that is polled itself, such as the body of a reply. A call that is
    /// interrupted is billed by `usage`, if that knows what came of the answer.
    ///
    /// # Errors
    ///
    /// The reason why the step was interrupted. The attempt has ended then.
    pub fn poll_run<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(&mut Context<'_>) -> Poll<T>,
        usage: impl FnOnce() -> Option<ReportedUsage>,
    ) -> Poll<Result<T, TurnError>> {
        self.active.poll_run(cx, step, usage)
    }

    /// Captures the answer of a stream: [`ActiveTurn::capture_answer`].
    pub fn capture_answer(&mut self, answer: &impl Serialize) {
        self.active.capture_answer(answer);
    }

    /// The fault of an error that stays with its owner: [`ActiveTurn::fault_of`].
    pub fn fault_of(&mut self, error: &(dyn Error + 'static)) -> FaultError {
        self.active.fault_of(error)
    }

    /// Settles the failed attempt, and returns `error` with its classification.
    pub fn fail<E: Into<BoxError> + 'static>(&mut self, error: E) -> TurnError {
        TurnError::Failed(self.active.failed(error))
    }

    /// Recovers from the failure of this attempt: takes the steps of its recipe, and waits.
    ///
    /// # Errors
    ///
    /// The error that ends the turn, if there is to be no other attempt.
    pub async fn recover(self, failed: TurnError) -> Result<RecoveringTurn<'s>, TurnError> {
        let Self { mut active, attempt, mut turn } = self;
        let mut bill = unanswered(&mut active);
        bill.provider = attempt.route().map(|route| route.provider().into());
        turn.before = Some(Box::new(bill));
        drop(active);
        Box::pin(turn.recovering.recover(failed)).await?;
        Ok(turn)
    }

    /// Ends the turn with the failure of this attempt.
    ///
    /// This is for an answer of which a part was handed on: no other attempt could take its place.
    pub fn give_up(self, failed: TurnError) -> TurnError {
        let Self { active, mut turn, .. } = self;
        drop(active);
        turn.recovering.cut(failed)
    }

    /// Settles the answered call, and ends the turn. Usage and cost are the sums of all attempts.
    ///
    /// An attempt that has failed stays failed, and its turn ends as cancelled.
    pub fn settle(self, usage: impl Into<ReportedUsage>) -> Answer<()> {
        self.answered(Some(&usage.into()))
    }

    /// [`settle`](Self::settle) for an answer that says nothing of its usage: the observed usage
    /// counts, or else the reservation.
    pub fn settle_unread(self) -> Answer<()> {
        self.answered(None)
    }

    /// Ends the turn with the answer of this attempt, as
    /// [`run_turn_recovering`](crate::OrchestrationSession::run_turn_recovering) does. An attempt that has
    /// failed stays failed, as for [`settle`](Self::settle).
    ///
    /// # Errors
    ///
    /// [`TurnError`] if a guardrail rejects the reply, or the session ends meanwhile.
    pub async fn finish<T>(self, value: T, reader: ReplyReader<T>) -> Result<Answer<T>, TurnError> {
        let Self { active, mut turn, .. } = self;
        let is_open = !active.is_settled();
        match reader.finish(active, value).await {
            Ok(answer) if is_open => Ok(turn.recovering.answered(answer)),
            Ok(answer) => Ok(answer),
            Err(objected) => Err(turn.recovering.passed(objected)),
        }
    }

    /// The amount that is reserved for the call.
    pub fn reserved(&self) -> Usd {
        self.active.reserved()
    }

    /// Settles a call that was not sent, or that the server sent elsewhere, and ends the turn as
    /// cancelled. It costs nothing.
    pub fn release(self) {
        self.active.release();
    }

    /// Releases a call that was not sent, if its time or the session is over by now:
    /// [`ActiveTurn::release_if_late`].
    pub fn release_if_late(&mut self) {
        self.active.release_if_late();
    }

    fn answered(self, usage: Option<&ReportedUsage>) -> Answer<()> {
        let Self { mut active, mut turn, .. } = self;
        let is_open = !active.is_settled();
        let answer = active.answer((), usage);
        drop(active);
        if is_open { turn.recovering.answered(answer) } else { answer }
    }
}

impl fmt::Debug for RecoveringTurn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveringTurn").finish_non_exhaustive()
    }
}

impl fmt::Debug for ActiveAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveAttempt").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}
