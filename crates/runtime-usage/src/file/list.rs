//! [`PriceList`]: the prices of a text, and what it has beside them.

use std::fmt;

use super::format::PriceFormat;
use crate::book::Rule;
use crate::prices::Named;

/// The prices of a text that was read, for [`PricingTable::merge`](crate::PricingTable::merge).
#[derive(Clone, Debug)]
pub struct PriceList {
    pub(super) format: PriceFormat,
    pub(super) models: usize,
    /// In the order of the text, under lower-case names. The later one holds.
    pub(super) prices: Vec<Named>,
    pub(super) rules: Vec<Rule>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) ambiguous: Vec<Box<str>>,
}

impl PriceList {
    /// The form of the text.
    pub const fn format(&self) -> PriceFormat {
        self.format
    }

    /// How many models the text has prices for. A model may be known under several names.
    pub const fn models(&self) -> usize {
        self.models
    }

    /// What the text has that no price was taken from, in its order.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The names on which several providers disagree, sorted. Each has the dearest of their
    /// prices; `provider/model` is exact.
    pub fn ambiguous(&self) -> &[Box<str>] {
        &self.ambiguous
    }

    pub(crate) fn into_parts(self) -> (Vec<Named>, Vec<Rule>) {
        (self.prices, self.rules)
    }
}

/// A part of a price list that no price was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The path to it.
    pub at: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why a part of a price list is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// It describes the list, and is no model.
    NotAModel,
    /// It has no price for tokens: it is priced by image, second or page, or not at all.
    NoTokenPrices,
    /// It has a price for some tokens, but none for input, or none for the output it makes. The
    /// model stays without a price: half a price would be none for the other half.
    Incomplete,
    /// It is a clause about names that is not understood: a regular expression.
    UnknownClause,
    /// It is a price from a later day on.
    NotNow,
    /// It is a price for something other than a size of context.
    UnknownTier,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotAModel => "not a model",
            Self::NoTokenPrices => "no price for tokens",
            Self::Incomplete => "no price for input, or none for output",
            Self::UnknownClause => "a clause that is not understood",
            Self::NotNow => "a price from a later day on",
            Self::UnknownTier => "a price for something other than a size of context",
        })
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.at, self.reason)
    }
}
