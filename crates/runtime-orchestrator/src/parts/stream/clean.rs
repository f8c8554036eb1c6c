//! Names and labels without secrets: cleaned once, and not in each event.

use std::sync::Arc;

use chrono::DateTime;
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Labels};

use crate::parts::names::clean_name;

/// The labels without secrets, which they lose once and not in each event.
pub(super) fn clean_labels(labels: Arc<Labels>) -> Arc<Labels> {
    let (name, status) = (AgentEventName::AgentStarted, AgentEventStatus::Running);
    let mut event = AgentEvent::new(name, status, DateTime::UNIX_EPOCH);
    event.labels = Some(labels);
    event.remove_secrets();
    event.labels.unwrap_or_default()
}

/// The names without secrets, unless they have none.
pub(super) fn cleaned(role: &Arc<str>, phase: &Arc<str>) -> Option<Box<(Arc<str>, Arc<str>)>> {
    let clean = (clean_name(role), clean_name(phase));
    let is_same = Arc::ptr_eq(&clean.0, role) && Arc::ptr_eq(&clean.1, phase);
    (!is_same).then(|| Box::new(clean))
}
