//! What a turn or an attempt has used, as its event tells it.

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
    /// `None` where its end tells no usage.
    pub(crate) fn of(ended: &TurnEnded<'_>) -> Option<Self> {
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

    /// Each kind by itself.
    fn with(self, other: Self, each: fn(u64, u64) -> u64) -> Self {
        Self {
            fresh: each(self.fresh, other.fresh),
            cache_read: each(self.cache_read, other.cache_read),
            cache_write: each(self.cache_write, other.cache_write),
            input_audio: each(self.input_audio, other.input_audio),
            written: each(self.written, other.written),
            output_audio: each(self.output_audio, other.output_audio),
            reasoning: each(self.reasoning, other.reasoning),
        }
    }
}

/// Tokens and cost, as far as they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) tokens: Option<Tokens>,
    pub(crate) nanousd: Option<u64>,
}

impl Used {
    pub(crate) fn of(ended: &TurnEnded<'_>) -> Self {
        Self { tokens: Tokens::of(ended), nanousd: ended.cost_nanousd() }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let tokens = match (self.tokens, other.tokens) {
            (Some(one), Some(two)) => Some(one.with(two, u64::saturating_add)),
            (one, two) => one.or(two),
        };
        let nanousd = match (self.nanousd, other.nanousd) {
            (Some(one), Some(two)) => Some(one.saturating_add(two)),
            (one, two) => one.or(two),
        };
        Self { tokens, nanousd }
    }

    /// What is beyond `counted`. None of it is told if there is nothing.
    pub(crate) fn beyond(self, counted: Self) -> Self {
        let counted_tokens = counted.tokens.unwrap_or_default();
        let tokens = self.tokens.map(|all| all.with(counted_tokens, u64::saturating_sub));
        let nanousd = self.nanousd.map(|all| all.saturating_sub(counted.nanousd.unwrap_or(0)));
        Self {
            tokens: tokens.filter(|rest| *rest != Tokens::default()),
            nanousd: nanousd.filter(|rest| *rest > 0),
        }
    }
}
