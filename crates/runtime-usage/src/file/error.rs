//! The errors of price lists.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The error for a text that is not a valid price list. It names every invalid entry.
///
/// ```
/// use runtime_usage::PricingTable;
///
/// let error = PricingTable::from_json(
///     r#"{"models": {"a": {"input_per_million": -1, "output_per_million": 1}, "b": 7}}"#,
/// )
/// .unwrap_err();
/// let paths: Vec<_> = error.broken().map(|(at, _)| at).collect();
/// assert_eq!(paths, ["models.a.input_per_million", "models.b"]);
/// ```
#[derive(Debug, Error)]
#[error("price list at `{at}`: {error}{}", Others(.others))]
#[non_exhaustive]
pub struct PricingParseError {
    /// The path to the first invalid value, such as `models.gpt-5.input_per_million`. The whole text is
    /// `.`.
    pub at: String,
    error: serde_json::Error,
    others: Vec<Broken>,
}

/// An invalid value of a price list.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) at: String,
    pub(super) error: serde_json::Error,
}

impl PricingParseError {
    /// The path of every invalid value, and what is wrong with it.
    pub fn broken(&self) -> impl Iterator<Item = (&str, &serde_json::Error)> {
        let others = self.others.iter().map(|broken| (&*broken.at, &broken.error));
        std::iter::once((&*self.at, &self.error)).chain(others)
    }

    pub(super) fn new(first: Broken, others: Vec<Broken>) -> Self {
        Self { at: first.at, error: first.error, others }
    }
}

/// Writes the other invalid values. The number is bounded, because a whole file may be wrong.
struct Others<'a>(&'a [Broken]);

impl fmt::Display for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTED: usize = 20;

        for Broken { at, error } in self.0.iter().take(PRINTED) {
            write!(f, "; at `{at}`: {error}")?;
        }
        match self.0.len().saturating_sub(PRINTED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// The error for a price file that cannot be loaded. No part of it was loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PricingFileError {
    /// The file cannot be read.
    #[error("cannot read price file `{}`", path.display())]
    #[non_exhaustive]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file is not a valid price list.
    #[error("invalid price file `{}`", path.display())]
    #[non_exhaustive]
    Parse {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong with the list.
        source: PricingParseError,
    },
}
