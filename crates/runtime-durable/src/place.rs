//! The place of a session's steps in its thread, and the way of a step through the journal.
//!
//! ```text
//!   begin ──▶ enter intent ─┬─ vacant ──▶ intend ──▶ the call ──▶ settle
//!                           └─ recorded ──▶ enter outcome ─┬─ recorded: the value
//!                                                          └─ vacant: in doubt
//! ```

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_store::{
    BillRecord, Body, Entered, EntryKind, IntentRecord, JournalError, NotApproved, OutcomeRecord,
    Part, Slot, Step, StepKey, StepKind, StepName, StoreError,
};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{ParkedError, StepError, StepFailure};
use crate::journal::entry;
use crate::json;
use crate::life::Life;

/// The place of a session's steps in its thread.
pub(crate) struct Place {
    pub(crate) life: Arc<Life>,
    /// Empty at the top, or the path of a child.
    scope: Arc<str>,
    order: Arc<Mutex<Order>>,
    children: AtomicU32,
    /// The epoch that a child was opened in: it is numbered by its place behind a checkpoint.
    opened_in: Option<u64>,
}

/// The order of a session's steps.
#[derive(Debug, Default)]
struct Order {
    next: u32,
    running: Vec<StepName>,
    /// Outcomes of turns whose caller has left, to be recorded if the code goes on.
    left: Vec<(Step, Body)>,
    /// How often each id of a call was asked for.
    ids: HashMap<String, u32>,
}

impl Order {
    fn end(&mut self, step: &StepName) {
        if let Some(own) = self.running.iter().position(|name| name == step) {
            self.running.swap_remove(own);
        }
    }
}

impl Place {
    pub(crate) fn top(life: Arc<Life>) -> Self {
        let children = AtomicU32::new(0);
        Self { life, scope: "".into(), order: Arc::default(), children, opened_in: None }
    }

    /// The place of the next child, with its part of the path.
    pub(crate) fn below(&self, part: &str) -> Self {
        // Relaxed: the number of a child depends on the order of the calls alone.
        let number = self.children.fetch_add(1, Ordering::Relaxed);
        let scope = format!("{}/{part}#{number}", self.scope).into();
        let (life, order, children) = (Arc::clone(&self.life), Arc::default(), AtomicU32::new(0));
        let opened_in = Some(self.opened_in.unwrap_or_else(|| self.epoch()));
        Self { life, scope, order, children, opened_in }
    }
}

