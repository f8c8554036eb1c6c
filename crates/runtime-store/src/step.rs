//! Steps: what is recorded of a life, and how the next one finds it again.

use std::fmt;
use std::sync::Arc;

use runtime_events::wire_names;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::ApprovalUse;
use crate::canonical::canonical_list;
use crate::digest::{Fingerprint, StepKey};
use crate::thread::ThreadId;

wire_names! {
    /// The kind of a step.
    #[non_exhaustive]
    pub enum StepKind: "kind of a step" {
        /// A model call, with its recovery.
        Turn = "turn",
        /// A tool.
        Tool = "tool",
        /// A question to a person.
        Approval = "approval",
        /// A wait for an answer from outside.
        Wait = "wait",
        /// A wait for a time.
        Sleep = "sleep",
        /// A value that another run would find different: a time, a random number.
        Value = "value",
        /// The state from which the next life goes on.
        Checkpoint = "checkpoint",
        /// Work given to another agent.
        Handoff = "handoff",
    }
}

/// The name of a step, as its records and errors have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct StepName {
    /// The kind.
    pub kind: StepKind,
    /// The model, the tool, or the caller's word for it.
    pub name: Arc<str>,
    /// The place of the step: empty at the top, or the path of a child.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub scope: Arc<str>,
    /// Whether the step is found by the key that its caller gave it, and not by its place in the order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyed: bool,
}

/// One step of a thread's code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a journal reads all of it")]
pub struct Step {
    /// Its identity.
    pub key: StepKey,
    /// What it does.
    pub print: Fingerprint,
    /// Its name.
    pub name: StepName,
    /// The approval that its intent uses.
    pub approval: Option<ApprovalUse>,
}

/// The record of a step that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a step has intents and an outcome")]
pub enum Part {
    /// That it is about to have its effect. The first intent is number 0; each later one follows a life that
    /// was lost between intent and outcome.
    Intent(u32),
    /// Its outcome.
    Outcome,
}

impl Step {
    /// A step that is found by its place: the `ordinal`th without a key, from 0, in its scope since the last
    /// checkpoint, which is number `epoch`.
    pub fn in_order(name: StepName, arguments: &Value, (epoch, ordinal): (u64, u32)) -> Self {
        let name = StepName { keyed: false, ..name };
        let place = [&epoch.to_be_bytes()[..], &ordinal.to_be_bytes()[..]];
        let key = StepKey::of([name.scope.as_bytes(), b"#", place[0], place[1]]);
        Self::of(key, name, arguments)
    }

    /// A step that is found by the `key` that its caller gave it. The kind of the step is part of the key.
    pub fn keyed(name: StepName, arguments: &Value, (epoch, key): (u64, &str)) -> Self {
        let name = StepName { keyed: true, ..name };
        let kind = name.kind.as_str().as_bytes();
        let epoch = epoch.to_be_bytes();
        let key = StepKey::of([name.scope.as_bytes(), kind, &epoch, key.as_bytes()]);
        Self::of(key, name, arguments)
    }

    /// The key that makes a call of this step the same call for the other side: one for each step of a thread,
    /// the same in each life.
    pub fn idempotency_key(&self, thread: &ThreadId) -> String {
        StepKey::of([thread.as_str().as_bytes(), b"call", self.key.as_bytes()]).to_string()
    }

    fn of(key: StepKey, name: StepName, arguments: &Value) -> Self {
        let print = Fingerprint::of(&canonical_list([name.kind.as_str(), &name.name], arguments));
        Self { key, print, name, approval: None }
    }
}

impl StepKey {
    /// The key under which the `n`th repetition of a failed step is written, from 1.
    pub(crate) fn again(self, n: u32) -> Self {
        Self::of([&self.as_bytes()[..], b"again", &n.to_be_bytes()])
    }

    /// The key under which people say what became of a call in doubt that was announced `times` times. It is another
    /// one each time, so that what they said of an earlier call is not taken for this one.
    #[must_use]
    pub fn doubt(self, times: u32) -> Self {
        let number = u64::from(times).to_be_bytes();
        if times <= 1 { self } else { Self::of([&self.as_bytes()[..], b"doubt", &number]) }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)?;
        if self.scope.is_empty() { Ok(()) } else { write!(f, " in {}", self.scope) }
    }
}
