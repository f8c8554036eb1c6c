//! [`Cost`]: the cost of a turn as a provider reports it.
//!
//! `OpenRouter` has a number in `cost`, Perplexity an object with a `total_cost`, and xAI whole ticks in
//! `cost_in_usd_ticks`, of which ten thousand million are a dollar, or in `cost_in_nano_usd`. `DeepInfra` has an `estimated_cost`. Where
//! `OpenRouter` tells of a generation afterwards, it is a number under `usage`.

use serde::Deserialize;
use serde_json::Value;

use super::error::{ReportedUsageError, ReportedUsageErrorKind as Kind};
use super::path::{Object, Path};
use crate::usd::Usd;

type Amount = Result<Option<Usd>, ReportedUsageError>;

const CHARGED: Path = Path::new("cost");
const TOTAL: &str = "cost.total_cost";
/// What has the cost in other words, the first that is there.
const OTHERS: [Path; 2] = Path::all(["estimated_cost", "usage"]);
/// What xAI counts a dollar in, and how many are a nano-dollar.
const WHOLE: [(Path, u64); 2] =
    [(Path::new("cost_in_usd_ticks"), 10), (Path::new("cost_in_nano_usd"), 1)];
const UPSTREAM: Path = Path::new("cost_details.upstream_inference_cost");
const OWN_KEY: Path = Path::new("is_byok");

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
    pub(crate) fn replace(&mut self, usage: &mut Object<'_>) -> Result<(), ReportedUsageError> {
        let charged = charged(usage)?;
        let upstream = amount(usage, UPSTREAM)?;
        self.charged = charged.or(self.charged);
        self.upstream = upstream.or(self.upstream);
        if let Some(own_key) = usage.value(OWN_KEY)?.and_then(Value::as_bool) {
            self.own_key = own_key;
        }
        Ok(())
    }

    /// The total cost, or the missing field that it depends on.
    pub(crate) fn total(&self) -> Result<Usd, &'static str> {
        let charged = self.charged.ok_or(CHARGED.text)?;
        if !self.own_key {
            return Ok(charged);
        }
        Ok(charged.saturating_add(self.upstream.ok_or(UPSTREAM.text)?))
    }
}

fn charged(usage: &mut Object<'_>) -> Amount {
    for (path, in_a_nano) in WHOLE {
        if let Some(cost) = usage.value(path)? {
            let whole = cost.as_u64();
            let whole =
                whole.ok_or_else(|| ReportedUsageError::about(path.text, cost, Kind::NotACost))?;
            // Azure, which sells xAI's models, leaves it at nothing.
            if whole > 0 {
                return Ok(Some(Usd::from_nanos(whole.div_ceil(in_a_nano))));
            }
        }
    }
    match usage.value(CHARGED)? {
        Some(Value::Object(costs)) => {
            let total = costs.get("total_cost").filter(|cost| !cost.is_null());
            return total.map(|cost| dollars(TOTAL, cost)).transpose();
        }
        Some(cost) => return dollars(CHARGED.text, cost).map(Some),
        None => {}
    }
    for path in OTHERS {
        if let Some(charged) = amount(usage, path)? {
            return Ok(Some(charged));
        }
    }
    Ok(None)
}

fn amount(usage: &mut Object<'_>, path: Path) -> Amount {
    usage.value(path)?.map(|cost| dollars(path.text, cost)).transpose()
}

fn dollars(field: &'static str, cost: &Value) -> Result<Usd, ReportedUsageError> {
    Usd::deserialize(cost).map_err(|_| ReportedUsageError::about(field, cost, Kind::NotACost))
}
