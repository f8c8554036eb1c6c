//! [`Age`]: how old is what the backend says.
//!
//! What it says has durations from then on. A process that was stopped, or whose connection was, hears of it late.

use std::time::Duration;

use crate::config::Moment;
use crate::probe::BreakerView;

/// The backend's clock, as of its last answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Age(Option<(Moment, Duration)>);

impl Age {
    /// The backend has answered that it was `at` there.
    pub(super) const fn heard(&mut self, at: Duration, said: Moment) {
        self.0 = Some((said, at));
    }

    /// How long ago it was `at` there. `None` before the first answer, which has all that was pushed.
    pub(super) fn of(self, at: Duration, now: Moment) -> Option<Duration> {
        let (said, then) = self.0?;
        Some(then.saturating_add(now.saturating_sub(said)).saturating_sub(at))
    }
}

/// When an answer was given. One that took longer than a heartbeat may have waited here for as long as it took.
pub(super) fn said(asked: Moment, tick: Duration, now: Moment) -> Moment {
    if now.saturating_sub(asked) <= tick { now } else { asked }
}

/// What is left of a time.
pub(super) fn left(time: Option<Duration>, age: Duration) -> Option<Duration> {
    time?.checked_sub(age).filter(|left| !left.is_zero())
}

impl BreakerView {
    /// The same breaker, later.
    pub(super) fn after(self, age: Duration) -> Self {
        Self { open: self.open.map(|open| open.saturating_sub(age)), ..self }
    }
}
