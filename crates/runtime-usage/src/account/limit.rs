//! [`Limit`]: how much may be spent, and the rules that go with it.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::{BudgetExceededError, BudgetRefusedError, UnpricedModelError};
use crate::pricing::ModelPricing;
use crate::signed::SignedUsd;
use crate::usd::Usd;

/// What may be spent, and what happens beyond it: the plan of a [`Account`](super::Account).
///
/// An *enforced* limit refuses what would go beyond it before it is spent. A *recorded* one
/// only tells.
///
/// ```
/// use runtime_usage::{Limit, Usd};
///
/// let limit = Limit::enforced(Usd::from_dollars(1));
/// assert!(limit.admit(Usd::from_cents(90), Usd::from_cents(10)).is_ok());
///
/// let refused = limit.admit(Usd::from_cents(90), Usd::from_cents(11)).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "budget refused: $0.1100 asked for, $0.1000 of $1.0000 left"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    amount: Usd,
    enforced: bool,
    strict: bool,
    name: Option<Arc<str>>,
    unknown_price: UnknownPrice,
    marks: Cow<'static, [u16]>,
    wrap_up: Usd,
    per_turn: Usd,
}

/// What a budget does about a model without a price.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownPrice {
    /// Refuses the turn, with an [`UnpricedModelError`].
    Deny,
    /// Takes this price for it.
    Assume(ModelPricing),
    /// Lets it cost nothing.
    Free,
}

/// At which shares of a limit a budget reports, unless told otherwise: 80 % and 100 %.
const MARKS: &[u16] = &[80, 100];

