//! When things happened, for spans.
//!
//! The wall clock says when a session began; from there its monotonic clock goes on. A wall clock
//! that is set in the middle of a run moves no span of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runtime_events::AgentEvent;

/// When something happened, as OpenTelemetry counts: in nanoseconds since 1970. Times beyond are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(u64);

impl At {
    /// When an event happened, by the wall clock.
    pub(crate) fn of(event: &AgentEvent) -> Self {
        let (seconds, nanos) =
            (event.emitted_at.timestamp(), event.emitted_at.timestamp_subsec_nanos());
        Self::bounded(i128::from(seconds) * SECOND + i128::from(nanos))
    }

    fn bounded(nanos: i128) -> Self {
        Self(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// The time from `earlier` on; none if that is later.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<At> for SystemTime {
    fn from(At(nanos): At) -> Self {
        UNIX_EPOCH + Duration::from_nanos(nanos)
    }
}

/// When a session began, by the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor(Option<i128>);

impl Anchor {
    /// Told by any event of the session.
    pub(crate) fn of(event: &AgentEvent) -> Self {
        Self(event.elapsed.map(|elapsed| i128::from(At::of(event).0) - nanos(elapsed)))
    }

    /// When an event of the session happened.
    pub(crate) fn time(self, event: &AgentEvent) -> At {
        match (self.0, event.elapsed) {
            (Some(begun), Some(elapsed)) => At::bounded(begun + nanos(elapsed)),
            _ => At::of(event),
        }
    }
}

/// In nanoseconds.
const SECOND: i128 = 1_000_000_000;

fn nanos(elapsed: Duration) -> i128 {
    i128::from(elapsed.as_secs()) * SECOND + i128::from(elapsed.subsec_nanos())
}
