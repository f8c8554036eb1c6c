//! [`UsageSnapshot`]: the tokens of one turn.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::json;

/// The tokens of one turn, counted disjointly.
///
/// What is read from a cache or written to one is not also input, and so nothing is priced
/// twice.
///
/// In JSON it has the names of its fields; a count that is missing is zero, and keys it does
/// not know are ignored.
///
/// ```
/// use runtime_usage::UsageSnapshot;
///
/// let usage = UsageSnapshot::new(1_200, 340).cache_read(10_000);
/// assert_eq!(usage.total_tokens(), 11_540);
/// assert_eq!(UsageSnapshot::from_json(r#"{"input_tokens": 7}"#)?, UsageSnapshot::new(7, 0));
/// # Ok::<(), runtime_usage::UsageParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UsageSnapshot {
    /// Input tokens that no cache was involved in.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Input tokens that were written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Input tokens that were read from the provider's cache.
    pub cache_read_tokens: u64,
}

impl UsageSnapshot {
    /// So many tokens in and out, without a cache.
    pub const fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self { input_tokens, output_tokens, cache_write_tokens: 0, cache_read_tokens: 0 }
    }

    /// Sets the input tokens that were written to the cache. Default: 0.
    #[must_use]
    pub const fn cache_write(mut self, tokens: u64) -> Self {
        self.cache_write_tokens = tokens;
        self
    }

    /// Sets the input tokens that were read from the cache. Default: 0.
    #[must_use]
    pub const fn cache_read(mut self, tokens: u64) -> Self {
        self.cache_read_tokens = tokens;
        self
    }

    /// All tokens; [`u64::MAX`] where they are too many.
    pub const fn total_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.output_tokens)
            .saturating_add(self.cache_write_tokens)
            .saturating_add(self.cache_read_tokens)
    }

    /// Whether no token was used.
    pub const fn is_empty(&self) -> bool {
        self.total_tokens() == 0
    }

    /// The sum, kind by kind, unless one of the counts is too large.
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        Some(Self {
            input_tokens: self.input_tokens.checked_add(other.input_tokens)?,
            output_tokens: self.output_tokens.checked_add(other.output_tokens)?,
            cache_write_tokens: self.cache_write_tokens.checked_add(other.cache_write_tokens)?,
            cache_read_tokens: self.cache_read_tokens.checked_add(other.cache_read_tokens)?,
        })
    }

    /// The sum, kind by kind; [`u64::MAX`] where a count is too large.
    #[must_use]
    pub const fn saturating_add(&self, other: &Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(other.cache_read_tokens),
        }
    }

    /// The counts as JSON.
    pub fn to_json(&self) -> String {
        // Four numbers under four literal keys cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads counts from JSON.
    ///
    /// # Errors
    ///
    /// [`UsageParseError`] if the text is not a JSON object or a count is not a whole number
    /// from zero up.
    ///
    /// ```
    /// use runtime_usage::UsageSnapshot;
    ///
    /// let error = UsageSnapshot::from_json(r#"{"input_tokens": -5}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("token usage at `input_tokens`: "));
    /// assert!(error.to_string().contains("integer `-5`"));
    /// ```
    pub fn from_json(text: &str) -> Result<Self, UsageParseError> {
        json::read(text).map_err(|error| UsageParseError { at: error.at, source: error.source })
    }
}

/// A text that is not the JSON of a [`UsageSnapshot`].
#[derive(Debug, Error)]
#[error("token usage at `{at}`: {source}")]
#[non_exhaustive]
pub struct UsageParseError {
    /// The field it is about; `.` is the whole text.
    pub at: String,
    source: serde_json::Error,
}
