//! Approvals: a person is asked, in this life or the next.

use std::sync::Arc;
use std::time::Duration;

use runtime_events::payload::{self, Word};
use runtime_events::{AgentEventName, AgentFailureClass};
use runtime_orchestrator::ToolCall;
use runtime_store::{
    Approval, ApprovalState, FailureKind, FailureRecord, IntentRecord, OutcomeRecord, StepKind,
    Subject,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::about::{tell, tool_step};
use crate::error::{ParkedError, StepError, StepFailure};
use crate::place::{Begun, Opened, recorded};
use crate::session::DurableSession;

/// The approval of one call, which is used up when the call begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use = "give it to the tool, by `DurableTool::approved`"]
pub struct Approved {
    pub(super) id: Arc<str>,
    pub(super) policy: Arc<str>,
    who: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amended: Option<Value>,
}

impl Approved {
    /// The person who approved.
    pub fn who(&self) -> &str {
        self.who.as_deref().unwrap_or_default()
    }

    /// The arguments that the person put in place of the call's.
    pub const fn amended(&self) -> Option<&Value> {
        self.amended.as_ref()
    }
}

/// # Approvals
impl DurableSession {
    /// Asks a person whether a call may be made, and parks the thread until they have decided.
    ///
    /// The question is in the store, so it is answered from any process: by
    /// [`Approvals::decide`](runtime_store::Approvals::decide), or by the command `techrevati`. What is
    /// approved is this call with these arguments; with others it is refused. People are shown the arguments
    /// without secrets.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use std::time::Duration;
    /// use runtime_durable::{Durable, DurableSession, DurableTool, Run};
    /// use runtime_orchestrator::{BoxError, Orchestrator, ToolCall};
    /// use runtime_store::{Approvals, MemoryStore};
    /// use serde_json::json;
    ///
    /// let durable = Durable::new(Orchestrator::new("clerk", "orders"), MemoryStore::new());
    /// let order = async |session: &DurableSession| {
    ///     let pay = ToolCall::new("pay").call_id("call_1").args(json!({ "amount": 12 }));
    ///     let day = Duration::from_secs(24 * 3600);
    ///     let yes = session.approval(&pay, "payments", day).await?;
    ///     let pay = DurableTool::from(pay).approved(yes);
    ///     Ok(session.run_tool(pay, async |_| Ok::<_, BoxError>("paid".to_owned())).await?)
    /// };
    /// let Run::Parked(parked) = durable.run("order-4711", order).await? else { panic!() };
    /// assert_eq!(parked.waits_for, "somebody to approve tool `pay`");
    ///
    /// // In any process, days later.
    /// let [asked] = &durable.store().pending(None, 10).await?[..] else { panic!() };
    /// durable.store().decide(&asked.approve("ann@example.org")).await?;
    /// let runs = durable.resume_runnable(10, order).await?;
    /// assert!(matches!(&runs[0].1, Ok(Run::Done(done)) if done.value == "paid"));
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`StepError::Failed`] if the person denied it, or did not decide in time. A thread that failed because of it
    /// asks again when it is run again. [`StepError::Parked`] ends the life until they have decided.
    /// [`StepError::Misused`] for a call without a [`call_id`](ToolCall::call_id).
    pub async fn approval(
        &self,
        call: &ToolCall,
        policy: &str,
        expires_in: Duration,
    ) -> Result<Approved, StepError> {
        let asked = asked(self, call, (policy, expires_in)).await?;
        asked.map_err(|parked| self.place.park(parked))
    }

    /// Asks about several calls at once, and parks the thread until all of them are decided: an
    /// [`approval`](Self::approval) or its denial for each call, in order.
    ///
    /// # Errors
    ///
    /// The same as [`approval`](Self::approval), except for denials.
    pub async fn approvals<'c>(
        &self,
        calls: impl IntoIterator<Item = (&'c ToolCall, &'c str, Duration)>,
    ) -> Result<Vec<Result<Approved, Box<StepFailure>>>, StepError> {
        let (mut decided, mut waits) = (Vec::new(), None::<ParkedError>);
        for (call, policy, expires_in) in calls {
            match asked(self, call, (policy, expires_in)).await {
                Ok(Ok(approved)) => decided.push(Ok(approved)),
                Err(StepError::Failed(denied)) => decided.push(Err(denied)),
                Ok(Err(parked)) => {
                    waits = Some(match waits {
                        None => parked,
                        Some(first) => first.and(&parked),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        match waits {
            None => Ok(decided),
            Some(parked) => Err(self.place.park(parked)),
        }
    }
}

/// The decision, or what to wait for.
async fn asked(
    session: &DurableSession,
    call: &ToolCall,
    (policy, expires_in): (&str, Duration),
) -> Result<Result<Approved, ParkedError>, StepError> {
    let Some(id) = call.id() else {
        return Err(StepError::Misused("a tool that asks for approval needs a `call_id`"));
    };
    let tool = tool_step(session, call, id);
    // A call that failed had used its approval up, and one that was denied has none: if the thread has failed of it and
    // is run again, people are asked again.
    let (written, repeats) = session.place.written(tool.key);
    for earlier in 0..repeats {
        let begun = begin(session, call, (id, earlier))?;
        if session.place.life.writer.fold().has(begun.step.key) {
            session.place.open(&begun.step).await?;
        }
    }
    let begun = begin(session, call, (id, repeats))?;
    let step = &begun.step;
    let (mut places, first) = match session.place.open(step).await? {
        Opened::Known(body) => return Ok(Ok(recorded(step, &body)?.0)),
        Opened::Vacant(vacant) => (vacant, true),
        Opened::InDoubt(_, vacant) => (vacant, false),
    };
    if first {
        let intent = IntentRecord { of: Some(tool.key), ..IntentRecord::of(&step.name) };
        session.place.intend(step, &mut places, &intent).await?;
    }
    let subject = Subject {
        thread: session.thread(),
        step: written,
        tool: call.name(),
        args: Some(call.arguments()).filter(|args| !args.is_null()),
        policy,
    };
    let store = &session.place.life.store;
    let failed = |error| session.place.life.store_failed(error);
    let asked = store.approval_of(session.thread(), written).await.map_err(failed)?;
    let approval = if let Some(asked) = asked {
        asked
    } else {
        let asked = store.ask(&subject.request(expires_in)).await.map_err(failed)?;
        let about = payload::DurableStep {
            approval: Some(Word::Shared(&asked.id)),
            ..payload::DurableStep::default()
        };
        tell(session, AgentEventName::ApprovalRequested, &tool, about);
        asked
    };
    let outcome = match approval.state {
        ApprovalState::Approved | ApprovalState::Used => Ok(()),
        ApprovalState::Denied => Err("denied"),
        ApprovalState::Expired => Err("expired"),
        _ => {
            let waits_for = format!("somebody to approve {}", tool.name);
            let wake_at = Some(approval.expires);
            return Ok(Err(ParkedError { waits_for, wake_at }));
        }
    };
    let said = outcome.err().unwrap_or("approved");
    let about = payload::DurableStep {
        approval: Some(Word::Shared(&approval.id)),
        decision: Some(Word::Literal(said)),
        who: approval.who.as_ref().map(Word::Shared),
        ..payload::DurableStep::default()
    };
    tell(session, AgentEventName::ApprovalDecided, &tool, about);
    match outcome {
        Ok(()) => {
            let Approval { id, policy, who, amended, .. } = approval;
            let approved = Approved { id, policy, who, amended };
            let record = OutcomeRecord::of(Ok(&approved));
            session.place.settle(step, places.outcome, &record).await?;
            Ok(Ok(approved))
        }
        Err(said) => {
            let failure = denied(&approval, said);
            let record = OutcomeRecord::<()>::of(Err(failure.clone()));
            session.place.settle(step, places.outcome, &record).await?;
            Err(StepFailure { step: step.name.clone(), key: step.key, failure, live: None }.into())
        }
    }
}

/// The step that asks, the first time or after the call has failed so often.
fn begin(
    session: &DurableSession,
    call: &ToolCall,
    (id, repeats): (&str, u32),
) -> Result<Begun, StepError> {
    let name = session.place.name(StepKind::Approval, Arc::clone(call.name()));
    let again = format!("{id}/again/{repeats}");
    let key = if repeats == 0 { id } else { &again };
    session.place.begin(name, call.arguments(), Some(key))
}

fn denied(approval: &Approval, said: &str) -> FailureRecord {
    let who = approval.who.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    let note = approval.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    let text = match said {
        "expired" => format!("nobody approved `{}` in time", approval.tool),
        _ => format!("`{}` was denied{who}{note}", approval.tool),
    };
    let (kind, class) = (FailureKind::Denied, AgentFailureClass::PermissionDenied);
    FailureRecord { kind, class, scenario: None, text }
}
