//! What `OpenAI`'s two APIs and their imitators call their counts.

use super::super::counts::Field;
use super::super::path::Path;

/// Names of imitators: MLX and others use those of the Responses API, `OpenRouter` has native counts where it tells
/// of a generation. Cohere has the tokens that it bills, and all of them. What Mistral's connectors put in is
/// counted beside the prompt. llama.cpp's timings tell what it read anew, and what it had kept. Perplexity's searches
/// and citations are billed beside the tokens, and so is what Snowflake's guard reads. Images have a price of their
/// own, and so have tools that run at xAI.
pub(super) const CHAT: [Field; 22] = [
    Field::required("prompt_tokens").also(&Path::all([
        "input_tokens",
        "billed_units.input_tokens",
        "tokens.input_tokens",
        "native_tokens_prompt",
        "input_token_count",
        "tokens_evaluated",
        "timings.prompt_n",
        "details.input_length",
        "stats.input_tokens",
        "result.stats.input_tokens",
        "metrics.input_token_count",
        "results[].input_token_count",
        "num_tokens_prompt_total",
    ])),
    Field::required("completion_tokens").also(&Path::all([
        "output_tokens",
        "billed_units.output_tokens",
        "tokens.output_tokens",
        "native_tokens_completion",
        "output_token_count",
        "tokens_predicted",
        "timings.predicted_n",
        "details.generated_tokens",
        "stats.total_output_tokens",
        "result.stats.total_output_tokens",
        "metrics.output_token_count",
        "results[].generated_token_count",
        "num_tokens_generated",
    ])),
    Field::total("total_tokens").also(&Path::all(["total_token_count"])),
    Field::optional("prompt_tokens_details.cached_tokens").also(&CACHED),
    Field::optional("prompt_tokens_details.cache_write_tokens").also(&WRITTEN),
    Field::optional("prompt_tokens_details.audio_tokens").also(&HEARD),
    Field::uncounted("prompt_tokens_details.cached_tokens_details.audio_tokens")
        .also(&HEARD_CACHED),
    Field::optional("completion_tokens_details.reasoning_tokens").also(&REASONING),
    Field::optional("completion_tokens_details.audio_tokens").also(&SPOKEN),
    Field::optional("prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens")
        .also(&MINUTES),
    Field::optional("prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens")
        .also(&HOUR),
    Field::uncounted("guardrails_tokens"),
    Field::optional("connector_tokens"),
    Field::optional("billed_units.input_tokens"),
    Field::optional("timings.prompt_n"),
    Field::optional("timings.cache_n"),
    Field::uncounted("citation_tokens"),
    Field::uncounted("num_search_queries"),
    Field::uncounted("num_sources_used"),
    Field::uncounted("server_tool_use.web_search_requests"),
    Field::uncounted("completion_tokens_details.image_tokens")
        .also(&Path::all(["output_tokens_details.image_tokens"])),
    Field::uncounted("num_server_side_tools_used"),
];

/// In the order of [`CHAT`].
pub(super) const RESPONSE: [Field; 19] = [
    Field::required("input_tokens"),
    Field::required("output_tokens"),
    Field::total("total_tokens"),
    Field::optional("input_tokens_details.cached_tokens").also(&CACHED),
    Field::optional("input_tokens_details.cache_write_tokens").also(&WRITTEN),
    Field::optional("input_tokens_details.audio_tokens").also(&HEARD),
    Field::uncounted("input_tokens_details.cached_tokens_details.audio_tokens").also(&HEARD_CACHED),
    Field::optional("output_tokens_details.reasoning_tokens").also(&REASONING),
    Field::optional("output_tokens_details.audio_tokens").also(&SPOKEN),
    Field::optional("input_tokens_details.cache_creation.ephemeral_5m_input_tokens").also(&MINUTES),
    Field::optional("input_tokens_details.cache_creation.ephemeral_1h_input_tokens").also(&HOUR),
    Field::uncounted("guardrails_tokens"),
    Field::optional("connector_tokens"),
    Field::optional("billed_units.input_tokens"),
    Field::optional("timings.prompt_n"),
    Field::optional("timings.cache_n"),
    Field::uncounted("output_tokens_details.image_tokens"),
    Field::uncounted("input_tokens_details.image_tokens")
        .also(&Path::all(["input_token_details.image_tokens"])),
    Field::uncounted("num_server_side_tools_used"),
];

// What the two APIs and their imitators call the same count. The realtime API and transcriptions have
// `input_token_details`, as LangChain has; Mistral had `prompt_token_details`.

/// `DeepSeek` and Moonshot have cache hits at the top level, Codex, Pydantic AI, `CrewAI`, Vercel's and Microsoft's
/// clients under names of their own.
const CACHED: [Path; 20] = Path::all([
    "prompt_tokens_details.cached_tokens",
    "prompt_token_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    "input_token_details.cached_tokens",
    "prompt_cache_hit_tokens",
    "cached_tokens",
    "cached_input_tokens",
    "cached_prompt_tokens",
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
    "input_token_details.cached_token_count",
]);

/// Qwen and Perplexity's agents write their cache under Anthropic's names, Kimi K3 under one of vLLM's.
const WRITTEN: [Path; 14] = Path::all([
    "prompt_tokens_details.cache_creation_input_tokens",
    "prompt_tokens_details.cache_creation_tokens",
    "prompt_tokens_details.cached_creation_tokens",
    "prompt_tokens_details.caching_tokens",
    "prompt_tokens_details.created_cache_tokens",
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

const HEARD: [Path; 6] = Path::all([
    "prompt_tokens_details.audio_tokens",
    "input_tokens_details.audio_tokens",
    "input_token_details.audio_tokens",
    "input_token_details.audio",
    "input_token_details.audio_token_count",
    "audio_tokens",
]);

const HEARD_CACHED: [Path; 2] = Path::all([
    "input_tokens_details.cached_tokens_details.audio_tokens",
    "input_token_details.cached_tokens_details.audio_tokens",
]);

/// `SGLang` has it at the top level.
const REASONING: [Path; 12] = Path::all([
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "output_token_details.reasoning",
    "reasoning_tokens",
    "reasoning_output_tokens",
    "native_tokens_reasoning",
    "output_token_details.reasoning_tokens",
    "reasoning_token_count",
    "output_token_details.reasoning_token_count",
    "tokens.reasoning_tokens",
    "stats.reasoning_output_tokens",
    "result.stats.reasoning_output_tokens",
]);

const SPOKEN: [Path; 5] = Path::all([
    "completion_tokens_details.audio_tokens",
    "output_tokens_details.audio_tokens",
    "output_token_details.audio_tokens",
    "output_token_details.audio",
    "output_token_details.audio_token_count",
]);

/// `LiteLLM`, `ZenMux` and others before Anthropic's models say how long what was written lasts.
const MINUTES: [Path; 4] = Path::all([
    "prompt_tokens_details.cache_creation.ephemeral_5m_input_tokens",
    "prompt_tokens_details.cached_creation_5m_tokens",
    "prompt_tokens_details.cache_creation_5m_tokens",
    "prompt_tokens_details.ephemeral_5m_input_tokens",
]);

const HOUR: [Path; 4] = Path::all([
    "prompt_tokens_details.cache_creation.ephemeral_1h_input_tokens",
    "prompt_tokens_details.cached_creation_1h_tokens",
    "prompt_tokens_details.cache_creation_1h_tokens",
    "prompt_tokens_details.ephemeral_1h_input_tokens",
]);
