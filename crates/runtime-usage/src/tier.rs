//! [`ServiceTier`]: how quickly a turn was to be served, which is a matter of price.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The tier of service a provider prices a turn by.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceTier {
    /// The usual one.
    #[default]
    Standard,
    /// Answered within a day or so, at a discount.
    Batch,
    /// Answered when there is room, at a discount.
    Flex,
    /// Answered before others, at a surcharge.
    Priority,
}

impl ServiceTier {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Batch, Self::Flex, Self::Priority];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }
}

impl fmt::Display for ServiceTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no tier of service.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{value}` is not a service tier: one of standard, batch, flex, priority")]
#[non_exhaustive]
pub struct UnknownTierError {
    /// What was found.
    pub value: String,
}

/// Reads the names on the wire.
impl FromStr for ServiceTier {
    type Err = UnknownTierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.as_str() == text)
            .ok_or_else(|| UnknownTierError { value: text.to_owned() })
    }
}
