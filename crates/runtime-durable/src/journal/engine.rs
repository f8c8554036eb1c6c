//! The journal of a life within an engine.
//!
//! An engine such as Restate replays what a life asks for. It wants the next life to ask for the same places in the
//! same order, and each of them to be filled before another one is asked for:
//!
//! ```text
//!   intent ──▶ outcome                               a call
//!   outcome, in the place of the intent              it was refused before it was announced
//!   intent ──▶ lost ──▶ intent ──▶ outcome           it was lost, and made again: a step of its own each time
//! ```

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
    /// How far the steps with intents are, as this life knows.
    calls: Mutex<HashMap<StepKey, Call>>,
}

/// How far a step with intents is.
#[derive(Clone, Default)]
struct Call {
    /// The number of announcements that were lost.
    lost: u32,
    /// Whether the one after them is made.
    announced: bool,
    outcome: Option<Body>,
}

/// In the place of an intent: the outcome of a call that was not announced.
#[derive(Serialize, Deserialize)]
struct Refused<'a> {
    #[serde(borrow)]
    refused: &'a RawValue,
}

/// In the place of an outcome: the call was lost, and is announced again.
const LOST: &[u8] = br#""lost""#;

impl EngineJournal {
    pub(crate) fn new(engine: Arc<dyn Journal>, own: StoreJournal) -> Self {
        Self { engine, own, calls: Mutex::default() }
    }

    async fn entered<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> Result<Entered<'a>, JournalError> {
        let vacant = |own| Entered::Vacant(Box::new(Place { journal: self, step, part, own }));
        match part {
            Part::Intent(0) => {
                let uses = step.approval.is_some();
                let own = if uses { Some(self.own.enter(step, part).await?) } else { None };
                let mut call = Call::default();
                let recorded = self.announcement(step, &mut call).await?;
                self.keep(step, call);
                Ok(match (recorded, own) {
                    (Some(intent), _) => Entered::Recorded(intent),
                    (None, Some(Entered::Vacant(own))) => vacant(Some(own)),
                    (None, _) => vacant(None),
                })
            }
            Part::Intent(number) => {
                let call = self.call(step).unwrap_or_default();
                let known = number < call.lost + u32::from(call.announced);
                Ok(if known { Entered::Recorded(Body::new()) } else { vacant(None) })
            }
            Part::Outcome => {
                // A step without an intent has this place alone.
                let Some(mut call) = self.call(step) else {
                    return self.engine.enter(step, part).await;
                };
                while call.announced && call.outcome.is_none() {
                    let announced = call.step(step);
                    match self.engine.enter(&announced, Part::Outcome).await? {
                        Entered::Vacant(_) => break,
                        Entered::Recorded(body) if body == LOST => {
                            call = Call { lost: call.lost + 1, ..Call::default() };
                            self.announcement(step, &mut call).await?;
                        }
                        Entered::Recorded(body) => call.outcome = Some(body),
                    }
                }
                let outcome = call.outcome.clone();
                self.keep(step, call);
                Ok(outcome.map_or_else(|| vacant(None), Entered::Recorded))
            }
        }
    }

    /// Looks at the place of an announcement. Returns what is recorded there.
    async fn announcement(
        &self,
        step: &Step,
        call: &mut Call,
    ) -> Result<Option<Body>, JournalError> {
        let announced = call.step(step);
        let Entered::Recorded(body) = self.engine.enter(&announced, Part::Intent(0)).await? else {
            return Ok(None);
        };
        match serde_json::from_slice(&body) {
            Ok(Refused { refused }) => call.outcome = Some(refused.get().as_bytes().into()),
            Err(_) => call.announced = true,
        }
        Ok(Some(body))
    }

    /// Fills a place of the engine that was entered.
    async fn put(&self, step: &Step, part: Part, body: Body) -> Result<(), JournalError> {
        match self.engine.enter(step, part).await? {
            Entered::Vacant(slot) => slot.fill(body).await,
            Entered::Recorded(_) => Ok(()),
        }
    }

    async fn announce(&self, step: &Step, intent: Body) -> Result<(), JournalError> {
        let mut call = self.call(step).unwrap_or_default();
        if call.announced {
            self.put(&call.step(step), Part::Outcome, LOST.into()).await?;
            call = Call { lost: call.lost + 1, ..Call::default() };
        }
        let announced = call.step(step);
        self.put(&announced, Part::Intent(0), intent).await?;
        // The next place in the order, also if another step begins beside this one.
        self.engine.enter(&announced, Part::Outcome).await?;
        self.keep(step, Call { announced: true, ..call });
        Ok(())
    }

    async fn settle(&self, step: &Step, outcome: Body) -> Result<(), JournalError> {
        let Some(call) = self.call(step) else {
            return self.put(step, Part::Outcome, outcome).await;
        };
        let place = call.step(step);
        if call.announced {
            return self.put(&place, Part::Outcome, outcome).await;
        }
        let unread = |error: serde_json::Error| JournalError::Engine(Arc::new(error));
        let refused = serde_json::from_slice(&outcome).map_err(unread)?;
        let refused = serde_json::to_vec(&Refused { refused }).map_err(unread)?;
        self.put(&place, Part::Intent(0), refused).await
    }

    fn call(&self, step: &Step) -> Option<Call> {
        self.calls().get(&step.key).cloned()
    }

    fn keep(&self, step: &Step, call: Call) {
        self.calls().insert(step.key, call);
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<StepKey, Call>> {
        // Single assignments.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// The step as the engine knows it: another one each time the call is announced.
    fn step(&self, step: &Step) -> Step {
        Step { key: step.key.doubt(self.lost + 1), ..step.clone() }
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

/// A place for a part of a step with intents.
struct Place<'a> {
    journal: &'a EngineJournal,
    step: &'a Step,
    part: Part,
    /// The place in the store, of an intent that uses an approval.
    own: Option<Box<dyn Slot<'a> + 'a>>,
}

impl<'a> Slot<'a> for Place<'a> {
    fn fill(self: Box<Self>, body: Body) -> BoxFuture<'a, Result<(), JournalError>> {
        async move {
            if let Some(own) = self.own {
                own.fill(body.clone()).await?;
            }
            match self.part {
                Part::Intent(_) => self.journal.announce(self.step, body).await,
                Part::Outcome => self.journal.settle(self.step, body).await,
            }
        }
        .boxed()
    }
}
