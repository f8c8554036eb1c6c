//! [`Cost`]: the cost of a turn, as the lines of a bill.

use std::fmt;

use crate::kind::TokenKind;
use crate::pricing::{ModelPricing, divide_by_a_million, product};
use crate::snapshot::UsageSnapshot;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// The cost of a turn, line by line.
///
/// The total is the exact sum, rounded once, half-even, to a nano-dollar. The amount of a line is
/// what it adds to the rounded sum of the lines above it. So the lines add up to the total, and no
/// line is off by a nano-dollar or more.
///
/// A cost prints as a bill:
///
/// ```
/// use runtime_usage::{ModelPrices, ModelPricing, ServiceTier, UsageSnapshot, Usd};
///
/// let short = ModelPricing::per_million(Usd::from_cents(250), Usd::from_dollars(15))
///     .cache_read(Usd::from_cents(25));
/// let long = ModelPricing::per_million(Usd::from_dollars(5), Usd::from_cents(2250))
///     .cache_read(Usd::from_cents(50));
/// let prices = ModelPrices::new(short).band(272_000, long);
///
/// let usage = UsageSnapshot::new(250_000, 1_000).cache_read(50_000);
/// let cost = prices.price(&usage, ServiceTier::Standard);
/// assert_eq!(
///     cost.to_string(),
///     "\
/// standard tier, above 272000 input tokens
/// input            250000 x $5 per million = $1.25
/// cache read        50000 x $0.5 per million = $0.025
/// output             1000 x $22.5 per million = $0.0225
/// total $1.2975"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// The total, capped at [`Usd::MAX`].
    pub total: Usd,
    /// The tier whose prices apply: the requested one, or [`ServiceTier::Standard`] if that one has
    /// no prices.
    pub tier: ServiceTier,
    /// The band whose prices apply: turns with more input tokens than this. Zero: turns of any size.
    pub above: u64,
    /// Only the first `lines` are in use.
    items: [LineItem; TokenKind::ALL.len()],
    lines: usize,
}

/// A line of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineItem {
    /// The kind of the tokens.
    pub kind: TokenKind,
    /// The number of tokens.
    pub tokens: u64,
    /// The price of a million tokens.
    pub rate_per_million: Usd,
    /// The cost of the tokens.
    pub amount: Usd,
}

impl Cost {
    pub(crate) fn new(
        rates: &ModelPricing,
        tier: ServiceTier,
        above: u64,
        usage: &UsageSnapshot,
    ) -> Self {
        let mut items = [LineItem::NONE; TokenKind::ALL.len()];
        let (mut lines, mut sum, mut total) = (0, 0_u128, Usd::ZERO);
        for kind in TokenKind::ALL {
            let (tokens, rate_per_million) = (tokens(kind, rates, usage), rates.rate(kind));
            if tokens == 0 {
                continue;
            }
            sum = sum.saturating_add(product(tokens, rate_per_million));
            let so_far = divide_by_a_million(sum);
            let amount = so_far.saturating_sub(total);
            items[lines] = LineItem { kind, tokens, rate_per_million, amount };
            (lines, total) = (lines + 1, so_far);
        }
        Self { total, tier, above, items, lines }
    }

    /// The lines, one for each kind of token that was used. Reasoning has a line if it has a price of
    /// its own. Otherwise the line of the output includes it.
    pub fn items(&self) -> impl ExactSizeIterator<Item = &LineItem> {
        self.items[..self.lines].iter()
    }
}

/// The number of tokens on the line of a kind.
fn tokens(kind: TokenKind, rates: &ModelPricing, usage: &UsageSnapshot) -> u64 {
    match (kind, rates.reasoning_per_million) {
        (TokenKind::Output, None) => usage.output_tokens,
        (TokenKind::Reasoning, None) => 0,
        _ => kind.count(usage),
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tier", self.tier)?;
        if self.above > 0 {
            write!(f, ", above {} input tokens", self.above)?;
        }
        for item in self.items() {
            write!(f, "\n{item}")?;
        }
        write!(f, "\ntotal {:#}", self.total)
    }
}

impl LineItem {
    const NONE: Self =
        Self { kind: TokenKind::Input, tokens: 0, rate_per_million: Usd::ZERO, amount: Usd::ZERO };
}

impl fmt::Display for LineItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, tokens, rate_per_million, amount } = self;
        write!(f, "{kind:<14} {tokens:>8} x {rate_per_million:#} per million = {amount:#}")
    }
}
