//! [`Path`]: what is known of an account and those above it, and how much is taken of them at once.

use runtime_usage::{Lack, Usd};

use crate::money::{AccountPath, AccountState, Booked, Rules};

/// The part of an account that is taken before it is known how much a call reserves.
const UNKNOWN: u64 = 128;

/// What is known of the account and those above it.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) enforced: bool,
    pub(super) strict: bool,
    /// The least that an enforced account has left.
    pub(super) left: Usd,
    /// The least amount of an enforced account.
    amount: Usd,
    /// What others hold of the account that has the least left.
    pub(super) others: Usd,
    pub(super) members: u32,
    /// The enforced account that has the least left, and its limit.
    least: Option<(AccountPath, Usd)>,
}

impl Path {
    /// What the rules of the account say before anything is heard of those above, which may refuse calls.
    pub(super) fn new(account: &AccountPath, rules: &Rules, left: Usd) -> Self {
        let Rules { enforced, strict, amount, .. } = *rules;
        let enforced = enforced || account.above().is_some();
        Self { enforced, strict, left, amount, others: Usd::ZERO, members: 1, least: None }
    }

    /// Takes what a booking was answered, after which the member holds this much.
    pub(super) fn learn(&mut self, booked: &Booked, held: Usd, members: u32) {
        let states = || booked.path.iter().map(|level| &level.state);
        let enforced = || states().filter(|state| state.rules.enforced);
        self.strict = states().any(|state| state.rules.strict);
        self.enforced = enforced().next().is_some();
        self.members = members.max(1);
        if let Some(least) = enforced().min_by_key(|state| state.left()) {
            self.left = least.left();
            self.least = Some((least.account.clone(), least.rules.amount));
            self.others = least.granted.saturating_sub(held);
            let amount = |state: &AccountState| state.rules.amount;
            self.amount = enforced().map(amount).min().unwrap_or_default();
        }
    }

    /// Why a call that asks for this much cannot have it, if it is not known better.
    pub(super) fn lack(&self, asked: Usd) -> Lack {
        match &self.least {
            Some((account, limit)) if self.left < asked => {
                let (account, limit) = (account.as_str().into(), *limit);
                Lack::Short { account, limit, left: self.left, held: self.others }
            }
            _ => Lack::Unasked,
        }
    }

    /// How much is taken at once, if calls reserve this much, and a heartbeat's use this much.
    pub(super) fn chunk(&self, usual: Usd, flow: Usd) -> Usd {
        if self.strict || !self.enforced {
            return Usd::ZERO;
        }
        let wanted = match times(usual, 4).max(times(flow, 2)) {
            Usd::ZERO => part(self.amount, UNKNOWN),
            wanted => wanted,
        };
        wanted.min(self.most()).max(usual)
    }

    /// The most that is taken at once beyond what calls lack.
    fn most(&self) -> Usd {
        part(self.amount, 8 * u64::from(self.members))
    }

    /// What reservations usually lack, after one that lacked this much. One that is larger than all that is taken at
    /// once gets its exact sum, and says nothing of the others.
    pub(super) fn usual(&self, before: Usd, amount: Usd) -> Usd {
        amount.min(self.most()).max(less(before, 8))
    }

    /// Whether so little is left that only exact sums are taken.
    pub(super) fn is_near(&self, chunk: Usd) -> bool {
        let all = chunk.nanos().saturating_mul(2 * u64::from(self.members));
        self.left.nanos() < all
    }

    /// A member's part of what is left, if there are so many.
    pub(super) fn part(&self, members: u32) -> Usd {
        part(self.left, members.into())
    }
}

const fn times(amount: Usd, by: u64) -> Usd {
    Usd::from_nanos(amount.nanos().saturating_mul(by))
}

fn part(amount: Usd, of: u64) -> Usd {
    Usd::from_nanos(amount.nanos() / of.max(1))
}

/// A measure of late, at the next look: a part less.
pub(super) const fn less(amount: Usd, part: u64) -> Usd {
    Usd::from_nanos(amount.nanos() - amount.nanos() / part)
}
