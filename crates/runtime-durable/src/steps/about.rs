//! What tools and their approvals share: the step of a tool, and the events about it.

use std::sync::Arc;

use runtime_events::payload::{self, Word};
use runtime_events::{AgentEventName, AgentEventStatus};
use runtime_orchestrator::{Effect, ToolCall};
use runtime_store::{Step, StepKind};
use serde_json::{Value, json};

use crate::session::DurableSession;

/// The step of a tool that has not begun, for its approval.
pub(super) fn tool_step(session: &DurableSession, call: &ToolCall, id: &str) -> Step {
    let name = session.place.name(StepKind::Tool, Arc::clone(call.name()));
    session.place.keyed(name, &arguments(call, call.declared_effect()), id)
}

/// What the fingerprint of a tool is about.
pub(super) fn arguments(call: &ToolCall, effect: Effect) -> Value {
    let args = call.arguments();
    // A tool without arguments differs from one with null.
    if args.is_null() { json!([effect]) } else { json!([effect, args]) }
}

/// Emits an event about a tool's step.
pub(super) fn tell(
    session: &DurableSession,
    name: AgentEventName,
    step: &Step,
    more: payload::DurableStep<'_>,
) {
    let key = step.key.to_string();
    let used = step.approval.as_ref().map(|used| Word::Shared(&used.id));
    let durable = payload::DurableStep {
        thread: Some(Word::Read(session.thread().as_str())),
        tool: Some(Word::Shared(&step.name.name)),
        step: Some(Word::Read(&key)),
        approval: more.approval.or(used),
        ..more
    };
    let status = match name {
        AgentEventName::ToolInDoubt | AgentEventName::ApprovalRequested => {
            AgentEventStatus::Blocked
        }
        _ => AgentEventStatus::Running,
    };
    session.session().handle().emit(name, status, durable.data());
}
