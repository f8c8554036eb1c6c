//! The worst case of a turn, and the output that a sum of money buys at the worst.

use crate::kind::TokenKind;
use crate::prices::ModelPrices;
use crate::pricing::{ModelPricing, divide_by_a_million, product};
use crate::snapshot::UsageSnapshot;
use crate::tier::ServiceTier;
use crate::usd::Usd;

impl ModelPrices {
    /// The most that a turn can cost if it is no larger than an estimate.
    ///
    /// The turn may have at most the estimate's total input and total output, and at most the
    /// estimate's audio input, audio output and input written to the cache for an hour. Within these
    /// bounds, other input may be plain, read from the cache or written to it, output may be
    /// reasoning, and a smaller turn may fall into any lower band.
    ///
    /// ```
    /// use runtime_usage::{ModelPrices, ModelPricing, ServiceTier, UsageSnapshot, Usd};
    ///
    /// let pricing = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15))
    ///     .cache_write(Usd::from_cents(375));
    /// let prices = ModelPrices::from(pricing);
    /// let estimate = UsageSnapshot::new(1_000_000, 100_000);
    /// // The worst case: all input is written to the cache. 3.75 + 1.50 dollars.
    /// let most = prices.worst_case(&estimate, ServiceTier::Standard);
    /// assert_eq!(most, Usd::from_cents(525));
    /// ```
    pub fn worst_case(&self, estimate: &UsageSnapshot, tier: ServiceTier) -> Usd {
        let sums = self.reachable(estimate, tier).map(|rates| {
            input_at_most(&rates, estimate).saturating_add(output_at_most(&rates, estimate))
        });
        divide_by_a_million(sums.max().unwrap_or(0))
    }

    /// The most text output, in tokens, that a turn with the estimate's input can have without its
    /// [`worst_case`](Self::worst_case) exceeding `left`.
    ///
    /// This is zero if the input alone costs more than `left`, and [`u64::MAX`] if output is free.
    /// The output of the estimate is ignored.
    ///
    /// ```
    /// use runtime_usage::{ModelPrices, ModelPricing, ServiceTier, UsageSnapshot, Usd};
    ///
    /// let pricing = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
    /// let prices = ModelPrices::from(pricing);
    /// let input = UsageSnapshot::new(10_000, 0);
    /// // Of 6 cents the input takes 3. The other 3 buy 2,000 tokens at 15 $ per million.
    /// let most = prices.output_tokens_for(&input, Usd::from_cents(6), ServiceTier::Standard);
    /// assert_eq!(most, 2_000);
    /// ```
    pub fn output_tokens_for(&self, estimate: &UsageSnapshot, left: Usd, tier: ServiceTier) -> u64 {
        if left == Usd::MAX {
            return u64::MAX; // costs are capped there, so everything fits
        }
        // The largest sum that rounds to `left`: a half rounds to the even neighbour.
        let half = if left.nanos().is_multiple_of(2) { 500_000 } else { 499_999 };
        let most = u128::from(left.nanos()) * 1_000_000 + half;
        let counts = self.reachable(estimate, tier).map(|rates| {
            let Some(rest) = most.checked_sub(input_at_most(&rates, estimate)) else { return 0 };
            let rate = u128::from(text_output_rate(&rates).nanos());
            rest.checked_div(rate).map_or(u64::MAX, |n| u64::try_from(n).unwrap_or(u64::MAX))
        });
        counts.min().unwrap_or(0)
    }

    /// The prices of every band that a turn with at most the estimate's input can fall into.
    fn reachable(
        &self,
        estimate: &UsageSnapshot,
        tier: ServiceTier,
    ) -> impl Iterator<Item = ModelPricing> {
        let input = estimate.total_input_tokens();
        let bands = self.thresholds(tier).into_iter().take_while(move |above| *above < input);
        std::iter::once(0).chain(bands).map(move |above| self.rates_above(tier, above))
    }
}

fn input_at_most(rates: &ModelPricing, estimate: &UsageSnapshot) -> u128 {
    let any = [TokenKind::Input, TokenKind::CacheRead, TokenKind::CacheWrite]
        .map(|kind| rates.rate(kind))
        .into_iter()
        .fold(Usd::ZERO, Usd::max);
    let at_least = |kind| rates.rate(kind).max(any);
    [
        (estimate.input_tokens, any),
        (estimate.cache_read_tokens, any),
        (estimate.cache_write_tokens, any),
        (estimate.cache_write_1h_tokens, at_least(TokenKind::CacheWrite1h)),
        (estimate.input_audio_tokens, at_least(TokenKind::InputAudio)),
    ]
    .into_iter()
    .fold(0, |sum, (tokens, rate)| sum.saturating_add(product(tokens, rate)))
}

fn output_at_most(rates: &ModelPricing, estimate: &UsageSnapshot) -> u128 {
    let text = text_output_rate(rates);
    let audio = rates.rate(TokenKind::OutputAudio).max(text);
    product(estimate.output_tokens, text)
        .saturating_add(product(estimate.output_audio_tokens, audio))
}

fn text_output_rate(rates: &ModelPricing) -> Usd {
    rates.rate(TokenKind::Output).max(rates.rate(TokenKind::Reasoning))
}
