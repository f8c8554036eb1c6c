//! [`Quotes`]: the prices that a list names for a model, and the rules for those that it leaves out.

use crate::kind::TokenKind;
use crate::prices::ModelPrices;
use crate::pricing::ModelPricing;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// The named prices, by tier, context size and kind of token.
#[derive(Debug, Default)]
pub(super) struct Quotes(Vec<(ServiceTier, u64, Quoted)>);

/// The named prices of a million tokens, by kind.
#[derive(Clone, Copy, Debug, Default)]
struct Quoted([Option<Usd>; TokenKind::ALL.len()]);

impl Quotes {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every named price is zero.
    pub(super) fn are_free(&self) -> bool {
        self.0.iter().all(|(_, _, quoted)| quoted.0.iter().flatten().all(|price| price.is_zero()))
    }

    /// Sets the price of a kind of token in a tier, for more than `above` input tokens.
    pub(super) fn set(&mut self, tier: ServiceTier, above: u64, kind: TokenKind, price: Usd) {
        let place = self.0.iter().position(|(t, a, _)| (*t, *a) == (tier, above));
        let place = place.unwrap_or_else(|| {
            self.0.push((tier, above, Quoted::default()));
            self.0.len() - 1
        });
        self.0[place].2.0[kind as usize] = Some(price);
    }

    /// Sets a price as [`set`](Self::set) does, unless there is a higher one.
    pub(super) fn raise(&mut self, tier: ServiceTier, above: u64, kind: TokenKind, price: Usd) {
        let same = self.0.iter().find(|(t, a, _)| (*t, *a) == (tier, above));
        let known = same.and_then(|(_, _, quoted)| quoted.of(kind));
        self.set(tier, above, kind, known.map_or(price, |known| known.max(price)));
    }

    /// Whether a kind has a price in the standard tier for turns of any size.
    pub(super) fn has_base(&self, kind: TokenKind) -> bool {
        let mut quotes = self.0.iter();
        quotes.any(|(tier, above, quoted)| {
            *tier == ServiceTier::Standard && *above == 0 && quoted.of(kind).is_some()
        })
    }

    /// Returns all prices, unless the price of input or output is missing.
    ///
    /// A price that a band leaves out is that of the band below. A price that a tier leaves out is the
    /// standard one. Where a standard band names a price, a tier that does not is charged the higher of
    /// that and its own; all other prices of the tier stay. A cache price that is never named is the
    /// price of input.
    pub(super) fn finish(mut self) -> Option<ModelPrices> {
        self.0.sort_by_key(|(tier, above, _)| (*tier, *above));
        let mut standard: Vec<(u64, Quoted)> = Vec::new();
        for (_, above, quoted) in self.of_tier(ServiceTier::Standard) {
            let quoted = standard.last().map_or(*quoted, |(_, below)| quoted.or(below));
            standard.push((*above, quoted));
        }
        let (0, base) = *standard.first()? else { return None };
        let mut prices = ModelPrices::new(base.rates()?);
        for (above, quoted) in &standard[1..] {
            prices = prices.band(*above, quoted.rates()?);
        }
        let mut thresholds: Vec<u64> = self.0.iter().map(|(_, above, _)| *above).collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        for tier in ServiceTier::ALL.into_iter().filter(|tier| *tier != ServiceTier::Standard) {
            let mut below: Option<Quoted> = None;
            for &above in &thresholds {
                let (own, named) = (self.at(tier, above), self.at(ServiceTier::Standard, above));
                if own.is_none() && (below.is_none() || named.is_none()) {
                    continue;
                }
                let beside = standard.iter().rfind(|(from, _)| *from <= above)?.1;
                let rest =
                    below.map_or(beside, |below| named.map_or(below, |named| below.raised(named)));
                let quoted = own.map_or(rest, |own| own.or(&rest));
                prices = prices.tier_band(tier, above, quoted.rates()?);
                below = Some(quoted);
            }
        }
        Some(prices)
    }

