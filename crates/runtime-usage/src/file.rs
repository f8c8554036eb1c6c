//! The file format of prices, and what can be wrong with a file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::json;
use crate::pricing::ModelPricing;
use crate::table::{EmptyModelNameError, is_blank};

/// The prices of a file, in its order, under lower-case names.
#[derive(Debug)]
pub(crate) struct PriceList(Vec<(Box<str>, ModelPricing)>);

impl PriceList {
    pub(crate) fn from_json(text: &str) -> Result<Self, PricingParseError> {
        json::read(text).map_err(|error| PricingParseError { at: error.at, source: error.source })
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn into_prices(self) -> impl Iterator<Item = (Box<str>, ModelPricing)> {
        self.0.into_iter()
    }
}

/// The whole file: `{"models": {…}}`, and comments under keys that begin with `_`.
impl<'de> Deserialize<'de> for PriceList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct File;
        impl<'de> Visitor<'de> for File {
            type Value = PriceList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the key `models`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PriceList, A::Error> {
                let mut models: Option<Models> = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "models" {
                        if models.replace(map.next_value()?).is_some() {
                            return Err(de::Error::duplicate_field("models"));
                        }
                    } else if key.starts_with('_') {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        return Err(de::Error::unknown_field(&key, &["models"]));
                    }
                }
                models
                    .map(|models| PriceList(models.0))
                    .ok_or_else(|| de::Error::missing_field("models"))
            }
        }
        deserializer.deserialize_map(File)
    }
}

struct Models(Vec<(Box<str>, ModelPricing)>);

impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Models;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of prices by model")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Models, A::Error> {
                let mut prices = Vec::new();
                while let Some(model) = map.next_key::<String>()? {
                    if is_blank(&model) {
                        return Err(de::Error::custom(EmptyModelNameError::new()));
                    }
                    prices.push((model.to_lowercase().into(), map.next_value()?));
                }
                Ok(Models(prices))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A text that is not a price list.
#[derive(Debug, Error)]
#[error("prices at `{at}`: {source}")]
#[non_exhaustive]
pub struct PricingParseError {
    /// The path to what is wrong, such as `models.gpt-5.input_per_million`; `.` is the whole text.
    pub at: String,
    source: serde_json::Error,
}

/// A price file that was not loaded, nor any part of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PricingFileError {
    /// It cannot be read.
    #[error("cannot read the pricing file `{}`: {source}", path.display())]
    #[non_exhaustive]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its text is not a price list.
    #[error("pricing file `{}`: {source}", path.display())]
    #[non_exhaustive]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: PricingParseError,
    },
}

impl PricingFileError {
    /// The file it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. } | Self::Parse { path, .. } => path,
        }
    }
}
