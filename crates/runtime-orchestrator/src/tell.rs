//! Events about decisions, waits and changes of state.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::pin;

use runtime_events::payload::{
    self, Any, BreakerChanged, BudgetExceeded, ContentCaptured, GateEvaluated, GuardrailChecked,
    PermissionChecked, PolicyDecided, Refused, SessionEnded, StatusChanged, TurnEnded, Word, Words,
};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, Fact, SpanId,
    SpanOutcome,
};
use runtime_lifecycle::AgentStatus;
use runtime_policy::GuardrailSubject;
use runtime_policy::{
    GuardrailStage, GuardrailViolatedError, PermissionOutcome, PolicyRule, QualityGateOutcome,
    QualityLevel,
};
use runtime_resilience::Transition;
use runtime_usage::{Balance, BudgetExceededError, BudgetMark, SignedUsd};
use serde_json::Value;

use crate::capture::{Capture, Content};
use crate::log::log;
use crate::parts::money::{Money, Overspent};
use crate::parts::stream::{Speaker, Stream};

/// Emits a change of the worker's status.
pub(crate) fn status(stream: &Stream, from: AgentStatus, to: AgentStatus) {
    if stream.is_heard() {
        stream.emit(status_changed(stream, from, to));
    }
}

/// The event of a change of the worker's status.
pub(crate) fn status_changed(stream: &Stream, from: AgentStatus, to: AgentStatus) -> AgentEvent {
    /// Every session makes these two, and keeps them.
    static HIRED: [(Cow<'_, str>, Fact); 2] = changed(AgentStatus::Idle, AgentStatus::Initializing);
    static BEGUN: [(Cow<'_, str>, Fact); 2] =
        changed(AgentStatus::Initializing, AgentStatus::Running);

    const fn changed(from: AgentStatus, to: AgentStatus) -> [(Cow<'static, str>, Fact); 2] {
        StatusChanged::literals(from.as_str(), to.as_str())
    }
    let data = match (from, to) {
        (AgentStatus::Idle, AgentStatus::Initializing) => Data::fixed(&HIRED),
        (AgentStatus::Initializing, AgentStatus::Running) => Data::fixed(&BEGUN),
        _ => changed(from, to).into_iter().collect(),
    };
    stream.root_event(AgentEventName::StatusChanged, stands(to)).with_data(data)
}

/// How things stand with a worker of this status.
const fn stands(status: AgentStatus) -> AgentEventStatus {
    match status {
        AgentStatus::Idle => AgentEventStatus::Ready,
        AgentStatus::Initializing | AgentStatus::Running => AgentEventStatus::Running,
        AgentStatus::WaitingForInput => AgentEventStatus::Blocked,
        AgentStatus::Completed => AgentEventStatus::Completed,
        AgentStatus::Failed => AgentEventStatus::Failed,
        AgentStatus::Cancelled => AgentEventStatus::Cancelled,
    }
}

/// Emits a change of a breaker's state that this session's call caused.
pub(crate) fn breaker(stream: &Stream, breaker: &str, change: Transition) {
    let Transition { from, to, generation, cause, wait, .. } = change;
    let changed = BreakerChanged {
        breaker: Some(Word::Read(breaker)),
        from: Some(Word::Literal(from.as_str())),
        to: Some(Word::Literal(to.as_str())),
        cause: Some(Word::Literal(cause.as_str())),
        generation: Some(generation.into()),
        wait_seconds: wait.map(|wait| wait.as_secs_f64()),
    };
    stream.tell(AgentEventName::BreakerChanged, AgentEventStatus::Running, changed.data());
}

/// Emits the result of guardrails.
pub(crate) fn guardrails(
    stream: &Stream,
    stage: GuardrailStage,
    subject: GuardrailSubject<'_>,
    checked: &Result<(), GuardrailViolatedError>,
) {
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
    stream.tell(AgentEventName::GuardrailChecked, verdict(checked.is_ok()), told.data());
}

/// Emits the check of a permission.
pub(crate) fn permission(stream: &Stream, tool: &str, outcome: &PermissionOutcome) {
    let told = PermissionChecked {
        tool: Some(Word::Read(tool)),
        allowed: Some(outcome.allowed),
        reason: outcome.reason.as_deref().map(Word::Read),
    };
    stream.tell(AgentEventName::PermissionChecked, verdict(outcome.allowed), told.data());
}

/// Emits the evaluation of the quality gate.
pub(crate) fn gate(stream: &Stream, outcome: QualityGateOutcome, observed: QualityLevel) {
    let passed = outcome.satisfied;
    let name =
        if passed { AgentEventName::PhaseGatePassed } else { AgentEventName::PhaseGateFailed };
    let told = GateEvaluated {
        required_level: Some(Word::Literal(outcome.required_level.name())),
        observed_level: Some(Word::Literal(observed.name())),
    };
    // The original's detail.
    let event =
        stream.event(name, verdict(passed)).with_detail(format!("observed={}", observed.name()));
    stream.emit(event.with_data(told.data()));
}

/// Emits the fired rules of the policy.
pub(crate) fn policy(stream: &Stream, fired: &[&PolicyRule]) {
    let rules: Vec<&str> = fired.iter().map(|rule| &*rule.name).collect();
    let actions = fired.iter().flat_map(|rule| &rule.actions);
    let actions: Vec<&str> = actions.map(|it| it.action.as_str()).collect();
    let decided = PolicyDecided {
        rules: Some(Words::Written(&rules)),
        actions: Some(Words::Written(&actions)),
    };
    stream.tell(AgentEventName::PolicyDecided, AgentEventStatus::Running, decided.data());
}

/// The event of the handover, if the session's last event has one.
pub(crate) fn handover(stream: &Stream, farewell: &AgentEvent) -> Option<AgentEvent> {
    let data = SessionEnded::of(farewell).handoff()?.data();
    let event = stream.root_event(AgentEventName::HandedOver, AgentEventStatus::Completed);
    Some(event.with_data(data))
}

/// Emits the refusal of a turn as `agent.blocked`.
pub(crate) fn turn_refused(
    stream: &Stream,
    model: &str,
    (class, reason, detail): (AgentFailureClass, &'static str, String),
) {
    let told = Refused {
        refused: Some(Word::Literal("turn")),
        reason: Some(Word::Literal(reason)),
        model: (!model.is_empty()).then_some(Word::Read(model)),
        ..Refused::default()
    };
    refused(stream, class, detail, told.data());
}

/// Emits the refusal of a tool as `agent.blocked`.
pub(crate) fn tool_refused(
    stream: &Stream,
    tool: &str,
    (class, reason, detail): (AgentFailureClass, &'static str, String),
) {
    let told = Refused {
        refused: Some(Word::Literal("tool")),
        reason: Some(Word::Literal(reason)),
        tool: Some(Word::Read(tool)),
        ..Refused::default()
    };
    refused(stream, class, detail, told.data());
}

fn refused(stream: &Stream, class: AgentFailureClass, detail: String, data: Data) {
    let Speaker { session_id, role, .. } = stream.speaker();
    log!(info, session = %session_id, role = %role, detail = %detail, "turn or tool refused");
    let event = stream
        .event(AgentEventName::AgentBlocked, AgentEventStatus::Blocked)
        .with_failure_class(class)
        .with_detail(detail)
        .with_data(data);
    stream.emit(event);
}

/// Emits a content as `event`, if it is captured.
pub(crate) fn content(
    stream: &Stream,
    capture: Option<&Capture>,
    (content, value): (Content, &Value),
    event: impl FnOnce(AgentEventName, AgentEventStatus) -> AgentEvent,
) {
    let Some(capture) = capture else { return };
    let Some(value) = capture.of(content, value) else { return };
    let event = event(AgentEventName::ContentCaptured, AgentEventStatus::Running);
    let value = Fact::from(value);
    let captured = ContentCaptured {
        content: Some(Word::Literal(content.as_str())),
        value: Some(Any::Fact(&value)),
    };
    let event = event.with_data(captured.data());
    if capture.as_is { stream.emit_as_is(event) } else { stream.emit(event) }
}

/// Emits one `agent.budget_mark` for each mark that a turn crossed.
#[inline]
pub(crate) fn marks(stream: &Stream, marks: &[BudgetMark]) {
    for mark in marks {
        crossed(stream, mark);
    }
}

#[cold]
fn crossed(stream: &Stream, mark: &BudgetMark) {
    log!(warn, session = %stream.speaker().session_id, mark = %mark, "budget mark crossed");
    let told = payload::MarkCrossed {
        account: mark.account.as_ref().map(Word::Shared),
        percent: Some(mark.percent.into()),
        limit_usd: Some(mark.limit.to_f64()),
        spent_usd: Some(mark.spent.to_f64()),
    };
    let event = stream
        .event(AgentEventName::BudgetMark, AgentEventStatus::Running)
        .with_detail(mark.to_string())
        .with_data(told.data());
    stream.emit(event);
}

/// Emits an overspent budget after each answered turn, even if the answer was withheld. Returns it
/// if the budget is enforced.
#[inline]
pub(crate) fn overspent(stream: &Stream, money: &Money) -> Option<BudgetExceededError> {
    exceeded(stream, money.overspent()?)
}

#[cold]
fn exceeded(
    stream: &Stream,
    Overspent { exceeded, enforced }: Overspent,
) -> Option<BudgetExceededError> {
    let Speaker { session_id, role, .. } = stream.speaker();
    log!(warn, session = %session_id, role = %role, budget = %exceeded.budget, spent = %exceeded.current_cost, enforced = enforced, "budget exceeded");
    let told = BudgetExceeded {
        budget_usd: Some(exceeded.budget.to_f64()),
        account: exceeded.account.as_ref().map(Word::Shared),
    };
    let event = stream
        .event(AgentEventName::AgentFailed, AgentEventStatus::Failed)
        .with_failure_class(AgentFailureClass::Unknown)
        .with_detail(format!("budget exceeded: {}", exceeded.current_cost.rounded()))
        .with_data(told.data());
    stream.emit(event);
    enforced.then_some(exceeded)
}

/// Writes the balance of the session's budgets into the payload of an event.
#[inline]
pub(crate) fn balance(money: &Money, ended: &mut TurnEnded<'_>) {
    let Some((Balance { reserved, left, .. }, available)) = money.balance() else { return };
    ended.budget_remaining_usd = Some(left.to_f64());
    // The accounts above may have less left.
    ended.budget_available_usd = (SignedUsd::from(available) < left).then(|| available.to_f64());
    ended.budget_reserved_usd = (!reserved.is_zero()).then(|| reserved.to_f64());
}

/// Writes the statements of the session's budgets into its last event.
pub(crate) fn statements(money: &Money, event: &mut AgentEvent) {
    if money.account().is_none() {
        return;
    }
    let statements: Vec<_> = money.public_statements().collect();
    // Strings and finite numbers under literal keys: serialisation cannot fail.
    let json = serde_json::to_value(statements).unwrap_or_default();
    let ended = SessionEnded { budgets: Some(Any::Json(&json)), ..SessionEnded::default() };
    ended.write(event.data.get_or_insert_default());
}

/// The reason for a wait. A wait for input has `agent.paused` and `agent.resumed` instead.
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

/// Awaits `future` as a wait of the agent. If it is not ready at once, it has a span, which the
/// caller ends with the outcome.
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

/// A running wait. Dropping it cancels it.
pub(crate) struct Wait<'c> {
    stream: &'c Stream,
    reason: Reason,
    span: SpanId,
    parent: SpanId,
    outcome: SpanOutcome,
}

impl<'c> Wait<'c> {
    /// Begins a wait and emits its start.
    pub(crate) fn begin(stream: &'c Stream, reason: Reason, parent: SpanId) -> Self {
        let outcome = SpanOutcome::Cancelled;
        let wait = Self { stream, reason, span: stream.new_span(), parent, outcome };
        wait.tell(AgentEventName::WaitStarted, None);
        wait
    }

    /// Ends the wait with this outcome.
    pub(crate) fn ended(mut self, outcome: SpanOutcome) {
        self.outcome = outcome;
    }

    fn tell(&self, name: AgentEventName, outcome: Option<SpanOutcome>) {
        let event = self.stream.event(name, AgentEventStatus::Blocked);
        let mut event = event.with_span(self.span, Some(self.parent));
        event.outcome = outcome;
        let wait = payload::Wait { reason: Some(Word::Literal(self.reason.as_str())) };
        self.stream.emit(event.with_data(wait.data()));
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
