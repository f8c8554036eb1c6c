//! The JSON of each provider for known counts.

use std::fmt;

use runtime_usage::{UsageFormat, UsageSnapshot};
use serde_json::{Value, json};

/// A provider: how to write for it, and how to read it.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) format: UsageFormat,
    /// The usage object.
    pub(super) usage: fn(&UsageSnapshot) -> Value,
    /// The body around it, as the last event of a stream.
    pub(super) body: fn(Value) -> Value,
    /// A stream that reports at the end, and once before if the provider does so.
    pub(super) events: fn(&UsageSnapshot, &UsageSnapshot, &[String]) -> Vec<Value>,
    /// Removes the counts that the provider does not have.
    known: fn(UsageSnapshot) -> UsageSnapshot,
}

impl Shape {
    pub(super) fn told(&self, counts: &UsageSnapshot) -> UsageSnapshot {
        (self.known)(*counts)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

pub(super) static SHAPES: [Shape; 7] = [
    Shape {
        name: "OpenAI chat",
        format: UsageFormat::OpenAiChat,
        usage: |counts| inclusive(counts, ["prompt", "completion"]),
        body: |usage| json!({"choices": [], "model": "m", "usage": usage}),
        events: chat_events,
        known: |counts| counts.cache_write_1h(0),
    },
    Shape {
        name: "OpenAI responses",
        format: UsageFormat::OpenAiResponses,
        usage: |counts| inclusive(counts, ["input", "output"]),
        body: |usage| json!({"type": "response.completed", "response": {"usage": usage}}),
        events: |_, last, texts| {
            let delta =
                |text: &String| json!({"type": "response.output_text.delta", "delta": text});
            let created = json!({"type": "response.created", "response": {"usage": null}});
            let usage = inclusive(last, ["input", "output"]);
            let done = json!({"type": "response.completed", "response": {"usage": usage}});
            around(created, texts.iter().map(delta), done)
        },
        known: |counts| counts.cache_write_1h(0),
    },
    Shape {
        name: "Anthropic",
        format: UsageFormat::Anthropic,
        usage: anthropic,
        body: |usage| json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
        events: |first, last, texts| {
            let delta =
                |text: &String| json!({"type": "content_block_delta", "delta": {"text": text}});
            let start = json!({"type": "message_start", "message": {"usage": anthropic(first)}});
            let stop = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": anthropic(last)});
            around(start, texts.iter().map(delta), stop)
        },
        known: |counts| counts.input_audio(0).output_audio(0),
    },
    Shape {
        name: "Gemini",
        format: UsageFormat::Gemini,
        usage: gemini,
        body: |usage| json!({"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage}),
        events: |first, last, texts| {
            let text =
                |text: &String| json!({"candidates": [{"content": {"parts": [{"text": text}]}}]});
            let chunk = json!({"usageMetadata": gemini(first)});
            let end =
                json!({"candidates": [{"finishReason": "STOP"}], "usageMetadata": gemini(last)});
            around(chunk, texts.iter().map(text), end)
        },
        known: |counts| counts.cache_write(0).cache_write_1h(0),
    },
    Shape {
        name: "Bedrock",
        format: UsageFormat::Bedrock,
        usage: bedrock,
        body: |usage| json!({"metrics": {"latencyMs": 1}, "usage": usage}),
        events: |_, last, texts| {
            let delta = |text: &String| json!({"contentBlockDelta": {"delta": {"text": text}}});
            let metadata = json!({"metadata": {"usage": bedrock(last)}});
            around(json!({"messageStart": {}}), texts.iter().map(delta), metadata)
        },
        known: |counts| counts.input_audio(0).output_audio(0).reasoning(0),
    },
    Shape {
        name: "Ollama",
        format: UsageFormat::Ollama,
        usage: ollama,
        body: |usage| usage,
        events: |_, last, texts| {
            let line = |text: &String| json!({"response": text, "done": false});
            around(json!({"done": false}), texts.iter().map(line), ollama(last))
        },
        known: |counts| UsageSnapshot::new(counts.input_tokens, counts.output_tokens),
    },
    Shape {
        name: "OpenRouter",
        format: UsageFormat::OpenRouter,
        usage: openrouter,
        body: |usage| json!({"choices": [], "usage": usage}),
        events: |first, last, texts| {
            let mut events = chat_events(first, last, texts);
            if let Some(end) = events.last_mut() {
                end["usage"] = openrouter(last);
            }
            events
        },
        known: |counts| counts.cache_write_1h(0),
    },
];

fn around(first: Value, texts: impl Iterator<Item = Value>, last: Value) -> Vec<Value> {
    [first].into_iter().chain(texts).chain([last]).collect()
}

/// Reports the usage so far in the first chunk, as some servers do.
fn chat_events(first: &UsageSnapshot, last: &UsageSnapshot, texts: &[String]) -> Vec<Value> {
    let usage = |counts| inclusive(counts, ["prompt", "completion"]);
    let role = json!({"choices": [{"delta": {"role": "assistant"}, "finish_reason": null}], "usage": usage(first)});
    let delta = |text: &String| json!({"choices": [{"delta": {"content": text}}], "usage": null});
    around(role, texts.iter().map(delta), json!({"choices": [], "usage": usage(last)}))
}

fn inclusive(counts: &UsageSnapshot, [input, output]: [&str; 2]) -> Value {
    json!({
        format!("{input}_tokens"): counts.total_input_tokens(),
        format!("{output}_tokens"): counts.total_output_tokens(),
        "total_tokens": counts.total_input_tokens() + counts.total_output_tokens(),
        format!("{input}_tokens_details"): {
            "cached_tokens": counts.cache_read_tokens,
            "cache_write_tokens": counts.cache_write_tokens,
            "audio_tokens": counts.input_audio_tokens,
        },
        format!("{output}_tokens_details"): {
            "reasoning_tokens": counts.reasoning_tokens,
            "audio_tokens": counts.output_audio_tokens,
        },
    })
}

fn openrouter(counts: &UsageSnapshot) -> Value {
    let mut usage = inclusive(counts, ["prompt", "completion"]);
    usage["cost"] = json!(0.25);
    usage
}

fn anthropic(counts: &UsageSnapshot) -> Value {
    json!({
        "input_tokens": counts.input_tokens,
        "output_tokens": counts.output_tokens,
        "cache_read_input_tokens": counts.cache_read_tokens,
        "cache_creation_input_tokens": counts.cache_write_tokens + counts.cache_write_1h_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write_tokens,
            "ephemeral_1h_input_tokens": counts.cache_write_1h_tokens,
        },
        "output_tokens_details": {"thinking_tokens": counts.reasoning_tokens},
    })
}

/// A third of the fresh text came from a tool.
fn gemini(counts: &UsageSnapshot) -> Value {
    let tool = counts.input_tokens / 3;
    json!({
        "promptTokenCount": counts.total_input_tokens() - tool,
        "toolUsePromptTokenCount": tool,
        "cachedContentTokenCount": counts.cache_read_tokens,
        "candidatesTokenCount": counts.total_output_tokens() - counts.reasoning_tokens,
        "thoughtsTokenCount": counts.reasoning_tokens,
        "totalTokenCount": counts.total_input_tokens() + counts.total_output_tokens(),
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 1},
            {"modality": "AUDIO", "tokenCount": counts.input_audio_tokens},
        ],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": counts.output_audio_tokens}],
    })
}

fn bedrock(counts: &UsageSnapshot) -> Value {
    json!({
        "inputTokens": counts.input_tokens,
        "outputTokens": counts.output_tokens,
        "totalTokens": counts.total_input_tokens() + counts.total_output_tokens(),
        "cacheReadInputTokens": counts.cache_read_tokens,
        "cacheWriteInputTokens": counts.cache_write_tokens + counts.cache_write_1h_tokens,
        "cacheDetails": [
            {"ttl": "1h", "inputTokens": counts.cache_write_1h_tokens},
            {"ttl": "5m", "inputTokens": counts.cache_write_tokens},
        ],
    })
}

fn ollama(counts: &UsageSnapshot) -> Value {
    json!({"done": true, "prompt_eval_count": counts.input_tokens, "eval_count": counts.output_tokens})
}

/// The paths of the texts in the events above.
const PLACES: [&str; 5] = [
    "/choices/0/delta/content",
    "/delta",
    "/delta/text",
    "/candidates/0/content/parts/0/text",
    "/contentBlockDelta/delta/text",
];

fn text(event: &Value) -> Option<&str> {
    let places = PLACES.iter().chain(&["/response"]);
    places.filter_map(|place| event.pointer(place)).find_map(Value::as_str)
}

pub(super) fn is_text(event: &Value) -> bool {
    text(event).is_some()
}

pub(super) fn text_len(event: &Value) -> usize {
    text(event).map_or(0, str::len)
}

pub(super) const NAMES: &[&str] = &[
    "usage",
    "usageMetadata",
    "response",
    "message",
    "metadata",
    "delta",
    "choices",
    "candidates",
    "content",
    "parts",
    "text",
    "type",
    "done",
    "model",
    "service_tier",
    "cost",
    "is_byok",
    "cost_details",
    "upstream_inference_cost",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "input_tokens_details",
    "output_tokens_details",
    "cached_tokens",
    "cache_write_tokens",
    "audio_tokens",
    "cached_tokens_details",
    "reasoning_tokens",
    "thinking_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "ephemeral_5m_input_tokens",
    "ephemeral_1h_input_tokens",
    "iterations",
    "promptTokenCount",
    "candidatesTokenCount",
    "totalTokenCount",
    "cachedContentTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
    "promptTokensDetails",
    "modality",
    "tokenCount",
    "inputTokens",
    "outputTokens",
    "totalTokens",
    "cacheReadInputTokens",
    "cacheWriteInputTokens",
    "cacheDetails",
    "ttl",
    "prompt_eval_count",
    "eval_count",
    "finish_reason",
    "stop_reason",
];

pub(super) const TEXTS: &[&str] =
    &["", "AUDIO", "1h", "5m", "compaction", "stop", "error", "flex", "message_start", "é", "12"];
