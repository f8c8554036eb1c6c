//! What providers say a turn used, read from their own JSON: [`UsageSnapshot::from_openai_chat`]
//! and its siblings.
//!
//! Each reader takes the whole body of a response, or its usage object alone. Both give the counts,
//! and with them the tier and the cost where they stand in the usage object; the body also names
//! the model.
//!
//! | provider | is cached input inside the input? | tier | model |
//! |---|---|---|---|
//! | `OpenAI` chat and responses | yes | `service_tier` | `model` |
//! | `OpenRouter` | yes, and its `cost` wins over prices | `service_tier` | `model` |
//! | Anthropic | no | `usage.service_tier` | `model` |
//! | Gemini | yes; thoughts and tool prompts are beside | `trafficType` | `modelVersion` |
//! | Bedrock Converse | no | `serviceTier.type` | not named |
//! | Ollama | there is no cache | there are none | `model` |
//!
//! Fields that are not known are ignored. A count that is absent or null is zero, and is listed in
//! [`ReportedUsage::missing`] if the provider should have sent it. What contradicts itself is refused: see
//! [`ReportedUsageErrorKind`].
//!
//! A tier whose name is not known is taken for the standard one.

mod anthropic;
mod bedrock;
mod cost;
mod counts;
mod error;
mod gemini;
mod ollama;
mod openai;
mod path;
mod provider;

use serde_json::Value;

#[doc(inline)]
pub use self::error::{ReportedUsageError, ReportedUsageErrorKind};
pub(crate) use self::provider::{Provider, Reading, owns_no_memory};
pub(crate) use self::{
    anthropic::ANTHROPIC,
    bedrock::BEDROCK,
    gemini::GEMINI,
    ollama::OLLAMA,
    openai::{OPENAI_CHAT, OPENAI_RESPONSES, OPENROUTER},
};
use crate::reported::ReportedUsage;
use crate::snapshot::UsageSnapshot;

/// What providers report: each reader takes the body of a response, or its usage object alone.
/// The module [`wire`](crate::wire) says what they have in common.
impl UsageSnapshot {
    /// Reads the usage of an `OpenAI` chat completion, or of an API that imitates it.
    ///
    /// Cached, written and audio tokens are parts of `prompt_tokens`, and are taken out of it.
    /// The API does not say how much of the audio was cached. As much of it as fits beside the
    /// cached tokens is taken for fresh, which is the dearer reading.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count is not one, or if two contradict each other.
    ///
    /// ```
    /// use runtime_usage::UsageSnapshot;
    /// use serde_json::json;
    ///
    /// let usage = UsageSnapshot::from_openai_chat(&json!({
    ///     "model": "gpt-5-2026-05-14",
    ///     "service_tier": "flex",
    ///     "usage": {
    ///         "prompt_tokens": 2_006,
    ///         "completion_tokens": 300,
    ///         "total_tokens": 2_306,
    ///         "prompt_tokens_details": {"cached_tokens": 1_920},
    ///         "completion_tokens_details": {"reasoning_tokens": 128},
    ///     },
    /// }))?;
    /// assert_eq!(usage.tokens, UsageSnapshot::new(86, 300).cache_read(1_920).reasoning(128));
    /// # Ok::<(), runtime_usage::ReportedUsageError>(())
    /// ```
    pub fn from_openai_chat(json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        OPENAI_CHAT.read(json)
    }

    /// Reads the usage of an `OpenAI` response: as a chat completion's, under other names.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count is not one, or if two contradict each other.
    pub fn from_openai_responses(json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        OPENAI_RESPONSES.read(json)
    }

    /// Reads the usage of a message of Anthropic's.
    ///
    /// `input_tokens` stands beside what was read from the cache and written to it. What was
    /// written lasts five minutes unless `cache_creation` says otherwise.
    ///
    /// Compaction on the way is billed beside the message, and is added from `iterations`. An
    /// adviser's tokens are billed by the prices of another model: they are not counted, and
    /// [`ReportedUsage::missing`] says so.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count is not one, or if two contradict each other.
    pub fn from_anthropic(json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        ANTHROPIC.read(json)
    }

    /// Reads the usage of a response of Gemini's, from its own API or from Vertex AI.
    ///
    /// Thoughts and the prompts of tools stand beside candidates and prompt. Only where the total
    /// leaves no other reading are the thoughts taken to be a part of the candidates.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count is not one, or if two contradict each other.
    pub fn from_gemini(json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        GEMINI.read(json)
    }

    /// Reads the usage of an answer of Bedrock's Converse API.
    ///
    /// `inputTokens` stands beside what was read from the cache and written to it. The answer does
    /// not name its model.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count is not one, or if two contradict each other.
    pub fn from_bedrock(json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        BEDROCK.read(json)
    }

    /// Reads the usage of an answer of Ollama's own API.
    ///
    /// Ollama leaves a count out where it is zero or not known: it is missing then.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count is not one.
    pub fn from_ollama(json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        OLLAMA.read(json)
    }

    /// Reads the usage of a chat completion of `OpenRouter`'s, with its cost.
    ///
    /// With a key of one's own for the provider (`is_byok`), `cost` is only the fee of
    /// `OpenRouter`, and `cost_details.upstream_inference_cost` is what the provider charges: the
    /// turn cost both. Without such a key the latter is a part of `cost`, and is not added.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count or a cost is not one, or if two counts contradict each
    /// other.
    pub fn from_openrouter(json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        OPENROUTER.read(json)
    }
}
