//! The loop in a durable session: its calls are recorded, and people approve them.

use std::sync::Arc;
use std::time::Duration;

use runtime_durable::{Approved, DurableSession, DurableTool, Reconciled, StepError, StepFailure};
use runtime_events::{AgentFailureClass, without_secrets};
use runtime_orchestrator::{Answer, BoxError, Effect, OrchestrationSession, ToolError, Turn};
use runtime_store::FailureKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::calls::sealed::{Session, Turns};
use crate::calls::{Asking, Calls, CallsFor};
use crate::chat::Chat;
use crate::errors::{AgentError, ToolRunnerError};
use crate::output::ToolOutput;
use crate::result::{ToolOutcome, ToolResult, of};
use crate::task::{Task, Work};
use crate::terms::Reconciling;
use crate::tool::Tool;

/// # In durable sessions
///
/// With feature `durable`.
impl Tool {
    /// Makes each call only after a person has approved it, by
    /// [`DurableSession::approval`] with this policy and time.
    ///
    /// The thread is parked until they decide. A denial, and silence, is a result for the model. In a session
    /// that is not durable the call is denied.
    #[must_use]
    pub fn approval(mut self, policy: impl Into<Arc<str>>, expires_in: Duration) -> Self {
        self.durable.approval = Some((policy.into(), expires_in));
        self
    }

    /// Sets how to find out what became of a call whose outcome was lost, by the key of the call. See
    /// [`DurableTool::reconcile`].
    #[must_use]
    pub fn reconcile<T, F>(mut self, ask: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        T: Serialize,
        F: Future<Output = Result<Reconciled<T>, BoxError>> + Send + 'static,
    {
        let ask = move |key| -> Reconciling {
            let asked = ask(key);
            Box::pin(async move {
                Ok(match asked.await? {
                    Reconciled::Done(value) => Reconciled::Done(serde_json::to_value(value)?),
                    Reconciled::NotDone => Reconciled::NotDone,
                    Reconciled::Unknown => Reconciled::Unknown,
                })
            })
        };
        self.durable.reconcile = Some(Arc::new(ask));
        self
    }
}

impl Calls for DurableSession {}

impl<T: Serialize + DeserializeOwned> CallsFor<T> for DurableSession {}

impl Session for DurableSession {
    type Yes = Approved;

    const DURABLE: bool = true;

    fn plain(&self) -> &OrchestrationSession {
        self.session()
    }

    fn id_of(&self, id: &str) -> Option<String> {
        Some(self.call_id(id))
    }

    async fn decided(
        &self,
        asking: &[Task],
    ) -> Result<Vec<Result<Approved, String>>, ToolRunnerError> {
        let mut calls = Vec::with_capacity(asking.len());
        for task in asking {
            if let Work::Call(tool, _) = &task.work
                && let Some((policy, expires_in)) = &tool.durable.approval
            {
                calls.push((&task.call, &**policy, *expires_in));
            }
        }
        let decided = self.approvals(calls).await?;
        let said = |denied: Box<StepFailure>| without_secrets(&denied.failure.text).into_owned();
        Ok(decided.into_iter().map(|decided| decided.map_err(said)).collect())
    }

    async fn call(
        &self,
        task: Task,
        decided: Option<Result<Approved, String>>,
    ) -> Result<ToolResult, ToolRunnerError> {
        let Task { id, name, call, work } = task;
        let (made, or) = match (work, decided) {
            (_, Some(Err(denied))) => {
                let denied = ToolOutput::text(denied);
                return Ok(ToolResult::new((id, name), denied, ToolOutcome::Denied));
            }
            (Work::Refused(error), _) => {
                // Nothing is done to the world.
                let (call, outcome) = (call.effect(Effect::Read), of(&*error));
                (self.run_tool::<Value, _, _>(call, async |_| Err(error)).await, outcome)
            }
            (Work::Call(tool, _), yes) => {
                let mut call = DurableTool::from(call);
                let mut failed = ToolOutcome::Failed;
                if let Some(Ok(yes)) = yes {
                    // A recorded error has no type.
                    if yes.amended().is_some_and(|amended| tool.check(amended).is_err()) {
                        failed = ToolOutcome::InvalidArguments;
                    }
                    call = call.approved(yes);
                }
                if let Some(ask) = tool.durable.reconcile.clone() {
                    call = call.reconcile(move |key| ask(key));
                }
                let made = self.run_tool(call, async |attempt| {
                    tool.run(attempt.args().clone(), Some(attempt.key())).await
                });
                (made.await, failed)
            }
        };
        let (output, outcome) = match made {
            Ok(value) => (ToolOutput::read(value), ToolOutcome::Ok),
            Err(StepError::Failed(failure)) => {
                let Some(outcome) = outcome(&failure, or) else {
                    return Err(StepError::Failed(failure).into());
                };
                (ToolOutput::text(without_secrets(&failure.failure.text)), outcome)
            }
            Err(ended) => return Err(ended.into()),
        };
        Ok(ToolResult::new((id, name), output, outcome))
    }
}

impl<T: Serialize + DeserializeOwned> Turns<T> for DurableSession {
    async fn ask<C: Chat<Reply = T>>(
        &self,
        turn: Turn<T>,
        asking: &mut Asking<'_, C>,
    ) -> Result<Answer<T>, AgentError> {
        Ok(self.run_turn_recovering(turn, |attempt| asking.ask(attempt)).await?)
    }
}

/// The outcome of a call that failed, in this life or an earlier one. `None` if the session is over.
fn outcome(failure: &StepFailure, failed: ToolOutcome) -> Option<ToolOutcome> {
    use AgentFailureClass::{GuardrailViolation, PermissionDenied};

    let live = failure.live.as_deref().and_then(|live| live.downcast_ref::<ToolError>());
    match failure.failure.kind {
        FailureKind::Failed => Some(failed),
        FailureKind::TimedOut if matches!(live, Some(ToolError::Deadline(_))) => None,
        FailureKind::TimedOut => Some(ToolOutcome::TimedOut),
        _ if matches!(failure.failure.class, PermissionDenied | GuardrailViolation) => {
            Some(ToolOutcome::Denied)
        }
        _ => None,
    }
}
