//! A running tool, and the ways it ends.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use runtime_events::payload::{self, Word};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, SpanId, SpanOutcome,
};
use runtime_policy::{GuardrailStage, GuardrailSubject, GuardrailViolatedError, PostCheck};
use serde::Serialize;
use serde_json::Value;

use super::describe::Call;
use crate::capture::Content;
use crate::core::{Core, Entry, interrupts};
use crate::error::{BoxError, DeadlineExceededError, ToolError, ToolTimeoutError, text_of};
use crate::failure::failure;
use crate::limits::Kind;
use crate::parts::pace::Pace;
use crate::scope::{inside, inside_async};
use crate::tell;
use crate::wait::{Interrupted, flagged, race};

/// A running tool, for callers that make the call themselves.
///
/// Dropping it ends the tool as cancelled. Await the steps of the call through [`run`](Self::run): they
/// are inside the tool's timeout, and a panic in one is recognised as a panic.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_orchestrator::{Orchestrator, ToolCall};
///
/// let session = Orchestrator::new("writer", "draft").session()?;
/// let mut tool = ToolCall::new("search").begin(&session).await?;
/// let hits = tool.run(async { 3 }).await?;
/// tool.complete(&hits).await?;
/// # Ok::<_, runtime_orchestrator::BoxError>(()) }).unwrap();
/// ```
#[must_use = "dropping a tool that has not ended cancels it"]
pub struct ActiveTool<'s> {
    call: Call,
    /// The arguments, if guardrails check the result.
    args: Option<Box<Value>>,
    pace: Pace,
    span: SpanId,
    /// True exactly while the caller's code runs.
    polling: bool,
    /// Whether the call has begun.
    called: bool,
    ended: bool,
    /// Last, so that the session's last event waits for the tool's.
    entry: Entry<'s>,
}

impl<'s> ActiveTool<'s> {
    /// Emits that the tool is called.
    pub(super) fn begin((call, args): (Call, Value), pace: Pace, entry: Entry<'s>) -> Self {
        let core = entry.core();
        let span = core.stream.new_span();
        let captured = core.captures().then(|| args.clone());
        let guarded = call.is_guarded(&core.setup.guardrails, GuardrailStage::Post);
        let args = guarded.then(|| Box::new(args));
        let (polling, called, ended) = (false, false, false);
        let tool = Self { call, args, pace, span, polling, called, ended, entry };
        let stream = &tool.entry.core().stream;
        if stream.is_heard() {
            let (called, running) = (AgentEventName::ToolCalled, AgentEventStatus::Running);
            let data = tool.call.payload().data();
            tool.emit(stream.child_event(called, running, span).with_data(data));
        }
        if let Some(args) = captured {
            tool.keep(Content::Arguments, &args);
        }
        tool
    }
}

impl<'s> ActiveTool<'s> {
    /// Has guardrails check the result, and ends the tool.
    ///
    /// # Errors
    ///
    /// [`ToolError`] if a guardrail rejects the result, or the session ends meanwhile.
    pub fn complete<T: Serialize>(
        mut self,
        value: &T,
    ) -> impl Future<Output = Result<(), ToolError>> + use<'s, T> {
        // Before the future, which is `Send` even if the value is not `Sync`.
        let result = self.result(value);
        async move {
            if let Some(result) = result? {
                Box::pin(self.check_result(&result)).await?;
            }
            self.completed();
            Ok(())
        }
    }
}

impl ActiveTool<'_> {
    /// Awaits one step of the call inside the tool's timeout.
    ///
    /// # Errors
    ///
    /// [`ToolError`] if the step was interrupted, or its time was over before it began. The tool has ended
    /// then.
    pub async fn run<F: Future>(&mut self, step: F) -> Result<F::Output, ToolError> {
        // Steps that are always ready never wait, but their time passes as well.
        if let Some(by) = interrupts(self.core(), &self.pace) {
            return Err(self.interrupted(by));
        }
        self.step(step).await
    }

    /// Ends the failed tool, and returns `error` with its classification.
    pub fn fail<E: Into<BoxError> + 'static>(mut self, error: E) -> ToolError {
        self.failed(error)
    }
}

