//! [`ModelPricing`]: what a model costs.

use serde::{Deserialize, Serialize};

use crate::snapshot::UsageSnapshot;
use crate::usd::Usd;

/// Prices of a model, each per million tokens.
///
/// In JSON it has the names of its fields. The two prices of the cache may be missing and are
/// zero then; a key it does not know is refused, for a misspelt price would be a price of zero.
///
/// ```
/// use runtime_usage::{ModelPricing, UsageSnapshot, Usd};
///
/// let pricing = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15))
///     .cache_read(Usd::from_cents(30));
/// let cost = pricing.cost(&UsageSnapshot::new(1_000, 200).cache_read(50_000));
/// assert_eq!(format!("{cost:.4}"), "$0.0210");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelPricing {
    /// The price of input tokens.
    pub input_per_million: Usd,
    /// The price of output tokens.
    pub output_per_million: Usd,
    /// The price of input tokens that are written to the cache.
    #[serde(default)]
    pub cache_write_per_million: Usd,
    /// The price of input tokens that are read from the cache.
    #[serde(default)]
    pub cache_read_per_million: Usd,
}

impl ModelPricing {
    /// What costs nothing: a model that runs on one's own machine.
    pub const FREE: Self = Self::per_million(Usd::ZERO, Usd::ZERO);

    /// Prices of input and output, with the cache free of charge.
    pub const fn per_million(input: Usd, output: Usd) -> Self {
        Self {
            input_per_million: input,
            output_per_million: output,
            cache_write_per_million: Usd::ZERO,
            cache_read_per_million: Usd::ZERO,
        }
    }

    /// Sets the price of tokens written to the cache. Default: nothing.
    #[must_use]
    pub const fn cache_write(mut self, per_million: Usd) -> Self {
        self.cache_write_per_million = per_million;
        self
    }

    /// Sets the price of tokens read from the cache. Default: nothing.
    #[must_use]
    pub const fn cache_read(mut self, per_million: Usd) -> Self {
        self.cache_read_per_million = per_million;
        self
    }

    /// What this usage costs: the exact sum over the kinds of tokens, rounded once, half-even, to a
    /// nano-dollar. [`Usd::MAX`] where that is too much.
    ///
    /// Audio is priced as text, and an hour in the cache as the shortest time there.
    pub fn cost(&self, usage: &UsageSnapshot) -> Usd {
        let items = [
            (usage.input_tokens, self.input_per_million),
            (usage.input_audio_tokens, self.input_per_million),
            (usage.output_tokens, self.output_per_million),
            (usage.output_audio_tokens, self.output_per_million),
            (usage.cache_write_tokens, self.cache_write_per_million),
            (usage.cache_write_1h_tokens, self.cache_write_per_million),
            (usage.cache_read_tokens, self.cache_read_per_million),
        ];
        // One product fits 128 bits; where the sum does not, the cost is too much anyway.
        let cost_of_a_million = items.into_iter().fold(0_u128, |sum, (tokens, price)| {
            sum.saturating_add(u128::from(tokens) * u128::from(price.nanos()))
        });
        divide_by_a_million(cost_of_a_million)
    }
}

fn divide_by_a_million(nanos: u128) -> Usd {
    const MILLION: u64 = 1_000_000;
    const HALF: u64 = MILLION / 2;

    // A turn below 18,446 $ fits 64 bits, where dividing by a constant is a multiplication.
    let (quotient, remainder) = if let Ok(nanos) = u64::try_from(nanos) {
        (u128::from(nanos / MILLION), nanos % MILLION)
    } else {
        let remainder = u64::try_from(nanos % u128::from(MILLION)).unwrap_or(0); // below 10⁶
        (nanos / u128::from(MILLION), remainder)
    };
    let up = remainder > HALF || (remainder == HALF && quotient % 2 == 1);
    Usd::from_nanos(u64::try_from(quotient + u128::from(up)).unwrap_or(u64::MAX))
}
