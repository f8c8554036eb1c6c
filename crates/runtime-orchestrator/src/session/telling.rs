//! What events say of decisions, waits and changes of state.

use std::future::{Future, poll_fn};
use std::pin::pin;

use runtime_events::payload::{
    BreakerChanged, ContentCaptured, GuardrailChecked, PermissionChecked, PolicyDecided,
    SessionEnded, StatusChanged, Word, Words,
};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, Data, Fact, SpanId, SpanOutcome, payload,
};
use runtime_lifecycle::AgentStatus;
use runtime_policy::guardrail::GuardrailSubject;
use runtime_policy::{GuardrailStage, GuardrailViolatedError, PermissionOutcome, PolicyRule};
use runtime_resilience::Transition;
use serde_json::Value;

use crate::capture::Content;
use crate::session::core::Core;

/// What is waited for. A wait for a person is told by `agent.paused` and `agent.resumed`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    RateLimit,
    BackOff,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::BackOff => "backoff",
        }
    }
}

impl Core {
    /// The session's worker went from one state to another.
    pub(crate) fn tell_status(&self, from: AgentStatus, to: AgentStatus) {
        let changed = StatusChanged {
            from: Some(Word::Literal(from.as_str())),
            to: Some(Word::Literal(to.as_str())),
        };
        self.tell(AgentEventName::StatusChanged, AgentEventStatus::Running, changed.data());
    }

    /// A breaker changed its state, and this session's call was the cause.
    pub(crate) fn tell_breaker(&self, breaker: &str, change: Transition) {
        let Transition { from, to, generation, cause, wait, .. } = change;
        let changed = BreakerChanged {
            breaker: Some(Word::Read(breaker)),
            from: Some(Word::Literal(from.as_str())),
            to: Some(Word::Literal(to.as_str())),
            cause: Some(Word::Literal(cause.as_str())),
            generation: Some(generation.into()),
            wait_seconds: wait.map(|wait| wait.as_secs_f64()),
        };
        self.tell(AgentEventName::BreakerChanged, AgentEventStatus::Running, changed.data());
    }

    /// Guardrails have looked at something.
    pub(crate) fn tell_guardrails(
        &self,
        stage: GuardrailStage,
        subject: GuardrailSubject<'_>,
        checked: &Result<(), GuardrailViolatedError>,
    ) {
        if !self.guards(stage) {
            return;
        }
        let mut told = GuardrailChecked {
            stage: Some(Word::Literal(stage.as_str())),
            passed: Some(checked.is_ok()),
            ..GuardrailChecked::default()
        };
        match subject {
            GuardrailSubject::Turn { model } => told.model = Some(Word::Read(model)),
            GuardrailSubject::Tool(tool) => told.tool = Some(Word::Read(tool)),
            _ => told.subject = Some(Word::Literal("")),
        }
        let objections: Vec<&str> = checked.as_ref().err().map_or_else(Vec::new, |violated| {
            violated.violations().iter().map(|violation| violation.guardrail.as_str()).collect()
        });
        told.objections = checked.is_err().then_some(Words::Written(&objections));
        self.tell(AgentEventName::GuardrailChecked, verdict(checked.is_ok()), told.data());
    }

    /// Whether the role may use a tool was asked.
    pub(crate) fn tell_permission(&self, tool: &str, outcome: &PermissionOutcome) {
        let told = PermissionChecked {
            tool: Some(Word::Read(tool)),
            allowed: Some(outcome.allowed),
            reason: outcome.reason.as_deref().map(Word::Read),
        };
        self.tell(AgentEventName::PermissionChecked, verdict(outcome.allowed), told.data());
    }

