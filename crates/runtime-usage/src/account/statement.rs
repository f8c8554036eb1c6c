//! The reports of an account: [`Balance`], [`AccountStatement`], [`BudgetMark`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::signed::SignedUsd;
use crate::usd::Usd;

/// The balance of an account: `spent + reserved + left = limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// The limit.
    pub limit: Usd,
    /// The amount spent.
    pub spent: Usd,
    /// The amount reserved by calls in flight.
    pub reserved: Usd,
    /// The amount left, including the money set aside for wrapping up. Negative if overspent.
    pub left: SignedUsd,
    /// The part of the spent amount that is an estimate, for calls that were cut short.
    pub estimated: Usd,
}

/// The balance of an account with a breakdown by model and by role, for people, logs and summaries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AccountStatement {
    /// The name of the account, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Arc<str>>,
    /// The limit.
    pub limit_usd: Usd,
    /// Whether the limit is enforced.
    pub enforced: bool,
    /// The amount spent.
    pub spent_usd: Usd,
    /// The amount reserved by calls in flight.
    pub reserved_usd: Usd,
    /// The amount left. Negative if overspent.
    pub remaining_usd: SignedUsd,
    /// The part of the spent amount that is an estimate.
    pub estimated_usd: Usd,
    /// The amount spent by model. Models beyond the first 1,024 are added up as `(others)`, and charges
    /// without a model as `(unnamed)`, so that the amounts add up to the spent one. Empty if no charge
    /// has a model, and then left out of the JSON.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_model: BTreeMap<Arc<str>, Usd>,
    /// The amount spent by role, in the same way.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_role: BTreeMap<Arc<str>, Usd>,
}

/// A percentage of a limit that was reached: time to wrap up or to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetMark {
    /// The name of the account, if it has one.
    pub account: Option<Arc<str>>,
    /// The percentage of the limit.
    pub percent: u16,
    /// The limit.
    pub limit: Usd,
    /// The amount spent when the mark was crossed.
    pub spent: Usd,
}

/// A listener for the marks of an account and of the accounts below it.
pub trait BudgetListener: fmt::Debug + Send + Sync {
    /// Called once for each mark, on the thread that crossed it, outside any lock. A panic is caught: it
    /// affects neither the account nor other listeners.
    fn mark_crossed(&self, mark: &BudgetMark);
}

impl fmt::Display for BudgetMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { percent, limit, spent, .. } = self;
        if let Some(account) = &self.account {
            write!(f, "`{account}`: ")?;
        }
        write!(f, "{percent} % of {limit} reached: {spent} spent")
    }
}

impl AccountStatement {
    /// The balance on one line: `team: $4.00 of $5.00 left (enforced)`.
    pub fn headline(&self) -> impl fmt::Display {
        Headline(self)
    }
}

struct Headline<'s>(&'s AccountStatement);

impl fmt::Display for Headline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = self.0;
        if let Some(name) = &it.account {
            write!(f, "{name}: ")?;
        }
        let kind = if it.enforced { "enforced" } else { "recorded" };
        write!(f, "{} of {} left ({kind})", it.remaining_usd, it.limit_usd)?;
        if !it.reserved_usd.is_zero() {
            write!(f, ", {} reserved", it.reserved_usd)?;
        }
        if !it.estimated_usd.is_zero() {
            write!(f, ", {} of {} spent estimated", it.estimated_usd, it.spent_usd)?;
        }
        Ok(())
    }
}

/// Writes the headline, and a line for each model and each role.
impl fmt::Display for AccountStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.headline())?;
        for (kind, amounts) in [("model", &self.by_model), ("role", &self.by_role)] {
            for (name, amount) in amounts {
                write!(f, "\n  {kind} {name}: {amount}")?;
            }
        }
        Ok(())
    }
}
