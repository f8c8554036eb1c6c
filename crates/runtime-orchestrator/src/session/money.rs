//! What turns cost, and whether more was spent than allowed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use runtime_events::payload::{self, Any, BudgetExceeded, Refused, SessionEnded, TurnEnded, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data};
use runtime_sinks::{SinkError, UsageRecord};
use runtime_usage::{
    Balance, BudgetExceededError, BudgetMark, Charge, ReportedUsage, UsageSnapshot, Usd,
};

use crate::error::TurnError;
use crate::log::log;
use crate::session::core::Core;
use crate::session::funds::Funds;
use crate::session::stream::caught;

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

impl Core {
    /// Bills a turn whose usage is known, wholly or as far as it came: here, in the usage sink and
    /// in the budget. A turn without a model is not metered.
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
            _ => self.tracker.record_in(model, usage, tier),
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

    fn settle(&self, model: &Arc<str>, funds: Funds<'_>, mut bill: Bill) -> Bill {
        let charge = Charge::new(bill.cost).model(model).role(&self.setup.role);
        let charge = if bill.estimated { charge.estimated() } else { charge };
        bill.marks = funds.settle(charge).marks;
        if let Some(sink) = &self.setup.usage_sink {
            let mut record =
                UsageRecord::new(Arc::clone(model), bill.usage.unwrap_or_default(), bill.cost)
                    .session_id(Arc::clone(&self.session_id))
                    .role(Arc::clone(&self.setup.role));
            record.estimated = bill.estimated;
            record.cost_reported = bill.reported;
            self.deliver_usage(|| sink.record(&record));
        }
        bill
    }

    /// Where there is a budget or a rate limit, remembers how long the answer was: turns reserve what is usual.
    pub(crate) fn note_length(&self, model: &str, usage: &ReportedUsage) {
        let is_known = !usage.estimated && !is_unsaid(usage);
        let reserves = self.account.is_some() || self.setup.limiter.is_some();
        if (reserves || self.setup.routes.is_some()) && !model.is_empty() && is_known {
            self.setup.usual.observe(model, usage.tokens.total_output_tokens());
        }
    }

    /// One `agent.budget_mark` for each mark that a turn made budgets cross.
    pub(crate) fn tell_marks(&self, marks: &[BudgetMark]) {
        for mark in marks {
            log!(warn, session = %self.session_id, mark = %mark, "budget mark");
            let told = payload::BudgetMark {
                account: mark.account.as_ref().map(Word::Shared),
                percent: Some(mark.percent.into()),
                limit_usd: Some(mark.limit.to_f64()),
                spent_usd: Some(mark.spent.to_f64()),
            };
            let event = self
                .event(AgentEventName::BudgetMark, AgentEventStatus::Running)
                .with_detail(mark.to_string())
                .with_data(told.data());
            self.emit(event);
        }
    }

    /// How the session's budgets stand, into the payload of an event.
    pub(crate) fn note_balance(&self, ended: &mut TurnEnded<'_>) {
        let Some(account) = &self.account else { return };
        let Balance { reserved, left, .. } = account.balance();
        ended.budget_remaining_usd = Some(left.to_f64());
        // The accounts above may have less.
        let available = account.available();
        if available < left.or_zero() {
            ended.budget_available_usd = Some(available.to_f64());
        }
        if !reserved.is_zero() {
            ended.budget_reserved_usd = Some(reserved.to_f64());
        }
    }

    /// The statements of the session's budgets, into its last event. What others have spent of an
    /// account that is shared is in sums only: it is not this session's to tell.
    pub(crate) fn note_statements(&self, event: &mut AgentEvent) {
        let Some(account) = &self.account else { return };
        let statements = account.path().enumerate().map(|(height, account)| {
            let statement = account.statement();
            if height == 0 && self.owns_account { statement } else { statement.without_names() }
        });
        // Texts and finite numbers under literal keys: none of it can fail to serialise.
        let json = serde_json::to_value(statements.collect::<Vec<_>>()).unwrap_or_default();
        let ended = SessionEnded { budgets: Some(Any::Json(&json)), ..SessionEnded::default() };
        ended.write(event.data.get_or_insert_default());
    }

    fn deliver_usage(&self, ask: impl FnOnce() -> Result<(), SinkError>) {
        // Relaxed: a count that nothing else depends on.
        if let Some(error) = caught(ask)
            && self.usage_sink_failures.fetch_add(1, Ordering::Relaxed) == 0
        {
            log!(warn, session = %self.session_id, error = %error, "usage sink failed; failures are counted from here on");
        }
    }

    pub(crate) fn flush_usage(&self) {
        if let Some(sink) = &self.setup.usage_sink {
            self.deliver_usage(|| sink.flush());
        }
    }

    /// After a turn that was answered, whether or not the answer was withheld: more spent than allowed
    /// is said each time, and is a mark on the answer where the budget is enforced.
    pub(crate) fn budget_verdict(&self) -> Option<BudgetExceededError> {
        let mut overspent = None;
        for account in self.account.as_ref()?.path() {
            let Err(exceeded) = account.check_own() else { continue };
            let enforced = account.limit().is_enforced();
            // The first that is enforced, or else the first: one event, whatever the depth.
            if overspent.is_none() || (enforced && !matches!(overspent, Some((_, true)))) {
                overspent = Some((exceeded, enforced));
            }
        }
        let (exceeded, enforced) = overspent?;
        log!(warn, session = %self.session_id, role = %self.setup.role, budget = %exceeded.budget, spent = %exceeded.current_cost, enforced = enforced, "budget exceeded");
        let told = BudgetExceeded {
            budget_usd: Some(exceeded.budget.to_f64()),
            account: exceeded.account.as_ref().map(Word::Shared),
        };
        let event = self
            .event(AgentEventName::AgentFailed, AgentEventStatus::Failed)
            .with_failure_class(AgentFailureClass::Unknown)
            .with_detail(format!("budget exceeded: {}", exceeded.current_cost))
            .with_data(told.data());
        self.emit(event);
        enforced.then_some(exceeded)
    }

    /// One `agent.blocked` for a turn that was refused.
    pub(crate) fn turn_refused(&self, model: &str, error: &TurnError) {
        let refused = Refused {
            refused: Some(Word::Literal("turn")),
            reason: Some(Word::Literal(error.reason())),
            model: (!model.is_empty()).then_some(Word::Read(model)),
            ..Refused::default()
        };
        self.refused(error.failure_class(), error.to_string(), refused.data());
    }

    /// One `agent.blocked` for a tool that was refused.
    pub(crate) fn tool_refused(
        &self,
        tool: &str,
        class: AgentFailureClass,
        reason: &'static str,
        detail: String,
    ) {
        let refused = Refused {
            refused: Some(Word::Literal("tool")),
            reason: Some(Word::Literal(reason)),
            tool: Some(Word::Read(tool)),
            ..Refused::default()
        };
        self.refused(class, detail, refused.data());
    }

    fn refused(&self, class: AgentFailureClass, detail: String, data: Data) {
        log!(info, session = %self.session_id, role = %self.setup.role, detail = %detail, "refused");
        let event = self
            .event(AgentEventName::AgentBlocked, AgentEventStatus::Blocked)
            .with_failure_class(class)
            .with_detail(detail)
            .with_data(data);
        self.emit(event);
    }
}

/// Whether the input or the output of a turn is zero because the provider did not say.
fn is_unsaid(usage: &ReportedUsage) -> bool {
    let tokens = &usage.tokens;
    let zero = tokens.total_input_tokens() == 0 || tokens.total_output_tokens() == 0;
    zero && !usage.missing.is_empty()
}
