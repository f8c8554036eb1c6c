//! Turns that are recorded.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use runtime_orchestrator::{ActiveTurn, Answer, Attempt, BoxError, Turn, TurnError};
use runtime_store::{Step, StepKind};
use runtime_usage::{ReportedUsage, Usd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::record::{self, Begin, TurnRecord, announce, another, failed, intent, kept, recalled};
use crate::error::StepError;
use crate::place::{Begun, Opened, Vacant};
use crate::session::DurableSession;

/// # Turns
///
/// A model call is repeated if its answer was lost with an earlier life, and the lost call is booked at its
/// reservation. A recorded turn calls nobody, is not admitted again, and costs nothing more.
impl DurableSession {
    /// [`OrchestrationSession::run_turn`](runtime_orchestrator::OrchestrationSession::run_turn), recorded.
    ///
    /// # Errors
    ///
    /// [`StepError::Failed`] with the recorded refusal or failure; any other error ends the life.
    pub async fn run_turn<T, E, F>(
        &self,
        turn: Turn<T>,
        call: impl FnOnce() -> F,
    ) -> Result<Answer<T>, StepError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        let begun = begin_step(self, &turn)?;
        let step = &begun.step;
        let mut vacant = match self.entered::<T>(step).await? {
            Entered::Known(answer) => return Ok(*answer),
            Entered::Vacant(vacant) => vacant,
        };
        let before = self.session.tracker().total_cost();
        let (turn, reader) = turn.split();
        let mut active = match self.session.begin_turn(turn).await {
            Ok(active) => active,
            Err(refused) => return Err(self.turn_failed(step, vacant, refused, before).await),
        };
        if let Err(error) =
            self.place.intend(step, &mut vacant, &intent(step, active.reserved())).await
        {
            active.release();
            return Err(error);
        }
        // It may have taken longer than the turn may.
        active.release_if_late();
        let answer = match active.run(async { call().await }).await {
            Ok(Ok(value)) => reader.finish(active, value).await,
            Ok(Err(error)) => Err(active.fail(error)),
            Err(interrupted) => {
                drop(active);
                Err(interrupted)
            }
        };
        self.answered(step, vacant, answer, before).await
    }

    /// [`OrchestrationSession::run_turn_recovering`](runtime_orchestrator::OrchestrationSession::run_turn_recovering),
    /// recorded. Attempts are not hedged. Each further one is announced with what the one before it cost.
    ///
    /// # Errors
    ///
    /// [`StepError::Failed`] with the recorded refusal or failure; any other error ends the life.
    pub async fn run_turn_recovering<T, E, F>(
        &self,
        turn: Turn<T>,
        mut call: impl FnMut(Attempt) -> F,
    ) -> Result<Answer<T>, StepError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        let begun = begin_step(self, &turn)?;
        let step = &begun.step;
        let mut vacant = match self.entered::<T>(step).await? {
            Entered::Known(answer) => return Ok(*answer),
            Entered::Vacant(vacant) => vacant,
        };
        let before = self.session.tracker().total_cost();
        let (turn, reader) = turn.split();
        let answer = async {
            let mut turn = self.session.handle().begin_turn_recovering(turn)?;
            loop {
                let mut attempt = turn.attempt().await?;
                let another = another(&attempt);
                let announced = if another.is_some() {
                    announce(&self.place, step, another).await
                } else {
                    let intent = intent(step, attempt.reserved());
                    self.place.intend(step, &mut vacant, &intent).await
                };
                if let Err(error) = announced {
                    attempt.release();
                    return Ok(Err(error));
                }
                attempt.release_if_late();
                let made = call(attempt.attempt().clone());
                match attempt.run(made).await {
                    Ok(value) => return attempt.finish(value, reader).await.map(Ok),
                    Err(failed) => turn = attempt.recover(failed).await?,
                }
            }
        };
        match Box::pin(answer).await {
            Ok(Ok(answer)) => self.answered(step, vacant, Ok(answer), before).await,
            Ok(Err(unrecorded)) => Err(unrecorded),
            Err(error) => self.answered(step, vacant, Err(error), before).await,
        }
    }

    /// Begins a turn whose call the caller makes, such as a stream. `None` in its place means that an earlier
    /// life has its value.
    ///
    /// Only the final value is recorded: a stream that was cut by the end of a life is made again.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use futures_util::{StreamExt, stream};
    /// use runtime_durable::Durable;
    /// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    /// use runtime_store::MemoryStore;
    /// use runtime_usage::UsageSnapshot;
    ///
    /// let durable = Durable::new(Orchestrator::new("writer", "draft"), MemoryStore::new());
    /// let run = durable.run("haiku", async |session| {
    ///     let mut turn = match session.begin_turn::<String>(Turn::model("gpt-5")).await? {
    ///         Ok(answer) => return Ok(answer.value),
    ///         Err(turn) => turn,
    ///     };
    ///     let (mut chunks, mut text) = (stream::iter(["Hel", "lo"]), String::new());
    ///     while let Some(chunk) = turn.active().run(chunks.next()).await? {
    ///         text.push_str(chunk);
    ///     }
    ///     Ok(turn.settle(text, UsageSnapshot::new(9, 2)).await?.value)
    /// });
    /// assert_eq!(run.await?.done().as_deref(), Some("Hello"));
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`StepError::Failed`] with the recorded refusal or failure; any other error ends the life.
    pub async fn begin_turn<T>(
        &self,
        turn: Turn,
    ) -> Result<Result<Answer<T>, ActiveDurableTurn<'_>>, StepError>
    where
        T: Serialize + DeserializeOwned,
    {
        let about = turn.guarded_input().cloned().unwrap_or_default();
        let (handle, model) = (self.handle(), Arc::clone(turn.model_name()));
        let admitted = self.session.begin_turn(turn);
        Ok(match record::begin(&handle, (model, &about), admitted).await? {
            Begin::Answered(answer) => Ok(answer),
            Begin::Failed(failure, _) => return Err(failure.into()),
            Begin::Active(active, record) => Err(ActiveDurableTurn { active, record }),
        })
    }

    async fn entered<'a, T: DeserializeOwned>(
        &'a self,
        step: &'a Step,
    ) -> Result<Entered<'a, T>, StepError> {
        Ok(match self.place.open(step).await? {
            Opened::Known(body) => Entered::Known(Box::new(recalled(step, &body)?)),
            Opened::Vacant(vacant) | Opened::InDoubt(_, vacant) => Entered::Vacant(vacant),
        })
    }

    async fn answered<'a, T: Serialize>(
        &'a self,
        step: &'a Step,
        vacant: Vacant<'a>,
        answer: Result<Answer<T>, TurnError>,
        before: Usd,
    ) -> Result<Answer<T>, StepError> {
        match answer {
            Ok(answer) => {
                let record = kept(&answer.value, &answer);
                self.place.settle(step, vacant.outcome, &record).await?;
                Ok(answer)
            }
            Err(error) => Err(self.turn_failed(step, vacant, error, before).await),
        }
    }

    async fn turn_failed<'a>(
        &'a self,
        step: &'a Step,
        vacant: Vacant<'a>,
        error: TurnError,
        before: Usd,
    ) -> StepError {
        let cost = self.session.tracker().total_cost().saturating_sub(before);
        failed::<()>(&self.place, (step, vacant.outcome), error, (None, cost)).await
    }
}

