//! [`ModelPricing`]: the prices of a model in one service tier and one band of context sizes.

use serde::{Deserialize, Serialize};

use crate::kind::TokenKind;
use crate::snapshot::UsageSnapshot;
use crate::usd::Usd;

/// The prices of a model, each per million tokens.
///
/// The JSON keys are the field names. The two cache prices may be left out and are then zero.
/// Unknown keys are refused, because a misspelt price would be a price of zero. The last four prices
/// are written only if they are set.
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
    /// The price of input tokens written to the cache.
    #[serde(default)]
    pub cache_write_per_million: Usd,
    /// The price of input tokens read from the cache.
    #[serde(default)]
    pub cache_read_per_million: Usd,
    /// The price of input tokens written to the cache for an hour. Unset: the price of a cache write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_per_million: Option<Usd>,
    /// The price of audio input. Unset: the price of input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_audio_per_million: Option<Usd>,
    /// The price of audio output. Unset: the price of output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_audio_per_million: Option<Usd>,
    /// The price of reasoning, a part of the output. Unset: the price of output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_per_million: Option<Usd>,
}

impl ModelPricing {
    /// No cost, such as a model that runs on your own machine.
    pub const FREE: Self = Self::per_million(Usd::ZERO, Usd::ZERO);

    /// Prices of input and output. The cache is free.
    pub const fn per_million(input: Usd, output: Usd) -> Self {
        Self {
            input_per_million: input,
            output_per_million: output,
            cache_write_per_million: Usd::ZERO,
            cache_read_per_million: Usd::ZERO,
            cache_write_1h_per_million: None,
            input_audio_per_million: None,
            output_audio_per_million: None,
            reasoning_per_million: None,
        }
    }

    /// Sets the price of tokens written to the cache. Default: zero.
    #[must_use]
    pub const fn cache_write(mut self, per_million: Usd) -> Self {
        self.cache_write_per_million = per_million;
        self
    }

    /// Sets the price of tokens read from the cache. Default: zero.
    #[must_use]
    pub const fn cache_read(mut self, per_million: Usd) -> Self {
        self.cache_read_per_million = per_million;
        self
    }

    /// Sets the price of tokens written to the cache for an hour. Default: the price of a cache write.
    #[must_use]
    pub const fn cache_write_1h(mut self, per_million: Usd) -> Self {
        self.cache_write_1h_per_million = Some(per_million);
        self
    }

    /// Sets the price of audio input. Default: the price of input.
    #[must_use]
    pub const fn input_audio(mut self, per_million: Usd) -> Self {
        self.input_audio_per_million = Some(per_million);
        self
    }

    /// Sets the price of audio output. Default: the price of output.
    #[must_use]
    pub const fn output_audio(mut self, per_million: Usd) -> Self {
        self.output_audio_per_million = Some(per_million);
        self
    }

    /// Sets the price of reasoning. Default: the price of output.
    #[must_use]
    pub const fn reasoning(mut self, per_million: Usd) -> Self {
        self.reasoning_per_million = Some(per_million);
        self
    }

    /// The price of a million tokens of a kind.
    pub fn rate(&self, kind: TokenKind) -> Usd {
        match kind {
            TokenKind::Input => self.input_per_million,
            TokenKind::InputAudio => self.input_audio_per_million.unwrap_or(self.input_per_million),
            TokenKind::CacheRead => self.cache_read_per_million,
            TokenKind::CacheWrite => self.cache_write_per_million,
            TokenKind::CacheWrite1h => {
                self.cache_write_1h_per_million.unwrap_or(self.cache_write_per_million)
            }
            TokenKind::Output => self.output_per_million,
            TokenKind::OutputAudio => {
                self.output_audio_per_million.unwrap_or(self.output_per_million)
            }
            TokenKind::Reasoning => self.reasoning_per_million.unwrap_or(self.output_per_million),
        }
    }

    /// The cost of this usage: the exact sum over all kinds of token, rounded once, half-even, to a
    /// nano-dollar, and capped at [`Usd::MAX`].
    pub fn cost(&self, usage: &UsageSnapshot) -> Usd {
        let mut sum = 0_u128;
        for kind in TokenKind::ALL {
            let tokens = kind.count(usage);
            // Most turns have tokens of two kinds.
            if tokens > 0 {
                sum = sum.saturating_add(product(tokens, self.rate(kind)));
            }
        }
        divide_by_a_million(sum)
    }

    /// The higher of the two prices, for each kind.
    pub(crate) fn dearer(&self, other: &Self) -> Self {
        let rate = |kind| self.rate(kind).max(other.rate(kind));
        // A price that neither sets stays unset, so that it keeps following the price it defaults to.
        let set = |field: fn(&Self) -> Option<Usd>, kind| {
            (field(self).is_some() || field(other).is_some()).then(|| rate(kind))
        };
        Self {
            input_per_million: rate(TokenKind::Input),
            output_per_million: rate(TokenKind::Output),
            cache_write_per_million: rate(TokenKind::CacheWrite),
            cache_read_per_million: rate(TokenKind::CacheRead),
            cache_write_1h_per_million: set(
                |pricing| pricing.cache_write_1h_per_million,
                TokenKind::CacheWrite1h,
            ),
            input_audio_per_million: set(
                |pricing| pricing.input_audio_per_million,
                TokenKind::InputAudio,
            ),
            output_audio_per_million: set(
                |pricing| pricing.output_audio_per_million,
                TokenKind::OutputAudio,
            ),
            reasoning_per_million: set(
                |pricing| pricing.reasoning_per_million,
                TokenKind::Reasoning,
            ),
        }
    }
}

/// The cost of a million times as many tokens, in nano-dollars. It fits in 128 bits.
pub(crate) fn product(tokens: u64, rate_per_million: Usd) -> u128 {
    u128::from(tokens) * u128::from(rate_per_million.nanos())
}

/// Rounds half-even to a nano-dollar, capped at [`Usd::MAX`].
pub(crate) fn divide_by_a_million(nanos: u128) -> Usd {
    const MILLION: u64 = 1_000_000;
    const HALF: u64 = MILLION / 2;

    // A turn below 18,446 $ fits in 64 bits, where division by a constant is a multiplication.
    let (quotient, remainder) = if let Ok(nanos) = u64::try_from(nanos) {
        (u128::from(nanos / MILLION), nanos % MILLION)
    } else {
        let remainder = u64::try_from(nanos % u128::from(MILLION)).unwrap_or(0); // below 10⁶
        (nanos / u128::from(MILLION), remainder)
    };
    let up = remainder > HALF || (remainder == HALF && quotient % 2 == 1);
    Usd::from_nanos(u64::try_from(quotient + u128::from(up)).unwrap_or(u64::MAX))
}
