//! When things happened, for spans.
//!
//! The wall clock says when a session began; from there its monotonic clock goes on. A wall clock
//! that is set in the middle of a run moves no span of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use runtime_events::AgentEvent;

/// When a session began, by the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor(Option<SystemTime>);

impl Anchor {
    /// Told by any event of the session.
    pub(crate) fn of(event: &AgentEvent) -> Self {
        Self(event.elapsed.and_then(|elapsed| stamp(event.emitted_at).checked_sub(elapsed)))
    }

    /// When an event of the session happened.
    pub(crate) fn time(self, event: &AgentEvent) -> SystemTime {
        let at = event.elapsed.and_then(|elapsed| self.0?.checked_add(elapsed));
        at.map_or_else(|| stamp(event.emitted_at), bounded)
    }
}

/// A date as OpenTelemetry counts.
pub(crate) fn stamp(at: DateTime<Utc>) -> SystemTime {
    bounded(at.into())
}

/// OpenTelemetry's times are nanoseconds since 1970 in 64 bits: times beyond are cut off.
fn bounded(at: SystemTime) -> SystemTime {
    const LAST: Duration = Duration::from_nanos(u64::MAX);
    at.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST)
}
