//! The events of a log.

use std::collections::HashMap;
use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName};
use runtime_report::show::line;
use serde_json::{Value, json};

use super::Step;

pub(super) fn steps(events: &[AgentEvent]) -> Vec<Step> {
    // Sessions by the order in which they begin, since their ids differ, and how many turns each has begun.
    let mut sessions: HashMap<Option<Arc<str>>, (usize, u64)> = HashMap::new();
    let step = |event: &AgentEvent| {
        let next = sessions.len() + 1;
        let (session, turns) = sessions.entry(event.session_id.clone()).or_insert((next, 0));
        *turns += u64::from(event.event == AgentEventName::TurnStarted);
        let role = event.role.as_deref().map(|role| format!(" ({role})")).unwrap_or_default();
        let place = match turns {
            0 => format!("session {session}{role}, before its first turn"),
            turn => format!("session {session}{role}, turn {turn}"),
        };
        let name = match &event.detail {
            Some(detail) => format!("{}: {}", event.event, line(detail)),
            None => event.event.to_string(),
        };
        Step { session: *session, place, name, facts: facts(event) }
    };
    // What a sink says of its file is no part of the run.
    let of_run = |event: &&AgentEvent| !event.event.as_str().starts_with("log.");
    events.iter().filter(of_run).map(step).collect()
}

/// What is said of an event, without what differs in each run.
fn facts(event: &AgentEvent) -> Value {
    let mut data = event.data.as_ref().map(|data| json!(data)).unwrap_or_default();
    mask(&mut data);
    json!({
        "event": event.event,
        "status": event.status,
        "outcome": event.outcome,
        "role": event.role,
        "phase": event.phase,
        "failure_class": event.failure_class,
        "detail": event.detail.as_deref().map(masked),
        "labels": event.labels,
        "data": data,
    })
}

fn mask(value: &mut Value) {
    match value {
        Value::String(text) => *text = masked(text),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => fields.values_mut().for_each(mask),
        _ => {}
    }
}

/// A text without ids: a run of at least eight hexadecimal digits that has a decimal one among them.
fn masked(text: &str) -> String {
    const SHORTEST: usize = 8;
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        let (run, after) = rest.split_at(digits);
        let is_id = digits >= SHORTEST && run.contains(|c: char| c.is_ascii_digit());
        out += if is_id { "…" } else { run };
        let other = after.find(|c: char| c.is_ascii_hexdigit()).unwrap_or(after.len());
        let (passed, next) = after.split_at(other);
        out += passed;
        rest = next;
    }
    out
}
