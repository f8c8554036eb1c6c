//! [`Fold`]: what the entries of a thread come to.

mod branch;
mod past;
mod steps;
mod views;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::past::{Intent, Left, Past, Spent};
use self::steps::Steps;
use self::views::{AttemptView, BillView, ByKey, IntentView, Names, OutcomeView};
use crate::digest::StepKey;
use crate::entry::{Entry, EntryKind, Stored};
use crate::error::{DivergedError, JournalError};
use crate::journal::Body;
use crate::record::{CheckpointRecord, EndRecord, LifeRecord, Totals};
use crate::step::{Part, Step, StepKind, StepName};

/// What the entries of a thread come to: the outcomes that answer the next life, the steps in doubt, the
/// totals, the end.
///
/// It is pure: entries go in by [`apply`](Self::apply), and code asks for its steps by [`enter`](Self::enter).
/// It keeps what is after the last checkpoint.
#[derive(Debug, Default)]
pub struct Fold {
    head: u64,
    /// The number of the checkpoint from which it began.
    epoch: u64,
    checkpoint: Option<Box<RawValue>>,
    role: Option<Arc<str>>,
    steps: Steps,
    names: Names,
    /// How often a step was repeated after the thread had failed with it.
    repeats: HashMap<StepKey, u32, ByKey>,
    /// The steps behind the keys of their repetitions.
    repeated: HashMap<StepKey, StepKey, ByKey>,
    /// The number of recorded steps that the code has not asked for yet, by scope.
    left: HashMap<Arc<str>, Left>,
    /// The steps that failed since the last one that did not.
    failed: Vec<(StepKey, String)>,
    totals: Totals,
    life: Option<Life>,
    lives: u32,
    in_engine: bool,
    end: Option<EndRecord<Box<RawValue>>>,
}

#[derive(Debug)]
struct Life {
    code: Arc<str>,
    began: DateTime<Utc>,
    last: DateTime<Utc>,
}

/// A step that began and has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenStep {
    /// What people name it by: see [`StepKey::doubt`].
    pub key: StepKey,
    /// Its name.
    pub name: StepName,
    /// The number of its first entry.
    pub seq: u64,
    /// When it began.
    pub since: DateTime<Utc>,
}

