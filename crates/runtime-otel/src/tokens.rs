//! The tokens of a turn, as its event tells them.

use runtime_events::AgentEvent;
use serde_json::Value;

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
    /// `None` where nobody has read the usage.
    pub(crate) fn of(event: &AgentEvent) -> Option<Self> {
        let data = event.data.as_ref()?;
        data.get("input_tokens").or_else(|| data.get("output_tokens"))?;
        let count = |key| data.get(key).and_then(Value::as_u64).unwrap_or(0);
        Some(Self {
            fresh: count("input_tokens"),
            cache_read: count("cache_read_tokens"),
            cache_write: count("cache_write_tokens").saturating_add(count("cache_write_1h_tokens")),
            input_audio: count("input_audio_tokens"),
            written: count("output_tokens"),
            output_audio: count("output_audio_tokens"),
            reasoning: count("reasoning_tokens"),
        })
    }

    /// All input: the conventions count what is cached as well.
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
