//! `OpenAI`'s chat completions and responses, and `OpenRouter`, which follows the former.
//!
//! Their counts are inclusive: cached, written and audio tokens are part of the input, and
//! reasoning and audio are part of the output. Reads and writes of the cache do not overlap (the
//! guide to prompt caching: 2,600 of input are 2,000 read, 400 written and 200 neither). Audio may be
//! cached, and chat completions do not say how much of it was.

mod streamed;

use serde_json::Value;

use self::streamed::{chat_text, response_text};
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
    // Groq, and Moonshot's streams; Workers AI, Cline, SAP and Oracle around an answer, and a line of `OpenAI`'s
    // batches; Cohere, in a stream and in its first API, embeddings and rankings; `OpenRouter`, in a stream of
    // responses.
    elsewhere: &[
        "x_groq.usage",
        "choices[].usage",
        "result.usage",
        "data.usage",
        "final_result.usage",
        "response.body.usage",
        "delta.usage",
        "meta",
        "response.meta",
        "response.usage",
        "chatResponse.usage",
    ],
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
        // Searches of Cohere's rankings, and the tokens that its models read and wrote beside those it bills.
        "billed_units.search_units",
        "billed_units.image_tokens",
        "tokens.input_tokens",
        // A line of the results of a batch, which costs half.
        "custom_id",
        // Images.
        "data[].b64_json",
        "b64_json",
        // An answer inside another one, of which nothing but the counts is read.
        "result.usage",
        "data.usage",
        "final_result.usage",
        "chatResponse.usage",
    ]),
    cost: HasCost::Sometimes,
    // Cerebras says beside the tier which one `auto` became; Google says it inside the usage.
    tier: &Path::all(["service_tier_used", "service_tier", "extra_properties.google.traffic_type"]),
    model: &Path::all(["model", "data.model", "response.model"]),
    finish: &[
        Finish::Choices("choices", "finish_reason"),
        // Cohere, whole and in the streams of both of its APIs.
        Finish::Answer(&["finish_reason", "delta.finish_reason", "response.finish_reason"]),
    ],
    streamed: chat_text,
    is_report: chat_reports,
    is_end: chat_ends,
};

pub(crate) static OPENROUTER: Provider = Provider {
    cost: HasCost::Always,
    // A stream of responses, and what it tells of a generation afterwards.
    elsewhere: &["response.usage", "data"],
    ..OPENAI_CHAT
};

pub(crate) static OPENAI_RESPONSES: Provider = Provider {
    envelope: Some("response"),
    usage: Some("usage"),
    fields: &RESPONSE,
    tokens: inclusive,
    // A line of the results of a batch.
    elsewhere: &["response.body.usage"],
    surcharges: &[],
    tools: &Path::all([
        // It costs half.
        "custom_id",
        "output[type=web_search_call]",
        "output[type=file_search_call]",
        "output[type=code_interpreter_call]",
        "output[type=image_generation_call]",
        "output[type=shell_call]",
        "data[].b64_json",
        "b64_json",
        // Searches of Doubao at Volcengine.
        "tool_usage.web_search",
    ]),
    cost: HasCost::Sometimes,
    tier: &Path::all(["service_tier"]),
    model: &Path::all(["model"]),
    finish: &[Finish::Response],
    streamed: response_text,
    is_report: |_| true,
    is_end: |event| {
        let ends = [
            "response.completed",
            "response.incomplete",
            "response.failed",
            "response.done",
            // Of a transcription, of speech and of an image.
            "transcript.text.done",
            "speech.audio.done",
            "image_generation.completed",
            "image_edit.completed",
        ];
        path::text(event, "type").is_some_and(|kind| ends.contains(&kind))
    },
};

/// Names of imitators: MLX and others use those of the Responses API, `OpenRouter` has native counts where it tells
/// of a generation. Cohere has the tokens that it bills, and all of them. What Mistral's connectors put in is
/// counted beside the prompt. Perplexity's searches and citations are billed beside the tokens, and so is what
/// Snowflake's guard reads. Images have a price of their own, and so have tools that run at xAI.
const CHAT: [Field; 19] = [
    Field::required("prompt_tokens").also(&Path::all([
        "input_tokens",
        "billed_units.input_tokens",
        "tokens.input_tokens",
        "native_tokens_prompt",
        "input_token_count",
    ])),
    Field::required("completion_tokens").also(&Path::all([
        "output_tokens",
        "billed_units.output_tokens",
        "tokens.output_tokens",
        "native_tokens_completion",
        "output_token_count",
    ])),
    Field::total("total_tokens").also(&Path::all(["total_token_count"])),
    Field::optional("prompt_tokens_details.cached_tokens").also(&CACHED),
    Field::optional("prompt_tokens_details.cache_write_tokens").also(&WRITTEN),
    Field::optional("prompt_tokens_details.audio_tokens").also(&HEARD),
    Field::optional("prompt_tokens_details.cached_tokens_details.audio_tokens").also(&HEARD_CACHED),
    Field::optional("completion_tokens_details.reasoning_tokens").also(&REASONING),
    Field::optional("completion_tokens_details.audio_tokens").also(&SPOKEN),
    Field::optional("prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens")
        .also(&MINUTES),
    Field::optional("prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens")
        .also(&HOUR),
    Field::uncounted("guardrails_tokens"),
    Field::optional("connector_tokens"),
    Field::uncounted("citation_tokens"),
    Field::uncounted("num_search_queries"),
    Field::uncounted("num_sources_used"),
    Field::uncounted("server_tool_use.web_search_requests"),
    Field::uncounted("completion_tokens_details.image_tokens")
        .also(&Path::all(["output_tokens_details.image_tokens"])),
    Field::uncounted("num_server_side_tools_used"),
];

