//! [`UsageSnapshot`]: the tokens of one turn.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::json;

/// The tokens of one turn, counted disjointly.
///
/// Tokens read from a cache or written to one are not also input, so nothing is priced twice.
/// [`reasoning_tokens`](Self::reasoning_tokens) is the one count that is part of another.
///
/// The JSON keys are the field names. A missing count is zero and unknown keys are ignored. The
/// first four counts are always written, the others only if they are not zero.
///
/// ```
/// use runtime_usage::UsageSnapshot;
///
/// let usage = UsageSnapshot::new(1_200, 340).cache_read(10_000).reasoning(300);
/// assert_eq!(usage.total_input_tokens(), 11_200);
/// assert_eq!(usage.total_output_tokens(), 340);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UsageSnapshot {
    /// Text input that was neither read from a cache nor written to one.
    pub input_tokens: u64,
    /// Text output, including reasoning.
    pub output_tokens: u64,
    /// Input written to the provider's cache for its shortest lifetime (minutes).
    pub cache_write_tokens: u64,
    /// Input read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Input written to the provider's cache for an hour.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    /// Audio input that was neither read from a cache nor written to one.
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
    /// Creates a snapshot of text input and output, without a cache.
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

    /// Sets the input written to the cache for its shortest lifetime. Default: 0.
    #[must_use]
    pub const fn cache_write(mut self, tokens: u64) -> Self {
        self.cache_write_tokens = tokens;
        self
    }

    /// Sets the input written to the cache for an hour. Default: 0.
    #[must_use]
    pub const fn cache_write_1h(mut self, tokens: u64) -> Self {
        self.cache_write_1h_tokens = tokens;
        self
    }

    /// Sets the input read from the cache. Default: 0.
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

    /// Sets the part of the output that was reasoning. Default: 0.
    #[must_use]
    pub const fn reasoning(mut self, tokens: u64) -> Self {
        self.reasoning_tokens = tokens;
        self
    }

    /// All input, cached or not, capped at [`u64::MAX`].
    pub const fn total_input_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_write_tokens)
            .saturating_add(self.cache_write_1h_tokens)
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.input_audio_tokens)
    }

    /// All output, including reasoning, capped at [`u64::MAX`].
    pub const fn total_output_tokens(&self) -> u64 {
        self.output_tokens.saturating_add(self.output_audio_tokens)
    }

    /// The sum, kind by kind. Each count is capped at [`u64::MAX`].
    #[must_use]
    pub fn saturating_add(&self, other: &Self) -> Self {
        let sum = |count: fn(&Self) -> u64| count(self).saturating_add(count(other));
        Self {
            input_tokens: sum(|usage| usage.input_tokens),
            output_tokens: sum(|usage| usage.output_tokens),
            cache_write_tokens: sum(|usage| usage.cache_write_tokens),
            cache_read_tokens: sum(|usage| usage.cache_read_tokens),
            cache_write_1h_tokens: sum(|usage| usage.cache_write_1h_tokens),
            input_audio_tokens: sum(|usage| usage.input_audio_tokens),
            output_audio_tokens: sum(|usage| usage.output_audio_tokens),
            reasoning_tokens: sum(|usage| usage.reasoning_tokens),
        }
    }

    /// Reads counts from JSON, with errors that name the field.
    ///
    /// # Errors
    ///
    /// [`UsageParseError`] if the text is not a JSON object or a count is not a whole number, zero or
    /// more.
    ///
    /// ```
    /// use runtime_usage::UsageSnapshot;
    ///
    /// let error = UsageSnapshot::from_json(r#"{"input_tokens": -5}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("token usage at `input_tokens`: "));
    /// ```
    pub fn from_json(text: &str) -> Result<Self, UsageParseError> {
        json::read(text).map_err(|(at, error)| UsageParseError { at, error })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The error for a text that is not the JSON of a [`UsageSnapshot`].
#[derive(Debug, Error)]
#[error("token usage at `{at}`: {error}")]
#[non_exhaustive]
pub struct UsageParseError {
    /// The field that is wrong. The whole text is `.`.
    pub at: String,
    error: serde_json::Error,
}
