//! The local accounts, breakers, limiters and routes of a member, in the order in which the rules know them.

use std::num::NonZeroU64;

use runtime_resilience::{BreakerFollower, RateDimension, RateLimiter, RateLimits, Routes};
use runtime_usage::{Account, Balance, Purse, Usd};

use crate::core::{Applied, Asked, Cap, Reading, Readings};
use crate::pace::{PerMinute, UNIT};

/// The local ones.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    pub(crate) accounts: Vec<AccountSeat>,
    pub(crate) breakers: Vec<BreakerFollower>,
    pub(crate) limiters: Vec<LimiterSeat>,
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
        let purse = |seat: &AccountSeat| (seat.purse.clone(), seat.is_held());
        let purses = self.accounts.iter().map(purse).collect();
        Readers {
            purses,
            limiters: self.limiters.iter().map(|seat| seat.limiter.clone()).collect(),
        }
    }
}

impl AccountSeat {
    /// Whether somebody has the account, or may be about to.
    fn is_held(&self) -> bool {
        // This seat has it twice, and the copy of the purse is the third.
        self.given.is_none() || self.purse.handles() > 3
    }
}

/// The handles that are read at each heartbeat.
#[derive(Debug)]
pub(crate) struct Readers {
    /// With whether anybody has the account.
    pub(crate) purses: Vec<(Purse, bool)>,
    limiters: Vec<RateLimiter>,
}

impl Readers {
    pub(crate) fn read(&self) -> Readings {
        Readings {
            accounts: self.purses.iter().map(read_purse).collect(),
            limiters: self.limiters.iter().map(read_limiter).collect(),
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
