//! [`Rest`]: an account that nobody of this process has any more.

use std::time::Duration;

use crate::config::Moment;

/// For how long nobody has an account, or a limiter, before the backend hears no more of it.
pub(crate) const KEPT: Duration = Duration::from_secs(60);

/// For how long nobody has something before it is forgotten: not before the backend hears no more of it.
pub(crate) fn kept(keep: Duration) -> Duration {
    keep.max(KEPT)
}

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
    pub(super) fn is_due(
        &self,
        booked_at: Moment,
        (ttl, keep): (Duration, Duration),
        now: Moment,
    ) -> bool {
        let every = if self.rests { TOLD } else { ttl / 3 };
        let unheard = self.rests && !self.heard;
        unheard || now >= booked_at.saturating_add(every) || self.ends(booked_at, keep, now)
    }

    /// Whether it is time for the last word, which was not heard yet.
    fn ends(&self, booked_at: Moment, keep: Duration, now: Moment) -> bool {
        let end = self.held_at.saturating_add(kept(keep));
        now >= end && booked_at < end
    }

    /// Whether nobody had the account for so long that it may be forgotten.
    pub(super) fn is_time(&self, keep: Duration, now: Moment) -> bool {
        self.rests && now >= self.held_at.saturating_add(kept(keep))
    }

    /// And the last word was heard.
    pub(super) fn is_over(&self, booked_at: Moment, keep: Duration, now: Moment) -> bool {
        self.heard && self.is_time(keep, now) && !self.ends(booked_at, keep, now)
    }
}
