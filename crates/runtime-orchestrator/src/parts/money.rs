//! The costs of turns: the account, the tracker, and the usage sink.

mod ask;
mod funds;
#[cfg(test)]
mod tests;
mod till;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use runtime_resilience::Demand;
use runtime_sinks::UsageSink;
use runtime_usage::{
    Account, AccountStatement, Balance, BudgetExceededError, BudgetMark, FinishReason,
    PricingTable, ReportedUsage, UsageSnapshot, UsageTracker, Usd,
};

pub(crate) use self::ask::Ask;
pub(crate) use self::funds::Funds;
pub(crate) use self::till::Till;
use crate::parts::names::{Payer, clean_name};
use crate::parts::sinks::Own;
use crate::usual::UsualOutput;

/// What the accounts of a path need besides reserving and settling.
struct PathNeeds {
    /// Whether one lets its estimates expire.
    expires: bool,
    /// Whether one gets its money in parts from elsewhere.
    funded: bool,
}

/// The money of a session. A [`Till`] takes and records it.
pub(crate) struct Money {
    account: Option<Account>,
    /// Whether the account was opened for this session.
    owns_account: bool,
    path: PathNeeds,
    /// Also has the prices.
    tracker: UsageTracker,
    usual: UsualOutput,
    /// Whether the session observes the length of answers.
    learns: bool,
    /// `None` without a sink, and after the session's last event.
    sink: Mutex<Option<Own<dyn UsageSink>>>,
    sink_failures: AtomicU64,
}

/// The bill of a turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bill {
    /// `None` if the usage is unknown.
    pub(crate) usage: Option<UsageSnapshot>,
    pub(crate) cost: Usd,
    /// Why the answer ended, for each of its first choices.
    pub(crate) finish_reasons: [Option<FinishReason>; 6],
    /// Whether the usage is an estimate, because the call was cut short or its usage is unknown.
    pub(crate) estimated: bool,
    /// Whether the provider reported the cost.
    pub(crate) reported: bool,
    /// The budget marks that the turn crossed.
    pub(crate) marks: Vec<BudgetMark>,
    /// Set if the turn overspent an enforced budget.
    pub(crate) over_budget: Option<BudgetExceededError>,
}

impl Bill {
    /// Adds the bill of another attempt of the same turn.
    pub(crate) fn add(&mut self, other: &Self) {
        if let Some(usage) = &other.usage {
            self.usage = Some(self.usage.map_or(*usage, |before| before.saturating_add(usage)));
        }
        self.cost = self.cost.saturating_add(other.cost);
        // The last attempt has the answer.
        if other.finish_reasons != [None; 6] {
            self.finish_reasons = other.finish_reasons;
        }
        self.estimated |= other.estimated;
        self.reported |= other.reported;
        self.marks.extend(other.marks.iter().cloned());
    }
}

/// An overspent budget.
#[derive(Debug)]
pub(crate) struct Overspent {
    pub(crate) exceeded: BudgetExceededError,
    /// Whether the account refuses further turns.
    pub(crate) enforced: bool,
}

impl Money {
    pub(crate) fn new(
        (account, owns_account): (Option<Account>, bool),
        pricing: PricingTable,
        (usual, learns): (UsualOutput, bool),
        sink: Option<Arc<dyn UsageSink>>,
    ) -> Self {
        let expires = |account: &Account| account.limit().estimates_expire.is_some();
        let path = PathNeeds {
            expires: account.iter().flat_map(Account::path).any(expires),
            funded: account.as_ref().is_some_and(Account::is_funded),
        };
        Self {
            learns: learns || account.is_some(),
            path,
            account,
            owns_account,
            tracker: UsageTracker::with_pricing(pricing),
            usual,
            sink: Mutex::new(sink.map(Arc::new)),
            sink_failures: AtomicU64::new(0),
        }
    }

    /// The money with what the session writes into books and records.
    pub(crate) const fn till<'m>(&'m self, payer: Payer<'m>) -> Till<'m> {
        Till { money: self, payer }
    }

