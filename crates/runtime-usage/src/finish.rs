//! [`FinishReason`]: why an answer ended.

use std::fmt;

/// Why a provider says that an answer ended, in the words of OpenTelemetry's conventions.
///
/// ```
/// use runtime_usage::{FinishReason, UsageFormat};
/// use serde_json::json;
///
/// let usage = UsageFormat::Anthropic.read(&json!({
///     "stop_reason": "max_tokens",
///     "usage": {"input_tokens": 12, "output_tokens": 100},
/// }))?;
/// assert!(usage.finish_reasons.contains(&Some(FinishReason::Length)));
/// # Ok::<(), runtime_usage::ReportedUsageError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FinishReason {
    /// The model had said what it wanted, or came to a stop sequence.
    Stop,
    /// A limit cut it off: of output tokens, or of the context.
    Length,
    /// It calls tools.
    ToolCall,
    /// It was withheld or cut off for what it says, or the model refused.
    ContentFilter,
    /// It could not be completed, or cannot be read: a tool call that is malformed, a provider
    /// without resources.
    Error,
    /// The provider has paused a long turn, to be continued by another call.
    Pause,
    /// A reason that is not known here.
    Other,
}

/// What providers say, in letters large or small, and our own words. Sources: the references of `OpenAI`,
/// Anthropic, Gemini, Bedrock's models, Cohere, Mistral, `DeepSeek`, `MiniMax`, Zhipu, Reka, watsonx, TGI, llama.cpp
/// and Aleph Alpha.
const SAID: &[(FinishReason, &[&str])] = &[
    (
        FinishReason::Stop,
        &[
            "stop",
            "end_turn",
            "stop_sequence",
            "stop_criteria_met",
            "complete",
            "completed",
            "finish",
            "endoftext",
            "eos",
            "eos_token",
            "word",
        ],
    ),
    (
        FinishReason::Length,
        &[
            "length",
            "max_tokens",
            "max_output_tokens",
            "max_output",
            "token_limit",
            "maximum_tokens",
            "limit",
            "model_length",
            "context",
            "incomplete",
            "budget_exceeded",
            "model_context_window_exceeded",
            "error_limit",
        ],
    ),
    (
        FinishReason::ToolCall,
        &["tool_calls", "tool_use", "tool_call", "function_call", "requires_action"],
    ),
    (
        FinishReason::ContentFilter,
        &[
            "content_filter",
            "content_filtered",
            "refusal",
            "guardrail_intervened",
            "safety",
            "recitation",
            "language",
            "blocklist",
            "prohibited_content",
            "spii",
            "image_safety",
            "image_prohibited_content",
            "image_recitation",
            "model_armor",
            "error_toxic",
            "sensitive",
        ],
    ),
    (
        FinishReason::Error,
        &[
            "error",
            "failed",
            "timeout",
            "time_limit",
            "network_error",
            "abort",
            "cancelled",
            "user_cancel",
            "malformed_function_call",
            "malformed_response",
            "malformed_model_output",
            "malformed_tool_use",
            "missing_thought_signature",
            "unexpected_tool_call",
            "too_many_tool_calls",
            "no_image",
            "image_other",
            "insufficient_system_resource",
        ],
    ),
    (FinishReason::Pause, &["pause", "pause_turn", "compaction"]),
];

impl FinishReason {
    /// The reason that a provider tells by this word.
    pub fn of(told: &str) -> Self {
        let tells = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(told));
        let known = SAID.iter().find(|(_, words)| tells(words));
        known.map_or(Self::Other, |(reason, _)| *reason)
    }

    /// The word of the conventions, where they have one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCall => "tool_call",
            Self::ContentFilter => "content_filter",
            Self::Error => "error",
            Self::Pause => "pause",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for FinishReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
