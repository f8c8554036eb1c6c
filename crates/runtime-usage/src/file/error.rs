//! What can be wrong with a price list.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A text that is not a price list. It names every broken entry, and not only the first one.
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
#[error("prices at `{at}`: {source}{}", Others(.others))]
#[non_exhaustive]
pub struct PricingParseError {
    /// The path to what is wrong, such as `models.gpt-5.input_per_million`; `.` is the whole text.
    /// Where more is wrong it is the first.
    pub at: String,
    source: serde_json::Error,
    others: Vec<Broken>,
}

/// What is wrong at a place of a price list.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) at: String,
    pub(super) error: serde_json::Error,
}

impl PricingParseError {
    /// All that is wrong: the path to each, and the reason.
    pub fn broken(&self) -> impl Iterator<Item = (&str, &serde_json::Error)> {
        let others = self.others.iter().map(|broken| (&*broken.at, &broken.error));
        std::iter::once((&*self.at, &self.source)).chain(others)
    }

    pub(super) fn new(first: Broken, others: Vec<Broken>) -> Self {
        Self { at: first.at, source: first.error, others }
    }
}

/// Prints what else is wrong. How many are printed is bounded, for a file may be all wrong.
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
