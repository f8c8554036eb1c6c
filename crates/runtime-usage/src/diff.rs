//! [`TableDiff`]: the differences between two price tables.

use std::cmp::Ordering;
use std::fmt;

use crate::kind::TokenKind;
use crate::prices::{ModelPrices, Named};
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// The differences between two price tables, by model name.
///
/// A diff prints one line for each difference:
///
/// ```
/// use runtime_usage::{ModelPricing, PricingTable, Usd};
///
/// let ours = PricingTable::new();
/// ours.register("m", ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15)))?;
/// let theirs = PricingTable::new();
/// theirs.register("m", ModelPricing::per_million(Usd::from_dollars(2), Usd::from_dollars(15)))?;
/// theirs.register("n", ModelPricing::FREE)?;
///
/// let diff = ours.diff(&theirs);
/// assert_eq!(diff.prices[0].to_string(), "m: input $3, not $2");
/// assert_eq!(diff.only_right, ["n".into()]);
/// # Ok::<(), runtime_usage::EmptyModelNameError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableDiff {
    /// The prices that differ for models in both tables, sorted by model, tier, band and kind.
    pub prices: Vec<PriceDifference>,
    /// The models in the first table only, sorted.
    pub only_left: Vec<Box<str>>,
    /// The models in the second table only, sorted.
    pub only_right: Vec<Box<str>>,
}

/// A price that differs between two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriceDifference {
    /// The model.
    pub model: Box<str>,
    /// The service tier.
    pub tier: ServiceTier,
    /// The band: turns with more input tokens than this. Zero: turns of any size.
    pub above: u64,
    /// The kind of token.
    pub kind: TokenKind,
    /// The price of a million tokens in the first table.
    pub left: Usd,
    /// The price of a million tokens in the second table.
    pub right: Usd,
}

impl TableDiff {
    /// Whether the tables have the same prices.
    pub fn is_empty(&self) -> bool {
        self.prices.is_empty() && self.only_left.is_empty() && self.only_right.is_empty()
    }

    /// Compares two sorted lists.
    pub(crate) fn between(left: &[Named], right: &[Named]) -> Self {
        let mut diff = Self::default();
        let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(left), Some(right)) => left.0.cmp(&right.0),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return diff,
            };
            let ours = if order.is_le() { left.next() } else { None };
            let theirs = if order.is_ge() { right.next() } else { None };
            match (ours, theirs) {
                (Some((name, ours)), Some((_, theirs))) => diff.compare(name, ours, theirs),
                (Some((name, _)), None) => diff.only_left.push(name.clone()),
                (None, Some((name, _))) => diff.only_right.push(name.clone()),
                (None, None) => {}
            }
        }
    }

    fn compare(&mut self, model: &str, left: &ModelPrices, right: &ModelPrices) {
        if left == right {
            return;
        }
        for (tier, above) in left.bands_with(right) {
            let (ours, theirs) = (left.rates_above(tier, above), right.rates_above(tier, above));
            self.prices.extend(TokenKind::ALL.into_iter().filter_map(|kind| {
                let (left, right) = (ours.rate(kind), theirs.rate(kind));
                let model = Box::from(model);
                (left != right).then_some(PriceDifference { model, tier, above, kind, left, right })
            }));
        }
    }
}

impl fmt::Display for TableDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for price in &self.prices {
            writeln!(f, "{price}")?;
        }
        for model in &self.only_left {
            writeln!(f, "{model}: only in the first")?;
        }
        for model in &self.only_right {
            writeln!(f, "{model}: only in the second")?;
        }
        Ok(())
    }
}

impl fmt::Display for PriceDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, tier, above, kind, left, right } = self;
        write!(f, "{model}: ")?;
        if *tier != ServiceTier::Standard {
            write!(f, "{tier} ")?;
        }
        write!(f, "{kind}")?;
        if *above > 0 {
            write!(f, " above {above}")?;
        }
        write!(f, " {left:#}, not {right:#}")
    }
}
