//! The record of a turn, from its intent to its outcome, whoever makes the call.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use runtime_orchestrator::{ActiveAttempt, ActiveTurn, Answer, SessionHandle, Turn, TurnError};
use runtime_store::{
    AttemptRecord, BillRecord, EntryKind, IntentRecord, OutcomeRecord, Slot, Step, StepKind,
};
use runtime_usage::{FinishReason, Usd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::of_turn;
use crate::error::{StepError, StepFailure};
use crate::handle::DurableHandle;
use crate::place::{Begun, Opened, Place};

/// What becomes of a turn that its caller makes, such as a layer below a client.
#[derive(Debug)]
#[must_use = "dropping a turn that was begun cancels it"]
#[expect(clippy::exhaustive_enums, reason = "a turn is recorded or it is not")]
pub enum Begin<T, A> {
    /// An earlier life has recorded its value.
    Answered(Answer<T>),
    /// An earlier life has recorded its failure, and what its caller got all the same.
    Failed(StepFailure, Option<T>),
    /// It is to be made now: the call is admitted, and announced in the journal.
    Active(A, TurnRecord),
}

/// # Turns of a layer
///
/// A layer below a client makes the calls of its session's code. `about` identifies the turn,
/// together with its model: if it differs in a later life, the turn is not the recorded one.
impl DurableHandle {
    /// Begins a turn of one call: [`SessionHandle::begin_turn`], recorded.
    ///
    /// # Errors
    ///
    /// [`StepError::Failed`] with the recorded refusal; any other error ends the life.
    pub async fn begin_turn<T: DeserializeOwned>(
        &self,
        turn: Turn,
        about: &Value,
    ) -> Result<Begin<T, ActiveTurn<'static>>, StepError> {
        let model = Arc::clone(turn.model_name());
        begin(self, (model, about), self.session.begin_turn(turn)).await
    }

    /// Begins a turn that recovers: [`SessionHandle::begin_turn_recovering`] with its first attempt, recorded.
    /// Each further attempt is announced by [`TurnRecord::again`].
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_durable::{Begin, Durable, DurableHandle};
    /// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
    /// use runtime_store::MemoryStore;
    /// use runtime_usage::UsageSnapshot;
    /// use serde_json::Value;
    ///
    /// /// What a layer does with a call that passes.
    /// async fn call(session: DurableHandle) -> Result<String, BoxError> {
    ///     let turn = Turn::model("gpt-5");
    ///     match session.begin_turn_recovering(turn, &Value::Null).await? {
    ///         Begin::Answered(answer) => Ok(answer.value),
    ///         Begin::Failed(failure, _) => Err(failure.into()),
    ///         Begin::Active(mut attempt, record) => loop {
    ///             match attempt.run(async { Ok::<_, BoxError>("Hello".to_owned()) }).await {
    ///                 Ok(text) => {
    ///                     let bill = attempt.settle(UsageSnapshot::new(9, 2));
    ///                     record.settle(&text, &bill).await?;
    ///                     return Ok(text);
    ///                 }
    ///                 Err(failed) => {
    ///                     let next = async { attempt.recover(failed).await?.attempt().await };
    ///                     attempt = match next.await {
    ///                         Ok(next) => next,
    ///                         Err(ended) => return Err(record.fail::<()>(ended, None).await.into()),
    ///                     };
    ///                     // A life that was replaced makes no further call.
    ///                     if let Err(over) = record.again(&mut attempt).await {
    ///                         attempt.release();
    ///                         return Err(over.into());
    ///                     }
    ///                 }
    ///             }
    ///         },
    ///     }
    /// }
    ///
    /// let durable = Durable::new(Orchestrator::new("writer", "draft"), MemoryStore::new());
    /// let run = durable.run("haiku", async |session| call(session.handle()).await);
    /// assert_eq!(run.await?.done().as_deref(), Some("Hello"));
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`StepError::Failed`] with the recorded refusal; any other error ends the life.
    pub async fn begin_turn_recovering<T: DeserializeOwned>(
        &self,
        turn: Turn,
        about: &Value,
    ) -> Result<Begin<T, ActiveAttempt<'static>>, StepError> {
        let model = Arc::clone(turn.model_name());
        let admitted = async { self.session.begin_turn_recovering(turn)?.attempt().await };
        begin(self, (model, about), admitted).await
    }
}

/// The record of a turn whose intent is written.
///
/// Dropping it leaves the turn without an outcome, so the next life makes it again.
#[must_use = "dropping it leaves the turn without an outcome"]
pub struct TurnRecord {
    place: Arc<Place>,
    session: SessionHandle,
    begun: Begun,
    /// What was spent on it, until it was last looked at.
    cost: Usd,
    /// What the session had spent then.
    before: Usd,
}

