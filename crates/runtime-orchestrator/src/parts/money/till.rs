//! Bills of turns, in the books and the records of a session.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use runtime_sinks::{SinkError, UsageRecord};
use runtime_usage::{Charge, ReportedUsage, UsageSnapshot, Usd};

use super::{Bill, Funds, Money, is_unsaid};
use crate::log::log;
use crate::parts::names::Payer;
use crate::parts::sinks::ask;

/// The money of a session, and who pays. Books and records have names without secrets.
#[derive(Clone, Copy)]
pub(crate) struct Till<'m> {
    pub(crate) money: &'m Money,
    pub(super) payer: Payer<'m>,
}

impl Till<'_> {
    /// Bills a turn by its usage, complete or partial, in the tracker, the usage sink and the
    /// budget. A turn without a model is not metered.
    ///
    /// It fills `bill`, which is empty: a bill is large, and copied wherever it is passed on.
    #[inline]
    pub(crate) fn bill(
        self,
        model: &Arc<str>,
        funds: Funds<'_>,
        usage: &ReportedUsage,
        bill: &mut Bill,
    ) {
        bill.usage = Some(usage.tokens);
        bill.finish_reasons = usage.finish_reasons;
        if model.is_empty() {
            return;
        }
        let model = &*self.payer.names.clean(model);
        let tier = usage.tier.unwrap_or_else(|| funds.tier());
        let is_unsaid = is_unsaid(usage);
        let recorded = match (usage.cost, funds.prices()) {
            (None, Some(prices)) => {
                // If all input or all output is unreported, or a strict budget has a partial usage,
                // the cost is at least the reservation.
                let guessed = is_unsaid || (usage.estimated && funds.is_strict());
                let least = if guessed { funds.reserved() } else { Usd::ZERO };
                let cost = prices.cost(&usage.tokens, tier).max(least);
                self.money.tracker.record_priced(model, &usage.tokens, cost)
            }
            _ => self.money.tracker.record(model, usage, tier),
        };
        if recorded.first_unpriced {
            log!(warn, session = %self.payer.session_id, model = %model, "no price is registered for the model; its turns count as free");
        }
        if let Some(how) = recorded.first_loose {
            log!(info, session = %self.payer.session_id, model = %model, matched_by = %how, "no price is registered for this exact model name; a shorter name has one");
        }
        bill.cost = recorded.cost;
        bill.reported = recorded.reported;
        bill.estimated = usage.cost.is_none() && (usage.estimated || is_unsaid);
        self.settle(model, funds, bill);
    }

    /// Bills a sent call with unknown usage by its reservation. `None` without a reservation.
    pub(crate) fn bill_unknown(self, model: &Arc<str>, funds: Funds<'_>) -> Option<Bill> {
        let cost = funds.reserved();
        if model.is_empty() || cost.is_zero() {
            return None;
        }
        let model = &*self.payer.names.clean(model);
        let _ = self.money.tracker.record_priced(model, &UsageSnapshot::default(), cost);
        let mut bill = Bill { cost, estimated: true, ..Bill::default() };
        self.settle(model, funds, &mut bill);
        Some(bill)
    }

    #[inline]
    fn settle(self, model: &Arc<str>, funds: Funds<'_>, bill: &mut Bill) {
        let charge = Charge::new(bill.cost).model(model).role(self.payer.role);
        let charge = if bill.estimated { charge.estimated() } else { charge };
        bill.marks = funds.settle(charge).marks;
        if let Some(sink) = self.money.sink() {
            self.deliver(|| sink.take(self.record(model, bill)));
        }
    }

    fn record(self, model: &Arc<str>, bill: &Bill) -> UsageRecord {
        let usage = bill.usage.unwrap_or_default();
        let mut record = UsageRecord::new(Arc::clone(model), usage, bill.cost);
        record.session_id = Some(Arc::clone(self.payer.session_id));
        record.role = Some(Arc::clone(self.payer.role));
        record.estimated = bill.estimated;
        record.cost_reported = bill.reported;
        record
    }

    pub(crate) fn flush(self) {
        if let Some(sink) = self.money.sink() {
            self.deliver(|| sink.flush());
        }
    }

    /// Drops the sink.
    pub(crate) fn close(self) {
        let sink = self.money.sink_slot().take();
        self.deliver(|| {
            drop(sink);
            Ok(())
        });
    }

    fn deliver(self, call: impl FnOnce() -> Result<(), SinkError>) {
        // Relaxed: a count that nothing else depends on.
        if let Some(error) = ask(self.payer.session_id, call)
            && self.money.sink_failures.fetch_add(1, Ordering::Relaxed) == 0
        {
            log!(warn, session = %self.payer.session_id, error = %error, "usage sink failed; further failures are only counted");
        }
    }
}
