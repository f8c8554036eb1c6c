//! What a tracker tells: [`ModelUsage`] and [`UsageSummary`].

use serde::{Serialize, Serializer};

use crate::snapshot::{UsageSnapshot, is_zero};
use crate::usd::Usd;

/// Turns, tokens and cost of one model, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelUsage {
    /// The number of turns.
    pub turns: u64,
    /// How many of them had no price.
    pub unpriced_turns: u64,
    /// How many of them cost what the provider itself reported. Not written where none did.
    #[serde(skip_serializing_if = "is_zero")]
    pub reported_turns: u64,
    /// The tokens of all of them.
    #[serde(flatten)]
    pub tokens: UsageSnapshot,
    /// What they cost; the JSON calls it `cost_usd`.
    #[serde(rename = "cost_usd")]
    pub cost: Usd,
}

impl ModelUsage {
    pub(crate) fn add(&mut self, usage: &UsageSnapshot, cost: Usd, priced: bool) {
        self.turns += 1;
        self.unpriced_turns += u64::from(!priced);
        self.tokens = self.tokens.saturating_add(usage);
        self.cost = self.cost.saturating_add(cost);
    }
}

/// The totals of a tracker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageSummary {
    /// The number of turns.
    pub turns: u64,
    /// The input tokens of all turns, those of caches not among them.
    pub total_input_tokens: u64,
    /// The output tokens of all turns.
    pub total_output_tokens: u64,
    /// What all turns cost: exact here, rounded to four digits in JSON.
    #[serde(serialize_with = "four_digits")]
    pub total_cost_usd: Usd,
    /// The cost as people read it.
    pub formatted_cost: String,
}

impl UsageSummary {
    pub(crate) fn of(total: &ModelUsage) -> Self {
        Self {
            turns: total.turns,
            total_input_tokens: total.tokens.input_tokens,
            total_output_tokens: total.tokens.output_tokens,
            total_cost_usd: total.cost,
            formatted_cost: total.cost.to_string(),
        }
    }
}

/// Rounds by way of the printed digits, as Python's `round` does.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn four_digits<S: Serializer>(cost: &Usd, serializer: S) -> Result<S::Ok, S::Error> {
    let rounded: f64 = format!("{:.4}", cost.to_f64()).parse().unwrap_or_else(|_| cost.to_f64());
    serializer.serialize_f64(rounded)
}
