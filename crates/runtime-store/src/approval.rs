//! Approvals: what a person is asked, and what they said.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_events::{wire_names, without_secrets};
use serde::Serialize;
use serde_json::Value;

use crate::canonical::canonical_json;
use crate::digest::{ApprovalDigest, StepKey};
use crate::thread::ThreadId;

wire_names! {
    /// How an approval stands.
    #[non_exhaustive]
    pub enum ApprovalState: "state of an approval" {
        /// Nobody has decided.
        Pending = "pending",
        /// It may be used, once.
        Approved = "approved",
        /// It was refused, or replaced by an amended one.
        Denied = "denied",
        /// The step has begun with it.
        Used = "used",
        /// Nobody decided, or used the approval, in time.
        Expired = "expired",
    }
}

impl ApprovalState {
    /// The number that a store keeps. `Expired` is kept only once somebody looked.
    pub const fn code(self) -> i16 {
        match self {
            Self::Pending => 0,
            Self::Approved => 1,
            Self::Denied => 2,
            Self::Used => 3,
            Self::Expired => 4,
        }
    }

    /// The state with this [code](Self::code).
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| i64::from(state.code()) == code)
    }
}

/// What a step asks a person to approve.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a store writes all of it")]
pub struct ApprovalRequest {
    /// The id of the approval: the first half of its digest, in hexadecimal.
    pub id: Arc<str>,
    /// The thread that asks.
    pub thread: ThreadId,
    /// The step that is to begin.
    pub step: StepKey,
    /// The tool of the step.
    pub tool: Arc<str>,
    /// What exactly is approved.
    pub digest: ApprovalDigest,
    /// What people are shown of the arguments, without secrets.
    pub shown: Value,
    /// The rule that asks.
    pub policy: Arc<str>,
    /// How long the question stands.
    pub expires_in: Duration,
}

/// An approval as its store has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "stores outside of this crate make it")]
pub struct Approval {
    /// The id of the approval.
    pub id: Arc<str>,
    /// The thread that asks.
    pub thread: ThreadId,
    /// The step that is to begin.
    pub step: StepKey,
    /// The tool of the step.
    pub tool: Arc<str>,
    /// What exactly is approved.
    pub digest: ApprovalDigest,
    /// What people are shown of the arguments.
    pub shown: Value,
    /// The rule that asks.
    pub policy: Arc<str>,
    /// When it was asked for.
    pub asked: DateTime<Utc>,
    /// When it is too late.
    pub expires: DateTime<Utc>,
    /// How it stands now.
    pub state: ApprovalState,
    /// The arguments that the person put in place of the agent's.
    pub amended: Option<Value>,
    /// The person who decided.
    pub who: Option<Arc<str>>,
    /// What they said about it.
    pub note: Option<Arc<str>>,
    /// When they decided.
    pub decided: Option<DateTime<Utc>>,
    /// The number of the intent that used it.
    pub used: Option<u64>,
}