impl ActiveTool<'_> {
    #[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
    pub(super) fn step<F: Future>(
        &mut self,
        step: F,
    ) -> impl Future<Output = Result<F::Output, ToolError>> {
        async move {
            let Self { entry, pace, polling, called, span, .. } = &mut *self;
            *called = true;
            let step = inside_async(entry.core().scope(), *span, step);
            let output = race(entry.core(), pace, polling, step).await;
            output.map_err(|interrupted| self.interrupted(interrupted))
        }
    }

    fn core(&self) -> &Core {
        self.entry.core()
    }

    /// Refuses to begin if the session has ended since the admission.
    pub(super) fn still_open(&mut self) -> Result<(), ToolError> {
        let ended = self.core().life.ended();
        ended.map_or(Ok(()), |end| Err(self.interrupted(Interrupted::Closed(end))))
    }

    fn flagged<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.polling = true;
        let value = inside(self.core().scope(), self.span, code);
        self.polling = false;
        value
    }

    pub(super) async fn check_result(&mut self, result: &Value) -> Result<(), ToolError> {
        let (call, args) = (self.call.clone(), self.args.take());
        let role = Arc::clone(self.core().role());
        let guardrails = call.guardrails(&self.core().setup.guardrails);
        let args = args.map(|args| *args).unwrap_or_default();
        let subject = GuardrailSubject::Tool(&call.name);
        let check = PostCheck::new(&role, subject, &args, result);
        let checked = self.step(guardrails.check_post_async(&check)).await?;
        self.judge(checked)
    }

    /// The result as JSON for guardrails, if there are any.
    pub(super) fn result<T: Serialize>(&mut self, value: &T) -> Result<Option<Value>, ToolError> {
        let guards = self.call.is_guarded(&self.core().setup.guardrails, GuardrailStage::Post);
        if !(guards || self.core().captures()) {
            return Ok(None);
        }
        match self.flagged(|| serde_json::to_value(value)) {
            Ok(result) => {
                self.keep(Content::Result, &result);
                Ok(Some(result).filter(|_| guards))
            }
            Err(_) if !guards => Ok(None),
            Err(error) => {
                let subject = GuardrailSubject::Tool(&self.call.name);
                let role = &**self.core().role();
                let violation = GuardrailViolatedError::unserializable(role, subject, error);
                self.judge(Err(violation)).map(|()| None)
            }
        }
    }

    fn keep(&self, content: Content, value: &Value) {
        let Core { stream, setup, .. } = self.core();
        let event = |name, status| stream.child_event(name, status, self.span);
        tell::content(stream, setup.telemetry.capture.as_ref(), (content, value), event);
    }

    fn judge(&mut self, checked: Result<(), GuardrailViolatedError>) -> Result<(), ToolError> {
        let subject = GuardrailSubject::Tool(&self.call.name);
        tell::guardrails(&self.core().stream, GuardrailStage::Post, subject, &checked);
        checked.map_err(|violation| {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, &violation);
            violation.into()
        })
    }

    fn failed<E: Into<BoxError> + 'static>(&mut self, error: E) -> ToolError {
        // The rules of the classifier are the caller's code.
        let Self { entry, polling, .. } = &mut *self;
        let (classifier, clock) =
            (&entry.core().setup.recovery.classifier, entry.core().time.clock());
        let failure = flagged(polling, || failure(error, classifier, clock.utc_now()));
        self.stopped(SpanOutcome::Failed, AgentFailureClass::ToolError, &failure);
        ToolError::Failed(failure)
    }

    fn interrupted(&mut self, interrupted: Interrupted) -> ToolError {
        let error = interruption(&self.call.name, interrupted, self.called);
        let (outcome, class) = match interrupted {
            Interrupted::Time(..) => (SpanOutcome::TimedOut, AgentFailureClass::ToolError),
            Interrupted::Closed(_) => (SpanOutcome::Cancelled, AgentFailureClass::Cancelled),
        };
        self.stopped(outcome, class, &error);
        error
    }

    pub(super) fn completed(mut self) {
        self.ended = true;
        if self.core().stream.is_heard() {
            let event = self.event(AgentEventName::ToolCompleted, AgentEventStatus::Completed);
            self.emit(event.with_outcome(SpanOutcome::Ok));
        }
    }

    fn stopped(
        &mut self,
        outcome: SpanOutcome,
        class: AgentFailureClass,
        error: &(dyn Error + 'static),
    ) {
        self.ended = true;
        let status = match outcome {
            SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
            _ => AgentEventStatus::Failed,
        };
        let event = self.event(AgentEventName::ToolCompleted, status);
        let event = event.with_failure_class(class).with_detail(text_of(error));
        self.emit(event.with_outcome(outcome));
        self.core().log_failure("tool", error);
    }

    fn event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        let tool = payload::ToolRun {
            tool: Some(Word::Shared(&self.call.name)),
            ..payload::ToolRun::default()
        };
        self.core().stream.child_event(name, status, self.span).with_data(tool.data())
    }

    fn emit(&self, event: AgentEvent) {
        self.core().stream.emit(event);
    }
}

impl Drop for ActiveTool<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.polling {
            self.core().life.note_panic();
            let panicked = BoxError::from("the tool panicked");
            self.stopped(SpanOutcome::Panicked, AgentFailureClass::ToolError, &*panicked);
        } else {
            let dropped = BoxError::from("the tool was dropped");
            self.stopped(SpanOutcome::Cancelled, AgentFailureClass::Cancelled, &*dropped);
        }
    }
}

/// Omits the arguments, which must not be logged.
impl fmt::Debug for ActiveTool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, span, .. } = self;
        f.debug_struct("ActiveTool")
            .field("name", &call.name)
            .field("span", span)
            .finish_non_exhaustive()
    }
}

/// The error of an interrupted tool.
pub(super) fn interruption(tool: &str, interrupted: Interrupted, call_began: bool) -> ToolError {
    match interrupted {
        Interrupted::Time(Kind::Timeout(_), timeout) => {
            ToolTimeoutError { tool: tool.to_owned(), timeout }.into()
        }
        Interrupted::Time(Kind::Deadline, deadline) => {
            DeadlineExceededError { deadline, call_began }.into()
        }
        Interrupted::Closed(end) => end.closed(call_began).into(),
    }
}