/// In the order of [`CHAT`].
const RESPONSE: [Field; 16] = [
    Field::required("input_tokens"),
    Field::required("output_tokens"),
    Field::total("total_tokens"),
    Field::optional("input_tokens_details.cached_tokens").also(&CACHED),
    Field::optional("input_tokens_details.cache_write_tokens").also(&WRITTEN),
    Field::optional("input_tokens_details.audio_tokens").also(&HEARD),
    Field::optional("input_tokens_details.cached_tokens_details.audio_tokens").also(&HEARD_CACHED),
    Field::optional("output_tokens_details.reasoning_tokens").also(&REASONING),
    Field::optional("output_tokens_details.audio_tokens").also(&SPOKEN),
    Field::optional("input_tokens_details.cache_creation.ephemeral_5m_input_tokens").also(&MINUTES),
    Field::optional("input_tokens_details.cache_creation.ephemeral_1h_input_tokens").also(&HOUR),
    Field::uncounted("guardrails_tokens"),
    Field::optional("connector_tokens"),
    Field::uncounted("output_tokens_details.image_tokens"),
    Field::uncounted("input_tokens_details.image_tokens")
        .also(&Path::all(["input_token_details.image_tokens"])),
    Field::uncounted("num_server_side_tools_used"),
];

// What the two APIs and their imitators call the same count. The realtime API and transcriptions have
// `input_token_details`, as LangChain has; Mistral had `prompt_token_details`.

/// `DeepSeek` and Moonshot have cache hits at the top level, Codex, Pydantic AI, Vercel's and Microsoft's clients
/// under names of their own.
const CACHED: [Path; 18] = Path::all([
    "prompt_tokens_details.cached_tokens",
    "prompt_token_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    "input_token_details.cached_tokens",
    "prompt_cache_hit_tokens",
    "cached_tokens",
    "cached_input_tokens",
    "prompt_tokens_details.cache_read_tokens",
    "num_cached_tokens",
    "cache_read_input_tokens",
    "input_tokens_details.cache_read_input_tokens",
    "input_token_details.cache_read",
    "cache_read_tokens",
    "native_tokens_cached",
    "cached_prompt_text_tokens",
    "input_token_details.cache_read_tokens",
    "cached_input_token_count",
    "input_cached_tokens",
]);

/// Qwen and Perplexity's agents write their cache under Anthropic's names.
const WRITTEN: [Path; 13] = Path::all([
    "prompt_tokens_details.cache_creation_input_tokens",
    "prompt_tokens_details.cache_creation_tokens",
    "prompt_tokens_details.cached_creation_tokens",
    "prompt_tokens_details.caching_tokens",
    "cache_creation_input_tokens",
    "input_tokens_details.cache_write_tokens",
    "input_tokens_details.cached_creation_tokens",
    "input_tokens_details.cache_creation_input_tokens",
    "input_token_details.cache_creation",
    "input_token_details.cache_write_tokens",
    "cache_write_input_tokens",
    "cache_write_tokens",
    "prompt_tokens_details.cache_write_tokens",
]);

const HEARD: [Path; 4] = Path::all([
    "prompt_tokens_details.audio_tokens",
    "input_tokens_details.audio_tokens",
    "input_token_details.audio_tokens",
    "input_token_details.audio",
]);

const HEARD_CACHED: [Path; 2] = Path::all([
    "input_tokens_details.cached_tokens_details.audio_tokens",
    "input_token_details.cached_tokens_details.audio_tokens",
]);

/// `SGLang` has it at the top level.
const REASONING: [Path; 8] = Path::all([
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "output_token_details.reasoning",
    "reasoning_tokens",
    "reasoning_output_tokens",
    "native_tokens_reasoning",
    "output_token_details.reasoning_tokens",
    "reasoning_token_count",
]);

