//! Turns, the attempts of a turn, tools and waits.

use super::{Word, Words};

payload! {
    /// A turn or an attempt begins.
    pub struct TurnStarted<'e> {
        /// The model that is called; none if the turn is not metered.
        model: Option<Word<'e>> = "model",
        /// What a budget holds back for the call, in dollars.
        reserved_usd: Option<f64> = "reserved_usd",
        /// The number of the attempt in its turn, from 1. Attempts only.
        attempt: Option<u32> = "attempt",
        /// The provider of the attempt's route.
        provider: Option<Word<'e>> = "provider",
        /// It runs beside an attempt that is slow.
        hedge: bool = "hedge",
    }
}

payload! {
    /// A turn or an attempt ended, well or not: what it used, what it cost, and what is left.
    ///
    /// A turn has the sum of its attempts. The kinds of tokens have nothing in common, but for
    /// `reasoning_tokens`, which are a part of `output_tokens`.
    pub struct TurnEnded<'e> {
        /// The model that was called; none if the turn is not metered.
        model: Option<Word<'e>> = "model",
        /// How many attempts a recovering turn made.
        attempts: Option<u32> = "attempts",
        /// Input that came from no cache, without audio. Unset if nobody has read the usage.
        input_tokens: Option<u64> = "input_tokens",
        /// Output without audio. Unset if nobody has read the usage.
        output_tokens: Option<u64> = "output_tokens",
        /// What it cost, in dollars.
        cost_usd: Option<f64> = "cost_usd",
        /// Input written to a cache for five minutes.
        cache_write_tokens: u64 = "cache_write_tokens",
        /// Input written to a cache for an hour.
        cache_write_1h_tokens: u64 = "cache_write_1h_tokens",
        /// Input read from a cache.
        cache_read_tokens: u64 = "cache_read_tokens",
        /// Audio in the input.
        input_audio_tokens: u64 = "input_audio_tokens",
        /// Audio in the output.
        output_audio_tokens: u64 = "output_audio_tokens",
        /// Output that is reasoning.
        reasoning_tokens: u64 = "reasoning_tokens",
        /// The cost is an estimate: the call was cut short, or its usage was not told in full.
        estimated: bool = "estimated",
        /// The provider itself told the cost.
        cost_reported: bool = "cost_reported",
        /// Why the provider says that the answer ended, for each of its first choices: `stop`,
        /// `length`, `tool_call`, `content_filter`, `error`, `pause` or `other`.
        finish_reasons: Option<Words<'e>> = "finish_reasons",
        /// What is left of the session's budget, in dollars; negative if it is overspent.
        budget_remaining_usd: Option<f64> = "budget_remaining_usd",
        /// What the budgets above leave of it, if that is less.
        budget_available_usd: Option<f64> = "budget_available_usd",
        /// What calls under way hold back of it, if that is anything.
        budget_reserved_usd: Option<f64> = "budget_reserved_usd",
        /// The number of the attempt in its turn, from 1. Attempts only.
        attempt: Option<u32> = "attempt",
        /// The provider of the attempt's route.
        provider: Option<Word<'e>> = "provider",
        /// It ran beside an attempt that was slow.
        hedge: bool = "hedge",
        /// The scenario that a failed turn was classified as, such as `provider_failure`. Turns only.
        scenario: Option<Word<'e>> = "scenario",
    }
}

impl TurnEnded<'_> {
    /// Whether the usage is known: unset counts are then zero.
    pub const fn has_usage(&self) -> bool {
        self.input_tokens.is_some() || self.output_tokens.is_some()
    }

    /// All input tokens: cached ones and audio are input, too.
    pub const fn total_input(&self) -> u64 {
        or_zero(self.input_tokens)
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.cache_write())
            .saturating_add(self.input_audio_tokens)
    }

    /// All output tokens, reasoning and audio included.
    pub const fn total_output(&self) -> u64 {
        or_zero(self.output_tokens).saturating_add(self.output_audio_tokens)
    }

    /// What it cost, in billionths of a dollar; nothing if the event does not say, or says what is
    /// no amount.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and no amount is negative"
    )]
    pub fn cost_nanousd(&self) -> Option<u64> {
        self.cost_usd.filter(|cost| *cost >= 0.0).map(|cost| (cost * 1e9).round() as u64)
    }

    /// All tokens written to a cache.
    pub const fn cache_write(&self) -> u64 {
        self.cache_write_tokens.saturating_add(self.cache_write_1h_tokens)
    }
}

const fn or_zero(count: Option<u64>) -> u64 {
    match count {
        Some(count) => count,
        None => 0,
    }
}

payload! {
    /// A tool is called, or has returned.
    pub struct ToolRun<'e> {
        /// The name of the tool.
        tool: Option<Word<'e>> = "tool",
        /// The id under which the model asked for it, where the emitter knows it.
        call_id: Option<Word<'e>> = "call_id",
        /// What the call does to the world, where the tool says so: `read`, `idempotent`, `keyed` or
        /// `irreversible`.
        effect: Option<Word<'e>> = "effect",
    }
}

payload! {
    /// The agent begins or ends a wait.
    pub struct Wait<'e> {
        /// What it waits for: `rate_limit` or `backoff`.
        reason: Option<Word<'e>> = "for",
    }
}
