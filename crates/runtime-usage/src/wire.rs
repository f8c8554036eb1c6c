//! [`UsageFormat`]: the forms in which providers report usage.

mod anthropic;
mod bedrock;
mod cost;
mod counts;
mod error;
mod finish;
mod gemini;
mod ollama;
mod openai;
mod path;
mod provider;

use serde_json::Value;

pub use self::error::{ReportedUsageError, ReportedUsageErrorKind};
pub(crate) use self::provider::{Provider, Reading, owns_no_memory};
use crate::reported::ReportedUsage;

/// The form in which a provider reports usage, in a response and in a stream.
///
/// [`read`](Self::read) takes the body of a response, or its usage object alone.
/// [`StreamUsage`](crate::StreamUsage) takes the chunks of a stream. Both return the token counts,
/// and the tier and the cost if the usage object has them. The body also names the model.
///
/// | provider | cached input is part of the input | tier | model |
/// |---|---|---|---|
/// | `OpenAI` chat and responses | yes | `service_tier` | `model` |
/// | `OpenRouter` | yes | `service_tier` | `model` |
/// | Anthropic | no | `usage.service_tier` | `model` |
/// | Gemini | yes; thoughts and tool prompts are separate | `trafficType`, `serviceTier` | `modelVersion`, `model` |
/// | Bedrock Converse | no | `serviceTier.type` | not named |
/// | Ollama | yes | there are none | `model` |
///
/// Unknown fields are ignored, and an unknown tier is read as the standard one and listed as missing. A count that is
/// absent or null is zero; if the provider should have sent it, it is listed in
/// [`ReportedUsage::missing`]. Of counts that contradict each other, the dearer reading counts, and the
/// odd one is listed as missing too.
///
/// ```
/// use runtime_usage::{UsageFormat, UsageSnapshot};
/// use serde_json::json;
///
/// let usage = UsageFormat::OpenAiChat.read(&json!({
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UsageFormat {
    /// A chat completion of `OpenAI`, or of an API that imitates it.
    ///
    /// Cached, written and audio tokens are part of `prompt_tokens` and are subtracted from it. The
    /// API does not say how much of the audio was cached. As much of it as fits beside the cached
    /// tokens is counted as not cached, which is the more expensive reading.
    ///
    /// In a stream, the request has to ask for usage by `stream_options.include_usage`.
    OpenAiChat,
    /// A response of `OpenAI`'s Responses API: a chat completion under other names.
    ///
    /// In a stream, the usage is in `response.completed`, `.incomplete` or `.failed`.
    OpenAiResponses,
    /// A chat completion of `OpenRouter`, including its cost.
    ///
    /// With your own key for the provider (`is_byok`), `cost` is only `OpenRouter`'s fee and
    /// `cost_details.upstream_inference_cost` is what the provider charges, so the turn costs the sum.
    /// Without your own key, the latter is part of `cost` and is not added.
    ///
    /// In a stream, the last chunk has the usage and the cost.
    OpenRouter,
    /// A message of Anthropic.
    ///
    /// `input_tokens` excludes tokens read from the cache or written to it. Written tokens last five
    /// minutes unless `cache_creation` says otherwise. Compaction is billed separately and is added
    /// from `iterations`. An adviser's tokens are billed at the prices of another model. They are not
    /// counted, and are listed in [`ReportedUsage::missing`].
    ///
    /// In a stream, the output in `message_start` is a placeholder. The totals are in `message_delta`.
    Anthropic,
    /// A response of Gemini, from its own API or from Vertex AI, or one of its interactions.
    ///
    /// Thoughts and tool prompts are separate from candidates and prompt. Thoughts are read as part of
    /// the candidates only if the total allows no other reading.
    ///
    /// In a stream, each chunk has the usage so far.
    Gemini,
    /// An answer of Bedrock's Converse API, which does not name its model.
    ///
    /// `inputTokens` excludes tokens read from the cache or written to it.
    ///
    /// In a stream, the event `metadata` has the usage. Events may be wrapped in their names or not. Parts
    /// of `InvokeModelWithResponseStream` are accepted, too: the last one has
    /// `amazon-bedrock-invocationMetrics`.
    Bedrock,
    /// An answer of Ollama's own API.
    ///
    /// Ollama leaves out a count that is zero or unknown. It is listed as missing then.
    ///
    /// In a stream, the line that is `done` has the usage.
    Ollama,
}

impl UsageFormat {
    /// Reads the body of a response, or its usage object alone.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count or a cost is not a number, or not a positive one.
    #[doc(alias = "from_openai_chat")]
    #[doc(alias = "from_anthropic")]
    pub fn read(self, json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        self.provider().read(json)
    }

    pub(crate) const fn provider(self) -> &'static Provider {
        match self {
            Self::OpenAiChat => &openai::OPENAI_CHAT,
            Self::OpenAiResponses => &openai::OPENAI_RESPONSES,
            Self::OpenRouter => &openai::OPENROUTER,
            Self::Anthropic => &anthropic::ANTHROPIC,
            Self::Gemini => &gemini::GEMINI,
            Self::Bedrock => &bedrock::BEDROCK,
            Self::Ollama => &ollama::OLLAMA,
        }
    }
}
