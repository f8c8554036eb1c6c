//! `OpenAI`'s chat completions and responses, and `OpenRouter`, which follows the former.
//!
//! Their counts are inclusive: cached, written and audio tokens are part of the input, and
//! reasoning and audio are part of the output. Reads and writes of the cache do not overlap (the
//! guide to prompt caching: 2,600 of input are 2,000 read, 400 written and 200 neither). Audio may be
//! cached, and chat completions do not say how much of it was.

use serde_json::Value;

use super::anthropic::by_lifetime;
use super::counts::{Count, Counts, Field, Odd};
use super::finish::Finish;
use super::path::{self, Path};
use super::provider::{HasCost, Provider};
use crate::snapshot::UsageSnapshot;

pub(crate) static OPENAI_CHAT: Provider = Provider {
    envelope: None,
    usage: Some("usage"),
    fields: &CHAT,
    tokens: inclusive,
    // Groq, and Moonshot's streams.
    elsewhere: &["/x_groq/usage", "/choices/0/usage"],
    // Perplexity has a fee for each request, by how much it searches.
    surcharges: &[(Path::new("search_context_size"), &[])],
    tools: &Path::all([
        // Groq's Compound: its tools, and its models, each at prices of its own.
        "choices[].message.executed_tools[]",
        "choices[].delta.executed_tools[]",
        "usage_breakdown.models[]",
        // Searches of OpenAI's search models, Z.ai and Qwen.
        "choices[].message.annotations[type=url_citation]",
        "choices[].delta.annotations[type=url_citation]",
        "web_search[]",
        "plugins.search.count",
    ]),
    cost: HasCost::Sometimes,
    tier: &Path::all(["service_tier"]),
    model: &Path::all(["model"]),
    finish: Finish::Choices("choices", "finish_reason"),
    streamed: chat_text,
    is_report: chat_reports,
    is_end: chat_ends,
};

pub(crate) static OPENROUTER: Provider = Provider { cost: HasCost::Always, ..OPENAI_CHAT };

pub(crate) static OPENAI_RESPONSES: Provider = Provider {
    envelope: Some("response"),
    usage: Some("usage"),
    fields: &[
        Field::required("input_tokens"),
        Field::required("output_tokens"),
        Field::total("total_tokens"),
        // The realtime API has `input_token_details`.
        Field::optional("input_tokens_details.cached_tokens")
            .also(&Path::all(["input_token_details.cached_tokens"])),
        Field::optional("input_tokens_details.cache_write_tokens")
            .also(&Path::all(["input_tokens_details.cached_creation_tokens"])),
        Field::optional("input_tokens_details.audio_tokens")
            .also(&Path::all(["input_token_details.audio_tokens"])),
        Field::optional("input_tokens_details.cached_tokens_details.audio_tokens")
            .also(&Path::all(["input_token_details.cached_tokens_details.audio_tokens"])),
        Field::optional("output_tokens_details.reasoning_tokens"),
        Field::optional("output_tokens_details.audio_tokens")
            .also(&Path::all(["output_token_details.audio_tokens"])),
        Field::optional("input_tokens_details.cache_creation.ephemeral_5m_input_tokens"),
        Field::optional("input_tokens_details.cache_creation.ephemeral_1h_input_tokens"),
        // Images have a price of their own, and so have tools that run at xAI.
        Field::uncounted("output_tokens_details.image_tokens"),
        Field::uncounted("num_server_side_tools_used"),
    ],
    tokens: inclusive,
    elsewhere: &[],
    surcharges: &[],
    tools: &Path::all([
        "output[type=web_search_call]",
        "output[type=file_search_call]",
        "output[type=code_interpreter_call]",
        "output[type=image_generation_call]",
        // Searches of Doubao at Volcengine.
        "tool_usage.web_search",
    ]),
    cost: HasCost::Sometimes,
    tier: &Path::all(["service_tier"]),
    model: &Path::all(["model"]),
    finish: Finish::Response,
    streamed: response_text,
    is_report: |_| true,
    is_end: |event| {
        let ends =
            ["response.completed", "response.incomplete", "response.failed", "response.done"];
        path::text(event, "type").is_some_and(|kind| ends.contains(&kind))
    },
};

