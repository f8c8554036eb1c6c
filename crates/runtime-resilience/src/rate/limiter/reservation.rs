//! What a call holds of a limiter, and the ways it can end.

use std::fmt;

use super::RateLimiter;
use crate::rate::core::{Hold, RateSent};
use crate::rate::demand::Demand;

/// What one call took.
///
/// Spent by what the call used. Dropped, it keeps what it took: a call that was cut short has been
/// sent, and the provider has counted it.
///
/// It is `Send` and borrows nothing: a call may end on another thread than it began on.
#[must_use = "a reservation dropped without being settled keeps all that it took"]
pub struct RateReservation {
    limiter: RateLimiter,
    hold: Hold,
}

impl RateReservation {
    pub(super) const fn new(limiter: RateLimiter, hold: Hold) -> Self {
        Self { limiter, hold }
    }

    /// The call is over, and used this much.
    ///
    /// What it took and did not use is given back: the limiter then stands where it would if the call
    /// had taken only that much. What it used and had not taken is taken now, even where that much is
    /// not there: those who come next wait for it.
    pub fn adjust(self, used: Demand) {
        if used != self.hold.demand {
            self.limiter.settle(&self.hold, used);
        }
    }

    /// The call was never sent: all is given back.
    pub fn cancel(self) {
        self.adjust(Demand::default());
    }

    /// The call has used this much so far: what that is more than it took is taken now, and what
    /// is not used yet stays reserved.
    ///
    /// For streams, whose output is counted while it comes: `used` counts from the start.
    pub fn debit(&mut self, used: Demand) {
        if used.exceeds(self.hold.demand) {
            let held = self.hold.demand.max(used);
            self.limiter.settle(&self.hold, held);
            self.hold.demand = held;
        }
    }

    /// When the call left, for [`RateLimiter::observe`].
    pub const fn sent(&self) -> RateSent {
        self.hold.sent
    }

    /// The limiter it was taken from.
    pub const fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }
}

impl fmt::Debug for RateReservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateReservation")
            .field("limiter", &self.limiter.name())
            .field("hold", &self.hold)
            .finish()
    }
}
