//! Running tools: permission, guardrails, the call, the result.

mod pending;

use std::error::Error;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::payload::{Tool, Word};
use runtime_events::{
    AgentEventName, AgentEventStatus, AgentFailureClass, Data, SpanId, SpanOutcome,
};
use runtime_policy::guardrail::{GuardrailSubject, PostCheck, PreCheck};
use runtime_policy::{GuardrailStage, GuardrailViolatedError};
use serde::Serialize;
use serde_json::Value;

use self::pending::{PendingTool, interruption};
use crate::capture::Content;
use crate::error::{BoxError, ToolError};
use crate::failure::failure;
use crate::pace::Pace;
use crate::scope::{inside, inside_async};
use crate::session::OrchestrationSession;
use crate::session::core::{Core, Entry};
use crate::turn::{Timeout, Timing, ToolCall, Untimed};
use crate::wait::{Interrupted, on_thread, race, race_blocking};

/// # Tools
impl OrchestrationSession {
    /// Runs one tool: checks the permission and the arguments, makes the call inside its timeout,
    /// and checks the result.
    ///
    /// The result is turned into JSON only if there is a guardrail to look at it; one that cannot
    /// be is withheld. Dropping the future ends the tool as cancelled.
    ///
    /// A tool without arguments for guardrails to see can be given by its name alone.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: a variant per refusal, and [`ToolError::Failed`] with the tool's own error.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_orchestrator::{BoxError, Orchestrator, ToolCall};
    /// use serde_json::json;
    ///
    /// let session = Orchestrator::new("writer", "draft").session()?;
    /// let call = ToolCall::new("search").args(json!({ "query": "breaker" }));
    /// let hits = session.run_tool(call, || async { Ok::<_, BoxError>(3) }).await?;
    /// assert_eq!(hits, 3);
    /// let time = session.run_tool("clock", || async { Ok::<_, BoxError>("noon") }).await?;
    /// assert_eq!(time, "noon");
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    #[doc(alias = "arun_tool")]
    pub async fn run_tool<T, E, F, L>(
        &self,
        tool: impl Into<ToolCall<L>>,
        call: impl FnOnce() -> F,
    ) -> Result<T, ToolError>
    where
        T: Serialize,
        E: Into<BoxError> + 'static,
        F: Future<Output = Result<T, E>>,
        L: Timing,
    {
        let ToolCall { name, args, limit } = tool.into();
        let core = &*self.core;
        let mut pending = PendingTool::admit(core, name, limit.timeout())?;
        let name = Arc::clone(&pending.name);
        let check = PreCheck::new(&core.setup.role, GuardrailSubject::Tool(&name), &args);
        let checked = core.setup.guardrails.check_pre_async(&check);
        let PendingTool { pace, polling, .. } = &mut pending;
        let checked = race(core, pace, polling, checked).await;
        let mut active = pending.start(checked)?;
        active.keep(Content::Arguments, &args);
        active.still_open()?;
        let value = match active.run(async { call().await }).await? {
            Ok(value) => value,
            Err(error) => return Err(active.failed(error)),
        };
        if let Some(result) = active.result(&value)? {
            let name = active.name.clone();
            let subject = GuardrailSubject::Tool(&name);
            let check = PostCheck::new(&core.setup.role, subject, &args, &result);
            let checked = active.run(core.setup.guardrails.check_post_async(&check)).await?;
            active.judge(checked)?;
        }
        active.completed();
        Ok(value)
    }

    /// Runs one tool on this thread. The call borrows freely, so it cannot be interrupted: a tool
    /// with a timeout does not fit here, by its type.
    ///
    /// # Errors
    ///
    /// As for [`run_tool`](Self::run_tool).
    pub fn run_tool_blocking<T, E>(
        &self,
        tool: impl Into<ToolCall<Untimed>>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, ToolError>
    where
        T: Serialize,
        E: Into<BoxError> + 'static,
    {
        let (mut active, args) = self.start_tool_blocking(tool.into(), None)?;
        let result = active.flagged(call);
        active.conclude(&args, result)
    }

    /// Runs one tool on a thread of its own and returns when the call does, when `timeout` is
    /// over, or when the session ends. A thread that is late runs on, detached.
    ///
    /// # Errors
    ///
    /// As for [`run_tool`](Self::run_tool).
    ///
    /// # Panics
    ///
    /// If the call panics, with its payload.
    pub fn run_tool_blocking_within<T, E>(
        &self,
        tool: impl Into<ToolCall<Untimed>>,
        timeout: Duration,
        call: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, ToolError>
    where
        T: Serialize + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let limit = Timeout { after: timeout, sleeper: None };
        let (mut active, args) = self.start_tool_blocking(tool.into(), Some(&limit))?;
        match on_thread(&self.core, &active.pace, "tool", call) {
            Ok(Ok(Ok(result))) => active.conclude(&args, result),
            Ok(Ok(Err(payload))) => active.flagged(|| resume_unwind(payload)),
            Ok(Err(interrupted)) => Err(active.interrupted(interrupted)),
            Err(error) => Err(active.failed(error)),
        }
    }

    fn start_tool_blocking(
        &self,
        tool: ToolCall<Untimed>,
        timeout: Option<&Timeout>,
    ) -> Result<(ActiveTool<'_>, Value), ToolError> {
        let core = &*self.core;
        let mut pending = PendingTool::admit(core, tool.name, timeout)?;
        let name = Arc::clone(&pending.name);
        let check = PreCheck::new(&core.setup.role, GuardrailSubject::Tool(&name), &tool.args);
        let checked = core.setup.guardrails.check_pre_async(&check);
        let PendingTool { pace, polling, .. } = &mut pending;
        let checked = race_blocking(core, pace, polling, checked);
        let mut active = pending.start(checked)?;
        active.keep(Content::Arguments, &tool.args);
        active.still_open()?;
        Ok((active, tool.args))
    }
}

/// A tool under way; dropped, it was cancelled.
struct ActiveTool<'s> {
    core: &'s Core,
    name: Arc<str>,
    pace: Pace,
    span: SpanId,
    /// True exactly while the caller's code runs.
    polling: bool,
    ended: bool,
    /// Last, so that the session's farewell waits for the tool's last event.
    _entry: Entry<'s>,
}

