//! `OpenAI`'s chat completions and responses, and `OpenRouter`, which follows the former.
//!
//! Their counts are inclusive: cached, written and audio tokens are part of the input, and
//! reasoning and audio are part of the output. Reads and writes of the cache do not overlap (the
//! guide to prompt caching: 2,600 of input are 2,000 read, 400 written and 200 neither). Audio may be
//! cached, and chat completions do not say how much of it was.

mod names;
mod streamed;

use serde_json::Value;

use self::names::{CHAT, RESPONSE};
use self::streamed::{chat_text, response_text};
use super::anthropic::by_lifetime;
use super::counts::{Count, Counts, Odd};
use super::finish::Finish;
use super::path::{self, Object, Path};
use super::provider::{HasCost, Provider};
use crate::snapshot::UsageSnapshot;

pub(crate) static OPENAI_CHAT: Provider = Provider {
    envelope: None,
    usage: Some(Path::new("usage")),
    fields: &CHAT,
    tokens: inclusive,
    // Groq, and Moonshot's streams; Workers AI, Cline, SAP and Oracle around an answer, and a line of `OpenAI`'s
    // batches; Cohere, in a stream and in its first API, embeddings and rankings; `OpenRouter`, in a stream of
    // responses; what LangChain, Spark and, before, SAP wrap theirs in. Tencent's
    // is the response in capitals.
    elsewhere: &Path::all([
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
        "usage_metadata",
        "llm_output.token_usage",
        "payload.usage.text",
        "orchestration_result.usage",
    ]),
    // Of llama.cpp, which has timings where no usage was asked for, TGI, LM Studio, Replicate, watsonx.ai and Aleph
    // Alpha.
    bare: &Path::all([
        "tokens_evaluated",
        "timings.predicted_n",
        "details.generated_tokens",
        "stats.total_output_tokens",
        "result.stats.total_output_tokens",
        "metrics.output_token_count",
        "results[].input_token_count",
        "num_tokens_generated",
    ]),
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
        // What Baidu's search found, what a plugin of Baidu's read and wrote, and the audio that Mistral bills by the second.
        "prompt_tokens_details.search_tokens",
        "plugins[].total_tokens",
        "prompt_audio_seconds",
        // Searches of Cohere's rankings, and the tokens that its models read and wrote beside those it bills.
        "billed_units.search_units",
        "billed_units.image_tokens",
        "tokens.input_tokens",
        // A line of the results of a batch, which costs half, and all of them.
        "custom_id",
        "request_counts.total",
        // Images.
        "data[].b64_json",
        "b64_json",
        // An answer inside another one, of which nothing but the counts is read.
        "result.usage",
        "data.usage",
        "final_result.usage",
        "chatResponse.usage",
        "Response.Choices",
        "payload.usage.text",
        "orchestration_result.usage",
    ]),
    cost: HasCost::Sometimes,
    // Cerebras says beside the tier which one `auto` became; Google says it inside the usage.
    tier: &Path::all(["service_tier_used", "service_tier", "extra_properties.google.traffic_type"]),
    model: &Path::all(["model", "data.model", "response.model"]),
    finish: &[
        Finish::Choices("choices", "finish_reason"),
        // watsonx.ai
        Finish::Choices("results", "stop_reason"),
        // Cohere, whole and in the streams of both of its APIs; TGI, and llama.cpp.
        Finish::Answer(&[
            "finish_reason",
            "delta.finish_reason",
            "response.finish_reason",
            "details.finish_reason",
            "stop_type",
        ]),
    ],
    streamed: chat_text,
    is_report: |_| true,
    is_end: chat_ends,
    is_aside: |_| false,
};

pub(crate) static OPENROUTER: Provider = Provider {
    cost: HasCost::Always,
    // A stream of responses, and what it tells of a generation afterwards.
    elsewhere: &Path::all(["response.usage", "data"]),
    bare: &[],
    ..OPENAI_CHAT
};

