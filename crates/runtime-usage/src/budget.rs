//! [`Budget`]: what may be spent, and what happens beyond it.

use std::sync::Arc;

use thiserror::Error;

use crate::pricing::ModelPricing;
use crate::signed::SignedUsd;
use crate::usd::Usd;

/// A limit on what may be spent.
///
/// An *enforced* budget refuses what would go beyond it before it is spent. A *recorded* one
/// only tells.
///
/// ```
/// use runtime_usage::{Budget, Usd};
///
/// let budget = Budget::enforced(Usd::from_dollars(1));
/// assert!(budget.admit(Usd::from_cents(90), Usd::from_cents(10)).is_ok());
///
/// let refused = budget.admit(Usd::from_cents(90), Usd::from_cents(11)).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "budget refused: $0.1100 asked for, $0.1000 of $1.0000 left"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    limit: Usd,
    enforced: bool,
    unknown_price: UnknownPrice,
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

impl Budget {
    /// A limit that is kept. A model without a price is denied unless
    /// [`unknown_price`](Self::unknown_price) says otherwise.
    pub const fn enforced(limit: Usd) -> Self {
        Self { limit, enforced: true, unknown_price: UnknownPrice::Deny }
    }

    /// A limit that is only watched. A model without a price is free unless
    /// [`unknown_price`](Self::unknown_price) says otherwise.
    pub const fn recorded(limit: Usd) -> Self {
        Self { limit, enforced: false, unknown_price: UnknownPrice::Free }
    }

    /// Sets what happens with a model without a price. Default: [`UnknownPrice::Deny`] when
    /// enforced, [`UnknownPrice::Free`] when recorded.
    #[must_use]
    pub const fn unknown_price(mut self, rule: UnknownPrice) -> Self {
        self.unknown_price = rule;
        self
    }

    /// What may be spent.
    pub const fn limit(&self) -> Usd {
        self.limit
    }

    /// Whether the limit is kept, and not only watched.
    pub const fn is_enforced(&self) -> bool {
        self.enforced
    }

    /// What happens with a model without a price.
    pub const fn unknown_price_rule(&self) -> &UnknownPrice {
        &self.unknown_price
    }

    /// What is left after so much was spent; negative once it is overspent.
    pub const fn remaining(&self, spent: Usd) -> SignedUsd {
        self.limit.signed_sub(spent)
    }

    /// The price to count with: the one that is known, else what the budget says.
    ///
    /// # Errors
    ///
    /// [`UnpricedModelError`] if none is known and the budget denies such models.
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

    /// Decides before a call: may `asked` be spent on top of `spent`? A recorded budget never minds.
    ///
    /// A call that asks for nothing, because nobody knows what it will cost, is admitted
    /// until more is spent than the limit.
    ///
    /// # Errors
    ///
    /// [`BudgetRefusedError`] if the budget is enforced and both together are more than its limit.
    pub fn admit(&self, spent: Usd, asked: Usd) -> Result<(), BudgetRefusedError> {
        // What is too much for the type is too much for any limit.
        let fits = spent.checked_add(asked).is_some_and(|sum| sum <= self.limit);
        if self.enforced && !fits {
            return Err(BudgetRefusedError::new(self.limit, spent, asked));
        }
        Ok(())
    }

    /// Judges after a call, whether enforced or recorded: was more spent than the limit?
    ///
    /// # Errors
    ///
    /// [`BudgetExceededError`] if it was.
    pub const fn check(&self, spent: Usd) -> Result<(), BudgetExceededError> {
        if spent.nanos() > self.limit.nanos() {
            return Err(BudgetExceededError::new(self.limit, spent));
        }
        Ok(())
    }
}

/// More was spent than a budget allows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("budget exceeded: {current_cost:.4} > {budget:.4}")]
#[non_exhaustive]
pub struct BudgetExceededError {
    /// What was allowed.
    pub budget: Usd,
    /// What was spent.
    pub current_cost: Usd,
}

impl BudgetExceededError {
    /// States that `current_cost` was spent where `budget` was allowed.
    pub const fn new(budget: Usd, current_cost: Usd) -> Self {
        Self { budget, current_cost }
    }
}

/// A budget does not have what a call asks for; the call was not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("budget refused: {asked:.4} asked for, {left:.4} of {limit:.4} left")]
#[non_exhaustive]
pub struct BudgetRefusedError {
    /// What the budget allows in all.
    pub limit: Usd,
    /// What was spent before.
    pub spent: Usd,
    /// What the call asked for.
    pub asked: Usd,
    /// What was left for it; negative once the budget is overspent.
    pub left: SignedUsd,
}

impl BudgetRefusedError {
    /// States that `asked` was refused when `spent` of `limit` was gone.
    pub const fn new(limit: Usd, spent: Usd, asked: Usd) -> Self {
        Self { limit, spent, asked, left: limit.signed_sub(spent) }
    }
}

/// A model has no price, and the budget does not let such models run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no price is known for model `{model}`, and the budget denies such models")]
#[non_exhaustive]
pub struct UnpricedModelError {
    /// The model.
    pub model: Arc<str>,
}

impl UnpricedModelError {
    /// States that `model` has no price.
    pub fn new(model: impl Into<Arc<str>>) -> Self {
        Self { model: model.into() }
    }
}
