//! What events say of decisions, waits and changes of state.

use std::future::{Future, poll_fn};
use std::pin::pin;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, SpanId, SpanOutcome};
use runtime_lifecycle::AgentStatus;
use runtime_policy::{
    GuardrailStage, GuardrailSubject, GuardrailViolatedError, PermissionOutcome, PolicyRule,
};
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
        let data = Data::with_capacity(2).with("from", from.as_str()).with("to", to.as_str());
        self.tell(AgentEventName::StatusChanged, AgentEventStatus::Running, data);
    }

    /// A breaker changed its state, and this session's call was the cause.
    pub(crate) fn tell_breaker(&self, breaker: &str, change: Transition) {
        let Transition { from, to, generation, cause, wait, .. } = change;
        let mut data = Data::with_capacity(6)
            .with("breaker", breaker)
            .with("from", from.as_str())
            .with("to", to.as_str())
            .with("cause", cause.as_str())
            .with("generation", generation);
        if let Some(wait) = wait {
            data.insert("wait_seconds", wait.as_secs_f64());
        }
        self.tell(AgentEventName::BreakerChanged, AgentEventStatus::Running, data);
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
        let (key, name) = match subject {
            GuardrailSubject::Turn { model } => ("model", model),
            GuardrailSubject::Tool(tool) => ("tool", tool),
            _ => ("subject", ""),
        };
        let mut data = Data::with_capacity(4)
            .with("stage", stage.as_str())
            .with(key, name)
            .with("passed", checked.is_ok());
        if let Err(violated) = checked {
            let names = violated.violations().iter().map(|violation| violation.guardrail.as_str());
            data.insert("objections", names.collect::<Value>());
        }
        let status = verdict(checked.is_ok());
        self.tell(AgentEventName::GuardrailChecked, status, data);
    }

    /// Whether the role may use a tool was asked.
    pub(crate) fn tell_permission(&self, tool: &str, outcome: &PermissionOutcome) {
        let mut data = Data::with_capacity(3).with("tool", tool).with("allowed", outcome.allowed);
        if let Some(reason) = &outcome.reason {
            data.insert("reason", &**reason);
        }
        self.tell(AgentEventName::PermissionChecked, verdict(outcome.allowed), data);
    }

    /// The policy was asked, and these rules fired.
    pub(crate) fn tell_policy(&self, fired: &[&PolicyRule]) {
        let Ok(_entry) = self.enter(false) else { return };
        let rules = fired.iter().map(|rule| &*rule.name).collect::<Value>();
        let actions = fired.iter().flat_map(|rule| &rule.actions);
        let actions = actions.map(|it| it.action.as_str()).collect::<Value>();
        let data = Data::with_capacity(2).with("rules", rules).with("actions", actions);
        self.tell(AgentEventName::PolicyDecided, AgentEventStatus::Running, data);
    }

    /// Before the last event: what it means for the worker, and to whom the work went.
    pub(crate) fn tell_end(&self, farewell: &AgentEvent) {
        if let Some(handoff) = farewell.data.as_ref().and_then(|data| data.get("handoff")) {
            let mut data = Data::with_capacity(3);
            for key in ["target_role", "target_worker_id", "reason"] {
                data.insert(key, handoff[key].clone());
            }
            self.tell(AgentEventName::HandedOver, AgentEventStatus::Completed, data);
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
        let data = Data::with_capacity(2).with("content", content.as_str()).with("value", value);
        self.emit(event.with_data(data));
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
        self.core.emit(event.with_data(Data::with_capacity(1).with("for", self.reason.as_str())));
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
