//! The totals of a tracker: [`ModelUsage`] and [`UsageSummary`].

use serde::{Serialize, Serializer};

use crate::snapshot::{UsageSnapshot, is_zero};
use crate::usd::Usd;

/// The turns, tokens and cost of one model or of all models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelUsage {
    /// The number of turns.
    pub turns: u64,
    /// The number of turns without a price.
    pub unpriced_turns: u64,
    /// The number of turns whose cost the provider itself reported. Left out of the JSON if zero.
    #[serde(skip_serializing_if = "is_zero")]
    pub reported_turns: u64,
    /// The tokens of all turns.
    #[serde(flatten)]
    pub tokens: UsageSnapshot,
    /// The cost of all turns. The JSON key is `cost_usd`.
    #[serde(rename = "cost_usd")]
    pub cost: Usd,
}

impl ModelUsage {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.turns += other.turns;
        self.unpriced_turns += other.unpriced_turns;
        self.reported_turns += other.reported_turns;
        self.tokens = self.tokens.saturating_add(&other.tokens);
        self.cost = self.cost.saturating_add(other.cost);
    }

    pub(crate) fn add(&mut self, usage: &UsageSnapshot, cost: Usd, priced: bool) {
        self.turns += 1;
        self.unpriced_turns += u64::from(!priced);
        self.tokens = self.tokens.saturating_add(usage);
        self.cost = self.cost.saturating_add(cost);
    }
}

/// The totals of a tracker, under the keys of the Python original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageSummary {
    /// The number of turns.
    pub turns: u64,
    /// The number of turns without a price, which count as free. Left out of the JSON if zero.
    #[serde(skip_serializing_if = "is_zero")]
    pub unpriced_turns: u64,
    /// The input tokens of all turns, without cached tokens.
    pub total_input_tokens: u64,
    /// The output tokens of all turns.
    pub total_output_tokens: u64,
    /// The cost of all turns. It is exact here and rounded to four digits in JSON.
    #[serde(serialize_with = "four_digits")]
    pub total_cost_usd: Usd,
    /// The cost as text, [rounded](Usd::rounded) as the original does.
    pub formatted_cost: String,
}

impl UsageSummary {
    pub(crate) fn of(total: &ModelUsage) -> Self {
        Self {
            turns: total.turns,
            unpriced_turns: total.unpriced_turns,
            total_input_tokens: total.tokens.input_tokens,
            total_output_tokens: total.tokens.output_tokens,
            total_cost_usd: total.cost,
            formatted_cost: total.cost.rounded(),
        }
    }
}

/// Rounds by way of the printed digits, as Python's `round` does.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn four_digits<S: Serializer>(cost: &Usd, serializer: S) -> Result<S::Ok, S::Error> {
    let rounded: f64 = format!("{:.4}", cost.to_f64()).parse().unwrap_or_else(|_| cost.to_f64());
    serializer.serialize_f64(rounded)
}