pub(crate) static OPENAI_RESPONSES: Provider = Provider {
    envelope: Some("response"),
    usage: Some(Path::new("usage")),
    fields: &RESPONSE,
    tokens: inclusive,
    // A line of the results of a batch.
    elsewhere: &Path::all(["response.body.usage"]),
    bare: &[],
    surcharges: &[],
    tools: &Path::all([
        // It costs half, and so do all of them.
        "custom_id",
        "request_counts.total",
        "output[type=web_search_call]",
        "output[type=file_search_call]",
        "output[type=code_interpreter_call]",
        "output[type=image_generation_call]",
        "output[type=shell_call]",
        "data[].b64_json",
        "b64_json",
        // Searches of OpenAI and of Doubao at Volcengine, and the tokens of images, which another model has made.
        "tool_usage.web_search",
        "tool_usage.image_gen",
        // xAI's, in its first form.
        "server_side_tool_usage",
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
    // What was said to a model in real time is written down by another one.
    is_aside: |event| {
        path::text(event, "type").is_some_and(|kind| kind.starts_with("conversation.item."))
    },
};

fn inclusive(counts: &Counts, odd: &mut Odd) -> UsageSnapshot {
    let [input, output, total, cached, written, heard, heard_cached, reasoning, rest @ ..] =
        counts.all();
    let [spoken, minutes, hour, guard, connected, billed, anew, kept, ..] = rest;
    // What Cohere read from its cache is part of all that it read, and not of what it bills.
    let cached = match (billed.is_known(), cached.is_known()) {
        (true, _) => Count::NONE,
        (false, true) => cached,
        (false, false) => kept,
    };
    // Unless more was told, what was read anew is all that is known of the prompt, and the rest is beside it.
    let only_anew = anew.is_known() && anew.tokens() == input.tokens();
    // Of embeddings and rankings, Voyage reports the total alone: all of it is input.
    let input = if input.is_known() || output.is_known() { input } else { total };
    // Where nobody tells the sum, its parts are in the input.
    let in_cache =
        if written.is_known() { [cached, written, Count::NONE] } else { [cached, minutes, hour] };
    let (minutes, hour) = by_lifetime(written, minutes, hour, odd);
    let beside = [guard, connected];
    let told = Told::by(total, [input, output, reasoning, cached, written, heard], beside, odd);
    let fresh = if only_anew || matches!(told, Told::CacheBeside) {
        input.tokens()
    } else {
        input.without(&in_cache, odd)
    };
    cached.holds(&[heard_cached], odd);
    let (fresh, heard) = match told {
        Told::AudioBeside => (fresh, heard.tokens()),
        _ => input.audio(fresh, heard, heard_cached, odd),
    };
    let spoken_beside = !output.holds(&[spoken], odd);
    let all_out = match told {
        Told::ReasoningBeside => output.tokens().saturating_add(reasoning.tokens()),
        Told::ReasoningAlone => reasoning.tokens(),
        Told::CacheBeside | Told::AudioBeside => output.with(reasoning, odd),
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
    /// Mistral counts what it heard beside the prompt.
    AudioBeside,
}

impl Told {
    /// `beside` are counts that the total has as well.
    fn by(total: Count, counts: [Count; 6], beside: [Count; 2], odd: &mut Odd) -> Self {
        let [input, output, reasoning, cached, written, heard] = counts;
        let [guard, connected] = beside;
        let alone = if reasoning.tokens() > output.tokens() { reasoning } else { output };
        let sums: [&[Count]; 5] = [
            &[input, output, guard, connected],
            &[input, output, reasoning, guard, connected],
            &[input, output, cached, written, guard, connected],
            &[input, alone, guard, connected],
            &[input, heard, output, guard, connected],
        ];
        match total.is_one_of(&sums, odd) {
            1 => Self::ReasoningBeside,
            2 => Self::CacheBeside,
            3 => Self::ReasoningAlone,
            4 => Self::AudioBeside,
            _ => Self::Nothing,
        }
    }
}

/// The last chunk usually has the usage and no choices. If every chunk has the usage so far, the
/// last one is where a choice finishes, unless it finishes by an error in mid-stream. Others say that it is the
/// end.
fn chat_ends(chunk: &Value) -> bool {
    let Some(choices) = chunk.get("choices") else { return others_end(chunk) };
    let finished = path::text(chunk, "choices[].finish_reason").is_some_and(|why| why != "error");
    let is_empty = || choices.as_array().is_some_and(Vec::is_empty);
    let reports = || OPENAI_CHAT.usage_in(&mut Object::new(chunk)).is_some_and(Value::is_object);
    finished || (is_empty() && reports())
}

/// Cohere, Mistral's conversations and LM Studio name the event, and llama.cpp, TGI and watsonx.ai say that the
/// model has stopped.
fn others_end(event: &Value) -> bool {
    let kind = path::text(event, "type").or_else(|| path::text(event, "event_type"));
    let ends = ["message-end", "stream-end", "conversation.response.done", "chat.end"];
    kind.is_some_and(|kind| ends.contains(&kind))
        || (OPENAI_RESPONSES.is_end)(event)
        || event.get("stop").and_then(Value::as_bool) == Some(true)
        || path::text(event, "details.finish_reason").is_some()
        || path::text(event, "results[].stop_reason").is_some_and(|why| why != "not_finished")
}
