//! [`PriceReader`]: reads published price lists.

mod error;
mod format;
mod genai;
mod litellm;
mod models_dev;
mod names;
mod node;
mod openrouter;
mod original;
mod quotes;
mod skipped;
mod walk;

use std::path::Path;

use thiserror::Error;

use self::error::Broken;
pub use self::error::{PricingFileError, PricingParseError};
pub use self::format::PriceFormat;
use self::names::Prices;
use self::node::Node;
pub use self::skipped::{SkipReason, Skipped};
use self::walk::Walk;
use crate::book::Rule;
use crate::json;
use crate::prices::Named;

/// Reads price lists, for [`PricingTable::merge`](crate::PricingTable::merge).
///
/// A reader can be told the format and the day, and its [`PriceList`] tells what was skipped.
/// [`PricingTable::from_json`](crate::PricingTable::from_json) and
/// [`load_file`](crate::PricingTable::load_file) are shortcuts with the default settings.
///
/// ```
/// use runtime_usage::{PriceFormat, PriceReader, PricingTable, SkipReason};
///
/// let list = PriceReader::new().read(
///     r#"{
///         "gpt-5": {"litellm_provider": "openai", "mode": "chat",
///                   "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05},
///         "dall-e-3": {"litellm_provider": "openai", "mode": "image_generation",
///                      "output_cost_per_image": 0.04}
///     }"#,
/// )?;
/// assert_eq!(list.format, PriceFormat::LiteLlm);
/// assert_eq!(list.skipped[0].to_string(), "`dall-e-3`: no price for tokens");
///
/// let table = PricingTable::new();
/// assert_eq!(table.merge(list), 1);
/// # Ok::<(), runtime_usage::PricingParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PriceReader {
    format: Option<PriceFormat>,
    as_of: Option<Box<str>>,
    strict: bool,
}

impl PriceReader {
    /// Creates a reader that recognises the format.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the format of the list. Default: it is recognised.
    #[must_use]
    pub const fn format(mut self, format: PriceFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets the day, `YYYY-MM-DD`, whose prices are read from a list with several dates. Default: the
    /// latest prices, even if they start in the future, because the reader has no clock.
    ///
    /// # Errors
    ///
    /// [`InvalidDateError`] if `day` is not written as `YYYY-MM-DD`.
    pub fn as_of(mut self, day: &str) -> Result<Self, InvalidDateError> {
        if !is_date(day) {
            return Err(InvalidDateError { value: day.to_owned() });
        }
        self.as_of = Some(day.into());
        Ok(self)
    }

    /// Refuses a published list with an invalid entry.
    ///
    /// By default the entry is [skipped](SkipReason::Invalid), because one odd entry should not cost the
    /// others. A list in the [original](PriceFormat::Original) format is your own: it is always refused.
    #[must_use]
    pub const fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Reads a price list.
    ///
    /// # Errors
    ///
    /// [`PricingParseError`] if the text is not JSON, the format is unknown, or an entry is invalid in a
    /// list that is read [strictly](Self::strict), or in a list without any valid entry. It names every
    /// invalid entry.
    pub fn read(&self, json: &str) -> Result<PriceList, PricingParseError> {
        let root = parse(json)?;
        let mut walk = Walk::default();
        let format = self.format.map_or_else(|| PriceFormat::of(&root), Ok)?;
        let prices = match format {
            PriceFormat::Original => original::read(&root, &mut walk),
            PriceFormat::LiteLlm => litellm::read(&root, &mut walk),
            PriceFormat::ModelsDev => models_dev::read(&root, &mut walk),
            PriceFormat::OpenRouter => openrouter::read(&root, &mut walk),
            PriceFormat::GenaiPrices => genai::read(&root, self.as_of.as_deref(), &mut walk),
        };
        // A list of which nothing can be read is broken itself.
        let whole = self.strict || format == PriceFormat::Original || prices.models == 0;
        let skipped = walk.finish(whole)?;
        let Prices { models, named, rules, ambiguous } = prices;
        Ok(PriceList { format, models, skipped, ambiguous, prices: named, rules })
    }

    /// Reads the price list in a file.
    ///
    /// # Errors
    ///
    /// [`PricingFileError`] if the file cannot be read or is not a valid price list.
    pub fn read_file(&self, path: impl AsRef<Path>) -> Result<PriceList, PricingFileError> {
        let path = path.as_ref();
        let json = std::fs::read_to_string(path)
            .map_err(|source| PricingFileError::Read { path: path.to_owned(), source })?;
        self.read(&json).map_err(|source| PricingFileError::Parse { path: path.to_owned(), source })
    }
}

/// A price list, as [`PriceReader`](crate::PriceReader) has read it, for
/// [`PricingTable::merge`](crate::PricingTable::merge).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PriceList {
    /// The format of the list.
    pub format: PriceFormat,
    /// The number of models with prices. A model may have several names.
    pub models: usize,
    /// The parts of the list that were skipped, in order.
    pub skipped: Vec<Skipped>,
    /// The names for which several providers have different prices, sorted. Each name has the highest
    /// of them; `provider/model` is exact.
    pub ambiguous: Vec<Box<str>>,
    /// In the order of the list, under lower-case names. Later entries replace earlier ones.
    pub(crate) prices: Vec<Named>,
    pub(crate) rules: Vec<Rule>,
}

/// The error for a day that is not written as `YYYY-MM-DD`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid day `{value}`, expected the form `YYYY-MM-DD`")]
#[non_exhaustive]
pub struct InvalidDateError {
    /// The text.
    pub value: String,
}

/// Whether a text is written as a day. Days in this form sort as texts do.
fn is_date(text: &str) -> bool {
    let form = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    form && ("01"..="12").contains(&&text[5..7]) && ("01"..="31").contains(&&text[8..])
}

fn parse(json: &str) -> Result<Node<'_>, PricingParseError> {
    // Tracking the path takes time and is needed only for an error.
    serde_json::from_str(json).or_else(|_| {
        json::read(json)
            .map_err(|(at, error)| PricingParseError::new(Broken { at, error }, Vec::new()))
    })
}
