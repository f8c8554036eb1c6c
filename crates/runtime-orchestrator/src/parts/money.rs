//! The costs of turns: the account, the tracker, and the usage sink.

mod ask;
mod funds;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use runtime_resilience::Demand;
use runtime_sinks::{SinkError, UsageRecord, UsageSink};
use runtime_usage::{
    Account, AccountStatement, Balance, BudgetExceededError, BudgetMark, Charge, PricingTable,
    ReportedUsage, UsageSnapshot, UsageTracker, Usd,
};

pub(crate) use self::ask::Ask;
pub(crate) use self::funds::Funds;
use crate::log::log;
use crate::parts::sinks::ask;
use crate::parts::stream::clean_name;
use crate::usual::UsualOutput;

/// The money of a session. Its books and records have names without secrets.
pub(crate) struct Money {
    role: Arc<str>,
    session_id: Arc<str>,
    account: Option<Account>,
    /// Whether the account was opened for this session.
    owns_account: bool,
    /// Whether an account on the path lets its estimates expire.
    expires: bool,
    pricing: PricingTable,
    tracker: UsageTracker,
    usual: UsualOutput,
    /// Whether the session observes the length of answers.
    learns: bool,
    /// `None` without a sink, and after the session's last event.
    sink: Mutex<Option<Arc<dyn UsageSink>>>,
    sink_failures: AtomicU64,
}

/// The bill of a turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bill {
    /// `None` if the usage is unknown.
    pub(crate) usage: Option<UsageSnapshot>,
    pub(crate) cost: Usd,
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
        (role, session_id): (&Arc<str>, &Arc<str>),
        (account, owns_account): (Option<Account>, bool),
        pricing: PricingTable,
        (usual, learns): (UsualOutput, bool),
        sink: Option<Arc<dyn UsageSink>>,
    ) -> Self {
        let expires = |account: &Account| account.limit().estimates_expire.is_some();
        let expires = account.iter().flat_map(Account::path).any(expires);
        Self {
            role: clean_name(role),
            session_id: Arc::clone(session_id),
            learns: learns || account.is_some(),
            expires,
            account,
            owns_account,
            tracker: UsageTracker::with_pricing(pricing.clone()),
            pricing,
            usual,
            sink: Mutex::new(sink),
            sink_failures: AtomicU64::new(0),
        }
    }

    /// The account that turns reserve from.
    pub(crate) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Gives back the estimates that have expired.
    #[inline]
    pub(crate) fn expire_estimates(&self, now: impl FnOnce() -> DateTime<Utc>) {
        if let Some(account) = self.account.as_ref().filter(|_| self.expires) {
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

    /// Bills a turn by its usage, complete or partial, in the tracker, the usage sink and the
    /// budget. A turn without a model is not metered.
    #[inline]
    pub(crate) fn bill(&self, model: &Arc<str>, funds: Funds<'_>, usage: &ReportedUsage) -> Bill {
        let tokens = usage.tokens;
        if model.is_empty() {
            return Bill { usage: Some(tokens), ..Bill::default() };
        }
        let model = &clean_name(model);
        let tier = usage.tier.unwrap_or_else(|| funds.tier());
        let recorded = match (usage.cost, funds.prices()) {
            (None, Some(prices)) => {
                // If all input or all output is unreported, or a strict budget has a partial usage,
                // the cost is at least the reservation.
                let guessed = is_unsaid(usage) || (usage.estimated && funds.is_strict());
                let least = if guessed { funds.reserved() } else { Usd::ZERO };
                let cost = prices.cost(&tokens, tier).max(least);
                self.tracker.record_priced(model, &tokens, cost)
            }
            _ => self.tracker.record(model, usage, tier),
        };
        if recorded.first_unpriced {
            log!(warn, session = %self.session_id, model = %model, "no price is registered for the model; its turns count as free");
        }
        if let Some(how) = recorded.first_loose {
            log!(info, session = %self.session_id, model = %model, matched_by = %how, "no price is registered for this exact model name; a shorter name has one");
        }
        let bill = Bill {
            usage: Some(tokens),
            cost: recorded.cost,
            estimated: usage.cost.is_none() && (usage.estimated || is_unsaid(usage)),
            reported: recorded.reported,
            ..Bill::default()
        };
        self.settle(model, funds, bill)
    }

    /// Bills a sent call with unknown usage by its reservation. `None` without a reservation.
    pub(crate) fn bill_unknown(&self, model: &Arc<str>, funds: Funds<'_>) -> Option<Bill> {
        let cost = funds.reserved();
        if model.is_empty() || cost.is_zero() {
            return None;
        }
        let model = &clean_name(model);
        let _ = self.tracker.record_priced(model, &UsageSnapshot::default(), cost);
        let bill = Bill { cost, estimated: true, ..Bill::default() };
        Some(self.settle(model, funds, bill))
    }

    #[inline]
    fn settle(&self, model: &Arc<str>, funds: Funds<'_>, mut bill: Bill) -> Bill {
        let charge = Charge::new(bill.cost).model(model).role(&self.role);
        let charge = if bill.estimated { charge.estimated() } else { charge };
        bill.marks = funds.settle(charge).marks;
        if let Some(sink) = self.sink() {
            let mut record =
                UsageRecord::new(Arc::clone(model), bill.usage.unwrap_or_default(), bill.cost);
            record.session_id = Some(Arc::clone(&self.session_id));
            record.role = Some(Arc::clone(&self.role));
            record.estimated = bill.estimated;
            record.cost_reported = bill.reported;
            self.deliver(|| sink.record(&record));
        }
        bill
    }

    /// Observes the length of an answer, if the session uses it: turns reserve the usual length.
    pub(crate) fn note_length(&self, model: &str, usage: &ReportedUsage) {
        let is_known = !usage.estimated && !is_unsaid(usage);
        if self.learns && !model.is_empty() && is_known {
            self.usual.observe(model, usage.tokens.total_output_tokens());
        }
    }

    /// The balance of the account, and the amount that turns may still reserve, which the accounts
    /// above may reduce.
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
    pub(crate) fn overspent(&self) -> Option<Overspent> {
        let mut overspent: Option<Overspent> = None;
        for account in self.account.as_ref()?.path() {
            let Err(exceeded) = account.check_own() else { continue };
            let enforced = account.limit().is_enforced();
            // The first enforced account, or else the first one: one event at any depth.
            if overspent.is_none()
                || (enforced && !overspent.as_ref().is_some_and(|it| it.enforced))
            {
                overspent = Some(Overspent { exceeded, enforced });
            }
        }
        overspent
    }

    /// The sink of the usage records.
    pub(crate) fn sink(&self) -> Option<Arc<dyn UsageSink>> {
        self.sink_slot().clone()
    }

    pub(crate) fn flush(&self) {
        if let Some(sink) = self.sink() {
            self.deliver(|| sink.flush());
        }
    }

    /// Drops the sink.
    pub(crate) fn close(&self) {
        let sink = self.sink_slot().take();
        self.deliver(|| {
            drop(sink);
            Ok(())
        });
    }

    fn sink_slot(&self) -> MutexGuard<'_, Option<Arc<dyn UsageSink>>> {
        // Single assignments: the slot stays consistent after a panic.
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, call: impl FnOnce() -> Result<(), SinkError>) {
        // Relaxed: a count that nothing else depends on.
        if let Some(error) = ask(&self.session_id, call)
            && self.sink_failures.fetch_add(1, Ordering::Relaxed) == 0
        {
            log!(warn, session = %self.session_id, error = %error, "usage sink failed; further failures are only counted");
        }
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
