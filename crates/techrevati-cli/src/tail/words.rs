//! The name, the answer and the colour of an event.

use runtime_events::payload::{
    GateEvaluated, GuardrailChecked, LogRecord, MarkCrossed, PermissionChecked, PolicyDecided,
    StatusChanged, Word, Words,
};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, SpanOutcome};

use crate::check::many;
use crate::paint::Color;

/// Whether a span begins with such an event.
pub(super) const fn begins(name: AgentEventName) -> bool {
    matches!(
        name,
        AgentEventName::AgentStarted
            | AgentEventName::TurnStarted
            | AgentEventName::AttemptStarted
            | AgentEventName::ToolCalled
            | AgentEventName::WaitStarted
    )
}

pub(super) fn name(event: &AgentEvent) -> &'static str {
    let name = event.event.as_str();
    name.strip_prefix("agent.").unwrap_or(name)
}

/// The decision of a guardrail, a permission, a gate or the policy; the losses of a sink.
pub(super) fn answer(event: &AgentEvent) -> Option<String> {
    match event.event {
        AgentEventName::PermissionChecked => {
            let allowed = PermissionChecked::of(event).allowed?;
            Some(if allowed { "allowed" } else { "denied" }.to_owned())
        }
        AgentEventName::GuardrailChecked => {
            let checked = GuardrailChecked::of(event);
            let stage = checked.stage.map_or("", Word::as_str);
            let result = if checked.passed? { "passed" } else { "objected" };
            let objections = checked.objections.map(Words::join).unwrap_or_default();
            Some(format!("{stage} {result} {objections}").trim().to_owned())
        }
        AgentEventName::PolicyDecided => {
            let decided = PolicyDecided::of(event);
            let (rules, actions) = (decided.rules?.join(), decided.actions?.join());
            Some(if rules.is_empty() {
                "no rule".to_owned()
            } else {
                format!("{rules}: {actions}")
            })
        }
        AgentEventName::PhaseGatePassed | AgentEventName::PhaseGateFailed => {
            Some(format!("required={}", GateEvaluated::of(event).required_level?.as_str()))
        }
        // A detail says it as well.
        AgentEventName::BudgetMark if event.detail.is_none() => {
            Some(format!("{} %", MarkCrossed::of(event).percent?))
        }
        AgentEventName::LogDropped => Some(many(LogRecord::of(event).count?, "event")),
        AgentEventName::LogRecovered => Some(many(LogRecord::of(event).torn_bytes?, "byte")),
        _ => None,
    }
}

/// Whether something failed, was blocked or was cancelled. A wait has the status `blocked` as well, for a person or
/// between two attempts, and is none of it unless it was cut short.
pub(super) fn is_failure(event: &AgentEvent) -> bool {
    let waits = StatusChanged::of(event).to.is_some_and(|to| to.as_str() == "waiting_for_input");
    let is_wait = match event.event {
        AgentEventName::AgentPaused | AgentEventName::WaitStarted => true,
        AgentEventName::WaitEnded => event.outcome == Some(SpanOutcome::Ok),
        _ => waits,
    };
    if is_wait {
        return false;
    }
    let bad = matches!(
        event.status,
        AgentEventStatus::Failed
            | AgentEventStatus::Red
            | AgentEventStatus::Blocked
            | AgentEventStatus::Cancelled
    );
    bad || event.outcome.is_some_and(SpanOutcome::is_failure)
}

pub(super) fn color(event: &AgentEvent) -> Color {
    match event.status {
        AgentEventStatus::Failed | AgentEventStatus::Red => Color::Red,
        AgentEventStatus::Blocked | AgentEventStatus::Cancelled => Color::Yellow,
        AgentEventStatus::Completed | AgentEventStatus::Green => Color::Green,
        _ => Color::Violet,
    }
}