    /// Gives the prices, which were named as standard ones, to a tier. A price that is left out is the
    /// standard one.
    pub(super) fn finish_tier(mut self, tier: ServiceTier, prices: ModelPrices) -> ModelPrices {
        self.0.sort_by_key(|(_, above, _)| *above);
        let mut below: Option<Quoted> = None;
        self.0.iter().fold(prices, |prices, (_, above, own)| {
            let standard = Quoted::from(&prices.rates_above(ServiceTier::Standard, *above));
            let quoted = own.or(&below.unwrap_or(standard));
            below = Some(quoted);
            match quoted.rates() {
                Some(rates) => prices.tier_band(tier, *above, rates),
                None => prices,
            }
        })
    }

    /// The prices that are named for a band of a tier.
    fn at(&self, tier: ServiceTier, above: u64) -> Option<&Quoted> {
        let mut quotes = self.0.iter();
        quotes.find(|(of, from, _)| (*of, *from) == (tier, above)).map(|(_, _, quoted)| quoted)
    }

    fn of_tier(&self, tier: ServiceTier) -> impl Iterator<Item = &(ServiceTier, u64, Quoted)> {
        self.0.iter().filter(move |(of, _, _)| *of == tier)
    }
}

impl From<&ModelPricing> for Quoted {
    fn from(rates: &ModelPricing) -> Self {
        let mut all = Self::default();
        for (kind, price) in [
            (TokenKind::Input, Some(rates.input_per_million)),
            (TokenKind::Output, Some(rates.output_per_million)),
            (TokenKind::CacheWrite, Some(rates.cache_write_per_million)),
            (TokenKind::CacheRead, Some(rates.cache_read_per_million)),
            (TokenKind::CacheWrite1h, rates.cache_write_1h_per_million),
            (TokenKind::InputAudio, rates.input_audio_per_million),
            (TokenKind::OutputAudio, rates.output_audio_per_million),
            (TokenKind::Reasoning, rates.reasoning_per_million),
        ] {
            all.0[kind as usize] = price;
        }
        all
    }
}

impl Quoted {
    const fn of(&self, kind: TokenKind) -> Option<Usd> {
        self.0[kind as usize]
    }

    /// Fills in the prices that are not named.
    fn or(&self, rest: &Self) -> Self {
        let mut all = Self(std::array::from_fn(|kind| self.0[kind].or(rest.0[kind])));
        // Reasoning follows the price of output unless it is named as well.
        if self.of(TokenKind::Output).is_some() {
            all.0[TokenKind::Reasoning as usize] = self.of(TokenKind::Reasoning);
        }
        // An hour in the cache is never cheaper than minutes because its price is left out here.
        if self.of(TokenKind::CacheWrite1h).is_none() {
            let hour = &mut all.0[TokenKind::CacheWrite1h as usize];
            *hour = hour.map(|hour| self.of(TokenKind::CacheWrite).map_or(hour, |m| m.max(hour)));
        }
        all
    }

    /// Raises the prices that a band names to at least those.
    fn raised(&self, named: &Self) -> Self {
        let mut all = Self(std::array::from_fn(|kind| self.0[kind].max(named.0[kind])));
        // Reasoning follows the price of output here, too.
        let (output, reasoning) = (TokenKind::Output, TokenKind::Reasoning as usize);
        if named.of(output).is_some() && named.0[reasoning].is_none() {
            all.0[reasoning] =
                all.0[reasoning].max(all.of(output).filter(|_| self.0[reasoning].is_some()));
        }
        all
    }

    fn rates(&self) -> Option<ModelPricing> {
        let input = self.of(TokenKind::Input)?;
        Some(ModelPricing {
            input_per_million: input,
            output_per_million: self.of(TokenKind::Output)?,
            cache_write_per_million: self.of(TokenKind::CacheWrite).unwrap_or(input),
            cache_read_per_million: self.of(TokenKind::CacheRead).unwrap_or(input),
            cache_write_1h_per_million: self.of(TokenKind::CacheWrite1h),
            input_audio_per_million: self.of(TokenKind::InputAudio),
            output_audio_per_million: self.of(TokenKind::OutputAudio),
            reasoning_per_million: self.of(TokenKind::Reasoning),
        })
    }
}