/// Names of imitators: MLX and others use those of the Responses API, `DeepSeek` and Moonshot have cache
/// hits at the top level, Mistral had `prompt_token_details`, Qwen writes its cache under Anthropic's names,
/// `SGLang` has the reasoning at the top level, `LiteLLM` says how long what it wrote lasts. Perplexity's
/// searches and citations are billed beside the tokens.
const CHAT: [Field; 17] = [
    Field::required("prompt_tokens").also(&Path::all(["input_tokens"])),
    Field::required("completion_tokens").also(&Path::all(["output_tokens"])),
    Field::total("total_tokens"),
    Field::optional("prompt_tokens_details.cached_tokens").also(&Path::all([
        "prompt_token_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "cached_input_tokens",
        "prompt_tokens_details.cache_read_tokens",
        "num_cached_tokens",
        "cache_read_input_tokens",
    ])),
    Field::optional("prompt_tokens_details.cache_write_tokens").also(&Path::all([
        "prompt_tokens_details.cache_creation_input_tokens",
        "prompt_tokens_details.cache_creation_tokens",
        "prompt_tokens_details.cached_creation_tokens",
        "cache_creation_input_tokens",
    ])),
    // Transcriptions have `input_token_details`.
    Field::optional("prompt_tokens_details.audio_tokens")
        .also(&Path::all(["input_token_details.audio_tokens"])),
    Field::optional("prompt_tokens_details.cached_tokens_details.audio_tokens"),
    Field::optional("completion_tokens_details.reasoning_tokens")
        .also(&Path::all(["output_tokens_details.reasoning_tokens", "reasoning_tokens"])),
    Field::optional("completion_tokens_details.audio_tokens"),
    Field::optional("prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens")
        .also(&Path::all([
            "prompt_tokens_details.cache_creation.ephemeral_5m_input_tokens",
            "prompt_tokens_details.cached_creation_5m_tokens",
        ])),
    Field::optional("prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens")
        .also(&Path::all([
            "prompt_tokens_details.cache_creation.ephemeral_1h_input_tokens",
            "prompt_tokens_details.cached_creation_1h_tokens",
        ])),
    Field::uncounted("citation_tokens"),
    Field::uncounted("num_search_queries"),
    Field::uncounted("num_sources_used"),
    Field::uncounted("server_tool_use.web_search_requests"),
    Field::uncounted("completion_tokens_details.image_tokens"),
    Field::uncounted("num_server_side_tools_used"),
];

fn inclusive(counts: &Counts, odd: &mut Odd) -> UsageSnapshot {
    let [input, output, total, cached, written, heard, heard_cached, reasoning, rest @ ..] =
        counts.all();
    let [spoken, minutes, hour, ..] = rest;
    // Of embeddings and rankings, Voyage reports the total alone: all of it is input.
    let input = if input.is_known() || output.is_known() { input } else { total };
    let (minutes, hour) = by_lifetime(written, minutes, hour, odd);
    let fresh = input.without(&[cached, written], odd);
    cached.holds(&[heard_cached], odd);
    let (fresh, heard) = input.audio(fresh, heard, heard_cached, odd);
    let spoken_beside = !output.holds(&[spoken], odd);
    let all_out = whole_output(input, output, total, reasoning, odd);
    let inside = if spoken_beside { 0 } else { spoken.tokens() };
    let written_out = all_out.saturating_sub(inside).max(reasoning.tokens());
    UsageSnapshot::new(fresh, written_out)
        .cache_read(cached.tokens())
        .cache_write(minutes)
        .cache_write_1h(hour)
        .input_audio(heard)
        .output_audio(spoken.tokens())
        .reasoning(reasoning.tokens())
}

/// All tokens of the output. xAI and others count reasoning beside it, and gateways before Gemini leave
/// thoughts out of it: the total tells. Kimi K3 at Baseten has a token more of reasoning than of output,
/// and the former in the total. Where it tells nothing, the dearer reading counts.
fn whole_output(input: Count, output: Count, total: Count, reasoning: Count, odd: &mut Odd) -> u64 {
    let sums: [&[Count]; 3] = [&[input, output], &[input, output, reasoning], &[input, reasoning]];
    let possible = if reasoning.tokens() > output.tokens() { &sums[..] } else { &sums[..2] };
    match total.is_one_of(possible, odd) {
        1 => return output.tokens().saturating_add(reasoning.tokens()),
        2 => return reasoning.tokens(),
        _ => {}
    }
    let reported = output.with(reasoning, odd);
    if !input.is_known() {
        return reported;
    }
    total.tokens().saturating_sub(input.tokens()).max(reported)
}

fn chat_text(chunk: &Value) -> u64 {
    let texts = ["content", "refusal", "reasoning", "reasoning_content"];
    let calls = ["name", "arguments"];
    path::bytes_of_text(chunk, "choices[].delta", &texts)
        + path::bytes_of_text(chunk, "choices[].delta.tool_calls[].function", &calls)
        // Calls as they were before, and completions without a chat.
        + path::bytes_of_text(chunk, "choices[].delta.function_call", &calls)
        + path::bytes_of_text(chunk, "choices[]", &["text"])
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
