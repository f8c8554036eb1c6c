//! What a budget tells: [`Balance`], [`AccountStatement`], [`BudgetMark`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::signed::SignedUsd;
use crate::usd::Usd;

/// How an account stands. Always, `spent + reserved + left = limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// What may be spent.
    pub limit: Usd,
    /// What was spent.
    pub spent: Usd,
    /// What calls in flight have reserved.
    pub reserved: Usd,
    /// What is left; negative if it is overspent. What is set aside for wrapping up is a part of
    /// it.
    pub left: SignedUsd,
    /// The part of what was spent that nobody has reported: calls that were cut short.
    pub estimated: Usd,
}

/// How an account stands, by model and by role: for people, logs and summaries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AccountStatement {
    /// The account, where it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Arc<str>>,
    /// What may be spent.
    pub limit_usd: Usd,
    /// Whether it refuses what goes beyond it.
    pub enforced: bool,
    /// What was spent.
    pub spent_usd: Usd,
    /// What calls in flight have reserved.
    pub reserved_usd: Usd,
    /// What is left; negative if it is overspent.
    pub remaining_usd: SignedUsd,
    /// The part of what was spent that nobody has reported.
    pub estimated_usd: Usd,
    /// What was spent by model. From 1,024 models on, the rest is `(others)`. Left out of the JSON
    /// while empty, like the roles.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_model: BTreeMap<Arc<str>, Usd>,
    /// What was spent by role, likewise.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_role: BTreeMap<Arc<str>, Usd>,
}

/// A share of a limit that was reached: time to wrap up, or to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetMark {
    /// The account, where it has a name.
    pub account: Option<Arc<str>>,
    /// The share, in per cent of the limit.
    pub percent: u16,
    /// What may be spent.
    pub limit: Usd,
    /// What was spent when the mark was crossed.
    pub spent: Usd,
}

/// Hears of the marks of an account, and of those below it.
pub trait BudgetListener: fmt::Debug + Send + Sync {
    /// What was spent has reached a mark. Called once a mark, on the thread that crossed it, outside
    /// any lock. A panic is swallowed: it keeps no money and no other listener from its due.
    fn mark_crossed(&self, mark: &BudgetMark);
}

impl fmt::Display for BudgetMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { percent, limit, spent, .. } = self;
        if let Some(account) = &self.account {
            write!(f, "`{account}`: ")?;
        }
        write!(f, "{percent} % of {limit} reached: {spent:.4} spent")
    }
}

impl AccountStatement {
    /// The same without the models and the roles: for those who share the account, and whose
    /// business the others are not.
    #[must_use]
    pub fn without_names(mut self) -> Self {
        self.by_model.clear();
        self.by_role.clear();
        self
    }

    /// How it stands, on one line: `team: $4.00 of $5.00 left (enforced)`.
    pub fn headline(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            if let Some(name) = &self.account {
                write!(f, "{name}: ")?;
            }
            let kind = if self.enforced { "enforced" } else { "recorded" };
            write!(f, "{} of {} left ({kind})", self.remaining_usd, self.limit_usd)?;
            if !self.reserved_usd.is_zero() {
                write!(f, ", {} reserved", self.reserved_usd)?;
            }
            if !self.estimated_usd.is_zero() {
                write!(f, ", {} of {} spent estimated", self.estimated_usd, self.spent_usd)?;
            }
            Ok(())
        })
    }
}

/// The headline, and a line for each model and each role.
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
