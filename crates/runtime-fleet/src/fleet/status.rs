//! [`FleetStatus`]: how a member stands, for people.

use std::sync::Arc;

use runtime_usage::{Balance, Purse, Usd};

use super::shared::Shared;
use crate::core::Till;
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
}

/// A member's money of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldMoney {
    /// The account.
    pub account: AccountPath,
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
    let told = |till: &Till| (till.account.clone(), till.refused.clone());
    let tills: Vec<_> = core.tills.iter().map(told).collect();
    drop(core);
    let purses = shared.seats().readers().purses;
    let held = |((account, refused), (purse, _)): ((AccountPath, _), (Purse, bool))| {
        let (balance, idle) = (purse.account().balance(), purse.idle());
        HeldMoney { account, balance, idle, refused }
    };
    let accounts = tills.into_iter().zip(purses).map(held).collect();
    FleetStatus { member: shared.member.clone(), members, away, calls, accounts }
}
