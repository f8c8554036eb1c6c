//! A recorded step, and what is left of those that the code has not asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_usage::{UsageSnapshot, Usd};

use super::OpenStep;
use crate::digest::{Fingerprint, StepKey};
use crate::error::DivergedError;
use crate::journal::Body;
use crate::record::Totals;
use crate::step::{Part, StepName};

/// A recorded step.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) seq: u64,
    pub(super) at: DateTime<Utc>,
    pub(super) name: StepName,
    pub(super) print: Fingerprint,
    pub(super) code: Arc<str>,
    /// The step that it asks a person about.
    pub(super) of: Option<StepKey>,
    pub(super) intents: Vec<Intent>,
    pub(super) outcome: Option<Body>,
    /// The number of intents that this life has entered.
    pub(super) entered: u32,
    /// Whether this life has entered any part, and the outcome.
    pub(super) begun: bool,
    pub(super) ended: bool,
}

/// That a step was about to have its effect.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    /// The life that wrote it.
    pub(super) fence: u64,
    /// What its last attempt may have cost.
    pub(super) reserved: Usd,
    pub(super) model: Option<Arc<str>>,
    pub(super) body: Body,
    /// What the attempts before that cost.
    pub(super) spent: Vec<Spent>,
}

/// The bill of a model call.
pub(super) type Spent = (Arc<str>, UsageSnapshot, Usd);

impl Intent {
    /// Books it, of a life that was lost before the outcome.
    pub(super) fn lose(&self, totals: &mut Totals) {
        for (model, usage, cost) in &self.spent {
            totals.spend(Arc::clone(model), usage, *cost);
        }
        totals.lose(self.model.as_ref(), self.reserved);
    }
}

/// The recorded steps of a scope that the code has not asked for, by the number of their first entry.
#[derive(Debug, Default)]
pub(super) struct Left {
    keyed: BTreeMap<u64, StepKey>,
    in_order: BTreeMap<u64, StepKey>,
}

impl Past {
    pub(super) fn new(
        name: StepName,
        print: Fingerprint,
        (seq, at, code): (u64, DateTime<Utc>, Arc<str>),
    ) -> Self {
        let (intents, outcome, entered, begun, ended) = (Vec::new(), None, 0, false, false);
        Self { seq, at, name, print, code, of: None, intents, outcome, entered, begun, ended }
    }

    pub(super) const fn has_entered(&self, part: Part) -> bool {
        match part {
            Part::Intent(number) => number < self.entered,
            Part::Outcome => self.ended,
        }
    }

    /// The body of a part, which a life enters once.
    pub(super) fn enter(&mut self, part: Part) -> Option<Body> {
        match part {
            Part::Intent(number) => {
                self.entered = number + 1;
                let intent = self.intents.get_mut(usize::try_from(number).unwrap_or(usize::MAX));
                intent.map(|intent| std::mem::take(&mut intent.body))
            }
            Part::Outcome => {
                // A vacant place may be entered again until it is filled.
                self.ended = self.outcome.is_some();
                self.outcome.as_mut().map(std::mem::take)
            }
        }
    }

    pub(super) fn entering(mut self, part: Part) -> Self {
        self.enter(part);
        self
    }

    /// Books its calls as lost, unless it has its outcome.
    pub(super) fn lose(&self, totals: &mut Totals) {
        for intent in self.intents.iter().filter(|_| self.outcome.is_none()) {
            intent.lose(totals);
        }
    }

    pub(super) fn diverged(&self, now: Option<StepName>, code_now: &Arc<str>) -> DivergedError {
        let (recorded, code) = (self.name.clone(), Arc::clone(&self.code));
        DivergedError { seq: self.seq, recorded, code, now, code_now: Arc::clone(code_now) }
    }

    pub(super) fn open(&self, written: StepKey) -> OpenStep {
        let key = written.doubt(u32::try_from(self.intents.len()).unwrap_or(u32::MAX));
        OpenStep { key, name: self.name.clone(), seq: self.seq, since: self.at }
    }
}

impl Left {
    pub(super) fn add(&mut self, keyed: bool, (seq, key): (u64, StepKey)) {
        let left = if keyed { &mut self.keyed } else { &mut self.in_order };
        left.insert(seq, key);
    }

    pub(super) fn take(&mut self, past: &Past) {
        let left = if past.name.keyed { &mut self.keyed } else { &mut self.in_order };
        left.remove(&past.seq);
    }

    /// The first one in order, or of all.
    pub(super) fn first(&self, of_all: bool) -> Option<(u64, StepKey)> {
        let keyed = self.keyed.first_key_value().filter(|_| of_all);
        let first = [self.in_order.first_key_value(), keyed].into_iter().flatten().min();
        first.map(|(seq, key)| (*seq, *key))
    }
}
