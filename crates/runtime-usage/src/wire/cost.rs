//! [`Cost`]: the cost of a turn as a provider reports it.
//!
//! `OpenRouter` has a number in `cost`, Perplexity an object with a `total_cost`, and xAI whole ticks in
//! `cost_in_usd_ticks`, of which ten thousand million are a dollar. `DeepInfra` has an `estimated_cost`. Where
//! `OpenRouter` tells of a generation afterwards, it is a number under `usage`.

use serde::Deserialize;
use serde_json::Value;

use super::error::{ReportedUsageError, ReportedUsageErrorKind as Kind};
use super::path;
use crate::usd::Usd;

const CHARGED: &str = "cost";
const TOTAL: &str = "cost.total_cost";
const ESTIMATED: &str = "estimated_cost";
const TOLD: &str = "usage";
const TICKS: &str = "cost_in_usd_ticks";
const UPSTREAM: &str = "cost_details.upstream_inference_cost";

/// The cost of a turn.
///
/// At `OpenRouter`, with the caller's own key, `cost` is only the fee, and the provider charges `upstream` on top.
/// Without one, `upstream` is part of `cost`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    charged: Option<Usd>,
    upstream: Option<Usd>,
    own_key: bool,
}

impl Cost {
    pub(crate) const UNKNOWN: Self = Self { charged: None, upstream: None, own_key: false };

    /// Replaces known values by those in `usage`. On failure nothing changes.
    pub(crate) fn replace(&mut self, usage: &Value) -> Result<(), ReportedUsageError> {
        let charged = charged(usage)?;
        let upstream = amount(usage, UPSTREAM)?;
        self.charged = charged.or(self.charged);
        self.upstream = upstream.or(self.upstream);
        if let Some(own_key) = usage.get("is_byok").and_then(Value::as_bool) {
            self.own_key = own_key;
        }
        Ok(())
    }

    /// The total cost, or the missing field that it depends on.
    pub(crate) fn total(&self) -> Result<Usd, &'static str> {
        let charged = self.charged.ok_or(CHARGED)?;
        if !self.own_key {
            return Ok(charged);
        }
        Ok(charged.saturating_add(self.upstream.ok_or(UPSTREAM)?))
    }
}

fn charged(usage: &Value) -> Result<Option<Usd>, ReportedUsageError> {
    const TICKS_PER_NANO: u64 = 10;
    if let Some(ticks) = usage.get(TICKS).filter(|ticks| !ticks.is_null()) {
        let whole = ticks.as_u64();
        let whole = whole.ok_or_else(|| ReportedUsageError::about(TICKS, ticks, Kind::NotACost))?;
        return Ok(Some(Usd::from_nanos(whole.div_ceil(TICKS_PER_NANO))));
    }
    if usage.get(CHARGED).is_some_and(Value::is_object) {
        return amount(usage, TOTAL);
    }
    for field in [CHARGED, ESTIMATED, TOLD] {
        if let Some(charged) = amount(usage, field)? {
            return Ok(Some(charged));
        }
    }
    Ok(None)
}

fn amount(usage: &Value, field: &'static str) -> Result<Option<Usd>, ReportedUsageError> {
    let mut amount = None;
    path::visit(usage, field, &mut |value| {
        let read = Usd::deserialize(value);
        amount = Some(read.map_err(|_| ReportedUsageError::about(field, value, Kind::NotACost))?);
        Ok(())
    })?;
    Ok(amount)
}
