//! Tools that are recorded, each by its effect.
//!
//! ```text
//!                    before           after a life that was lost in between
//!   Read             nothing          made again
//!   Idempotent       nothing          made again
//!   Keyed            intent, synced   made again with the same key
//!   Irreversible     intent, synced   asked about: reconcile, or a person
//! ```

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use runtime_events::payload::{self, Word};
use runtime_events::{AgentEventName, AgentFailureClass};
use runtime_orchestrator::{BoxError, Effect, ToolCall, ToolError};
use runtime_store::{
    ApprovalUse, Entered, FailureKind, FailureRecord, IntentRecord, OutcomeRecord, Part, Step,
    StepKey, StepKind, StepName, Subject,
};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::about::{arguments, tell};
use super::approval::Approved;
use super::failure::of_tool;
use crate::error::{ParkedError, StepError, StepFailure, UnrecordedError};
use crate::place::{Begun, Opened, Place, Vacant, has_expired, recorded};
use crate::session::DurableSession;

/// A call of a tool, and what to do about one whose outcome was lost.
///
/// A [`ToolCall`] converts into it. What the tool does to the world is the call's
/// [effect](ToolCall::effect), by default [`Effect::Irreversible`].
#[must_use = "a tool call does nothing by itself; pass it to `run_tool`"]
pub struct DurableTool<T> {
    call: ToolCall,
    approved: Option<Approved>,
    reconcile: Option<Reconcile<T>>,
}

type Reconcile<T> =
    Box<dyn FnOnce(String) -> BoxFuture<'static, Result<Reconciled<T>, BoxError>> + Send>;

/// What became of a call whose outcome was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it was made, it was not, or nobody knows")]
pub enum Reconciled<T> {
    /// It was made, and came to this.
    Done(T),
    /// It was not made, and may be made now.
    NotDone,
    /// Nobody knows. A person has to say.
    Unknown,
}

/// One attempt at a tool's call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolAttempt {
    key: String,
    in_doubt: bool,
    args: Value,
}

impl ToolAttempt {
    /// The idempotency key of the call, the same in each life of the thread. Send it with the request.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether an earlier life may have made the call.
    pub const fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The arguments: those of the call, or those that a person put in their place.
    pub const fn args(&self) -> &Value {
        &self.args
    }
}

impl<T> DurableTool<T> {
    /// Begins the call only with this approval.
    pub fn approved(mut self, approved: Approved) -> Self {
        self.approved = Some(approved);
        self
    }

    /// Sets how to find out what became of a call whose outcome was lost: by asking the other side for the
    /// call with this key.
    ///
    /// Without it, and if the answer is [`Reconciled::Unknown`], an irreversible tool parks the thread until
    /// a person says.
    pub fn reconcile<F>(mut self, ask: impl FnOnce(String) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Reconciled<T>, BoxError>> + Send + 'static,
    {
        self.reconcile = Some(Box::new(|key| ask(key).boxed()));
        self
    }
}

impl<T> From<ToolCall> for DurableTool<T> {
    fn from(call: ToolCall) -> Self {
        Self { call, approved: None, reconcile: None }
    }
}

impl<T> From<&str> for DurableTool<T> {
    fn from(name: &str) -> Self {
        ToolCall::new(name).into()
    }
}

/// # Tools
impl DurableSession {
    /// [`OrchestrationSession::run_tool`](runtime_orchestrator::OrchestrationSession::run_tool), recorded.
    ///
    /// Before a tool that must not run twice, its intent is recorded. If an earlier life was lost between
    /// intent and outcome, the tool is *in doubt*: one with a key runs again with the same key; an irreversible
    /// one is [reconciled](DurableTool::reconcile), or parks the thread until a person says how it ended.
    ///
    /// # Errors
    ///
    /// [`StepError::Failed`] with the recorded refusal or failure; any other error ends the life.
    pub async fn run_tool<T, E, F>(
        &self,
        tool: impl Into<DurableTool<T>>,
        call: impl FnOnce(ToolAttempt) -> F,
    ) -> Result<T, StepError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        let tool = tool.into();
        let effect = tool.call.declared_effect();
        let mut begun = begin_tool(self, &tool.call, effect)?;
        if let Some(approved) = &tool.approved {
            begun.step.approval = Some(approval_use(self, &begun.step, &tool.call, approved));
        }
        let step = &begun.step;
        let args = tool.approved.as_ref().and_then(Approved::amended);
        let args = args.unwrap_or_else(|| tool.call.arguments()).clone();
        let key = step.idempotency_key(self.thread());
        let mut attempt = ToolAttempt { key, in_doubt: false, args };
        if matches!(effect, Effect::Read | Effect::Idempotent) && tool.approved.is_none() {
            return match self.place.enter(step, Part::Outcome).await? {
                Entered::Recorded(body) => Ok(recorded(step, &body)?.0),
                Entered::Vacant(slot) => {
                    let places = Vacant { intent: None, outcome: Some(slot), lost: 0 };
                    self.make(step, (tool.call, None), places, || call(attempt)).await
                }
            };
        }
        let places = match self.place.open(step).await? {
            Opened::Known(body) => return Ok(recorded(step, &body)?.0),
            Opened::Vacant(vacant) => vacant,
            Opened::InDoubt(_, vacant) => {
                tell(self, AgentEventName::ToolInDoubt, step, payload::DurableStep::default());
                attempt.in_doubt = true;
                if effect == Effect::Irreversible {
                    let called = (&*attempt.key, vacant.lost);
                    match self.found_out(step, called, tool.reconcile).await? {
                        Some(value) => {
                            let done = OutcomeRecord::of(Ok(&value));
                            self.place.settle(step, vacant.outcome, &done).await?;
                            return Ok(value);
                        }
                        // It is certain that the call was not made.
                        None => attempt.in_doubt = false,
                    }
                }
                vacant
            }
        };
        let intent = IntentRecord::of(&step.name);
        self.make(step, (tool.call, Some(intent)), places, || call(attempt)).await
    }

