//! What turns cost, and whether they may.

use std::sync::atomic::Ordering;

use runtime_events::{AgentEventName, AgentEventStatus, AgentFailureClass, Data};
use runtime_sinks::{SinkError, UsageRecord};
use runtime_usage::{Budget, BudgetExceededError, RecordedTurn, UnknownPrice, UsageSnapshot, Usd};

use crate::error::TurnError;
use crate::log::log;
use crate::session::core::Core;
use crate::session::stream::caught;

impl Core {
    /// Refuses a turn before it spends: an enforced budget that is overspent, or a model whose
    /// price the budget does not know.
    pub(crate) fn check_budget(&self, model: &str) -> Result<(), TurnError> {
        let Some(budget) = &self.setup.budget else { return Ok(()) };
        budget.admit(self.tracker.total_cost(), Usd::ZERO)?;
        if !model.is_empty() && matches!(budget.unknown_price_rule(), UnknownPrice::Deny) {
            budget.price(model, self.setup.pricing.get(model))?;
        }
        Ok(())
    }

    /// Records what a turn used, here and in the usage sink. A turn without a model is not
    /// metered.
    pub(crate) fn bill(&self, model: &str, usage: UsageSnapshot) -> Usd {
        if model.is_empty() {
            return Usd::ZERO;
        }
        let recorded = self.record(model, &usage);
        if recorded.first_unpriced {
            log!(warn, session = %self.session_id, model = %model, "no price is registered for this model; it counts as free");
        }
        if let Some(sink) = &self.setup.usage_sink {
            let record = UsageRecord::new(model, usage, recorded.cost)
                .session_id(self.session_id.clone())
                .role(self.setup.role.clone());
            self.deliver_usage(|| sink.record(&record));
        }
        recorded.cost
    }

    fn record(&self, model: &str, usage: &UsageSnapshot) -> RecordedTurn {
        match self.setup.budget.as_ref().map(Budget::unknown_price_rule) {
            Some(UnknownPrice::Assume(price)) if !self.setup.pricing.contains(model) => {
                self.tracker.record_priced(model, usage, price.cost(usage))
            }
            _ => self.tracker.record_turn(model, usage),
        }
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

    /// After an answered turn: more spent than allowed is said each time, and is a mark on the
    /// answer where the budget is enforced.
    pub(crate) fn budget_verdict(&self) -> Option<BudgetExceededError> {
        let budget = self.setup.budget.as_ref()?;
        let exceeded = budget.check(self.tracker.total_cost()).err()?;
        log!(warn, session = %self.session_id, role = %self.setup.role, budget = %exceeded.budget, spent = %exceeded.current_cost, enforced = budget.is_enforced(), "budget exceeded");
        let event = self
            .event(AgentEventName::AgentFailed, AgentEventStatus::Failed)
            .with_failure_class(AgentFailureClass::Unknown)
            .with_detail(format!("budget exceeded: {}", exceeded.current_cost))
            .with_data(Data::with_capacity(1).with("budget_usd", exceeded.budget.to_f64()));
        self.emit(event);
        budget.is_enforced().then_some(exceeded)
    }

    /// One `agent.blocked` for a turn that was refused.
    pub(crate) fn turn_refused(&self, model: &str, error: &TurnError) {
        let mut data =
            Data::with_capacity(3).with("refused", "turn").with("reason", error.reason());
        if !model.is_empty() {
            data.insert("model", model);
        }
        self.refused(error.failure_class(), error.to_string(), data);
    }

    /// One `agent.blocked` for a tool that was refused.
    pub(crate) fn tool_refused(
        &self,
        tool: &str,
        class: AgentFailureClass,
        reason: &'static str,
        detail: String,
    ) {
        let data = Data::with_capacity(3)
            .with("refused", "tool")
            .with("reason", reason)
            .with("tool", tool);
        self.refused(class, detail, data);
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