impl TurnRecord {
    /// The model that the turn asked for.
    pub fn model(&self) -> &Arc<str> {
        &self.begun.step.name.name
    }

    /// Lets the next step begin, although this turn goes on: its caller has a part of the answer.
    ///
    /// After this, call [`look`](Self::look) before whatever ends the turn.
    pub fn hand_on(&mut self) {
        self.cost = self.spent();
        self.begun.hand_on();
    }

    /// Counts what is spent from here on as the turn's. Other turns may have spent something meanwhile.
    pub fn look(&mut self) {
        self.before = self.session.tracker().total_cost();
    }

    /// Announces another attempt, with what the one before it cost. To be called before the call is made: a life
    /// that was replaced meanwhile must not make it. If its time is over by then, it costs nothing.
    ///
    /// # Errors
    ///
    /// [`StepError`] if the attempt must not be made: [release](ActiveAttempt::release) it.
    pub async fn again(&self, attempt: &mut ActiveAttempt<'_>) -> Result<(), StepError> {
        announce(&self.place, &self.begun.step, another(attempt)).await?;
        attempt.release_if_late();
        Ok(())
    }

    /// Records the value of the answered call, with its bill.
    ///
    /// # Errors
    ///
    /// [`StepError`] if it could not be recorded.
    pub async fn settle<T: Serialize, U>(
        self,
        value: &T,
        bill: &Answer<U>,
    ) -> Result<(), StepError> {
        let mut record = kept(value, bill);
        if let Some(bill) = record.bill.as_mut().filter(|bill| bill.model.is_empty()) {
            bill.model = Arc::clone(self.model());
        }
        self.place.settle(&self.begun.step, None, &record).await
    }

    /// Records the failure that ended the turn, and what the caller gets all the same. Returns the failure as
    /// each life gets it.
    pub async fn fail<T: Serialize>(self, error: TurnError, said: Option<&T>) -> StepError {
        let said = (said, self.spent());
        failed(&self.place, (&self.begun.step, None), error, said).await
    }

    /// Has what the caller has read of an answer recorded before it left, once the next step begins. If none
    /// does, the next life makes the turn again. Without a bill the cost is an estimate.
    pub fn leave<T: Serialize>(self, said: &T, bill: Option<&Answer<()>>) {
        let record = match bill {
            Some(bill) => kept(said, bill),
            None => {
                OutcomeRecord::of(Ok(said)).billed(Some(estimated(&self.begun.step, self.spent())))
            }
        };
        self.place.leave(&self.begun.step, &record);
    }

    fn spent(&self) -> Usd {
        let since = self.session.tracker().total_cost().saturating_sub(self.before);
        self.cost.saturating_add(since)
    }
}

/// Begins a turn that `admitted` admits.
pub(super) async fn begin<T: DeserializeOwned, A: Admitted>(
    handle: &DurableHandle,
    (model, about): (Arc<str>, &Value),
    admitted: impl Future<Output = Result<A, TurnError>>,
) -> Result<Begin<T, A>, StepError> {
    let (place, session) = (Arc::clone(&handle.place), handle.session.clone());
    let begun = place.begin(place.name(StepKind::Turn, model), about, None)?;
    let (cost, before) = (Usd::ZERO, session.tracker().total_cost());
    let record = TurnRecord { place, session, begun, cost, before };
    let (place, step) = (&record.place, &record.begun.step);
    let mut places = match place.open(step).await? {
        Opened::Known(body) => return known(step, &body),
        Opened::Vacant(vacant) | Opened::InDoubt(_, vacant) => vacant,
    };
    let mut active = match admitted.await {
        Ok(active) => active,
        Err(refused) => {
            let said = (None::<&()>, record.spent());
            return Err(failed(place, (step, places.outcome), refused, said).await);
        }
    };
    if let Err(error) = place.intend(step, &mut places, &intent(step, active.reserved())).await {
        active.release();
        return Err(error);
    }
    // It may have taken longer than the turn may.
    active.release_if_late();
    drop(places);
    Ok(Begin::Active(active, record))
}

/// A call that was admitted, and was not sent.
pub(super) trait Admitted {
    fn reserved(&self) -> Usd;

    fn release(self);

    fn release_if_late(&mut self);
}

impl Admitted for ActiveTurn<'_> {
    fn reserved(&self) -> Usd {
        self.reserved()
    }

    fn release(self) {
        self.release();
    }

    fn release_if_late(&mut self) {
        self.release_if_late();
    }
}

impl Admitted for ActiveAttempt<'_> {
    fn reserved(&self) -> Usd {
        self.reserved()
    }

    fn release(self) {
        self.release();
    }

    fn release_if_late(&mut self) {
        self.release_if_late();
    }
}

