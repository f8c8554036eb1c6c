//! The refusals of an account.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::signed::SignedUsd;
use crate::usd::Usd;

/// The error for an account that has spent more than its limit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("budget exceeded: {current_cost:.4} > {budget:.4}")]
#[non_exhaustive]
pub struct BudgetExceededError {
    /// The limit.
    pub budget: Usd,
    /// The amount spent.
    pub current_cost: Usd,
    /// The name of the account, if it has one.
    pub account: Option<Arc<str>>,
}

/// The error for a call that an account cannot pay. The call was not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct BudgetRefusedError {
    /// The name of the account that refused, if it has one. It may be an account above, or the one where the
    /// money of a [funded](crate::Purse) account comes from.
    pub account: Option<Arc<str>>,
    /// The limit of that account.
    pub limit: Usd,
    /// The amount spent before.
    pub spent: Usd,
    /// The amount reserved by other calls in flight.
    pub reserved: Usd,
    /// The amount set aside for wrapping up, which this call could not use.
    pub set_aside: Usd,
    /// The amount requested.
    pub asked: Usd,
    /// The amount left for the call. Negative if the account is overspent.
    pub left: SignedUsd,
    /// The account is [funded](crate::Purse) from elsewhere, and that place cannot be reached.
    pub away: bool,
}

impl fmt::Display for BudgetRefusedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, left, limit, reserved, set_aside, .. } = self;
        f.write_str("budget ")?;
        if let Some(account) = &self.account {
            write!(f, "`{account}` ")?;
        }
        write!(f, "refused: {asked} requested, {left} of {limit} left")?;
        if !reserved.is_zero() {
            write!(f, ", {reserved} reserved by others")?;
        }
        if !set_aside.is_zero() {
            write!(f, ", {set_aside} set aside for wrapping up")?;
        }
        if self.away {
            f.write_str(", and where its money comes from cannot be reached")?;
        }
        Ok(())
    }
}

/// The error for a model without a price, under a limit that refuses such models.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "model `{model}` has no price, and the budget refuses models without one; register its price, or set the \
     limit's `unknown_price`"
)]
#[non_exhaustive]
pub struct UnpricedModelError {
    /// The model.
    pub model: Arc<str>,
}

impl UnpricedModelError {
    /// Creates the error for a model.
    pub fn new(model: impl Into<Arc<str>>) -> Self {
        Self { model: model.into() }
    }
}