    /// The policy was asked, and these rules fired.
    pub(crate) fn tell_policy(&self, fired: &[&PolicyRule]) {
        let Ok(_entry) = self.enter(false) else { return };
        let rules: Vec<&str> = fired.iter().map(|rule| &*rule.name).collect();
        let actions = fired.iter().flat_map(|rule| &rule.actions);
        let actions: Vec<&str> = actions.map(|it| it.action.as_str()).collect();
        let decided = PolicyDecided {
            rules: Some(Words::Written(&rules)),
            actions: Some(Words::Written(&actions)),
        };
        self.tell(AgentEventName::PolicyDecided, AgentEventStatus::Running, decided.data());
    }

    /// Before the last event: what it means for the worker, and to whom the work went.
    pub(crate) fn tell_end(&self, farewell: &AgentEvent) {
        if let Some(handoff) = SessionEnded::of(farewell).handoff() {
            self.tell(AgentEventName::HandedOver, AgentEventStatus::Completed, handoff.data());
        }
        if let Some(from) = self.left() {
            self.tell_status(from, self.status());
        }
    }

    /// Whether anything that is said is kept.
    pub(crate) fn captures(&self) -> bool {
        self.setup.capture.is_some()
    }

    /// Keeps a content as `event`, if that is asked for.
    pub(crate) fn keep(
        &self,
        content: Content,
        value: &Value,
        event: impl FnOnce(AgentEventName, AgentEventStatus) -> AgentEvent,
    ) {
        let Some(value) = self.setup.capture.as_ref().and_then(|it| it.of(content, value)) else {
            return;
        };
        let event = event(AgentEventName::ContentCaptured, AgentEventStatus::Running);
        let value = Fact::from(value);
        let captured = ContentCaptured {
            content: Some(Word::Literal(content.as_str())),
            value: Some(payload::Any::Fact(&value)),
        };
        self.emit(event.with_data(captured.data()));
    }

    fn tell(&self, name: AgentEventName, status: AgentEventStatus, data: Data) {
        self.emit(self.root_event(name, status).with_data(data));
    }

    /// Awaits something that is a wait of the agent's. One that is not ready at once has a span, which
    /// the caller ends as it ended.
    pub(crate) async fn waiting<F: Future>(
        &self,
        reason: Reason,
        parent: SpanId,
        future: F,
    ) -> (F::Output, Option<Wait<'_>>) {
        let mut future = pin!(future);
        let mut wait = None;
        let output = poll_fn(|cx| {
            let polled = future.as_mut().poll(cx);
            if polled.is_pending() && wait.is_none() {
                wait = Some(self.begin_wait(reason, parent));
            }
            polled
        })
        .await;
        (output, wait)
    }

    /// The agent waits.
    pub(crate) fn begin_wait(&self, reason: Reason, parent: SpanId) -> Wait<'_> {
        let outcome = SpanOutcome::Cancelled;
        let wait = Wait { core: self, reason, span: self.new_span(), parent, outcome };
        wait.tell(AgentEventName::WaitStarted, None);
        wait
    }
}

/// A wait under way. Dropped, it was cancelled.
pub(crate) struct Wait<'c> {
    core: &'c Core,
    reason: Reason,
    span: SpanId,
    parent: SpanId,
    outcome: SpanOutcome,
}

impl Wait<'_> {
    /// What was waited for came.
    pub(crate) fn over(self) {
        self.ended(SpanOutcome::Ok);
    }

    /// It is over in another way.
    pub(crate) fn ended(mut self, outcome: SpanOutcome) {
        self.outcome = outcome;
    }

    fn tell(&self, name: AgentEventName, outcome: Option<SpanOutcome>) {
        let event = self.core.event(name, AgentEventStatus::Blocked);
        let mut event = event.with_span(self.span, Some(self.parent));
        event.outcome = outcome;
        let wait = payload::Wait { reason: Some(Word::Literal(self.reason.as_str())) };
        self.core.emit(event.with_data(wait.data()));
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.tell(AgentEventName::WaitEnded, Some(self.outcome));
    }
}

const fn verdict(good: bool) -> AgentEventStatus {
    if good { AgentEventStatus::Green } else { AgentEventStatus::Red }
}
