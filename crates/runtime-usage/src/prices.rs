//! [`ModelPrices`]: all prices of a model, by service tier and context size.

use std::sync::Arc;

use crate::cost::Cost;
use crate::pricing::ModelPricing;
use crate::snapshot::UsageSnapshot;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// All prices of a model: the standard ones, those of long contexts, and those of other service
/// tiers.
///
/// A *band* applies to turns with more than a number of input tokens, cached tokens included. The
/// **whole** turn is priced by the band that it reaches, not only the tokens above the threshold.
///
/// A tier without prices costs the same as [`ServiceTier::Standard`]: no discount is guessed. If the
/// standard tier has a band that another tier lacks, that tier is charged the higher of the two
/// prices in the band, kind by kind. So no turn is cheap because of a gap in the table.
///
/// ```
/// use runtime_usage::{ModelPrices, ModelPricing, ServiceTier, UsageSnapshot, Usd};
///
/// let per_million = |input, output| {
///     ModelPricing::per_million(Usd::from_cents(input), Usd::from_cents(output))
/// };
/// let prices = ModelPrices::new(per_million(250, 1_500))
///     .band(272_000, per_million(500, 2_250))
///     .tier(ServiceTier::Flex, per_million(125, 750));
///
/// let usage = UsageSnapshot::new(100_000, 0);
/// assert_eq!(prices.cost(&usage, ServiceTier::Standard), Usd::from_cents(25));
/// assert_eq!(prices.cost(&usage, ServiceTier::Flex), Usd::from_nanos(125_000_000));
/// let long = UsageSnapshot::new(300_000, 0);
/// assert_eq!(prices.cost(&long, ServiceTier::Standard), Usd::from_cents(150));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPrices {
    standard: ModelPricing,
    /// All other prices, sorted by tier and threshold. None is for the standard tier and any size.
    bands: Vec<Band>,
}

/// A name and its prices.
pub(crate) type Named = (Box<str>, Arc<ModelPrices>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Band {
    tier: ServiceTier,
    /// The threshold. Zero stands for turns of any size.
    above: u64,
    rates: ModelPricing,
}

impl Band {
    const fn holds(&self, input_tokens: u64) -> bool {
        self.above == 0 || input_tokens > self.above
    }
}

impl ModelPrices {
    /// The same prices for all turns.
    pub const fn new(standard: ModelPricing) -> Self {
        Self { standard, bands: Vec::new() }
    }

    /// Sets the standard prices of turns with more than `above` input tokens.
    #[must_use]
    pub fn band(self, above: u64, rates: ModelPricing) -> Self {
        self.tier_band(ServiceTier::Standard, above, rates)
    }

    /// Sets the prices of a tier.
    #[must_use]
    pub fn tier(self, tier: ServiceTier, rates: ModelPricing) -> Self {
        self.tier_band(tier, 0, rates)
    }

    /// Sets the prices of turns with more than `above` input tokens in a tier. Zero stands for turns
    /// of any size.
    #[must_use]
    pub fn tier_band(mut self, tier: ServiceTier, above: u64, rates: ModelPricing) -> Self {
        if tier == ServiceTier::Standard && above == 0 {
            self.standard = rates;
            return self;
        }
        let band = Band { tier, above, rates };
        match self.bands.binary_search_by_key(&(tier, above), |band| (band.tier, band.above)) {
            Ok(place) => self.bands[place] = band,
            Err(place) => self.bands.insert(place, band),
        }
        self
    }

    /// The prices of a standard turn with a short context.
    pub(crate) const fn standard(&self) -> &ModelPricing {
        &self.standard
    }

    /// Whether a tier has prices of its own. The standard tier always has.
    pub fn has_tier(&self, tier: ServiceTier) -> bool {
        tier == ServiceTier::Standard || self.bands.iter().any(|band| band.tier == tier)
    }

    /// The sorted numbers of input tokens above which the prices of a tier may change.
    pub fn thresholds(&self, tier: ServiceTier) -> Vec<u64> {
        let mut thresholds: Vec<u64> = self
            .bands
            .iter()
            .filter(|band| band.above > 0)
            .filter(|band| band.tier == tier || band.tier == ServiceTier::Standard)
            .map(|band| band.above)
            .collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        thresholds
    }

    /// The prices of a turn in a tier, by its number of input tokens, cached tokens included.
    pub fn rates(&self, tier: ServiceTier, input_tokens: u64) -> ModelPricing {
        self.applying(tier, input_tokens).rates
    }

    /// The cost of a turn, line by line.
    pub fn price(&self, usage: &UsageSnapshot, tier: ServiceTier) -> Cost {
        let band = self.applying(tier, usage.total_input_tokens());
        Cost::new(&band.rates, band.tier, band.above, usage)
    }

    /// The cost of a turn: the total of [`price`](Self::price).
    #[inline]
    pub fn cost(&self, usage: &UsageSnapshot, tier: ServiceTier) -> Usd {
        if self.bands.is_empty() {
            return self.standard.cost(usage);
        }
        self.applying(tier, usage.total_input_tokens()).rates.cost(usage)
    }

    /// Every tier and band for which either of the two has prices, sorted.
    pub(crate) fn bands_with(&self, other: &Self) -> Vec<(ServiceTier, u64)> {
        let mut bands = Vec::new();
        for tier in ServiceTier::ALL {
            if self.has_tier(tier) || other.has_tier(tier) {
                let mut thresholds = self.thresholds(tier);
                thresholds.push(0);
                thresholds.extend(other.thresholds(tier));
                thresholds.sort_unstable();
                thresholds.dedup();
                bands.extend(thresholds.into_iter().map(|above| (tier, above)));
            }
        }
        bands
    }

    /// The prices of the smallest turn in a band.
    pub(crate) fn rates_above(&self, tier: ServiceTier, above: u64) -> ModelPricing {
        self.rates(tier, if above == 0 { 0 } else { above.saturating_add(1) })
    }

    /// The higher of the two prices, for each tier, band and kind.
    #[must_use]
    pub fn dearer(&self, other: &Self) -> Self {
        let bands = self.bands_with(other).into_iter();
        bands.fold(Self::new(self.standard), |prices, (tier, above)| {
            let (ours, theirs) = (self.rates_above(tier, above), other.rates_above(tier, above));
            prices.tier_band(tier, above, ours.dearer(&theirs))
        })
    }

    fn applying(&self, tier: ServiceTier, input_tokens: u64) -> Band {
        let standard = self.highest(ServiceTier::Standard, input_tokens).copied().unwrap_or(Band {
            tier: ServiceTier::Standard,
            above: 0,
            rates: self.standard,
        });
        if tier == ServiceTier::Standard {
            return standard;
        }
        match self.highest(tier, input_tokens) {
            None => standard,
            Some(own) if own.above >= standard.above => *own,
            Some(own) => {
                Band { tier, above: standard.above, rates: own.rates.dearer(&standard.rates) }
            }
        }
    }

    fn highest(&self, tier: ServiceTier, input_tokens: u64) -> Option<&Band> {
        self.bands.iter().rfind(|band| band.tier == tier && band.holds(input_tokens))
    }
}

impl From<ModelPricing> for ModelPrices {
    fn from(pricing: ModelPricing) -> Self {
        Self::new(pricing)
    }
}
