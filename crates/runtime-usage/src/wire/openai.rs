//! `OpenAI`'s chat completions and responses, and `OpenRouter`, which follows the former.
//!
//! Their counts are inclusive: cached, written and audio tokens are part of the input, and
//! reasoning and audio are part of the output. Reads and writes of the cache do not overlap (the
//! guide to prompt caching: 2,600 of input are 2,000 read, 400 written and 200 neither). Audio may be
//! cached, and chat completions do not say how much of it was.

use serde_json::Value;

use super::counts::{Count, Counts, Field};
use super::error::ReportedUsageError;
use super::path;
use super::provider::Provider;
use crate::snapshot::UsageSnapshot;

pub(crate) static OPENAI_CHAT: Provider = Provider {
    envelope: None,
    usage: Some("usage"),
    fields: &CHAT,
    tokens: inclusive,
    odd: odd_total,
    // Groq, and Moonshot's streams.
    elsewhere: &["/x_groq/usage", "/choices/0/usage"],
    has_cost: false,
    tier: "service_tier",
    model: "model",
    streamed: chat_text,
    is_report: chat_reports,
    is_end: chat_ends,
};

pub(crate) static OPENROUTER: Provider = Provider { has_cost: true, ..OPENAI_CHAT };

pub(crate) static OPENAI_RESPONSES: Provider = Provider {
    envelope: Some("response"),
    usage: Some("usage"),
    fields: &[
        Field::required("input_tokens"),
        Field::required("output_tokens"),
        Field::total("total_tokens"),
        Field::optional("input_tokens_details.cached_tokens"),
        Field::optional("input_tokens_details.cache_write_tokens"),
        Field::optional("input_tokens_details.audio_tokens"),
        Field::optional("input_tokens_details.cached_tokens_details.audio_tokens"),
        Field::optional("output_tokens_details.reasoning_tokens"),
        Field::optional("output_tokens_details.audio_tokens"),
    ],
    tokens: inclusive,
    odd: odd_total,
    elsewhere: &[],
    has_cost: false,
    tier: "service_tier",
    model: "model",
    streamed: response_text,
    is_report: |_| true,
    is_end: |event| {
        let ends = ["response.completed", "response.incomplete", "response.failed"];
        path::text(event, "type").is_some_and(|kind| ends.contains(&kind))
    },
};

/// Names of imitators: MLX and others use those of the Responses API, `DeepSeek` and Moonshot have cache
/// hits at the top level, Mistral had `prompt_token_details`, Qwen writes its cache under Anthropic's names.
/// Perplexity's searches and citations are billed beside the tokens.
const CHAT: [Field; 12] = [
    Field::required("prompt_tokens").also(&["input_tokens"]),
    Field::required("completion_tokens").also(&["output_tokens"]),
    Field::total("total_tokens"),
    Field::optional("prompt_tokens_details.cached_tokens").also(&[
        "prompt_token_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "num_cached_tokens",
        "cache_read_input_tokens",
    ]),
    Field::optional("prompt_tokens_details.cache_write_tokens").also(&[
        "prompt_tokens_details.cache_creation_input_tokens",
        "prompt_tokens_details.cache_creation_tokens",
        "cache_creation_input_tokens",
    ]),
    Field::optional("prompt_tokens_details.audio_tokens"),
    Field::optional("prompt_tokens_details.cached_tokens_details.audio_tokens"),
    Field::optional("completion_tokens_details.reasoning_tokens")
        .also(&["output_tokens_details.reasoning_tokens"]),
    Field::optional("completion_tokens_details.audio_tokens"),
    Field::uncounted("reasoning_tokens"),
    Field::uncounted("citation_tokens"),
    Field::uncounted("num_search_queries"),
];

fn inclusive(counts: &Counts) -> Result<UsageSnapshot, ReportedUsageError> {
    let [input, output, total, cached, written, heard, heard_cached, reasoning, spoken, ..] =
        counts.all();
    input.holds(&[cached, written])?;
    input.holds(&[heard])?;
    cached.holds(&[heard_cached])?;
    heard.holds(&[heard_cached])?;
    output.holds(&[spoken])?;

    let fresh = input.tokens().saturating_sub(cached.tokens()).saturating_sub(written.tokens());
    // Audio that does not fit beside the cached tokens was cached itself. If the input is unknown,
    // there is nothing that the audio has to fit into.
    let heard = heard.tokens().saturating_sub(heard_cached.tokens());
    let heard = if input.is_known() { heard.min(fresh) } else { heard };
    let all_out = whole_output(input, output, total, reasoning);
    let written_out = all_out.saturating_sub(spoken.tokens()).max(reasoning.tokens());
    Ok(UsageSnapshot::new(fresh.saturating_sub(heard), written_out)
        .cache_read(cached.tokens())
        .cache_write(written.tokens())
        .input_audio(heard)
        .output_audio(spoken.tokens())
        .reasoning(reasoning.tokens()))
}

/// All tokens of the output. xAI and others count reasoning beside it, and gateways before Gemini leave
/// thoughts out of it: the total tells. Where it says neither, the dearer reading counts.
fn whole_output(input: Count, output: Count, total: Count, reasoning: Count) -> u64 {
    let (inside, beside) = (output.tokens(), output.tokens().saturating_add(reasoning.tokens()));
    if !(input.is_known() && output.is_known()) {
        return inside;
    }
    if !total.is_known() {
        return if reasoning.tokens() > inside { beside } else { inside };
    }
    total.tokens().saturating_sub(input.tokens()).max(inside)
}

/// The total, if it is none of the sums that the counts allow.
fn odd_total(counts: &Counts) -> Option<&'static str> {
    let [input, output, total, _, _, _, _, reasoning, ..] = counts.all();
    let sum = input.tokens().saturating_add(output.tokens());
    let all_known = input.is_known() && output.is_known() && total.is_known();
    let inside = total.tokens() == sum && reasoning.tokens() <= output.tokens();
    let beside = total.tokens() == sum.saturating_add(reasoning.tokens());
    (all_known && !inside && !beside).then_some("total_tokens")
}

fn chat_text(chunk: &Value) -> u64 {
    let texts = ["content", "refusal", "reasoning", "reasoning_content"];
    let calls = ["name", "arguments"];
    path::bytes_of_text(chunk, "choices[].delta", &texts)
        + path::bytes_of_text(chunk, "choices[].delta.tool_calls[].function", &calls)
}

fn chat_reports(chunk: &Value) -> bool {
    OPENAI_CHAT.usage_in(chunk).is_some_and(Value::is_object)
}

/// The last chunk usually has the usage and no choices. If every chunk has the usage so far, the
/// last one is where a choice finishes, unless it finishes by an error in mid-stream.
fn chat_ends(chunk: &Value) -> bool {
    let no_choices = chunk.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty);
    let finished = path::text(chunk, "choices[].finish_reason").is_some_and(|why| why != "error");
    finished || (no_choices && chat_reports(chunk))
}

/// Audio is base64, and its transcript is not billed.
fn response_text(event: &Value) -> u64 {
    if path::text(event, "type").is_some_and(|kind| kind.contains("audio")) {
        return 0;
    }
    path::bytes_of_text(event, "delta", &[""])
}
