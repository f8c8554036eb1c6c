//! The local accounts, breakers, limiters and routes of a member, in the order in which the rules know them.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use runtime_resilience::{
    BreakerFollower, CircuitState, RateDimension, RateLimiter, RateLimits, Routes,
};
use runtime_usage::{Account, Balance, Purse, Usd};

use crate::core::{Applied, Asked, Cap, Kept, Reading, Readings};
use crate::pace::{PerMinute, UNIT};

/// The local ones.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    pub(crate) accounts: Kept<AccountSeat>,
    pub(crate) breakers: Kept<BreakerFollower>,
    pub(crate) limiters: Kept<LimiterSeat>,
    pub(crate) routes: Vec<Routes>,
}

#[derive(Debug)]
pub(crate) struct AccountSeat {
    pub(crate) purse: Purse,
    /// What it was last told.
    pub(crate) applied: Option<(Cap, Usd)>,
    /// The account, once somebody has it: it stays the same from then on.
    pub(crate) given: Option<Account>,
}

#[derive(Debug)]
pub(crate) struct LimiterSeat {
    pub(crate) limiter: RateLimiter,
    /// What it was last told.
    pub(crate) applied: Applied,
}

impl Seats {
    /// What the local ones say. Copies of their handles, so that they are asked without a lock.
    pub(crate) fn readers(&self) -> Readers {
        let purse = |(place, seat): (usize, &AccountSeat)| {
            let purse = seat.purse.clone();
            (place, (purse, seat.is_held(1)))
        };
        let breaker = |own: &BreakerFollower| (own.clone(), own.handles() > 2);
        Readers {
            purses: self.accounts.iter().map(purse).collect(),
            limiters: self.limiters.values().map(|seat| seat.limiter.clone()).collect(),
            breakers: self.breakers.values().map(breaker).collect(),
        }
    }
}

impl AccountSeat {
    /// Whether somebody has the account, beside so many copies of the purse.
    pub(super) fn is_held(&self, copies: usize) -> bool {
        // This seat has it, and once it was given, twice.
        self.purse.handles() > 1 + usize::from(self.given.is_some()) + copies
    }
}

/// The handles that are read at each heartbeat.
#[derive(Debug)]
pub(crate) struct Readers {
    /// By their places, with whether anybody has the account.
    pub(crate) purses: BTreeMap<usize, (Purse, bool)>,
    limiters: Vec<RateLimiter>,
    /// With whether anybody has the breaker.
    breakers: Vec<(BreakerFollower, bool)>,
}

impl Readers {
    pub(crate) fn read(&self) -> Readings {
        Readings {
            accounts: self.purses.values().map(read_purse).collect(),
            limiters: self.limiters.iter().map(read_limiter).collect(),
            breakers: self.breakers.iter().map(read_breaker).collect(),
        }
    }
}

fn read_purse((purse, held): &(Purse, bool)) -> Reading {
    let Balance { spent, estimated, reserved, .. } = purse.account().balance();
    Reading { spent, estimated, reserved, idle: purse.idle(), held: *held }
}

fn read_limiter(limiter: &RateLimiter) -> Asked {
    let (asked, limits) = (limiter.asked(), whole(limiter.limits()));
    // Its seat has it, and the copy.
    Asked { limits, units: asked.units, waiting: asked.waiting, held: asked.handles > 2 }
}

/// Whether it is of use.
fn read_breaker((own, held): &(BreakerFollower, bool)) -> bool {
    *held || own.breaker().state() != CircuitState::Closed
}

/// The limits of the whole fleet.
pub(crate) fn whole(limits: RateLimits) -> PerMinute {
    const DIMENSIONS: [RateDimension; 4] = [
        RateDimension::Requests,
        RateDimension::InputTokens,
        RateDimension::OutputTokens,
        RateDimension::Tokens,
    ];
    DIMENSIONS.map(|of| limits.per_minute(of).map(|units| units.get().saturating_mul(UNIT)))
}

impl LimiterSeat {
    /// Whether somebody has the limiter.
    pub(super) fn is_held(&self) -> bool {
        self.limiter.asked().handles > 1
    }

    pub(crate) fn apply(limiter: &RateLimiter, applied: Applied) {
        let share = |share: PerMinute| -> Option<[Option<NonZeroU64>; 4]> {
            // With nothing of one dimension, no call is made.
            let some = share.iter().all(|units| *units != Some(0));
            some.then(|| share.map(|units| units.and_then(NonZeroU64::new)))
        };
        limiter.set_part(match applied {
            Applied::Nothing => None,
            Applied::Share(units) => share(units),
        });
    }
}
