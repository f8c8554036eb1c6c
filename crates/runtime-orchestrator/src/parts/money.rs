//! What turns cost: the account they reserve from, the tracker, and the usage sink.

mod ask;
mod funds;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runtime_resilience::Demand;
use runtime_sinks::{SinkError, UsageRecord, UsageSink};
use runtime_usage::{
    Account, AccountStatement, Balance, BudgetExceededError, BudgetMark, Charge, PricingTable,
    ReportedUsage, UsageSnapshot, UsageTracker, Usd,
};

pub(crate) use self::ask::Ask;
pub(crate) use self::funds::Funds;
use crate::log::log;
use crate::parts::stream::caught;
use crate::usual::UsualOutput;

/// The money of a session.
pub(crate) struct Money {
    role: Arc<str>,
    session_id: Arc<str>,
    account: Option<Account>,
    /// Whether the account was opened for this session.
    owns_account: bool,
    pricing: PricingTable,
    tracker: UsageTracker,
    usual: UsualOutput,
    /// Whether it matters how long answers usually are.
    learns: bool,
    sink: Option<Arc<dyn UsageSink>>,
    sink_failures: AtomicU64,
}

/// What a turn came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bill {
    /// `None` where nothing is known of it.
    pub(crate) usage: Option<UsageSnapshot>,
    pub(crate) cost: Usd,
    /// Nobody has reported it: the call was cut short.
    pub(crate) estimated: bool,
    /// The provider itself has said the cost.
    pub(crate) reported: bool,
    /// The marks that it made budgets cross.
    pub(crate) marks: Vec<BudgetMark>,
    /// Set if it left an enforced budget overspent.
    pub(crate) over_budget: Option<BudgetExceededError>,
}

impl Bill {
    /// Adds what another attempt of the same turn came to.
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

/// More was spent than allowed.
#[derive(Debug)]
pub(crate) struct Overspent {
    pub(crate) exceeded: BudgetExceededError,
    /// Whether that account refuses what follows.
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
        Self {
            role: Arc::clone(role),
            session_id: Arc::clone(session_id),
            learns: learns || account.is_some(),
            account,
            owns_account,
            tracker: UsageTracker::with_pricing(pricing.clone()),
            pricing,
            usual,
            sink,
            sink_failures: AtomicU64::new(0),
        }
    }

    /// What turns reserve from.
    pub(crate) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    pub(crate) const fn tracker(&self) -> &UsageTracker {
        &self.tracker
    }

    /// How many usage records the sink did not take.
    pub(crate) fn sink_failures(&self) -> u64 {
        // Relaxed: a count that nothing else depends on.
        self.sink_failures.load(Ordering::Relaxed)
    }

    /// What a turn asks of rate limits.
    pub(crate) fn demand(&self, model: &str, ask: &Ask) -> Demand {
        let Some(estimate) = &ask.estimate else { return Demand::request() };
        let output = ask.output(|| self.usual.tokens(model));
        Demand::request()
            .input_tokens(estimate.total_input_tokens())
            .output_tokens(output.unwrap_or(0))
    }

