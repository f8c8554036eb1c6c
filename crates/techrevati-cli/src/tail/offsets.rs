//! The times of events, from the first one of the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use runtime_events::AgentEvent;

/// Sessions are placed by the wall clock, and the events of a session by the monotonic one: setting
/// the wall clock moves nothing within a session.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    began: Option<DateTime<Utc>>,
    /// The begin of each open session. Only open ones: a tail may run for weeks.
    opened: HashMap<Arc<str>, DateTime<Utc>>,
}

impl Offsets {
    pub(super) fn of(&mut self, event: &AgentEvent) -> Duration {
        let began = *self.began.get_or_insert(event.emitted_at);
        let since =
            |at: DateTime<Utc>| at.signed_duration_since(began).to_std().unwrap_or_default();
        let (Some(id), Some(elapsed)) = (&event.session_id, event.elapsed) else {
            return since(event.emitted_at);
        };
        let opened = self.opened.get(id).copied().unwrap_or_else(|| {
            let opened = TimeDelta::from_std(elapsed).ok();
            let opened = opened.and_then(|elapsed| event.emitted_at.checked_sub_signed(elapsed));
            opened.unwrap_or(event.emitted_at)
        });
        if event.ends_session() {
            self.opened.remove(id);
        } else {
            self.opened.entry(Arc::clone(id)).or_insert(opened);
        }
        let at = TimeDelta::from_std(elapsed).ok().and_then(|it| opened.checked_add_signed(it));
        // Added before it is compared: a session may be older than what is left of the log.
        at.map_or(elapsed, since)
    }
}
