//! `OpenAI`'s chat completions and responses, and `OpenRouter`, which follows the former.
//!
//! Their counts are inclusive: cached, written and audio tokens are part of the input, and
//! reasoning and audio are part of the output. Reads and writes of the cache do not overlap (the
//! guide to prompt caching: 2,600 of input are 2,000 read, 400 written and 200 neither). Audio may be
//! cached, and chat completions do not say how much of it was.

use serde_json::Value;

use super::counts::{Counts, Field};
use super::error::ReportedUsageError;
use super::path;
use super::provider::Provider;
use crate::snapshot::UsageSnapshot;

pub(crate) static OPENAI_CHAT: Provider = Provider {
    envelope: None,
    usage: Some("usage"),
    fields: &CHAT,
    tokens: inclusive,
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
        Field::required("input_tokens_details.cached_tokens"),
        Field::optional("input_tokens_details.cache_write_tokens"),
        Field::optional("input_tokens_details.audio_tokens"),
        Field::optional("input_tokens_details.cached_tokens_details.audio_tokens"),
        Field::required("output_tokens_details.reasoning_tokens"),
        Field::optional("output_tokens_details.audio_tokens"),
    ],
    tokens: inclusive,
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

const CHAT: [Field; 9] = [
    Field::required("prompt_tokens"),
    Field::required("completion_tokens"),
    Field::total("total_tokens"),
    Field::required("prompt_tokens_details.cached_tokens"),
    Field::optional("prompt_tokens_details.cache_write_tokens"),
    Field::optional("prompt_tokens_details.audio_tokens"),
    Field::optional("prompt_tokens_details.cached_tokens_details.audio_tokens"),
    Field::required("completion_tokens_details.reasoning_tokens"),
    Field::optional("completion_tokens_details.audio_tokens"),
];

fn inclusive(counts: &Counts) -> Result<UsageSnapshot, ReportedUsageError> {
    let [input, output, total, cached, written, heard, heard_cached, reasoning, spoken, ..] =
        counts.all();
    input.holds(&[cached, written])?;
    input.holds(&[heard])?;
    cached.holds(&[heard_cached])?;
    heard.holds(&[heard_cached])?;
    output.holds(&[reasoning, spoken])?;
    total.is_one_of(&[&[input, output]])?;

    let fresh = input.tokens().saturating_sub(cached.tokens()).saturating_sub(written.tokens());
    // Audio that does not fit beside the cached tokens was cached itself. If the input is unknown,
    // there is nothing that the audio has to fit into.
    let heard = heard.tokens().saturating_sub(heard_cached.tokens());
    let heard = if input.is_known() { heard.min(fresh) } else { heard };
    let written_out = output.tokens().saturating_sub(spoken.tokens()).max(reasoning.tokens());
    Ok(UsageSnapshot::new(fresh.saturating_sub(heard), written_out)
        .cache_read(cached.tokens())
        .cache_write(written.tokens())
        .input_audio(heard)
        .output_audio(spoken.tokens())
        .reasoning(reasoning.tokens()))
}

fn chat_text(chunk: &Value) -> u64 {
    let texts = ["content", "refusal", "reasoning", "reasoning_content"];
    let calls = ["name", "arguments"];
    path::bytes_of_text(chunk, "choices[].delta", &texts)
        + path::bytes_of_text(chunk, "choices[].delta.tool_calls[].function", &calls)
}

fn chat_reports(chunk: &Value) -> bool {
    chunk.get("usage").is_some_and(Value::is_object)
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