    /// Bills a turn whose usage is known, wholly or as far as it came: here, in the usage sink and
    /// in the budget. A turn without a model is not metered.
    #[inline]
    pub(crate) fn bill(&self, model: &Arc<str>, funds: Funds<'_>, usage: &ReportedUsage) -> Bill {
        let tokens = usage.tokens;
        if model.is_empty() {
            return Bill { usage: Some(tokens), ..Bill::default() };
        }
        let tier = usage.tier.unwrap_or_else(|| funds.tier());
        let recorded = match (usage.cost, funds.prices()) {
            (None, Some(prices)) => {
                // Where a whole side of the turn was not said, or was cut under a budget that keeps
                // to the nano-dollar, what was reserved is nearer to the truth.
                let guessed = is_unsaid(usage) || (usage.estimated && funds.is_strict());
                let least = if guessed { funds.reserved() } else { Usd::ZERO };
                let cost = prices.cost(&tokens, tier).max(least);
                self.tracker.record_priced(model, &tokens, cost)
            }
            _ => self.tracker.record(model, usage, tier),
        };
        if recorded.first_unpriced {
            log!(warn, session = %self.session_id, model = %model, "no price is registered for this model; it counts as free");
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

    /// Bills a call that was sent and of which nothing is known, by what it had reserved. `None` if
    /// that is nothing.
    pub(crate) fn bill_unknown(&self, model: &Arc<str>, funds: Funds<'_>) -> Option<Bill> {
        let cost = funds.reserved();
        if model.is_empty() || cost.is_zero() {
            return None;
        }
        let _ = self.tracker.record_priced(model, &UsageSnapshot::default(), cost);
        let bill = Bill { cost, estimated: true, ..Bill::default() };
        Some(self.settle(model, funds, bill))
    }

    #[inline]
    fn settle(&self, model: &Arc<str>, funds: Funds<'_>, mut bill: Bill) -> Bill {
        let charge = Charge::new(bill.cost).model(model).role(&self.role);
        let charge = if bill.estimated { charge.estimated() } else { charge };
        bill.marks = funds.settle(charge).marks;
        if let Some(sink) = &self.sink {
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

    /// Remembers how long an answer was, where that matters: turns reserve what is usual.
    pub(crate) fn note_length(&self, model: &str, usage: &ReportedUsage) {
        let is_known = !usage.estimated && !is_unsaid(usage);
        if self.learns && !model.is_empty() && is_known {
            self.usual.observe(model, usage.tokens.total_output_tokens());
        }
    }

    /// How the account stands, and what turns may still reserve: the accounts above may have less
    /// than is left.
    pub(crate) fn balance(&self) -> Option<(Balance, Usd)> {
        self.account.as_ref().map(|account| (account.balance(), account.available()))
    }

    /// The statements of the account and of those above it.
    pub(crate) fn statements(&self) -> impl Iterator<Item = AccountStatement> {
        self.account.iter().flat_map(Account::path).map(Account::statement)
    }

    /// The [`statements`](Self::statements), for others to read. What others have spent of a shared
    /// account is in sums only: it is not this session's to tell.
    pub(crate) fn public_statements(&self) -> impl Iterator<Item = AccountStatement> {
        self.statements().enumerate().map(|(height, mut statement)| {
            if height > 0 || !self.owns_account {
                statement.by_model.clear();
                statement.by_role.clear();
            }
            statement
        })
    }

    /// Whether more was spent than allowed.
    pub(crate) fn overspent(&self) -> Option<Overspent> {
        let mut overspent: Option<Overspent> = None;
        for account in self.account.as_ref()?.path() {
            let Err(exceeded) = account.check_own() else { continue };
            let enforced = account.limit().is_enforced();
            // The first that is enforced, or else the first: one event, whatever the depth.
            if overspent.is_none()
                || (enforced && !overspent.as_ref().is_some_and(|it| it.enforced))
            {
                overspent = Some(Overspent { exceeded, enforced });
            }
        }
        overspent
    }

    pub(crate) fn flush(&self) {
        if let Some(sink) = &self.sink {
            self.deliver(|| sink.flush());
        }
    }

    fn deliver(&self, ask: impl FnOnce() -> Result<(), SinkError>) {
        // Relaxed: a count that nothing else depends on.
        if let Some(error) = caught(ask)
            && self.sink_failures.fetch_add(1, Ordering::Relaxed) == 0
        {
            log!(warn, session = %self.session_id, error = %error, "usage sink failed; failures are counted from here on");
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Money").field("account", &self.account).finish_non_exhaustive()
    }
}

/// Whether the input or the output of a turn is zero because the provider did not say.
fn is_unsaid(usage: &ReportedUsage) -> bool {
    let tokens = &usage.tokens;
    let zero = tokens.total_input_tokens() == 0 || tokens.total_output_tokens() == 0;
    zero && !usage.missing.is_empty()
}
