//! Price lists: the forms they come in, reading them, and what can be wrong with one.

mod error;
mod format;
mod genai;
mod list;
mod litellm;
mod models_dev;
mod names;
mod node;
mod original;
mod quotes;
mod walk;

use std::path::Path;

use thiserror::Error;

pub use self::error::{PricingFileError, PricingParseError};
pub use self::format::PriceFormat;
pub use self::list::{PriceList, SkipReason, Skipped};
use self::node::Node;
use self::walk::Walk;
use crate::json;

/// Reads price lists.
///
/// [`PricingTable::merge_json`](crate::PricingTable::merge_json) and
/// [`load_file`](crate::PricingTable::load_file) are the short ways. A reader can also be told the
/// form and the day, and its [`PriceList`] says what was left out.
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
/// assert_eq!(list.format(), PriceFormat::LiteLlm);
/// assert_eq!(list.skipped()[0].to_string(), "`dall-e-3`: no price for tokens");
///
/// let table = PricingTable::new();
/// assert_eq!(table.merge(list), 1);
/// # Ok::<(), runtime_usage::PricingParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PriceReader {
    format: Option<PriceFormat>,
    as_of: Option<Box<str>>,
}

impl PriceReader {
    /// A reader that recognises the form.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says which form the text has. Default: it is recognised.
    #[must_use]
    pub const fn format(mut self, format: PriceFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Takes the prices of a day, `YYYY-MM-DD`, where a list has several. Default: those that begin
    /// last, even if that is still to come, for nothing here reads a clock.
    ///
    /// # Errors
    ///
    /// [`InvalidDateError`] if the text has another form.
    pub fn as_of(mut self, day: &str) -> Result<Self, InvalidDateError> {
        if !is_date(day) {
            return Err(InvalidDateError { value: day.to_owned() });
        }
        self.as_of = Some(day.into());
        Ok(self)
    }

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// [`PricingParseError`] if the text is not JSON, has no form that is known, or if an entry is
    /// broken; all broken ones are named.
    pub fn read(&self, json: &str) -> Result<PriceList, PricingParseError> {
        let root = parse(json)?;
        let mut walk = Walk::default();
        let format = match self.format {
            Some(format) => format,
            None => match PriceFormat::of(&root) {
                Some(format) => format,
                None => return Err(format::unknown(&root)),
            },
        };
        let list = match format {
            PriceFormat::Original => original::read(&root, &mut walk),
            PriceFormat::LiteLlm => litellm::read(&root, &mut walk),
            PriceFormat::ModelsDev => models_dev::read(&root, &mut walk),
            PriceFormat::GenaiPrices => genai::read(&root, self.as_of.as_deref(), &mut walk),
        };
        let (list, skipped) = walk.finish(list)?;
        Ok(PriceList { skipped, ..list })
    }

    /// Reads the list of a file.
    ///
    /// # Errors
    ///
    /// [`PricingFileError`] if the file cannot be read or its text is refused.
    pub fn read_file(&self, path: impl AsRef<Path>) -> Result<PriceList, PricingFileError> {
        let path = path.as_ref();
        let json = std::fs::read_to_string(path)
            .map_err(|source| PricingFileError::Read { path: path.to_owned(), source })?;
        self.read(&json).map_err(|source| PricingFileError::Parse { path: path.to_owned(), source })
    }
}

/// A text that is not a day of the form `YYYY-MM-DD`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{value}` is not a day of the form YYYY-MM-DD")]
#[non_exhaustive]
pub struct InvalidDateError {
    /// What was found.
    pub value: String,
}

/// Whether the text has the form of a day, so that the order of texts is that of days.
fn is_date(text: &str) -> bool {
    let form = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    form && ("01"..="12").contains(&&text[5..7]) && ("01"..="31").contains(&&text[8..])
}

fn parse(json: &str) -> Result<Node<'_>, PricingParseError> {
    // Keeping the path takes time, and nobody asks for it unless something is wrong.
    serde_json::from_str(json).or_else(|_| {
        json::read(json).map_err(|json::Misread { at, source }| {
            PricingParseError::new(error::Broken { at, error: source }, Vec::new())
        })
    })
}
