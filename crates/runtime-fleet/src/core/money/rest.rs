//! [`Rest`]: an account that nobody of this process has any more.

use std::time::Duration;

use crate::config::Moment;

/// For how long nobody has an account, or a limiter, before the backend hears no more of it.
pub(crate) const KEPT: Duration = Duration::from_secs(60);

/// How often the totals of an account that rests are told: a backend forgets a member that it has not heard of for a
/// day, and would count them a second time.
const TOLD: Duration = Duration::from_secs(3_600);

/// Whether a till rests: all that is idle was given back, and heartbeats leave it out.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// When somebody had the account last.
    held_at: Moment,
    pub(super) rests: bool,
    /// The backend has heard that it rests.
    pub(super) heard: bool,
}

impl Rest {
    /// A heartbeat looks.
    pub(super) fn look(&mut self, held: bool, now: Moment) {
        if held {
            self.end(now);
        }
        self.rests = now >= self.held_at.saturating_add(KEPT);
    }

    /// Somebody asks for the account, or for its money.
    pub(crate) fn end(&mut self, now: Moment) {
        (self.held_at, self.rests, self.heard) = (now, false, false);
    }

    /// Whether the backend is to hear of the account though there is no news.
    pub(super) fn is_due(&self, booked_at: Moment, ttl: Duration, now: Moment) -> bool {
        let every = if self.rests { TOLD } else { ttl / 3 };
        (self.rests && !self.heard) || now >= booked_at.saturating_add(every)
    }
}
