//! [`FleetStatus`]: how a member stands, for people.

use std::sync::Arc;

use runtime_usage::{Balance, Purse, Usd};

use super::shared::Shared;
use crate::core::{Refusal, Till};
use crate::member::MemberId;
use crate::money::AccountPath;

/// How a member of a fleet stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetStatus {
    /// The member.
    pub member: MemberId,
    /// How many members there are, as last heard.
    pub members: u32,
    /// Why the backend cannot be reached, if it cannot.
    pub away: Option<Arc<str>>,
    /// The calls of the backend that this member has made.
    pub calls: u64,
    /// The money of this member.
    pub accounts: Vec<HeldMoney>,
    /// How many breakers the member follows.
    pub breakers: usize,
    /// How many limiters it remembers.
    pub limiters: usize,
    /// Why the backend does not share a breaker, a limiter, a route or the count of members, if it does not, with its
    /// name. What holds for it then is its [policy](crate::Policy), and of members the last count.
    pub refused: Vec<Arc<str>>,
}

/// A member's money of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldMoney {
    /// The account.
    pub account: AccountPath,
    /// Who this member is to the backend, as a holder of this account: what
    /// [`correct`](crate::Accounts::correct) takes.
    pub holder: MemberId,
    /// The balance in this process.
    pub balance: Balance,
    /// What this member holds and nobody has reserved.
    pub idle: Usd,
    /// Why the backend does not take what was spent of it, if it does not.
    pub refused: Option<Arc<str>>,
}

pub(super) fn read(shared: &Shared) -> FleetStatus {
    let core = shared.core();
    let (members, calls, away) = (core.members, core.calls, core.link.why().cloned());
    let told =
        |till: &Till| (till.account.clone(), till.holder.clone(), till.refusal.why().cloned());
    let tills: Vec<_> = core.tills.values().map(told).collect();
    let breakers = core.followers.values().map(|own| &own.refusal);
    let limits = core.parts.values().map(|part| &part.refusal);
    let refusals = breakers.chain(limits).chain(core.pauses.refusals()).chain([&core.uncounted]);
    let refused = refusals.filter_map(Refusal::why).cloned().collect();
    // With the core's lock: the same accounts as those of the rules.
    let seats = shared.seats();
    let purses = seats.readers().purses;
    let (breakers, limiters) = (seats.breakers.values().count(), seats.limiters.values().count());
    drop(seats);
    drop(core);
    let held = |((account, holder, refused), (purse, _)): ((AccountPath, _, _), (Purse, bool))| {
        let (balance, idle) = (purse.account().balance(), purse.idle());
        HeldMoney { account, holder, balance, idle, refused }
    };
    let accounts = tills.into_iter().zip(purses.into_values()).map(held).collect();
    let member = shared.member.clone();
    FleetStatus { member, members, away, calls, accounts, breakers, limiters, refused }
}