fn begin_step<T>(session: &DurableSession, turn: &Turn<T>) -> Result<Begun, StepError> {
    let name = session.place.name(StepKind::Turn, Arc::clone(turn.model_name()));
    session.place.begin(name, turn.guarded_input().unwrap_or(&Value::Null), None)
}

/// What the journal has of a turn.
enum Entered<'a, T> {
    Known(Box<Answer<T>>),
    Vacant(Vacant<'a>),
}

/// A running turn that will be recorded, for callers that make the call themselves.
///
/// Dropping it leaves the turn unrecorded, so the next life makes it again.
#[must_use = "dropping an unsettled turn cancels it"]
pub struct ActiveDurableTurn<'s> {
    active: ActiveTurn<'s>,
    record: TurnRecord,
}

impl<'s> ActiveDurableTurn<'s> {
    /// The turn itself, which runs the steps of the call and observes its usage.
    pub const fn active(&mut self) -> &mut ActiveTurn<'s> {
        &mut self.active
    }

    /// Settles the answered call and records its value.
    ///
    /// # Errors
    ///
    /// [`StepError`] if the value could not be recorded. The turn is settled.
    pub async fn settle<T: Serialize>(
        self,
        value: T,
        usage: impl Into<ReportedUsage>,
    ) -> Result<Answer<T>, StepError> {
        let Self { active, record } = self;
        let answer = active.settle(usage).answer(value, Arc::clone(record.model()));
        record.settle(&answer.value, &answer).await?;
        Ok(answer)
    }

    /// Settles the failed call, and records and returns its failure.
    pub async fn fail<E: Into<BoxError> + 'static>(self, error: E) -> StepError {
        let Self { active, record } = self;
        record.fail::<()>(active.fail(error), None).await
    }
}

impl fmt::Debug for ActiveDurableTurn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveDurableTurn").field("turn", &self.active).finish_non_exhaustive()
    }
}
