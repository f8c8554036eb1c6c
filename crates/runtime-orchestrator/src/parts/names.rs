//! Names and labels without secrets, for events, books and records.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use chrono::DateTime;
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Labels, without_secrets};

/// The names that a session's caller gives to turns: models and providers. Most sessions have one
/// model, whose name is read for secrets once.
#[derive(Default)]
pub(crate) struct Names {
    /// The first name that had none.
    clean: OnceLock<Arc<str>>,
}

impl Names {
    /// Whether a name has no secrets.
    #[inline]
    pub(crate) fn is_clean(&self, name: &Arc<str>) -> bool {
        let known = |clean: &Arc<str>| Arc::ptr_eq(clean, name) || clean == name;
        self.clean.get().is_some_and(known) || self.turns_out_clean(name)
    }

    /// The name without secrets.
    #[inline]
    pub(crate) fn clean<'n>(&self, name: &'n Arc<str>) -> Cow<'n, Arc<str>> {
        if self.is_clean(name) { Cow::Borrowed(name) } else { Cow::Owned(clean_name(name)) }
    }

    fn turns_out_clean(&self, name: &Arc<str>) -> bool {
        let is_clean = is_clean(name);
        if is_clean && !name.is_empty() {
            let _ = self.clean.set(Arc::clone(name));
        }
        is_clean
    }
}

/// Who pays a bill.
#[derive(Clone, Copy)]
pub(crate) struct Payer<'p> {
    /// The role without secrets.
    pub(crate) role: &'p Arc<str>,
    pub(crate) session_id: &'p Arc<str>,
    pub(crate) names: &'p Names,
}

/// A name without secrets, shared with the original if it has none.
pub(crate) fn clean_name(name: &Arc<str>) -> Arc<str> {
    match without_secrets(name) {
        Cow::Borrowed(_) => Arc::clone(name),
        Cow::Owned(clean) => clean.into(),
    }
}

/// The labels without secrets, which they lose once and not in each event.
pub(crate) fn clean_labels(labels: Arc<Labels>) -> Arc<Labels> {
    let (name, status) = (AgentEventName::AgentStarted, AgentEventStatus::Running);
    let mut event = AgentEvent::new(name, status, DateTime::UNIX_EPOCH);
    event.labels = Some(labels);
    event.remove_secrets();
    event.labels.unwrap_or_default()
}

/// A role and a phase without secrets, unless they have none.
pub(crate) fn cleaned(role: &Arc<str>, phase: &Arc<str>) -> Option<Box<(Arc<str>, Arc<str>)>> {
    let clean = (clean_name(role), clean_name(phase));
    let is_same = Arc::ptr_eq(&clean.0, role) && Arc::ptr_eq(&clean.1, phase);
    (!is_same).then(|| Box::new(clean))
}

fn is_clean(name: &str) -> bool {
    matches!(without_secrets(name), Cow::Borrowed(_))
}
