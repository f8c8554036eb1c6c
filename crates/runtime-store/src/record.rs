//! Records: the bodies of entries, as JSON.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_events::{AgentFailureClass, FailureScenario, wire_names};
use runtime_usage::{UsageSnapshot, Usd};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::StepKey;
use crate::step::StepName;

/// That a life began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct LifeRecord {
    /// The version of its code.
    pub code: Arc<str>,
    /// The process that lived it.
    pub holder: Arc<str>,
    /// The id of its session, which its events have.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub session: Arc<str>,
    /// Whether its steps are in the journal of an engine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub engine: bool,
}

/// That a step is about to have its effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct IntentRecord {
    /// The step.
    pub step: StepName,
    /// What is booked for the call if its outcome is lost.
    #[serde(default, skip_serializing_if = "no_money", with = "nanos")]
    pub reserved: Usd,
    /// The model that is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    /// When a sleep ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// The step that a person is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<StepKey>,
}

impl IntentRecord {
    /// An intent that costs nothing and has no time.
    pub fn of(step: &StepName) -> Self {
        Self { step: step.clone(), reserved: Usd::ZERO, model: None, until: None, of: None }
    }
}

/// That a turn is about to ask once more in the same life, and what the attempt before it cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct AttemptRecord {
    /// The bill of the attempt before it.
    pub before: BillRecord,
    /// What is booked for this attempt if its outcome is lost.
    #[serde(default, skip_serializing_if = "no_money", with = "nanos")]
    pub reserved: Usd,
    /// The model that is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    /// The provider that is called, if there are routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Arc<str>>,
}

impl<T> OutcomeRecord<T> {
    /// The outcome of a step whose intent names it.
    pub fn of(result: Result<T, FailureRecord>) -> Self {
        let (ok, error) = match result {
            Ok(value) => (Some(value), None),
            Err(failure) => (None, Some(failure)),
        };
        Self { step: None, ok, error, bill: None }
    }

    /// Names the step, if it has no intent.
    #[must_use]
    pub fn named(mut self, step: Option<StepName>) -> Self {
        self.step = step;
        self
    }

    /// Adds what it cost.
    #[must_use]
    pub fn billed(mut self, bill: Option<BillRecord>) -> Self {
        self.bill = bill;
        self
    }
}

/// How a step ended.
///
/// `T` is the caller's value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct OutcomeRecord<T> {
    /// The step. Left out if an intent has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepName>,
    /// The value, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<T>,
    /// The failure, if there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureRecord>,
    /// What it cost, if it was a model call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<BillRecord>,
}

wire_names! {
    /// How a step failed.
    #[non_exhaustive]
    pub enum FailureKind: "kind of failure" {
        /// It was refused before its call.
        Refused = "refused",
        /// Its call failed.
        Failed = "failed",
        /// Its time was over.
        TimedOut = "timed_out",
        /// A person, or their silence, denied it.
        Denied = "denied",
    }
}

/// The failure of a step: its class and its text, never a backtrace, which another life would not repeat.
///
/// It is an error, which displays the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error("{text}")]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct FailureRecord {
    /// How it failed.
    pub kind: FailureKind,
    /// The class, as events have it.
    pub class: AgentFailureClass,
    /// The scenario, if recovery knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<FailureScenario>,
    /// The text of the error and its sources, without secrets.
    pub text: String,
}

/// The bill of a model call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct BillRecord {
    /// The model that answered.
    pub model: Arc<str>,
    /// The tokens.
    pub usage: UsageSnapshot,
    /// The cost.
    #[serde(default, skip_serializing_if = "no_money", with = "nanos")]
    pub cost: Usd,
    /// Whether the provider reported the cost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cost_reported: bool,
    /// Whether a count, and therefore the cost, is an estimate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// The number of calls.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub attempts: u32,
    /// The provider that answered, if there are routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Arc<str>>,
    /// Why its choices ended, in the words of `gen_ai.response.finish_reasons`; empty where nobody said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finish: Vec<Cow<'static, str>>,
}

/// The state from which the next life goes on, and the totals until then.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct CheckpointRecord<T> {
    /// The caller's state.
    pub state: T,
    /// What was used until then.
    pub totals: Totals,
    /// The number of lives until then.
    #[serde(default)]
    pub lives: u32,
    /// The role of the agent that goes on, if the thread was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    /// The time until which the totals count: that of the entry before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// That recorded steps are left behind, because the code has others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct BranchRecord {
    /// The number of the first entry that is left behind.
    pub from: u64,
    /// The steps behind it that are not, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<StepKey>,
    /// The first step that is left behind.
    pub recorded: StepName,
    /// What the code has in its place; nothing if it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<StepName>,
}

/// That a thread ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct EndRecord<T> {
    /// The result, of a thread that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<T>,
    /// The failure, of one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureRecord>,
    /// The step whose failure that is, if the error tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepKey>,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Cow<'static, str>>,
}

/// What the lives of a thread have used together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct Totals {
    /// The number of turns, including refused and lost ones.
    pub iterations: u32,
    /// The time that its lives took, in microseconds, without the time between them.
    pub elapsed_us: u64,
    /// Tokens and cost of each model.
    pub models: std::collections::BTreeMap<Arc<str>, ModelTotal>,
}

/// Tokens and cost of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct ModelTotal {
    /// The number of turns.
    pub turns: u64,
    /// The tokens.
    pub usage: UsageSnapshot,
    /// The cost, with the lost calls.
    #[serde(with = "nanos")]
    pub cost: Usd,
    /// The part of the cost that is for calls whose outcome was lost.
    #[serde(skip_serializing_if = "no_money", with = "nanos")]
    pub lost: Usd,
}

impl Totals {
    /// The cost of all models.
    pub fn cost(&self) -> Usd {
        self.models.values().fold(Usd::ZERO, |sum, model| sum.saturating_add(model.cost))
    }

    pub(crate) fn bill(&mut self, model: Arc<str>, usage: &UsageSnapshot, cost: Usd) {
        self.models.entry(Arc::clone(&model)).or_default().turns += 1;
        self.spend(model, usage, cost);
    }

    /// Books an attempt within a turn.
    pub(crate) fn spend(&mut self, model: Arc<str>, usage: &UsageSnapshot, cost: Usd) {
        let model = self.models.entry(model).or_default();
        model.usage = model.usage.saturating_add(usage);
        model.cost = model.cost.saturating_add(cost);
    }

    /// Books a call whose outcome was lost.
    pub(crate) fn lose(&mut self, model: Option<&Arc<str>>, reserved: Usd) {
        if let Some(model) = model {
            self.iterations += 1;
            let model = self.models.entry(Arc::clone(model)).or_default();
            model.turns += 1;
            model.cost = model.cost.saturating_add(reserved);
            model.lost = model.lost.saturating_add(reserved);
        }
    }
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn no_money(amount: &Usd) -> bool {
    amount.is_zero()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_one(number: &u32) -> bool {
    *number == 1
}

/// Money as a whole number of nano-dollars: as dollars, a large amount would not be exact.
pub(crate) mod nanos {
    use runtime_usage::Usd;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(amount: &Usd, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(amount.nanos())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        u64::deserialize(deserializer).map(Usd::from_nanos)
    }
}
