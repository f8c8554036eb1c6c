//! [`Skipped`]: the parts of a price list that were skipped.

use std::fmt;

use super::error::Broken;

/// A part of a price list that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The path to the part.
    pub at: String,
    /// The reason.
    pub reason: SkipReason,
    /// The problem of an [invalid](SkipReason::Invalid) part.
    pub problem: Option<String>,
}

impl From<Broken> for Skipped {
    fn from(Broken { at, error }: Broken) -> Self {
        Self { at, reason: SkipReason::Invalid, problem: Some(error.to_string()) }
    }
}

/// Why a part of a price list was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SkipReason {
    /// It describes the list and is not a model.
    NotAModel,
    /// It has no price for tokens. It is priced by image, second or page, or not at all.
    NoTokenPrices,
    /// It has a price for some tokens, but not for both input and output. The model stays without a
    /// price, since the missing one would be zero.
    Incomplete,
    /// It is a name pattern that is not supported, such as a regular expression.
    UnknownClause,
    /// It is a price that starts on a later day.
    NotNow,
    /// It is a price that depends on something other than the context size.
    UnknownTier,
    /// It is a charge that is not counted in tokens, such as for a request or a search, or a surcharge of
    /// a region or a speed. Its model has prices for tokens.
    Surcharge,
    /// It cannot be read. Its model stays without a price.
    Invalid,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotAModel => "not a model",
            Self::NoTokenPrices => "no price for tokens",
            Self::Incomplete => "no price for input, or none for output",
            Self::UnknownClause => "an unsupported name pattern",
            Self::NotNow => "a price that starts on a later day",
            Self::UnknownTier => "a price that does not depend on the context size",
            Self::Surcharge => "a charge beside the tokens",
            Self::Invalid => "invalid",
        })
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Some(problem) => write!(f, "`{}`: {problem}", self.at),
            None => write!(f, "`{}`: {}", self.at, self.reason),
        }
    }
}