    /// The account that turns reserve from.
    pub(crate) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Whether the account's money comes in parts from elsewhere.
    pub(crate) const fn is_funded(&self) -> bool {
        self.path.funded
    }

    /// Gives back the estimates that have expired.
    #[inline]
    pub(crate) fn expire_estimates(&self, now: impl FnOnce() -> DateTime<Utc>) {
        if let Some(account) = self.account.as_ref().filter(|_| self.path.expires) {
            let since = (now() - DateTime::UNIX_EPOCH).to_std();
            account.expire_estimates(since.unwrap_or_default());
        }
    }

    /// Whether the account was opened for this session, or for one that handed over to it.
    pub(crate) const fn owns_account(&self) -> bool {
        self.owns_account
    }

    pub(crate) const fn tracker(&self) -> &UsageTracker {
        &self.tracker
    }

    /// The number of usage records that the sink failed to take.
    pub(crate) fn sink_failures(&self) -> u64 {
        // Relaxed: a count that nothing else depends on.
        self.sink_failures.load(Ordering::Relaxed)
    }

    /// The demand of a turn on rate limits.
    pub(crate) fn demand(&self, model: &str, ask: &Ask) -> Demand {
        let Some(estimate) = &ask.estimate else { return Demand::request() };
        let output = ask.output(|| self.usual.tokens(model));
        Demand::request()
            .input_tokens(estimate.total_input_tokens())
            .output_tokens(output.unwrap_or(0))
    }

    /// Observes the length of an answer, if the session uses it: turns reserve the usual length.
    #[inline]
    pub(crate) fn note_length(&self, model: &str, usage: &ReportedUsage) {
        let is_known = !usage.estimated && !is_unsaid(usage);
        if self.learns && !model.is_empty() && is_known {
            self.usual.observe(model, usage.tokens.total_output_tokens());
        }
    }

    /// The balance of the account, and the amount that turns may still reserve, which the accounts
    /// above may reduce.
    #[inline]
    pub(crate) fn balance(&self) -> Option<(Balance, Usd)> {
        self.account.as_ref().map(|account| (account.balance(), account.available()))
    }

    /// The statements of the account and the accounts above it.
    pub(crate) fn statements(&self) -> impl Iterator<Item = AccountStatement> {
        self.account.iter().flat_map(Account::path).map(|account| {
            let mut statement = account.statement();
            statement.account = statement.account.as_ref().map(clean_name);
            statement
        })
    }

    /// The [`statements`](Self::statements) for other readers. For shared accounts they have sums
    /// only, without the names of other spenders.
    pub(crate) fn public_statements(&self) -> impl Iterator<Item = AccountStatement> {
        self.statements().enumerate().map(|(height, mut statement)| {
            if height > 0 || !self.owns_account {
                statement.by_model.clear();
                statement.by_role.clear();
            }
            statement
        })
    }

    /// The overspent budget, if there is one.
    #[inline]
    pub(crate) fn overspent(&self) -> Option<Overspent> {
        let overspent = self.account.as_ref()?.path().filter_map(|account| {
            let exceeded = account.check_own().err()?;
            Some(Overspent { exceeded, enforced: account.limit().is_enforced() })
        });
        // The first enforced account, or else the first one: one event at any depth.
        overspent.min_by_key(|it| !it.enforced)
    }

    /// The sink of the usage records.
    #[inline]
    pub(crate) fn sink(&self) -> Option<Own<dyn UsageSink>> {
        self.sink_slot().clone()
    }

    fn sink_slot(&self) -> MutexGuard<'_, Option<Own<dyn UsageSink>>> {
        // Single assignments: the slot stays consistent after a panic.
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Money").field("account", &self.account).finish_non_exhaustive()
    }
}

/// Whether input or output is zero because the provider did not report it.
fn is_unsaid(usage: &ReportedUsage) -> bool {
    let tokens = &usage.tokens;
    let zero = tokens.total_input_tokens() == 0 || tokens.total_output_tokens() == 0;
    zero && !usage.missing.is_empty()
}
