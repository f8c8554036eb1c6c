//! Whether the backend can be reached, and when to try again.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Moment;

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(5);

/// The connection, as the answers and failures of calls tell.
///
/// ```text
///   Unknown ── an answer ──▶ Up ◀── an answer ── Down
///      └────── a failure ─────┴──── a failure ────▶
/// ```
#[derive(Debug)]
pub(crate) struct Link {
    state: State,
    /// Failures in a row.
    failures: u32,
    retry_at: Moment,
}

#[derive(Clone, Debug)]
enum State {
    Unknown,
    Up,
    Down { since: Moment, why: Arc<str> },
}

impl Link {
    pub(crate) const fn new() -> Self {
        Self { state: State::Unknown, failures: 0, retry_at: Duration::ZERO }
    }

    pub(crate) const fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    /// Why it is down.
    pub(crate) fn why(&self) -> Option<&Arc<str>> {
        if let State::Down { why, .. } = &self.state { Some(why) } else { None }
    }

    /// Whether the heartbeat may call.
    pub(crate) fn may_try(&self, now: Moment) -> bool {
        !self.is_down() || now >= self.retry_at
    }

    pub(crate) fn retry_at(&self) -> Option<Moment> {
        self.is_down().then_some(self.retry_at)
    }

    /// There may be a connection again.
    pub(crate) fn try_now(&mut self, now: Moment) {
        self.retry_at = self.retry_at.min(now);
    }

    /// The backend has answered. Returns how long it was away, if it was.
    pub(crate) fn answered(&mut self, now: Moment) -> Option<Duration> {
        self.failures = 0;
        match std::mem::replace(&mut self.state, State::Up) {
            State::Down { since, .. } => Some(now.saturating_sub(since)),
            State::Unknown | State::Up => None,
        }
    }

    /// A call had no answer. `spread` is from 0 to 1. Returns whether this is news.
    pub(crate) fn failed(&mut self, why: &str, tick: Duration, spread: f64, now: Moment) -> bool {
        let news = !self.is_down();
        if news {
            self.state = State::Down { since: now, why: why.into() };
        }
        // From half to one and a half of a wait that doubles: members do not come back together.
        let wait = tick.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now.saturating_add(wait.mul_f64(0.5 + spread));
        news
    }
}
