//! How a budget refuses.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::signed::SignedUsd;
use crate::usd::Usd;

/// More was spent than a budget allows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("budget exceeded: {current_cost:.4} > {budget:.4}")]
#[non_exhaustive]
pub struct BudgetExceededError {
    /// What was allowed.
    pub budget: Usd,
    /// What was spent.
    pub current_cost: Usd,
    /// The account, where it has a name.
    pub account: Option<Arc<str>>,
}

impl BudgetExceededError {
    /// States that `current_cost` was spent where `budget` was allowed.
    pub const fn new(budget: Usd, current_cost: Usd) -> Self {
        Self { budget, current_cost, account: None }
    }
}

/// A budget does not have what a call asks for; the call was not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct BudgetRefusedError {
    /// The account that refused, where it has a name. It may be one above the account that was
    /// asked.
    pub account: Option<Arc<str>>,
    /// What that account allows in all.
    pub limit: Usd,
    /// What was spent before.
    pub spent: Usd,
    /// What other calls in flight had reserved.
    pub reserved: Usd,
    /// What is set aside for wrapping up, and was not this call's to take.
    pub set_aside: Usd,
    /// What the call asked for.
    pub asked: Usd,
    /// What was left for it; negative once the budget is overspent.
    pub left: SignedUsd,
}

impl BudgetRefusedError {
    /// States that `asked` was refused when `spent` of `limit` was gone.
    pub const fn new(limit: Usd, spent: Usd, asked: Usd) -> Self {
        Self {
            account: None,
            limit,
            spent,
            reserved: Usd::ZERO,
            set_aside: Usd::ZERO,
            asked,
            left: limit.signed_sub(spent),
        }
    }
}

impl fmt::Display for BudgetRefusedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, left, limit, reserved, set_aside, .. } = self;
        f.write_str("budget ")?;
        if let Some(account) = &self.account {
            write!(f, "`{account}` ")?;
        }
        write!(f, "refused: {asked:.4} asked for, {left:.4} of {limit:.4} left")?;
        if !reserved.is_zero() {
            write!(f, ", {reserved:.4} reserved by others")?;
        }
        if !set_aside.is_zero() {
            write!(f, ", {set_aside:.4} set aside for wrapping up")?;
        }
        Ok(())
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