impl Place {
    fn order(&self) -> MutexGuard<'_, Order> {
        lock(&self.order)
    }

    /// The name of a step at this place.
    pub(crate) fn name(&self, kind: StepKind, name: impl Into<Arc<str>>) -> StepName {
        StepName { kind, name: name.into(), scope: Arc::clone(&self.scope), keyed: false }
    }

    /// An id that no other call at this place has.
    pub(crate) fn call_id(&self, id: &str) -> String {
        let mut order = self.order();
        let times = order.ids.entry(id.to_owned()).or_default();
        *times += 1;
        let times = *times;
        drop(order);
        if times == 1 && !id.is_empty() { id.to_owned() } else { format!("{id}#{times}") }
    }

    fn epoch(&self) -> u64 {
        self.life.writer.fold().epoch()
    }

    /// The step with a key of its own, which need not begin.
    pub(crate) fn keyed(&self, name: StepName, arguments: &Value, key: &str) -> Step {
        Step::keyed(name, arguments, (self.epoch(), key))
    }

    /// Begins a step, unless the life is over or its place in the order is not certain.
    pub(crate) fn begin(
        &self,
        name: StepName,
        arguments: &Value,
        key: Option<&str>,
    ) -> Result<Begun, StepError> {
        self.going_on()?;
        self.check_resumed()?;
        let epoch = self.epoch();
        if self.opened_in.is_some_and(|own| own != epoch) {
            // In the next life, it has another place.
            return Err(StepError::Misused("a checkpoint was made: open the child again after it"));
        }
        let mut order = self.order();
        let unordered = order.running.iter().find(|other| key.is_none() || !other.keyed);
        if let Some(other) = unordered {
            let error = JournalError::Unordered { now: name, other: other.clone() };
            drop(order);
            return Err(self.life.broken(error));
        }
        self.life.running.begin()?;
        let step = if let Some(key) = key {
            Step::keyed(name, arguments, (epoch, key))
        } else {
            order.next += 1;
            Step::in_order(name, arguments, (epoch, order.next - 1))
        };
        order.running.push(step.name.clone());
        drop(order);
        let (life, order) = (Arc::clone(&self.life), Arc::clone(&self.order));
        Ok(Begun { step, life, order, handed_on: false })
    }

    /// Refuses a step after the end of the life, or while this place waits.
    pub(crate) fn going_on(&self) -> Result<(), StepError> {
        self.life.going_on(&self.scope)
    }

    /// Ends the life because this place waits.
    pub(crate) fn park(&self, waits: ParkedError) -> StepError {
        self.life.park(&self.scope, waits)
    }

    /// Refuses to run from the beginning after a checkpoint.
    pub(crate) fn check_resumed(&self) -> Result<(), StepError> {
        // Relaxed: the flag guards no other memory.
        let resumed = self.life.resumed.load(Ordering::Relaxed);
        if !resumed && self.epoch() > 0 {
            return Err(StepError::Misused(
                "the thread has a checkpoint: ask for its `resume_point` before the first step",
            ));
        }
        Ok(())
    }

    /// The key under which a step is written, and how often it is repeated after the thread had failed with it.
    pub(crate) fn written(&self, step: StepKey) -> (StepKey, u32) {
        let fold = self.life.writer.fold();
        (fold.written(step), fold.repeats(step))
    }

    /// Begins the places anew, after a checkpoint.
    pub(crate) fn restart(&self) {
        let mut order = self.order();
        order.next = 0;
        order.ids.clear();
        order.left.clear();
        drop(order);
        // Relaxed: as above.
        self.children.store(0, Ordering::Relaxed);
    }

    pub(crate) fn is_top(&self) -> bool {
        self.scope.is_empty()
    }

    /// Enters the first part of a step.
    pub(crate) async fn enter<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> Result<Entered<'a>, StepError> {
        let left = std::mem::take(&mut self.order().left);
        if !left.is_empty() {
            Box::pin(self.settle_left(left)).await?;
        }
        self.entered(step, part).await
    }

    async fn settle_left(&self, left: Vec<(Step, Body)>) -> Result<(), StepError> {
        for (step, body) in left {
            if let Entered::Vacant(slot) = self.entered(&step, Part::Outcome).await? {
                slot.fill(body).await.map_err(|error| self.life.broken(error))?;
            }
        }
        Ok(())
    }

    async fn entered<'a>(&'a self, step: &'a Step, part: Part) -> Result<Entered<'a>, StepError> {
        let entered = self.life.journal.enter(step, part).await;
        entered.map_err(|error| self.life.broken(error))
    }

    /// Enters a step with an intent. One that is in doubt has a place for its next one.
    pub(crate) async fn open<'a>(&'a self, step: &'a Step) -> Result<Opened<'a>, StepError> {
        let first = self.enter(step, Part::Intent(0)).await?;
        // Also of a step without an intent: it may have been refused before that.
        let outcome = match self.enter(step, Part::Outcome).await? {
            Entered::Recorded(outcome) => return Ok(Opened::Known(outcome)),
            Entered::Vacant(outcome) => Some(outcome),
        };
        Ok(match first {
            Entered::Vacant(intent) => {
                Opened::Vacant(Vacant { intent: Some(intent), outcome, lost: 0 })
            }
            Entered::Recorded(first) => {
                let mut lost = 1;
                let intent = loop {
                    match self.enter(step, Part::Intent(lost)).await? {
                        Entered::Vacant(intent) => break Some(intent),
                        Entered::Recorded(_) => lost += 1,
                    }
                };
                Opened::InDoubt(first, Vacant { intent, outcome, lost })
            }
        })
    }

    /// Records that a step is about to have its effect.
    pub(crate) async fn intend<'a>(
        &'a self,
        step: &'a Step,
        vacant: &mut Vacant<'a>,
        intent: &IntentRecord,
    ) -> Result<(), StepError> {
        if let Some(slot) = vacant.intent.take() {
            match slot.fill(body(step, intent)?).await {
                // Silence is an answer, which the code sees.
                Err(late) if has_expired(&late) => return Err(late.into()),
                filled => filled.map_err(|error| self.life.broken(error))?,
            }
        }
        Ok(())
    }

    /// Records the outcome of a step.
    pub(crate) async fn settle<'a, T: Serialize>(
        &'a self,
        step: &'a Step,
        outcome: Option<Box<dyn Slot<'a> + 'a>>,
        record: &OutcomeRecord<T>,
    ) -> Result<(), StepError> {
        let slot = match outcome {
            Some(slot) => slot,
            None => match self.enter(step, Part::Outcome).await? {
                Entered::Vacant(slot) => slot,
                Entered::Recorded(_) => return Ok(()),
            },
        };
        self.fill(step, slot, record).await
    }

    /// Records the outcome of a step once the next one begins: if none does, nobody has gone on without it.
    pub(crate) fn leave(&self, step: &Step, record: &impl Serialize) {
        if let Ok(body) = json::written(record, json::DEEPEST + 1) {
            self.order().left.push((step.clone(), body));
        }
    }

    /// Writes what is told of a step between its parts. It is in the books alone, so it waits for no disk.
    pub(crate) async fn note(
        &self,
        (kind, step): (EntryKind, &Step),
        record: &impl Serialize,
    ) -> Result<(), StepError> {
        let writer = &self.life.writer;
        let entry = entry(writer, (kind, step), body(step, record)?);
        let appended = writer.append(entry, None, true).await;
        appended.map_err(|error| self.life.broken(error))
    }

    async fn fill<'a>(
        &'a self,
        step: &'a Step,
        slot: Box<dyn Slot<'a> + 'a>,
        record: &impl Serialize,
    ) -> Result<(), StepError> {
        let filled = slot.fill(body(step, record)?).await;
        filled.map_err(|error| self.life.broken(error))
    }
}

