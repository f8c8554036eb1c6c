//! [`UsageSnapshot`]: the tokens of one turn.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::json;

/// The tokens of one turn, counted disjointly.
///
/// What is read from a cache or written to one is not also input, and so nothing is priced
/// twice. [`reasoning_tokens`](Self::reasoning_tokens) is the one count that is a part of another.
///
/// In JSON it has the names of its fields; a count that is missing is zero, and keys it does
/// not know are ignored. The original's four counts are always written, the others unless zero.
///
/// ```
/// use runtime_usage::UsageSnapshot;
///
/// let usage = UsageSnapshot::new(1_200, 340).cache_read(10_000).reasoning(300);
/// assert_eq!(usage.total_tokens(), 11_540);
/// assert_eq!(UsageSnapshot::from_json(r#"{"input_tokens": 7}"#)?, UsageSnapshot::new(7, 0));
/// # Ok::<(), runtime_usage::UsageParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UsageSnapshot {
    /// Text input that no cache was involved in.
    pub input_tokens: u64,
    /// Text output, reasoning included.
    pub output_tokens: u64,
    /// Input that was written to the provider's cache, for its shortest lifetime (minutes).
    pub cache_write_tokens: u64,
    /// Input that was read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Input that was written to the provider's cache for an hour.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    /// Audio input that no cache was involved in.
    #[serde(skip_serializing_if = "is_zero")]
    pub input_audio_tokens: u64,
    /// Audio output.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_audio_tokens: u64,
    /// The part of [`output_tokens`](Self::output_tokens) that was reasoning.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
}

impl UsageSnapshot {
    /// So many tokens in and out, without a cache.
    pub const fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens,
            output_tokens,
            cache_write_tokens: 0,
            cache_read_tokens: 0,
            cache_write_1h_tokens: 0,
            input_audio_tokens: 0,
            output_audio_tokens: 0,
            reasoning_tokens: 0,
        }
    }

    /// Sets the input that was written to the cache, for its shortest lifetime. Default: 0.
    #[must_use]
    pub const fn cache_write(mut self, tokens: u64) -> Self {
        self.cache_write_tokens = tokens;
        self
    }

    /// Sets the input that was written to the cache for an hour. Default: 0.
    #[must_use]
    pub const fn cache_write_1h(mut self, tokens: u64) -> Self {
        self.cache_write_1h_tokens = tokens;
        self
    }

    /// Sets the input that was read from the cache. Default: 0.
    #[must_use]
    pub const fn cache_read(mut self, tokens: u64) -> Self {
        self.cache_read_tokens = tokens;
        self
    }

    /// Sets the audio input. Default: 0.
    #[must_use]
    pub const fn input_audio(mut self, tokens: u64) -> Self {
        self.input_audio_tokens = tokens;
        self
    }

    /// Sets the audio output. Default: 0.
    #[must_use]
    pub const fn output_audio(mut self, tokens: u64) -> Self {
        self.output_audio_tokens = tokens;
        self
    }

    /// Says how much of the output was reasoning. Default: 0.
    #[must_use]
    pub const fn reasoning(mut self, tokens: u64) -> Self {
        self.reasoning_tokens = tokens;
        self
    }

    /// Everything the model was given, from a cache or not; [`u64::MAX`] where it is too much.
    pub const fn total_input_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_write_tokens)
            .saturating_add(self.cache_write_1h_tokens)
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.input_audio_tokens)
    }

    /// Everything the model gave, reasoning included; [`u64::MAX`] where it is too much.
    pub const fn total_output_tokens(&self) -> u64 {
        self.output_tokens.saturating_add(self.output_audio_tokens)
    }

    /// All tokens; [`u64::MAX`] where they are too many.
    pub const fn total_tokens(&self) -> u64 {
        self.total_input_tokens().saturating_add(self.total_output_tokens())
    }

    /// Whether no token was used.
    pub const fn is_empty(&self) -> bool {
        self.total_tokens() == 0
    }

    /// The sum, kind by kind, unless one of the counts is too large.
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        self.zip(other, u64::checked_add)
    }

    /// The sum, kind by kind; [`u64::MAX`] where a count is too large.
    #[must_use]
    pub fn saturating_add(&self, other: &Self) -> Self {
        // A sum that saturates is always there.
        self.zip(other, |a, b| Some(a.saturating_add(b))).unwrap_or_default()
    }

    fn zip(&self, other: &Self, with: impl Fn(u64, u64) -> Option<u64>) -> Option<Self> {
        Some(Self {
            input_tokens: with(self.input_tokens, other.input_tokens)?,
            output_tokens: with(self.output_tokens, other.output_tokens)?,
            cache_write_tokens: with(self.cache_write_tokens, other.cache_write_tokens)?,
            cache_read_tokens: with(self.cache_read_tokens, other.cache_read_tokens)?,
            cache_write_1h_tokens: with(self.cache_write_1h_tokens, other.cache_write_1h_tokens)?,
            input_audio_tokens: with(self.input_audio_tokens, other.input_audio_tokens)?,
            output_audio_tokens: with(self.output_audio_tokens, other.output_audio_tokens)?,
            reasoning_tokens: with(self.reasoning_tokens, other.reasoning_tokens)?,
        })
    }

    /// The counts as JSON.
    pub fn to_json(&self) -> String {
        // Numbers under literal keys cannot fail to serialise.
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) const fn is_zero(count: &u64) -> bool {
    *count == 0
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