pub(super) fn intent(step: &Step, reserved: Usd) -> IntentRecord {
    let model = Some(Arc::clone(&step.name.name)).filter(|model| !model.is_empty());
    IntentRecord { reserved, model, ..IntentRecord::of(&step.name) }
}

/// The record of an attempt behind another one. `None` of the first, which the intent announces.
pub(super) fn another(attempt: &ActiveAttempt<'_>) -> Option<AttemptRecord> {
    let (before, to) = (billed(attempt.before()?), attempt.attempt());
    let model = Some(to.model()).filter(|model| !model.is_empty()).map(Arc::from);
    let provider = to.route().map(|route| route.provider().into());
    Some(AttemptRecord { before, reserved: attempt.reserved(), model, provider })
}

/// Announces another attempt of a turn, unless others go on with the thread.
pub(super) async fn announce(
    place: &Place,
    step: &Step,
    another: Option<AttemptRecord>,
) -> Result<(), StepError> {
    // An engine keeps no books.
    if let Some(another) = another.filter(|_| !place.life.in_engine) {
        place.note((EntryKind::ATTEMPT, step), &another).await?;
    }
    let held = place.life.writer.still_held().await;
    held.map_err(|lost| place.life.store_failed(lost))
}

/// The record of an answer.
pub(super) fn kept<'v, T, U>(value: &'v T, answer: &Answer<U>) -> OutcomeRecord<&'v T> {
    OutcomeRecord::of(Ok(value)).billed(Some(billed(answer)))
}

fn billed<T>(answer: &Answer<T>) -> BillRecord {
    BillRecord {
        model: Arc::clone(&answer.model),
        usage: answer.usage,
        cost: answer.cost,
        cost_reported: answer.cost_reported,
        estimated: answer.estimated,
        attempts: answer.attempts,
        provider: answer.provider.clone(),
        finish: told(&answer.finish_reasons),
    }
}

/// Records a failed turn, unless it failed because the session is over.
pub(super) async fn failed<'a, T: Serialize>(
    place: &'a Place,
    (step, slot): (&'a Step, Option<Box<dyn Slot<'a> + 'a>>),
    error: TurnError,
    (said, cost): (Option<&T>, Usd),
) -> StepError {
    let Some(failure) = of_turn(&error) else { return error.into() };
    let bill = Some(estimated(step, cost)).filter(|bill| !bill.cost.is_zero());
    let name = Some(step.name.clone());
    let record = OutcomeRecord { ok: said, ..OutcomeRecord::of(Err(failure.clone())) };
    match place.settle(step, slot, &record.named(name).billed(bill)).await {
        Ok(()) => {
            let live = Some(error.into());
            StepFailure { step: step.name.clone(), key: step.key, failure, live }.into()
        }
        Err(unrecorded) => unrecorded,
    }
}

/// The bill of a call whose answer nobody has read to its end.
fn estimated(step: &Step, cost: Usd) -> BillRecord {
    let model = Arc::clone(&step.name.name);
    BillRecord { model, cost, estimated: true, attempts: 1, ..BillRecord::default() }
}

/// What is recorded of a turn, with what the caller got of a failed one.
fn known<T: DeserializeOwned, A>(step: &Step, body: &[u8]) -> Result<Begin<T, A>, StepError> {
    match recalled(step, body) {
        Err(StepError::Failed(failure)) => {
            Ok(Begin::Failed(*failure, crate::place::outcome(step, body)?.ok))
        }
        answered => answered.map(Begin::Answered),
    }
}

/// The recorded answer.
pub(super) fn recalled<T: DeserializeOwned>(
    step: &Step,
    body: &[u8],
) -> Result<Answer<T>, StepError> {
    let (value, bill) = crate::place::recorded(step, body)?;
    let bill = bill.unwrap_or_default();
    let mut answer = Answer::recorded(value, bill.model);
    (answer.usage, answer.cost) = (bill.usage, bill.cost);
    (answer.cost_reported, answer.estimated) = (bill.cost_reported, bill.estimated);
    (answer.attempts, answer.provider) = (bill.attempts, bill.provider);
    for (reason, told) in answer.finish_reasons.iter_mut().zip(&bill.finish) {
        *reason = Some(FinishReason::of(told)).filter(|_| !told.is_empty());
    }
    Ok(answer)
}

/// The reasons why the choices of an answer ended, as words.
fn told(reasons: &[Option<FinishReason>]) -> Vec<Cow<'static, str>> {
    let said = reasons.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let word = |reason: &Option<FinishReason>| reason.map_or("", FinishReason::as_str).into();
    reasons.iter().take(said).map(word).collect()
}

impl fmt::Debug for TurnRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnRecord").field("step", &self.begun.step.name).finish_non_exhaustive()
    }
}