const SPOKEN: [Path; 4] = Path::all([
    "completion_tokens_details.audio_tokens",
    "output_tokens_details.audio_tokens",
    "output_token_details.audio_tokens",
    "output_token_details.audio",
]);

/// `LiteLLM` says how long what it wrote lasts.
const MINUTES: [Path; 2] = Path::all([
    "prompt_tokens_details.cache_creation.ephemeral_5m_input_tokens",
    "prompt_tokens_details.cached_creation_5m_tokens",
]);

const HOUR: [Path; 2] = Path::all([
    "prompt_tokens_details.cache_creation.ephemeral_1h_input_tokens",
    "prompt_tokens_details.cached_creation_1h_tokens",
]);

fn inclusive(counts: &Counts, odd: &mut Odd) -> UsageSnapshot {
    let [input, output, total, cached, written, heard, heard_cached, reasoning, rest @ ..] =
        counts.all();
    let [spoken, minutes, hour, guard, connected, ..] = rest;
    // Of embeddings and rankings, Voyage reports the total alone: all of it is input.
    let input = if input.is_known() || output.is_known() { input } else { total };
    let (minutes, hour) = by_lifetime(written, minutes, hour, odd);
    let beside = [guard, connected];
    let told = Told::by(total, [input, output, reasoning, cached, written], beside, odd);
    let fresh = match told {
        Told::CacheBeside => input.tokens(),
        _ => input.without(&[cached, written], odd),
    };
    cached.holds(&[heard_cached], odd);
    let (fresh, heard) = input.audio(fresh, heard, heard_cached, odd);
    let spoken_beside = !output.holds(&[spoken], odd);
    let all_out = match told {
        Told::ReasoningBeside => output.tokens().saturating_add(reasoning.tokens()),
        Told::ReasoningAlone => reasoning.tokens(),
        Told::CacheBeside => output.with(reasoning, odd),
        Told::Nothing => {
            let reported = output.with(reasoning, odd);
            let parts = [input, guard, connected].into_iter();
            let known = parts.map(Count::tokens).fold(0, u64::saturating_add);
            let rest = if input.is_known() { total.tokens().saturating_sub(known) } else { 0 };
            rest.max(reported)
        }
    };
    let inside = if spoken_beside { 0 } else { spoken.tokens() };
    let written_out = all_out.saturating_sub(inside).max(reasoning.tokens());
    UsageSnapshot::new(fresh.saturating_add(connected.tokens()), written_out)
        .cache_read(cached.tokens())
        .cache_write(minutes)
        .cache_write_1h(hour)
        .input_audio(heard)
        .output_audio(spoken.tokens())
        .reasoning(reasoning.tokens())
}

/// What the total tells of the other counts.
#[derive(Clone, Copy)]
enum Told {
    /// No more than they do. Where it is larger, the dearer reading counts: the rest of it was written.
    Nothing,
    /// xAI and others count reasoning beside the output, and gateways before Gemini leave thoughts out of it.
    ReasoningBeside,
    /// Kimi K3 at Baseten has a token more of reasoning than of output, and the former in the total.
    ReasoningAlone,
    /// Gateways before Anthropic's models leave the cache out of the input.
    CacheBeside,
}

impl Told {
    /// `beside` are counts that the total has as well.
    fn by(total: Count, counts: [Count; 5], beside: [Count; 2], odd: &mut Odd) -> Self {
        let [input, output, reasoning, cached, written] = counts;
        let [guard, connected] = beside;
        let alone = if reasoning.tokens() > output.tokens() { reasoning } else { output };
        let sums: [&[Count]; 4] = [
            &[input, output, guard, connected],
            &[input, output, reasoning, guard, connected],
            &[input, output, cached, written, guard, connected],
            &[input, alone, guard, connected],
        ];
        match total.is_one_of(&sums, odd) {
            1 => Self::ReasoningBeside,
            2 => Self::CacheBeside,
            3 => Self::ReasoningAlone,
            _ => Self::Nothing,
        }
    }
}

fn chat_reports(chunk: &Value) -> bool {
    OPENAI_CHAT.usage_in(chunk).is_some_and(Value::is_object)
}

/// The last chunk usually has the usage and no choices. If every chunk has the usage so far, the
/// last one is where a choice finishes, unless it finishes by an error in mid-stream. Cohere and Mistral's
/// conversations say that it is the end.
fn chat_ends(chunk: &Value) -> bool {
    let no_choices = chunk.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty);
    let finished = path::text(chunk, "choices[].finish_reason").is_some_and(|why| why != "error");
    let ends = || {
        let kind = path::text(chunk, "type").or_else(|| path::text(chunk, "event_type"));
        let ends = ["message-end", "stream-end", "conversation.response.done"];
        kind.is_some_and(|kind| ends.contains(&kind))
    };
    finished || (no_choices && chat_reports(chunk)) || ends() || (OPENAI_RESPONSES.is_end)(chunk)
}
