//! [`TokenKind`]: what a token was, which decides its price.

use std::fmt;

use crate::snapshot::UsageSnapshot;

/// A kind of token with a price of its own.
///
/// The kinds are disjoint: [`Output`](Self::Output) is the output that was not reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TokenKind {
    /// Text input that no cache was involved in.
    Input,
    /// Audio input.
    InputAudio,
    /// Input that was read from the cache.
    CacheRead,
    /// Input that was written to the cache for its shortest lifetime (minutes).
    CacheWrite,
    /// Input that was written to the cache for an hour.
    CacheWrite1h,
    /// Text output that was not reasoning.
    Output,
    /// Audio output.
    OutputAudio,
    /// Output that was reasoning.
    Reasoning,
}

impl TokenKind {
    /// All of them, in the order of a bill.
    pub const ALL: [Self; 8] = [
        Self::Input,
        Self::InputAudio,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::Output,
        Self::OutputAudio,
        Self::Reasoning,
    ];

    /// Its name on a bill.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::InputAudio => "audio input",
            Self::CacheRead => "cache read",
            Self::CacheWrite => "cache write",
            Self::CacheWrite1h => "cache write 1h",
            Self::Output => "output",
            Self::OutputAudio => "audio output",
            Self::Reasoning => "reasoning",
        }
    }

    /// How many tokens of this kind a turn used. What is said to be reasoning beyond all of the
    /// output is none.
    pub fn count(self, usage: &UsageSnapshot) -> u64 {
        match self {
            Self::Input => usage.input_tokens,
            Self::InputAudio => usage.input_audio_tokens,
            Self::CacheRead => usage.cache_read_tokens,
            Self::CacheWrite => usage.cache_write_tokens,
            Self::CacheWrite1h => usage.cache_write_1h_tokens,
            Self::Output => usage.output_tokens.saturating_sub(usage.reasoning_tokens),
            Self::OutputAudio => usage.output_audio_tokens,
            Self::Reasoning => usage.reasoning_tokens.min(usage.output_tokens),
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