    /// Makes the call and records its outcome.
    async fn make<'a, T, E, F>(
        &'a self,
        step: &'a Step,
        (call, intent): (ToolCall, Option<IntentRecord>),
        mut places: Vacant<'a>,
        made: impl FnOnce() -> F,
    ) -> Result<T, StepError>
    where
        T: Serialize,
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError> + 'static,
    {
        // An intent names the step; without one, its outcome does.
        let unnamed = intent.is_none().then(|| step.name.clone());
        let mut active = match call.begin(&self.session).await {
            Ok(active) => active,
            Err(refused) => {
                let name = Some(step.name.clone());
                return Err(self.tool_failed(step, (name, places), refused).await);
            }
        };
        if let Some(intent) = &intent {
            let first = places.lost == 0;
            match self.place.intend(step, &mut places, intent).await {
                Err(StepError::Journal(late)) if has_expired(&late) => {
                    let failure = FailureRecord {
                        kind: FailureKind::Denied,
                        class: AgentFailureClass::PermissionDenied,
                        scenario: None,
                        text: late.to_string(),
                    };
                    drop(active.fail(late));
                    let places = (Some(step.name.clone()), places);
                    return Err(recorded_failure(&self.place, step, places, (failure, None)).await);
                }
                intended => intended?,
            }
            let held = self.place.life.writer.still_held().await;
            held.map_err(|error| self.place.life.store_failed(error))?;
            if first && step.approval.is_some() {
                tell(self, AgentEventName::ApprovalUsed, step, payload::DurableStep::default());
            }
        }
        let ended = match active.run(async { made().await }).await {
            Ok(Ok(value)) => active.complete(&value).await.map(|()| value),
            Ok(Err(error)) => Err(active.fail(error)),
            Err(interrupted) => {
                drop(active);
                Err(interrupted)
            }
        };
        match ended {
            Ok(value) => {
                let record = OutcomeRecord::of(Ok(&value)).named(unnamed);
                match self.place.settle(step, places.outcome, &record).await {
                    Ok(()) => Ok(value),
                    Err(StepError::Journal(source)) => {
                        let value = serde_json::to_value(&value).unwrap_or_default();
                        let step = step.name.clone();
                        Err(StepError::Unrecorded(Box::new(UnrecordedError {
                            step,
                            value,
                            source,
                        })))
                    }
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(self.tool_failed(step, (unnamed, places), error).await),
        }
    }

    /// Records a failed tool, unless it failed because the session is over: then it is in doubt.
    async fn tool_failed<'a>(
        &'a self,
        step: &'a Step,
        (name, places): (Option<StepName>, Vacant<'a>),
        error: ToolError,
    ) -> StepError {
        let Some(failure) = of_tool(&error) else { return error.into() };
        recorded_failure(&self.place, step, (name, places), (failure, Some(error.into()))).await
    }

    /// Finds out what became of an irreversible call that was announced `times` times: the value that it had, or
    /// `None` if it was not made.
    async fn found_out<T: DeserializeOwned>(
        &self,
        step: &Step,
        (key, times): (&str, u32),
        reconcile: Option<Reconcile<T>>,
    ) -> Result<Option<T>, StepError> {
        if let Some(ask) = reconcile {
            // An error of the other side says nothing about the call.
            match ask(key.to_owned()).await.unwrap_or(Reconciled::Unknown) {
                Reconciled::Done(value) => {
                    tell_reconciled(self, step, "done", "reconcile");
                    return Ok(Some(value));
                }
                Reconciled::NotDone => {
                    tell_reconciled(self, step, "not_done", "reconcile");
                    return Ok(None);
                }
                Reconciled::Unknown => {}
            }
        }
        let doubt = self.place.written(step.key).0.doubt(times);
        let told = self.place.life.store.message(self.thread(), &resolution_key(doubt)).await;
        let Some(told) = told.map_err(|error| self.place.life.store_failed(error))? else {
            let waits_for =
                format!("somebody to say whether {} was done (step {doubt})", step.name);
            return Err(self.place.park(ParkedError { waits_for, wake_at: None }));
        };
        let shape = |source| StepError::Value { step: step.name.clone(), source };
        let told: Resolution = serde_json::from_value(told).map_err(shape)?;
        let who = told.who.as_deref().unwrap_or_default();
        match (told.done, told.not_done) {
            (Some(done), false) => {
                tell_reconciled(self, step, "done", who);
                serde_json::from_value(done).map(Some).map_err(shape)
            }
            (None, true) => {
                tell_reconciled(self, step, "not_done", who);
                Ok(None)
            }
            // What is not understood is no leave to pay again, or to go on as if it was paid.
            _ => Err(shape(serde_json::Error::custom("it says neither `done` nor `not_done`"))),
        }
    }
}

/// Records how a call failed, and returns it as the error of its step.
async fn recorded_failure<'a>(
    place: &'a Place,
    step: &'a Step,
    (name, places): (Option<StepName>, Vacant<'a>),
    (failure, live): (FailureRecord, Option<BoxError>),
) -> StepError {
    let record = OutcomeRecord::<()>::of(Err(failure.clone())).named(name);
    match place.settle(step, places.outcome, &record).await {
        Ok(()) => StepFailure { step: step.name.clone(), key: step.key, failure, live }.into(),
        Err(unrecorded) => unrecorded,
    }
}

/// What the approval is used for: the arguments that the tool gets now, not those that were approved.
fn approval_use(
    session: &DurableSession,
    step: &Step,
    call: &ToolCall,
    approved: &Approved,
) -> ApprovalUse {
    let args = approved.amended().unwrap_or_else(|| call.arguments());
    let subject = Subject {
        thread: session.thread(),
        step: session.place.written(step.key).0,
        tool: call.name(),
        args: Some(args).filter(|args| !args.is_null()),
        policy: &approved.policy,
    };
    ApprovalUse { id: Arc::clone(&approved.id), digest: subject.digest() }
}

fn tell_reconciled(session: &DurableSession, step: &Step, outcome: &str, who: &str) {
    let (decision, who) = (Some(Word::Read(outcome)), Some(Word::Read(who)));
    let said = payload::DurableStep { decision, who, ..payload::DurableStep::default() };
    tell(session, AgentEventName::ToolReconciled, step, said);
}

/// The step of a tool.
fn begin_tool(
    session: &DurableSession,
    call: &ToolCall,
    effect: Effect,
) -> Result<Begun, StepError> {
    let name = session.place.name(StepKind::Tool, Arc::clone(call.name()));
    session.place.begin(name, &arguments(call, effect), call.id().map(|id| &**id))
}

/// What a person says about a step in doubt: the command `techrevati` leaves it in the thread's inbox.
#[derive(Debug, Deserialize)]
struct Resolution {
    /// The value that the call had, which may be null.
    #[serde(default, deserialize_with = "said")]
    done: Option<Value>,
    #[serde(default)]
    not_done: bool,
    who: Option<String>,
}

fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// The key in the inbox under which a person says what became of a call.
fn resolution_key(doubt: StepKey) -> String {
    format!("resolve/{doubt}")
}

impl<T> fmt::Debug for DurableTool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableTool").field("call", &self.call).finish_non_exhaustive()
    }
}
