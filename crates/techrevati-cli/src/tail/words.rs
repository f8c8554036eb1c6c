//! What an event is called, what it is about, and what it says.

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus};
use serde_json::Value;

use crate::check::many;
use crate::paint::Color;

/// Whether spans begin with such an event.
pub(super) const fn begins(name: AgentEventName) -> bool {
    matches!(
        name,
        AgentEventName::AgentStarted
            | AgentEventName::TurnStarted
            | AgentEventName::AttemptStarted
            | AgentEventName::AgentToolCalled
            | AgentEventName::WaitStarted
    )
}

pub(super) fn name(event: &AgentEvent) -> &'static str {
    let name = event.event.as_str();
    name.strip_prefix("agent.").unwrap_or(name)
}

/// What an event is about: a tool, a model, a breaker.
pub(super) fn subject(event: &AgentEvent) -> Option<&str> {
    let data = event.data.as_ref()?;
    let keys = [
        "tool",
        "provider",
        "model",
        "for",
        "content",
        "guardrail",
        "target_role",
        "breaker",
        "account",
    ];
    keys.into_iter().find_map(|key| data.get(key)?.as_str())
}

/// What was decided, by a guardrail, a permission or the policy; what was lost.
pub(super) fn answer(event: &AgentEvent) -> Option<String> {
    let data = event.data.as_ref()?;
    let yes = |key| data.get(key)?.as_bool();
    let texts = |key| {
        let texts = data.get(key)?.as_array()?.iter().filter_map(Value::as_str);
        Some(texts.collect::<Vec<_>>().join(", "))
    };
    match event.event {
        AgentEventName::PermissionChecked => {
            Some(if yes("allowed")? { "allowed" } else { "denied" }.to_owned())
        }
        AgentEventName::GuardrailChecked => {
            let stage = data.get("stage").and_then(Value::as_str).unwrap_or_default();
            let result = if yes("passed")? { "passed" } else { "objected" };
            let objections = texts("objections").unwrap_or_default();
            Some(format!("{stage} {result} {objections}").trim().to_owned())
        }
        AgentEventName::PolicyDecided => {
            let (rules, actions) = (texts("rules")?, texts("actions")?);
            Some(if rules.is_empty() {
                "no rule".to_owned()
            } else {
                format!("{rules}: {actions}")
            })
        }
        AgentEventName::BudgetMark => Some(format!("{} %", data.get("percent")?.as_u64()?)),
        AgentEventName::LogDropped => Some(many(data.get("count")?.as_u64()?, "event")),
        AgentEventName::LogRecovered => Some(many(data.get("torn_bytes")?.as_u64()?, "byte")),
        _ => None,
    }
}

pub(super) fn color(event: &AgentEvent) -> Color {
    match event.status {
        AgentEventStatus::Failed | AgentEventStatus::Red => Color::Red,
        AgentEventStatus::Blocked | AgentEventStatus::Cancelled => Color::Yellow,
        AgentEventStatus::Completed | AgentEventStatus::Green => Color::Green,
        _ => Color::Violet,
    }
}