impl Limit {
    /// A limit that is kept. A model without a price is denied unless
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
        }
    }

    /// A limit that is kept to the nano-dollar: each turn reserves the worst case, and a turn for
    /// which it is not known is refused.
    ///
    /// The worst case is that of the price table, in whichever tier the turn is served. A provider
    /// that takes in more than was estimated, answers with more than it was allowed, or names
    /// another cost than its prices, can still exceed it.
    pub const fn strict(amount: Usd) -> Self {
        let mut limit = Self::enforced(amount);
        limit.strict = true;
        limit
    }

    /// A limit that is only watched. A model without a price is free unless
    /// [`unknown_price`](Self::unknown_price) says otherwise.
    pub const fn recorded(amount: Usd) -> Self {
        let mut limit = Self::enforced(amount);
        limit.enforced = false;
        limit.unknown_price = UnknownPrice::Free;
        limit
    }

    /// Names the account, for refusals, marks and statements: `team research`. Default: none.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets what happens with a model without a price. Default: [`UnknownPrice::Deny`] when
    /// enforced, [`UnknownPrice::Free`] when recorded.
    #[must_use]
    pub const fn unknown_price(mut self, rule: UnknownPrice) -> Self {
        self.unknown_price = rule;
        self
    }

    /// Sets the shares of the limit, in per cent, that are reported once when what was spent
    /// reaches them. Default: 80 and 100.
    #[must_use]
    pub fn marks(mut self, percents: impl IntoIterator<Item = u16>) -> Self {
        let mut marks: Vec<u16> = percents.into_iter().collect();
        marks.sort_unstable();
        marks.dedup();
        self.marks = Cow::Owned(marks);
        self
    }

    /// Sets a part of the limit aside for wrapping up: only
    /// [`Account::reserve_wrap_up`](super::Account::reserve_wrap_up) of this very account takes of it,
    /// so that a run can end with an answer. Calls from accounts below do not. Default: nothing.
    #[must_use]
    pub const fn wrap_up(mut self, amount: Usd) -> Self {
        self.wrap_up = amount;
        self
    }

    /// Sets what a turn reserves that has no estimate. Default: nothing, so that turns in parallel
    /// can overspend together by what is in flight.
    #[must_use]
    pub const fn per_turn(mut self, amount: Usd) -> Self {
        self.per_turn = amount;
        self
    }

    /// What may be spent.
    pub const fn amount(&self) -> Usd {
        self.amount
    }

    /// Whether the limit is kept, and not only watched.
    pub const fn is_enforced(&self) -> bool {
        self.enforced
    }

    /// Whether each turn has to reserve the worst case.
    pub const fn is_strict(&self) -> bool {
        self.strict
    }

    /// The name of the account.
    pub const fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// What happens with a model without a price.
    pub const fn unknown_price_rule(&self) -> &UnknownPrice {
        &self.unknown_price
    }

    /// What is set aside for wrapping up.
    pub const fn wrap_up_reserve(&self) -> Usd {
        self.wrap_up
    }

    /// What a turn without an estimate reserves.
    pub const fn turn_reserve(&self) -> Usd {
        self.per_turn
    }

    /// What is left after so much was spent; negative once it is overspent.
    pub const fn remaining(&self, spent: Usd) -> SignedUsd {
        self.amount.signed_sub(spent)
    }

    /// The price to count with: the one that is known, else what the limit says.
    ///
    /// # Errors
    ///
    /// [`UnpricedModelError`] if none is known and the limit denies such models.
    pub fn price(
        &self,
        model: &str,
        known: Option<ModelPricing>,
    ) -> Result<ModelPricing, UnpricedModelError> {
        match (known, &self.unknown_price) {
            (Some(known), _) => Ok(known),
            (None, UnknownPrice::Assume(assumed)) => Ok(*assumed),
            (None, UnknownPrice::Free) => Ok(ModelPricing::FREE),
            (None, UnknownPrice::Deny) => Err(UnpricedModelError::new(model)),
        }
    }

    /// Decides before a call: may `asked` be spent on top of `spent`? A recorded limit never minds.
    ///
    /// A call that asks for nothing, because nobody knows what it will cost, is admitted
    /// until more is spent than the limit.
    ///
    /// # Errors
    ///
    /// [`BudgetRefusedError`] if the limit is enforced and both together are more than it.
    pub fn admit(&self, spent: Usd, asked: Usd) -> Result<(), BudgetRefusedError> {
        // What is too much for the type is too much for any limit.
        let fits = spent.checked_add(asked).is_some_and(|sum| sum <= self.amount);
        if self.enforced && !fits {
            return Err(BudgetRefusedError::new(self.amount, spent, asked));
        }
        Ok(())
    }

    /// Judges after a call, whether enforced or recorded: was more spent than the limit?
    ///
    /// # Errors
    ///
    /// [`BudgetExceededError`] if it was.
    pub const fn check(&self, spent: Usd) -> Result<(), BudgetExceededError> {
        if spent.nanos() > self.amount.nanos() {
            return Err(BudgetExceededError::new(self.amount, spent));
        }
        Ok(())
    }

    /// The same rules, for no more than `amount`; where that is less, no more than half of it is
    /// set aside.
    #[must_use]
    pub fn at_most(mut self, amount: Usd) -> Self {
        if amount < self.amount {
            self.amount = amount;
            self.wrap_up = self.wrap_up.min(Usd::from_nanos(amount.nanos() / 2));
        }
        self
    }

    /// Up to what may be committed; `wrapping_up` opens what was set aside.
    pub(super) const fn cap(&self, wrapping_up: bool) -> Usd {
        if self.enforced { self.open(wrapping_up) } else { Usd::MAX }
    }

    /// The limit, without what is set aside unless it is for that.
    pub(super) const fn open(&self, wrapping_up: bool) -> Usd {
        if wrapping_up { self.amount } else { self.amount.saturating_sub(self.wrap_up) }
    }

    /// The marks, and the amounts at which they are.
    pub(super) fn marks_at(&self) -> Box<[(u64, u16)]> {
        self.marks.iter().map(|percent| (self.mark(*percent), *percent)).collect()
    }

    /// Where a mark is. At the least the first nano-dollar, or it would be crossed by nothing.
    fn mark(&self, percent: u16) -> u64 {
        let nanos = (u128::from(self.amount.nanos()) * u128::from(percent)).div_ceil(100);
        u64::try_from(nanos).unwrap_or(u64::MAX).max(1)
    }
}