/// # Entries
impl Fold {
    /// Creates a fold without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a fold that begins at the checkpoint with this number, or at the beginning if it is zero.
    pub fn from_base(base: u64) -> Self {
        Self { head: base.saturating_sub(1), ..Self::default() }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    ///
    /// [`JournalError::Unknown`] of a newer version, [`JournalError::Corrupt`] of an entry that cannot be
    /// read or does not follow the one before.
    pub fn apply(&mut self, stored: Stored) -> Result<(), JournalError> {
        let Stored { seq, at, entry, .. } = &stored;
        let corrupt = |what: &str| JournalError::Corrupt { seq: *seq, what: what.to_owned() };
        if *seq != self.head + 1 {
            return Err(corrupt(&format!("entry {} was expected", self.head + 1)));
        }
        self.head = *seq;
        if let Some(life) = &mut self.life {
            life.last = life.last.max(*at);
        }
        let known = entry.version <= Entry::VERSION;
        match entry.kind {
            EntryKind::LIFE if known => self.begin_life(read(*seq, entry)?, *at),
            EntryKind::INTENT if known => {
                let step = entry.step.ok_or_else(|| corrupt("an intent without a step"))?;
                let view: IntentView<'_> = read(*seq, entry)?;
                let IntentView { step: name, reserved, model, of } = view;
                let name = self.names.step(&name);
                let model = model.map(|model| self.names.text(&model));
                let past = self.past(step, &name, &stored);
                past.of = of;
                if past.intents.is_empty() {
                    // Most steps have one.
                    past.intents.reserve_exact(1);
                }
                let (fence, body, spent) = (stored.fence, stored.entry.body, Vec::new());
                past.intents.push(Intent { fence, reserved, model, body, spent });
            }
            EntryKind::ATTEMPT if known => self.attempt(&stored)?,
            EntryKind::OUTCOME if known => {
                let step = entry.step.ok_or_else(|| corrupt("an outcome without a step"))?;
                self.settle(step, stored)?;
            }
            EntryKind::CHECKPOINT if known => {
                let CheckpointRecord { state, totals, lives, role, until } = read(*seq, entry)?;
                (self.lives, self.role) = (lives, role);
                let code = self.life.take().map_or_else(|| "".into(), |life| life.code);
                self.restart(*seq, state, totals);
                // What is before may have been deleted, and not what the life does next.
                self.life = Some(Life { code, began: until.unwrap_or(*at), last: *at });
            }
            EntryKind::BRANCH if known => self.abandon(&read(*seq, entry)?),
            EntryKind::END if known => {
                let end: EndRecord<Box<RawValue>> = read(*seq, entry)?;
                if let Some(failure) = end.error {
                    self.withdraw_failed(end.step, &failure.text);
                } else {
                    self.end = Some(end);
                }
            }
            kind if kind.is_ignorable() => {}
            kind => {
                let (kind, version) = (kind.code(), entry.version);
                return Err(JournalError::Unknown { seq: *seq, kind, version });
            }
        }
        Ok(())
    }

    fn begin_life(&mut self, life: LifeRecord, at: DateTime<Utc>) {
        self.in_engine = life.engine;
        self.totals.elapsed_us = elapsed_us(&self.totals, self.life.as_ref());
        self.life = Some(Life { code: life.code, began: at, last: at });
        self.lives += 1;
    }

    /// The step with this key, as an entry has it, or a new one.
    fn past(&mut self, written: StepKey, name: &StepName, stored: &Stored) -> &mut Past {
        let key = self.repeated.get(&written).copied().unwrap_or(written);
        let Self { steps, left, life, .. } = self;
        steps.or_insert_with(key, || {
            left.entry(Arc::clone(&name.scope)).or_default().add(name.keyed, (stored.seq, key));
            let code = life.as_ref().map(|life| Arc::clone(&life.code)).unwrap_or_default();
            let print = stored.entry.print.unwrap_or_else(|| [0; 16].into());
            Past::new(name.clone(), print, (stored.seq, stored.at, code))
        })
    }

    /// Takes a further attempt of a turn that has an intent.
    fn attempt(&mut self, stored: &Stored) -> Result<(), JournalError> {
        let AttemptView { before, reserved, model } = read(stored.seq, &stored.entry)?;
        let before = self.spent(&before);
        let model = model.map(|model| self.names.text(&model));
        let key = stored.entry.step.map(|key| self.repeated.get(&key).copied().unwrap_or(key));
        let past = key.and_then(|key| self.steps.get_mut(&key));
        let open = past.filter(|past| past.outcome.is_none());
        let Some(intent) = open.and_then(|past| past.intents.last_mut()) else {
            let what = "an attempt of a step that has not begun".to_owned();
            return Err(JournalError::Corrupt { seq: stored.seq, what });
        };
        intent.spent.push(before);
        (intent.reserved, intent.model) = (reserved, model);
        Ok(())
    }

    fn spent(&mut self, bill: &BillView<'_>) -> Spent {
        (self.names.text(&bill.model), bill.usage, bill.cost)
    }

    fn settle(&mut self, written: StepKey, stored: Stored) -> Result<(), JournalError> {
        let (seq, fence) = (stored.seq, stored.fence);
        let corrupt = |what: String| JournalError::Corrupt { seq, what };
        let OutcomeView { step, error, bill, .. } = read(seq, &stored.entry)?;
        let key = self.repeated.get(&written).copied().unwrap_or(written);
        let bill = bill.map(|bill| self.spent(&bill));
        let past = if let Some(name) = &step {
            let name = self.names.step(name);
            self.past(written, &name, &stored)
        } else {
            let past = self.steps.get_mut(&key);
            past.ok_or_else(|| corrupt("an outcome of an unknown step".to_owned()))?
        };
        if past.outcome.is_some() {
            return Err(corrupt(format!("a second outcome of {}", past.name)));
        }
        // A life that runs asks for no outcome of its own, so its body need not be kept.
        past.outcome = Some(if past.begun { Body::new() } else { stored.entry.body });
        past.ended = past.begun;
        // The bill is of all attempts of the last intent, if that is of the same life.
        let own = past.intents.last().is_some_and(|intent| intent.fence == fence);
        let lost: Vec<_> = past.intents.iter().rev().skip(own.into()).cloned().collect();
        let turn = past.name.kind == StepKind::Turn;
        for intent in lost {
            intent.lose(&mut self.totals);
        }
        self.totals.iterations += u32::from(turn);
        if let Some((model, usage, cost)) = bill {
            self.totals.bill(model, &usage, cost);
        }
        if let Some(failure) = error {
            self.failed.push((key, failure.text));
        } else {
            self.failed.clear();
        }
        Ok(())
    }

    fn restart(&mut self, seq: u64, state: Box<RawValue>, totals: Totals) {
        let (lives, head, role) = (self.lives, self.head, self.role.take());
        let (epoch, checkpoint) = (seq, Some(state));
        *self = Self { head, epoch, checkpoint, role, totals, lives, ..Self::default() };
    }
}

/// # Steps
impl Fold {
    /// Enters a part of a step. `None` if it is not recorded.
    ///
    /// # Errors
    ///
    /// [`JournalError::Diverged`] if the thread has another step at this place,
    /// [`JournalError::Repeated`] if this life has entered the part before.
    pub fn enter(
        &mut self,
        step: &Step,
        entered: Part,
        code_now: &Arc<str>,
    ) -> Result<Option<Body>, JournalError> {
        let Some(past) = self.steps.get(&step.key) else {
            self.check_order(step, u64::MAX, code_now)?;
            let written = (0, DateTime::UNIX_EPOCH, "".into());
            let past = Past::new(step.name.clone(), step.print, written);
            self.steps.or_insert_with(step.key, || Past { begun: true, ..past }.entering(entered));
            return Ok(None);
        };
        if past.print != step.print {
            let diverged = past.diverged(Some(step.name.clone()), code_now);
            return Err(Box::new(diverged).into());
        }
        if past.has_entered(entered) {
            return Err(JournalError::Repeated { now: step.name.clone() });
        }
        if !past.begun {
            self.check_order(step, past.seq, code_now)?;
        }
        // It was there.
        let Some(past) = self.steps.get_mut(&step.key) else { return Ok(None) };
        if !std::mem::replace(&mut past.begun, true)
            && let Some(left) = self.left.get_mut(&step.name.scope)
        {
            left.take(past);
        }
        Ok(past.enter(entered))
    }

