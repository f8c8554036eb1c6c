//! What events say of decisions, waits and changes of state.

use std::future::{Future, poll_fn};
use std::pin::pin;

use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, SpanId, SpanOutcome,
};
use runtime_lifecycle::AgentStatus;
use runtime_policy::GuardrailSubject;
use runtime_policy::{GuardrailStage, GuardrailViolatedError, PermissionOutcome, PolicyRule};
use runtime_resilience::Transition;
use runtime_usage::{Balance, BudgetExceededError, BudgetMark};
use serde_json::Value;

use crate::capture::{Capture, Content};
use crate::log::log;
use crate::parts::money::{Money, Overspent};
use crate::parts::stream::{Speaker, Stream};

/// The session's worker went from one state to another.
pub(crate) fn status(stream: &Stream, from: AgentStatus, to: AgentStatus) {
    let data = Data::with_capacity(2).with("from", from.as_str()).with("to", to.as_str());
    stream.tell(AgentEventName::StatusChanged, AgentEventStatus::Running, data);
}

/// A breaker changed its state, and this session's call was the cause.
pub(crate) fn breaker(stream: &Stream, breaker: &str, change: Transition) {
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
    stream.tell(AgentEventName::BreakerChanged, AgentEventStatus::Running, data);
}

/// Guardrails have looked at something.
pub(crate) fn guardrails(
    stream: &Stream,
    stage: GuardrailStage,
    subject: GuardrailSubject<'_>,
    checked: &Result<(), GuardrailViolatedError>,
) {
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
    stream.tell(AgentEventName::GuardrailChecked, verdict(checked.is_ok()), data);
}

/// The permission of the role for a tool was asked.
pub(crate) fn permission(stream: &Stream, tool: &str, outcome: &PermissionOutcome) {
    let mut data = Data::with_capacity(3).with("tool", tool).with("allowed", outcome.allowed);
    if let Some(reason) = &outcome.reason {
        data.insert("reason", &**reason);
    }
    stream.tell(AgentEventName::PermissionChecked, verdict(outcome.allowed), data);
}

/// The policy was asked, and these rules fired.
pub(crate) fn policy(stream: &Stream, fired: &[&PolicyRule]) {
    let rules = fired.iter().map(|rule| &*rule.name).collect::<Value>();
    let actions = fired.iter().flat_map(|rule| &rule.actions);
    let actions = actions.map(|it| it.action.as_str()).collect::<Value>();
    let data = Data::with_capacity(2).with("rules", rules).with("actions", actions);
    stream.tell(AgentEventName::PolicyDecided, AgentEventStatus::Running, data);
}

/// The work went to another agent, if that is what the session's last event says.
pub(crate) fn handover(stream: &Stream, farewell: &AgentEvent) {
    let Some(handoff) = farewell.data.as_ref().and_then(|data| data.get("handoff")) else { return };
    let mut data = Data::with_capacity(3);
    for key in ["target_role", "target_worker_id", "reason"] {
        data.insert(key, handoff[key].clone());
    }
    stream.tell(AgentEventName::HandedOver, AgentEventStatus::Completed, data);
}

