//! The journal of a life within an engine.
//!
//! An engine replays what a life asks for, and wants the next life to ask for the same places in the same order:
//!
//! ```text
//!   intent 0 ─▶ outcome                            a call whose outcome is known
//!   intent 0 ─▶ outcome ─▶ intent 1 ─▶ …           a call in doubt, in this life and in each one after it
//! ```
//!
//! So an outcome says how many places were asked for behind it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use runtime_store::{Body, BoxFuture, Entered, Journal, JournalError, Part, Slot, Step, StepKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::StoreJournal;

/// The journal of an engine. An intent that uses an approval is in the store as well, before it is in the engine:
/// a life that is lost in between finds that it has used it.
pub(crate) struct EngineJournal {
    engine: Arc<dyn Journal>,
    own: StoreJournal,
    /// The number of intents behind the first one that this life has asked for, of steps in doubt.
    later: Mutex<HashMap<StepKey, u32>>,
}

/// The outcome of a step that was in doubt.
#[derive(Serialize, Deserialize)]
struct Doubted<'a> {
    /// The number of intents that were asked for behind the outcome.
    later: u32,
    #[serde(borrow)]
    outcome: &'a RawValue,
}

impl EngineJournal {
    pub(crate) fn new(engine: Arc<dyn Journal>, own: StoreJournal) -> Self {
        Self { engine, own, later: Mutex::default() }
    }

    /// Asks for the intents behind a recorded outcome, as the lives before have done. Returns the outcome.
    async fn recorded(&self, step: &Step, body: Body) -> Result<Body, JournalError> {
        let Ok(Doubted { later, outcome }) = serde_json::from_slice(&body) else { return Ok(body) };
        for number in 1..=later {
            // Whether it is recorded or not: nothing is made any more.
            self.engine.enter(step, Part::Intent(number)).await?;
        }
        Ok(outcome.get().as_bytes().into())
    }

    async fn entered<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> Result<Entered<'a>, JournalError> {
        let uses = step.approval.is_some() && part == Part::Intent(0);
        let own = if uses { Some(self.own.enter(step, part).await?) } else { None };
        if let Part::Intent(number @ 1..) = part {
            self.later().insert(step.key, number);
        }
        Ok(match (self.engine.enter(step, part).await?, own) {
            (Entered::Vacant(engine), Some(Entered::Vacant(own))) => {
                Entered::Vacant(Box::new(Both { own, engine }))
            }
            (Entered::Vacant(engine), _) if part == Part::Outcome => {
                Entered::Vacant(Box::new(OutcomeSlot { journal: self, key: step.key, engine }))
            }
            (Entered::Recorded(body), _) if part == Part::Outcome => {
                Entered::Recorded(self.recorded(step, body).await?)
            }
            (entered, _) => entered,
        })
    }

    fn later(&self) -> std::sync::MutexGuard<'_, HashMap<StepKey, u32>> {
        // Single assignments.
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for EngineJournal {
    fn enter<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> BoxFuture<'a, Result<Entered<'a>, JournalError>> {
        self.entered(step, part).boxed()
    }
}

/// A place in both journals.
struct Both<'a> {
    own: Box<dyn Slot<'a> + 'a>,
    engine: Box<dyn Slot<'a> + 'a>,
}

impl<'a> Slot<'a> for Both<'a> {
    fn fill(self: Box<Self>, body: Body) -> BoxFuture<'a, Result<(), JournalError>> {
        async move {
            self.own.fill(Arc::clone(&body)).await?;
            self.engine.fill(body).await
        }
        .boxed()
    }
}

/// A place for an outcome.
struct OutcomeSlot<'a> {
    journal: &'a EngineJournal,
    key: StepKey,
    engine: Box<dyn Slot<'a> + 'a>,
}

impl<'a> Slot<'a> for OutcomeSlot<'a> {
    fn fill(self: Box<Self>, body: Body) -> BoxFuture<'a, Result<(), JournalError>> {
        let later = self.journal.later().get(&self.key).copied();
        let doubted = later.and_then(|later| {
            let outcome = serde_json::from_slice(&body).ok()?;
            serde_json::to_vec(&Doubted { later, outcome }).ok()
        });
        self.engine.fill(doubted.map_or(body, Into::into))
    }
}