    /// Refuses a step while one is left that was recorded before it. A step in order waits for all before it;
    /// steps with keys may begin in any order among each other.
    fn check_order(&self, step: &Step, seq: u64, code_now: &Arc<str>) -> Result<(), JournalError> {
        let left = self.left.get(&step.name.scope).and_then(|left| left.first(!step.name.keyed));
        let before = left.filter(|(left, _)| *left < seq);
        match before.and_then(|(_, key)| self.steps.get(&key)) {
            Some(past) => Err(Box::new(past.diverged(Some(step.name.clone()), code_now)).into()),
            None => Ok(()),
        }
    }

    /// Checks at the end of the code that no recorded step is left.
    ///
    /// # Errors
    ///
    /// [`DivergedError`] with the first one that is.
    pub fn check_end(&self, code_now: &Arc<str>) -> Result<(), DivergedError> {
        let first =
            self.left.values().filter_map(|left| left.first(true)).min_by_key(|first| first.0);
        let first = first.and_then(|(_, key)| self.steps.get(&key));
        first.map_or(Ok(()), |past| Err(past.diverged(None, code_now)))
    }

    /// Whether a step is recorded, and was not left behind.
    pub fn has(&self, step: StepKey) -> bool {
        self.steps.contains_key(&step)
    }

    /// How often a step is repeated after the thread had failed with it.
    pub fn repeats(&self, step: StepKey) -> u32 {
        self.repeats.get(&step).copied().unwrap_or_default()
    }

    /// The key under which a step is written: its own, or that of its repetition.
    pub fn written(&self, step: StepKey) -> StepKey {
        self.repeats.get(&step).map_or(step, |times| step.again(*times))
    }
}

/// # What is known
impl Fold {
    /// The number of the last entry.
    pub const fn head(&self) -> u64 {
        self.head
    }

    /// The number of the checkpoint that the entries begin with, or zero.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The state of the checkpoint, if there is one.
    pub fn checkpoint(&self) -> Option<&RawValue> {
        self.checkpoint.as_deref()
    }

    /// The role of the agent that goes on, if the thread was handed over.
    pub const fn role(&self) -> Option<&Arc<str>> {
        self.role.as_ref()
    }

    /// The number of lives.
    pub const fn lives(&self) -> u32 {
        self.lives
    }

    /// Whether the steps of the last life are in the journal of an engine.
    pub const fn in_engine(&self) -> bool {
        self.in_engine
    }

    /// The end of the thread, if it is done or cancelled.
    pub const fn end(&self) -> Option<&EndRecord<Box<RawValue>>> {
        self.end.as_ref()
    }

    /// What all lives have used. Calls whose outcome is missing count as lost.
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        totals.elapsed_us = elapsed_us(&totals, self.life.as_ref());
        for past in self.steps.values() {
            past.lose(&mut totals);
        }
        totals
    }

    /// The steps without an outcome, in the order of their beginning: what the thread waits for, or is in
    /// doubt about.
    pub fn open(&self) -> Vec<OpenStep> {
        let open = self.steps.iter().filter(|(_, past)| past.outcome.is_none());
        let open = open.filter(|(_, past)| !past.intents.is_empty());
        let mut open: Vec<_> = open.map(|(key, past)| past.open(self.written(*key))).collect();
        open.sort_by_key(|open| open.seq);
        open
    }

    /// The time until which the [`totals`](Self::totals) count. `None` before the first life.
    pub fn counted_until(&self) -> Option<DateTime<Utc>> {
        self.life.as_ref().map(|life| life.last)
    }
}

/// The time of all lives.
fn elapsed_us(totals: &Totals, life: Option<&Life>) -> u64 {
    let life = life.and_then(|life| (life.last - life.began).num_microseconds());
    let life = life.and_then(|us| u64::try_from(us).ok()).unwrap_or_default();
    totals.elapsed_us.saturating_add(life)
}

fn read<'e, T: Deserialize<'e>>(seq: u64, entry: &'e Entry) -> Result<T, JournalError> {
    let corrupt = |what| JournalError::Corrupt { seq, what };
    // Once for all of it, and not for each text in it.
    let body = std::str::from_utf8(&entry.body).map_err(|error| corrupt(error.to_string()))?;
    serde_json::from_str(body).map_err(|error| corrupt(error.to_string()))
}