/// A turn was refused: one `agent.blocked`.
pub(crate) fn turn_refused(
    stream: &Stream,
    model: &str,
    (class, reason, detail): (AgentFailureClass, &'static str, String),
) {
    let mut data = Data::with_capacity(3).with("refused", "turn").with("reason", reason);
    if !model.is_empty() {
        data.insert("model", model);
    }
    refused(stream, class, detail, data);
}

/// A tool was refused: one `agent.blocked`.
pub(crate) fn tool_refused(
    stream: &Stream,
    tool: &str,
    (class, reason, detail): (AgentFailureClass, &'static str, String),
) {
    let data = Data::with_capacity(3).with("refused", "tool").with("reason", reason);
    refused(stream, class, detail, data.with("tool", tool));
}

fn refused(stream: &Stream, class: AgentFailureClass, detail: String, data: Data) {
    let Speaker { session_id, role, .. } = stream.speaker();
    log!(info, session = %session_id, role = %role, detail = %detail, "refused");
    let event = stream
        .event(AgentEventName::AgentBlocked, AgentEventStatus::Blocked)
        .with_failure_class(class)
        .with_detail(detail)
        .with_data(data);
    stream.emit(event);
}

/// Keeps a content as `event`, if that is asked for.
pub(crate) fn content(
    stream: &Stream,
    capture: Option<&Capture>,
    (content, value): (Content, &Value),
    event: impl FnOnce(AgentEventName, AgentEventStatus) -> AgentEvent,
) {
    let Some(value) = capture.and_then(|capture| capture.of(content, value)) else { return };
    let event = event(AgentEventName::ContentCaptured, AgentEventStatus::Running);
    let data = Data::with_capacity(2).with("content", content.as_str()).with("value", value);
    stream.emit(event.with_data(data));
}

/// One `agent.budget_mark` for each mark that a turn made budgets cross.
pub(crate) fn marks(stream: &Stream, marks: &[BudgetMark]) {
    for mark in marks {
        log!(warn, session = %stream.speaker().session_id, mark = %mark, "budget mark");
        let mut data = Data::with_capacity(6);
        if let Some(account) = &mark.account {
            data.insert("account", &**account);
        }
        data.insert("percent", mark.percent);
        data.insert("limit_usd", mark.limit.to_f64());
        data.insert("spent_usd", mark.spent.to_f64());
        let event = stream
            .event(AgentEventName::BudgetMark, AgentEventStatus::Running)
            .with_detail(mark.to_string())
            .with_data(data);
        stream.emit(event);
    }
}

/// After a turn that was answered, whether or not the answer was withheld: more spent than allowed
/// is said each time, and is returned where the budget is enforced.
pub(crate) fn overspent(stream: &Stream, money: &Money) -> Option<BudgetExceededError> {
    let Overspent { exceeded, enforced } = money.overspent()?;
    let Speaker { session_id, role, .. } = stream.speaker();
    log!(warn, session = %session_id, role = %role, budget = %exceeded.budget, spent = %exceeded.current_cost, enforced = enforced, "budget exceeded");
    let mut data = Data::with_capacity(2).with("budget_usd", exceeded.budget.to_f64());
    if let Some(account) = &exceeded.account {
        data.insert("account", &**account);
    }
    let event = stream
        .event(AgentEventName::AgentFailed, AgentEventStatus::Failed)
        .with_failure_class(AgentFailureClass::Unknown)
        .with_detail(format!("budget exceeded: {}", exceeded.current_cost))
        .with_data(data);
    stream.emit(event);
    enforced.then_some(exceeded)
}

/// How the session's budgets stand, into the data of an event.
pub(crate) fn balance(money: &Money, data: &mut Data) {
    let Some((Balance { reserved, left, .. }, available)) = money.balance() else { return };
    data.insert("budget_remaining_usd", left.to_f64());
    // The accounts above may have less.
    if available < left.or_zero() {
        data.insert("budget_available_usd", available.to_f64());
    }
    if !reserved.is_zero() {
        data.insert("budget_reserved_usd", reserved.to_f64());
    }
}

/// The statements of the session's budgets, into its last event.
pub(crate) fn statements(money: &Money, event: &mut AgentEvent) {
    if money.account().is_none() {
        return;
    }
    let statements: Vec<_> = money.public_statements().collect();
    // Texts and finite numbers under literal keys: none of it can fail to serialise.
    let json = serde_json::to_value(statements).unwrap_or_default();
    event.data.get_or_insert_default().insert("budgets", json);
}

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

/// Awaits something that is a wait of the agent's. One that is not ready at once has a span, which
/// the caller ends as it ended.
pub(crate) async fn waiting<F: Future>(
    stream: &Stream,
    reason: Reason,
    parent: SpanId,
    future: F,
) -> (F::Output, Option<Wait<'_>>) {
    let mut future = pin!(future);
    let mut wait = None;
    let output = poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            wait.get_or_insert_with(|| Wait::begin(stream, reason, parent));
        }
        polled
    })
    .await;
    (output, wait)
}

/// A wait under way. Dropped, it was cancelled.
pub(crate) struct Wait<'c> {
    stream: &'c Stream,
    reason: Reason,
    span: SpanId,
    parent: SpanId,
    outcome: SpanOutcome,
}

impl<'c> Wait<'c> {
    /// The agent waits.
    pub(crate) fn begin(stream: &'c Stream, reason: Reason, parent: SpanId) -> Self {
        let outcome = SpanOutcome::Cancelled;
        let wait = Self { stream, reason, span: stream.new_span(), parent, outcome };
        wait.tell(AgentEventName::WaitStarted, None);
        wait
    }

    /// It is over in this way.
    pub(crate) fn ended(mut self, outcome: SpanOutcome) {
        self.outcome = outcome;
    }

    fn tell(&self, name: AgentEventName, outcome: Option<SpanOutcome>) {
        let event = self.stream.event(name, AgentEventStatus::Blocked);
        let mut event = event.with_span(self.span, Some(self.parent));
        event.outcome = outcome;
        let data = Data::with_capacity(1).with("for", self.reason.as_str());
        self.stream.emit(event.with_data(data));
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
