//! The tokens of a turn, as its event tells them.

use runtime_events::AgentEvent;
use runtime_events::payload::TurnEnded;

/// Kinds that have nothing in common, except for `reasoning`, which is a part of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    fresh: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) input_audio: u64,
    written: u64,
    pub(crate) output_audio: u64,
    pub(crate) reasoning: u64,
}

impl Tokens {
    /// `None` where the event tells no usage.
    pub(crate) fn of(event: &AgentEvent) -> Option<Self> {
        let ended = TurnEnded::of(event);
        ended.has_usage().then_some(Self {
            fresh: ended.input_tokens.unwrap_or(0),
            cache_read: ended.cache_read_tokens,
            cache_write: ended.cache_write(),
            input_audio: ended.input_audio_tokens,
            written: ended.output_tokens.unwrap_or(0),
            output_audio: ended.output_audio_tokens,
            reasoning: ended.reasoning_tokens,
        })
    }

    /// All input: the conventions count cached input as well.
    pub(crate) const fn input(&self) -> u64 {
        self.fresh
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
            .saturating_add(self.input_audio)
    }

    /// All output.
    pub(crate) const fn output(&self) -> u64 {
        self.written.saturating_add(self.output_audio)
    }
}