/// Whether an approval was not used in time.
pub(crate) fn has_expired(error: &JournalError) -> bool {
    let reason = match error {
        JournalError::Store(error) => match &**error {
            StoreError::NotApproved { reason, .. } => Some(reason),
            _ => None,
        },
        _ => None,
    };
    reason == Some(&NotApproved::Expired)
}

fn body(step: &Step, record: &impl Serialize) -> Result<Vec<u8>, StepError> {
    // The value is within its record.
    let body = json::written(record, json::DEEPEST + 1);
    body.map_err(|source| StepError::Value { step: step.name.clone(), source })
}

/// Reads a recorded outcome.
pub(crate) fn outcome<T: DeserializeOwned>(
    step: &Step,
    body: &[u8],
) -> Result<OutcomeRecord<T>, StepError> {
    let text = std::str::from_utf8(body).map_err(serde_json::Error::custom);
    let read = text.and_then(|text| serde_json::from_str(text).or_else(|_| apart(text)));
    read.map_err(|source| StepError::Value { step: step.name.clone(), source })
}

/// Reads the value by itself, so that it may be as deep as JSON is read.
#[cold]
fn apart<T: DeserializeOwned>(text: &str) -> Result<OutcomeRecord<T>, serde_json::Error> {
    let OutcomeRecord { step, ok, error, bill } =
        serde_json::from_str::<OutcomeRecord<&RawValue>>(text)?;
    let ok = ok.map(|value| serde_json::from_str(value.get())).transpose()?;
    Ok(OutcomeRecord { step, ok, error, bill })
}

/// Reads a recorded outcome: its value with its bill, or its failure.
pub(crate) fn recorded<T: DeserializeOwned>(
    step: &Step,
    body: &[u8],
) -> Result<(T, Option<BillRecord>), StepError> {
    let OutcomeRecord { ok, error, bill, .. } = outcome(step, body)?;
    if let Some(failure) = error {
        return Err(
            StepFailure { step: step.name.clone(), key: step.key, failure, live: None }.into()
        );
    }
    let shape = |source| StepError::Value { step: step.name.clone(), source };
    // Such as `()`, which is written as nothing.
    let value = ok.map_or_else(|| serde_json::from_str("null").map_err(shape), Ok)?;
    Ok((value, bill))
}

/// What a journal has of a step with an intent.
pub(crate) enum Opened<'a> {
    Known(Body),
    Vacant(Vacant<'a>),
    /// It began in an earlier life, with this intent, and nobody knows how it ended.
    InDoubt(Body, Vacant<'a>),
}

/// The places of a step that has no outcome.
pub(crate) struct Vacant<'a> {
    pub(crate) intent: Option<Box<dyn Slot<'a> + 'a>>,
    pub(crate) outcome: Option<Box<dyn Slot<'a> + 'a>>,
    /// The number of lives that were lost between intent and outcome.
    pub(crate) lost: u32,
}

/// A step that has begun. Dropping it ends its place in the order.
pub(crate) struct Begun {
    pub(crate) step: Step,
    life: Arc<Life>,
    order: Arc<Mutex<Order>>,
    handed_on: bool,
}

impl Begun {
    /// Lets the next step begin beside this one.
    pub(crate) fn hand_on(&mut self) {
        if !std::mem::replace(&mut self.handed_on, true) {
            lock(&self.order).end(&self.step.name);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.handed_on {
            lock(&self.order).end(&self.step.name);
        }
        self.life.running.end();
    }
}

fn lock(order: &Mutex<Order>) -> MutexGuard<'_, Order> {
    // Single assignments.
    order.lock().unwrap_or_else(PoisonError::into_inner)
}
