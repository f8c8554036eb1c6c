//! What a till reads, remembers and answers.

use runtime_usage::Usd;

use crate::config::Moment;
use crate::money::AccountPath;

/// What the local account says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) spent: Usd,
    pub(crate) estimated: Usd,
    pub(crate) reserved: Usd,
    /// Granted, and neither spent, reserved nor taken back.
    pub(crate) idle: Usd,
    /// Whether anybody has the account.
    pub(crate) held: bool,
}

impl Reading {
    /// Whether a reservation of `amount` is worth a try. One of nothing is refused only while nothing is idle.
    pub(super) fn covers(self, amount: Usd) -> bool {
        !self.idle.is_zero() && self.idle >= amount
    }
}

/// What calls of the local account may commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    /// This much since the member began.
    Granted(Usd),
    /// Everything; this much was granted.
    Lifted(Usd),
}

/// A mark that this member is to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) account: AccountPath,
    pub(crate) percent: u16,
    pub(crate) limit: Usd,
    pub(crate) spent: Usd,
}

impl Mark {
    pub(super) fn is(&self, other: &Self) -> bool {
        let Self { account, percent, limit, .. } = self;
        (account, percent, limit) == (&other.account, &other.percent, &other.limit)
    }
}

/// Whether the backend knows the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Needed,
    UnderWay,
    Done,
    /// The backend refuses to open it.
    Refused,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) spent: Usd,
    pub(super) estimated: Usd,
    pub(super) returned: Usd,
}

#[derive(Debug)]
pub(super) struct Sent {
    pub(super) seq: u64,
    pub(super) at: Moment,
    pub(super) told: Told,
    /// The waiters with smaller numbers are asked for in it.
    pub(super) asked: u64,
    /// It says that the member holds nothing until further notice.
    pub(super) rests: bool,
    /// It was for a member that leaves.
    pub(super) leaves: bool,
}

/// What an answer brings.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Waiters, and whether money came.
    pub(crate) answered: Vec<(u64, bool)>,
    pub(crate) marks: Vec<Mark>,
}
