//! [`Limit`]: how much an account may spend, and its rules.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::pricing::ModelPricing;
use crate::usd::Usd;

/// The limit of an [`Account`](super::Account): how much may be spent, and what happens beyond it.
///
/// An *enforced* limit refuses a call before it spends more. A *recorded* limit only reports.
///
/// ```
/// use runtime_usage::{Account, Limit, Usd};
///
/// let account = Account::new(Limit::enforced(Usd::from_dollars(1)).named("draft"));
/// account.charge(Usd::from_cents(90));
/// assert!(account.reserve(Usd::from_cents(10)).is_ok());
///
/// let account = Account::new(Limit::recorded(Usd::from_dollars(1)));
/// assert!(account.reserve(Usd::from_dollars(2)).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// The amount that may be spent.
    pub amount: Usd,
    /// The name of the account.
    pub name: Option<Arc<str>>,
    /// What happens to a model without a price.
    pub unknown_price: UnknownPrice,
    /// The amount set aside for wrapping up.
    pub wrap_up: Usd,
    /// The amount that a turn without an estimate reserves.
    pub per_turn: Usd,
    /// How long an estimate stays spent.
    pub estimates_expire: Option<Duration>,
    enforced: bool,
    /// Invariant: a strict limit is enforced.
    strict: bool,
    marks: Cow<'static, [u16]>,
}

/// What happens to a model without a price.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownPrice {
    /// The turn is refused, with an [`UnpricedModelError`](crate::UnpricedModelError).
    Deny,
    /// The model is charged at this price.
    Assume(ModelPricing),
    /// The model costs nothing.
    Free,
}

/// The default marks, in per cent of the limit.
const MARKS: &[u16] = &[80, 100];

impl Limit {
    /// Creates a limit that is enforced. A model without a price is refused unless
    /// [`unknown_price`](Self::unknown_price) says otherwise.
    pub const fn enforced(amount: Usd) -> Self {
        Self {
            amount,
            enforced: true,
            strict: false,
            name: None,
            unknown_price: UnknownPrice::Deny,
            marks: Cow::Borrowed(MARKS),
            wrap_up: Usd::ZERO,
            per_turn: Usd::ZERO,
            estimates_expire: None,
        }
    }

    /// Creates a limit that is enforced to the nano-dollar: each turn reserves its worst case, and a
    /// turn whose worst case is unknown is refused.
    ///
    /// The worst case comes from the price table, for any tier that may serve the turn. A provider can
    /// still exceed it if it counts more input than estimated, ignores the maximum output, or names a
    /// cost that differs from its prices.
    pub const fn strict(amount: Usd) -> Self {
        let mut limit = Self::enforced(amount);
        limit.strict = true;
        limit
    }

    /// Creates a limit that only reports. A model without a price is free unless
    /// [`unknown_price`](Self::unknown_price) says otherwise.
    pub const fn recorded(amount: Usd) -> Self {
        let mut limit = Self::enforced(amount);
        limit.enforced = false;
        limit.unknown_price = UnknownPrice::Free;
        limit
    }

    /// Sets the name of the account, for refusals, marks and statements. Default: none.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets what happens to a model without a price. Default: [`UnknownPrice::Deny`] if enforced,
    /// [`UnknownPrice::Free`] if recorded.
    #[must_use]
    pub const fn unknown_price(mut self, rule: UnknownPrice) -> Self {
        self.unknown_price = rule;
        self
    }

    /// Sets the marks: percentages of the limit that are reported once, when the spent amount reaches
    /// them. Default: 80 and 100.
    #[must_use]
    pub fn marks(mut self, percents: impl IntoIterator<Item = u16>) -> Self {
        let mut marks: Vec<u16> = percents.into_iter().collect();
        marks.sort_unstable();
        marks.dedup();
        self.marks = Cow::Owned(marks);
        self
    }

    /// Sets a part of the limit aside for wrapping up, so that a run can end with an answer. Only
    /// [`Account::reserve_wrap_up`](super::Account::reserve_wrap_up) on this very account can use it,
    /// not calls on accounts below. Default: zero.
    #[must_use]
    pub const fn wrap_up(mut self, amount: Usd) -> Self {
        self.wrap_up = amount;
        self
    }

    /// Sets the amount that a turn without an estimate reserves. Default: zero, so parallel turns can
    /// together overspend by what is in flight.
    #[must_use]
    pub const fn per_turn(mut self, amount: Usd) -> Self {
        self.per_turn = amount;
        self
    }

    /// Gives an estimate back after this time: what a call reserved that was cut short, and whose bill
    /// nobody has seen. See [`Account::expire_estimates`](super::Account::expire_estimates). Default: never.
    #[must_use]
    pub const fn estimates_expire(mut self, after: Duration) -> Self {
        self.estimates_expire = Some(after);
        self
    }

    /// Whether the limit is enforced.
    pub const fn is_enforced(&self) -> bool {
        self.enforced
    }

    /// Whether each turn has to reserve its worst case.
    pub const fn is_strict(&self) -> bool {
        self.strict
    }

    /// The [marks](Self::marks), in per cent of the limit.
    pub fn percents(&self) -> &[u16] {
        &self.marks
    }

    /// Lowers the limit to `amount`. At most half of that stays set aside.
    pub(super) fn lower(&mut self, amount: Usd) {
        self.amount = amount;
        self.wrap_up = self.wrap_up.min(Usd::from_nanos(amount.nanos() / 2));
    }

    /// The most that may be committed.
    pub(super) const fn cap(&self) -> Usd {
        if self.enforced { self.amount } else { Usd::MAX }
    }

    /// The money that only wrapping up may commit.
    #[inline]
    pub(super) const fn set_aside(&self) -> Usd {
        if self.enforced { self.wrap_up } else { Usd::ZERO }
    }

    /// The limit, without the money set aside unless the call is wrapping up.
    pub(super) const fn open(&self, wrapping_up: bool) -> Usd {
        if wrapping_up { self.amount } else { self.amount.saturating_sub(self.wrap_up) }
    }

    /// A spent amount below every mark: at most the lowest of them.
    pub(super) fn unmarked(&self) -> u64 {
        let below = |percent: &u16| (self.amount.nanos() / 100).saturating_mul(u64::from(*percent));
        // A mark is at least a nano-dollar.
        self.marks.first().map_or(u64::MAX, below).max(1)
    }

    /// The marks that the spent amount reaches when it grows from `before` to `after`, in per cent.
    #[inline]
    pub(super) fn marks_between(&self, before: u64, after: u64) -> impl Iterator<Item = u16> {
        let limit = u128::from(self.amount.nanos());
        // A mark is at least a nano-dollar, so that spending nothing cannot reach it.
        let reached = move |spent: u64, percent: u16| {
            spent > 0 && u128::from(spent) * 100 >= limit * u128::from(percent)
        };
        let marks = self.marks.iter().copied();
        marks.filter(move |&percent| reached(after, percent) && !reached(before, percent))
    }
}