impl Approval {
    /// How an approval of this state stands at `now`.
    pub fn state_at(
        state: ApprovalState,
        expires: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> ApprovalState {
        let open = matches!(state, ApprovalState::Pending | ApprovalState::Approved);
        if open && expires <= now { ApprovalState::Expired } else { state }
    }

    /// The verdict that approves it as it was seen.
    pub fn approve(&self, who: impl Into<Arc<str>>) -> Verdict {
        self.verdict(Decision::Approve, who.into())
    }

    /// The verdict that denies it.
    pub fn deny(&self, who: impl Into<Arc<str>>) -> Verdict {
        self.verdict(Decision::Deny, who.into())
    }

    /// The verdict that approves it with other arguments. They are kept in the store as they are.
    pub fn amend(&self, args: Value, who: impl Into<Arc<str>>) -> Verdict {
        let Self { thread, step, tool, policy, .. } = self;
        let subject = Subject { thread, step: *step, tool, args: Some(&args), policy };
        let left = (self.expires - self.asked).to_std().unwrap_or_default();
        let request = subject.request(left);
        if request.digest == self.digest {
            // The same arguments, perhaps spelt otherwise.
            return self.approve(who);
        }
        self.verdict(Decision::Amend(request, args), who.into())
    }

    fn verdict(&self, decision: Decision, who: Arc<str>) -> Verdict {
        Verdict { id: Arc::clone(&self.id), digest: self.digest, decision, who, note: None }
    }
}

impl Verdict {
    /// Sets what the person says about it.
    #[must_use]
    pub fn note(mut self, note: impl Into<Arc<str>>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// What a person decides.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a store handles every one")]
pub enum Decision {
    /// The step may begin, once.
    Approve,
    /// The step must not begin.
    Deny,
    /// The step may begin, once, with these arguments in place of the agent's. The store denies the approval
    /// and adds an approved one with this request; if that one was asked for before, the verdict is refused
    /// as one about it.
    Amend(ApprovalRequest, Value),
}

/// A decision of a person about what they have seen.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a store reads all of it")]
pub struct Verdict {
    /// The approval.
    pub id: Arc<str>,
    /// What the person has seen. If the approval has another digest, the verdict is refused.
    pub digest: ApprovalDigest,
    /// What they decide.
    pub decision: Decision,
    /// The person.
    pub who: Arc<str>,
    /// What they say about it.
    pub note: Option<Arc<str>>,
}

/// The use of an approval by the intent that is written with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store reads all of it")]
pub struct ApprovalUse {
    /// The approval.
    pub id: Arc<str>,
    /// What the step is about to do.
    pub digest: ApprovalDigest,
}

/// What an approval is bound to.
///
/// Its [digest](Self::digest) is SHA-256 over canonical JSON, so that it can be computed again in any
/// language: `{"args":…,"policy":…,"step":…,"thread":…,"tool":…,"v":1}`. A tool without arguments has no
/// `args`, which differs from `null`.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the digest is over these")]
pub struct Subject<'a> {
    /// The thread that asks.
    pub thread: &'a ThreadId,
    /// The step that is to begin.
    pub step: StepKey,
    /// The tool.
    pub tool: &'a str,
    /// Its arguments.
    pub args: Option<&'a Value>,
    /// The rule that asks.
    pub policy: &'a str,
}

impl Subject<'_> {
    /// The digest of what is approved.
    pub fn digest(&self) -> ApprovalDigest {
        let mut subject = serde_json::Map::new();
        if let Some(args) = self.args {
            subject.insert("args".to_owned(), args.clone());
        }
        for (key, value) in [
            ("policy", Value::from(self.policy)),
            ("step", self.step.to_string().into()),
            ("thread", self.thread.as_str().into()),
            ("tool", self.tool.into()),
            ("v", 1.into()),
        ] {
            subject.insert(key.to_owned(), value);
        }
        ApprovalDigest::plain(canonical_json(&Value::Object(subject)).as_bytes())
    }

    /// The question whether the subject may begin, as people are asked it: its arguments are shown without
    /// secrets.
    pub fn request(&self, expires_in: Duration) -> ApprovalRequest {
        let digest = self.digest();
        ApprovalRequest {
            id: digest.to_string().get(..32).unwrap_or_default().into(),
            thread: self.thread.clone(),
            step: self.step,
            tool: self.tool.into(),
            digest,
            shown: self.args.map(shown).unwrap_or_default(),
            policy: self.policy.into(),
            expires_in,
        }
    }
}

/// Arguments without the secrets in them.
fn shown(args: &Value) -> Value {
    let text = args.to_string();
    let clean = without_secrets(&text);
    serde_json::from_str(&clean).unwrap_or_else(|_| clean.as_ref().into())
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, thread, tool, state, shown, .. } = self;
        write!(f, "{id}  {state}  {thread}: {tool} {shown}")
    }
}