impl ActiveTool<'_> {
    async fn run<F: Future>(&mut self, step: F) -> Result<F::Output, ToolError> {
        let Self { core, pace, polling, span, .. } = self;
        let step = inside_async(core.scope(), *span, step);
        let output = race(core, pace, polling, step).await;
        output.map_err(|interrupted| self.interrupted(interrupted))
    }

    /// The session may have ended while guardrails looked; what has not begun does not begin.
    fn still_open(&mut self) -> Result<(), ToolError> {
        let ended = self.core.ended();
        ended.map_or(Ok(()), |end| Err(self.interrupted(Interrupted::Closed(end))))
    }

    fn flagged<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.polling = true;
        let value = inside(self.core.scope(), self.span, code);
        self.polling = false;
        value
    }

    fn conclude<T: Serialize, E: Into<BoxError> + 'static>(
        mut self,
        args: &Value,
        result: Result<T, E>,
    ) -> Result<T, ToolError> {
        let value = match result {
            Ok(value) => value,
            Err(error) => return Err(self.failed(error)),
        };
        if let Some(result) = self.result(&value)? {
            let (core, name) = (self.core, self.name.clone());
            let subject = GuardrailSubject::Tool(&name);
            let check = PostCheck::new(&core.setup.role, subject, args, &result);
            let checked = core.setup.guardrails.check_post_async(&check);
            let Self { pace, polling, .. } = &mut self;
            let checked = race_blocking(core, pace, polling, checked);
            let checked = checked.map_err(|interrupted| self.interrupted(interrupted))?;
            self.judge(checked)?;
        }
        self.completed();
        Ok(value)
    }

    /// The result as guardrails see it, if there are any.
    fn result<T: Serialize>(&mut self, value: &T) -> Result<Option<Value>, ToolError> {
        let guards = self.core.guards(GuardrailStage::Post);
        if !(guards || self.core.captures()) {
            return Ok(None);
        }
        match self.flagged(|| serde_json::to_value(value)) {
            Ok(result) => {
                self.keep(Content::Result, &result);
                Ok(Some(result).filter(|_| guards))
            }
            Err(_) if !guards => Ok(None),
            Err(error) => {
                let subject = GuardrailSubject::Tool(&self.name);
                let role = &*self.core.setup.role;
                let violation = GuardrailViolatedError::unserializable(role, subject, error);
                self.judge(Err(violation)).map(|()| None)
            }
        }
    }

    fn keep(&self, content: Content, value: &Value) {
        let event = |name, status| self.core.child_event(name, status, self.span);
        self.core.keep(content, value, event);
    }

    fn judge(&mut self, checked: Result<(), GuardrailViolatedError>) -> Result<(), ToolError> {
        let subject = GuardrailSubject::Tool(&self.name);
        self.core.tell_guardrails(GuardrailStage::Post, subject, &checked);
        checked.map_err(|violation| {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, &violation);
            violation.into()
        })
    }

    fn failed<E: Into<BoxError> + 'static>(&mut self, error: E) -> ToolError {
        let failure = failure(error, &self.core.setup.classifier);
        self.stopped(SpanOutcome::Failed, AgentFailureClass::ToolError, &failure);
        ToolError::Failed(failure)
    }

    fn interrupted(&mut self, interrupted: Interrupted) -> ToolError {
        let error = interruption(&self.name, interrupted, true);
        let (outcome, class) = match interrupted {
            Interrupted::Time(..) => (SpanOutcome::TimedOut, AgentFailureClass::ToolError),
            Interrupted::Closed(_) => (SpanOutcome::Cancelled, AgentFailureClass::Cancelled),
        };
        self.stopped(outcome, class, &error);
        error
    }

    fn completed(mut self) {
        self.ended = true;
        if !self.core.is_heard() {
            return;
        }
        let (name, status) = (AgentEventName::AgentToolCompleted, AgentEventStatus::Completed);
        let event = self.core.child_event(name, status, self.span);
        self.core.emit(event.with_data(self.facts()).with_outcome(SpanOutcome::Ok));
    }

    fn stopped(&mut self, outcome: SpanOutcome, class: AgentFailureClass, error: &dyn Error) {
        self.ended = true;
        let status = match outcome {
            SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
            _ => AgentEventStatus::Failed,
        };
        let event = self.core.child_event(AgentEventName::AgentToolCompleted, status, self.span);
        let event = event.with_failure_class(class).with_detail(error.to_string());
        self.core.emit(event.with_data(self.facts()).with_outcome(outcome));
        self.core.log_failure("tool", error);
    }

    fn facts(&self) -> Data {
        Tool { tool: Some(Word::Shared(&self.name)), ..Tool::default() }.data()
    }
}

impl Drop for ActiveTool<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.polling {
            self.core.state().note_panic();
            let panicked = BoxError::from("the tool panicked");
            self.stopped(SpanOutcome::Panicked, AgentFailureClass::ToolError, &*panicked);
        } else {
            let dropped = BoxError::from("the tool was dropped");
            self.stopped(SpanOutcome::Cancelled, AgentFailureClass::Cancelled, &*dropped);
        }
    }
}
