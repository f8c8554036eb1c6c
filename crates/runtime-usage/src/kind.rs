//! [`TokenKind`]: the kinds of token that have prices of their own.

use std::fmt;

use crate::snapshot::UsageSnapshot;

/// A kind of token with a price of its own.
///
/// The kinds are disjoint: [`Output`](Self::Output) is the output without reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TokenKind {
    /// Text input that was neither read from a cache nor written to one.
    Input,
    /// Audio input.
    InputAudio,
    /// Input read from the cache.
    CacheRead,
    /// Input written to the cache for its shortest lifetime (minutes).
    CacheWrite,
    /// Input written to the cache for an hour.
    CacheWrite1h,
    /// Text output that was not reasoning.
    Output,
    /// Audio output.
    OutputAudio,
    /// Output that was reasoning.
    Reasoning,
}

impl TokenKind {
    /// Every kind, in the order of a bill.
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

    /// How many tokens of this kind a turn used. Reasoning is capped at the output that it is part of.
    pub(crate) fn count(self, usage: &UsageSnapshot) -> u64 {
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

/// Writes the name of the kind on a bill.
impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Input => "input",
            Self::InputAudio => "audio input",
            Self::CacheRead => "cache read",
            Self::CacheWrite => "cache write",
            Self::CacheWrite1h => "cache write 1h",
            Self::Output => "output",
            Self::OutputAudio => "audio output",
            Self::Reasoning => "reasoning",
        })
    }
}
