//! The reservation of a call, and the ways it can end.

use std::borrow::Borrow;
use std::fmt;

use super::RateLimiter;
use crate::rate::core::{Hold, RateSent};
use crate::rate::demand::Demand;

/// The units that one call has taken of a [`RateLimiter`].
///
/// [`adjust`](Self::adjust) it to what the call used. Dropped, it keeps all that was taken: a call
/// that was cut short has been sent, and the provider has counted it.
///
/// It is `Send`, so a call may end on another thread than it began on.
/// [`try_reserve`](RateLimiter::try_reserve) returns a reservation that borrows nothing,
/// [`try_borrow`](RateLimiter::try_borrow) a [`RateReservationRef`].
#[must_use = "a reservation that is dropped without being adjusted keeps all that it took"]
pub struct RateReservation<L: Borrow<RateLimiter> = RateLimiter> {
    limiter: L,
    hold: Hold,
}

/// A [`RateReservation`] that borrows its limiter.
pub type RateReservationRef<'l> = RateReservation<&'l RateLimiter>;

impl<L: Borrow<RateLimiter>> RateReservation<L> {
    pub(super) const fn new(limiter: L, hold: Hold) -> Self {
        Self { limiter, hold }
    }

    /// The call is over and used this much: gives back unused units, or takes the excess over the
    /// reservation.
    ///
    /// After giving back, the limiter stands as if only that much had been reserved. Taking more
    /// works even where there is not that much: the next calls wait for it.
    pub fn adjust(self, used: Demand) {
        if used != self.hold.demand {
            self.limiter.borrow().settle(&self.hold, used);
        }
    }

    /// The call was never sent: gives all back.
    pub fn cancel(self) {
        self.adjust(Demand::default());
    }

    /// The call has used this much so far: takes the excess over the reservation now. Unused units
    /// stay reserved.
    ///
    /// This is for streams, whose output is counted as it comes. `used` is the total since the start.
    pub fn debit(&mut self, used: Demand) {
        if used.exceeds(self.hold.demand) {
            let held = self.hold.demand.max(used);
            self.limiter.borrow().settle(&self.hold, held);
            self.hold.demand = held;
        }
    }

    /// When the call was sent, for [`RateLimiter::observe`].
    pub const fn sent(&self) -> RateSent {
        self.hold.sent
    }

    /// The limiter that it belongs to.
    pub fn limiter(&self) -> &RateLimiter {
        self.limiter.borrow()
    }
}

impl<L: Borrow<RateLimiter>> fmt::Debug for RateReservation<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateReservation")
            .field("limiter", &self.limiter.borrow().name())
            .field("hold", &self.hold)
            .finish()
    }
}
