//! [`ServiceTier`]: how quickly a provider serves a turn, which decides its price.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The service tier by which a provider prices a turn.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceTier {
    /// The default tier.
    #[default]
    Standard,
    /// Answered within a day or so, at a discount.
    Batch,
    /// Answered when there is capacity, at a discount.
    Flex,
    /// Answered before other requests, at a surcharge.
    Priority,
    /// Answered on the fastest hardware, at the highest price.
    Ultrafast,
}

impl ServiceTier {
    /// Every tier, in the order of declaration.
    pub const ALL: [Self; 5] =
        [Self::Standard, Self::Batch, Self::Flex, Self::Priority, Self::Ultrafast];

    /// The word this tier is written as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Ultrafast => "ultrafast",
        }
    }
}

impl fmt::Display for ServiceTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The error for a word that is not a service tier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unknown service tier `{value}`, expected `standard`, `batch`, `flex`, `priority` or `ultrafast`"
)]
#[non_exhaustive]
pub struct UnknownTierError {
    /// The word.
    pub value: String,
}

/// Reads the word that [`ServiceTier::as_str`] writes.
impl FromStr for ServiceTier {
    type Err = UnknownTierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.as_str() == text)
            .ok_or_else(|| UnknownTierError { value: text.to_owned() })
    }
}
