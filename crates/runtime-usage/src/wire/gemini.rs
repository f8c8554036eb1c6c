//! Gemini's `usageMetadata`: the prompt includes cached tokens. Thoughts and tool prompts are separate.
//!
//! In the reference of Vertex AI the total is the sum of all four. In the reference of the Gemini API
//! it excludes tool prompts. Both are accepted. Some models count the thoughts as candidates, which
//! the total reveals. The Interactions API has the same counts under names of its own, and Python's in its spelling.

use serde_json::Value;

use super::counts::{Counts, Field, Odd};
use super::finish::Finish;
use super::path::{self, Path};
use super::provider::{HasCost, Provider};
use crate::snapshot::UsageSnapshot;

pub(crate) static GEMINI: Provider = Provider {
    envelope: None,
    usage: Some(Path::new("usageMetadata")),
    fields: &[
        // Embeddings of Vertex AI count each text.
        Field::required("promptTokenCount").also(&Path::all([
            "total_input_tokens",
            "predictions[].embeddings.statistics.token_count",
        ])),
        // The Live API answers with a response.
        Field::required("candidatesTokenCount")
            .also(&Path::all(["responseTokenCount", "total_output_tokens"])),
        Field::total("totalTokenCount").also(&Path::all(["total_tokens"])),
        Field::optional("cachedContentTokenCount").also(&Path::all(["total_cached_tokens"])),
        Field::optional("thoughtsTokenCount").also(&Path::all(["total_thought_tokens"])),
        Field::optional("toolUsePromptTokenCount").also(&Path::all(["total_tool_use_tokens"])),
        Field::optional("promptTokensDetails[modality=AUDIO].tokenCount")
            .also(&Path::all(["input_tokens_by_modality[modality=audio].tokens"])),
        // What was cached of them has a price of its own.
        Field::uncounted("cacheTokensDetails[modality=AUDIO].tokenCount")
            .also(&Path::all(["cached_tokens_by_modality[modality=audio].tokens"])),
        Field::optional("toolUsePromptTokensDetails[modality=AUDIO].tokenCount")
            .also(&Path::all(["tool_use_tokens_by_modality[modality=audio].tokens"])),
        Field::optional("candidatesTokensDetails[modality=AUDIO].tokenCount").also(&Path::all([
            "responseTokensDetails[modality=AUDIO].tokenCount",
            "output_tokens_by_modality[modality=audio].tokens",
        ])),
        // They have prices of their own.
        Field::uncounted("candidatesTokensDetails[modality=IMAGE|VIDEO].tokenCount").also(
            &Path::all([
                "responseTokensDetails[modality=IMAGE|VIDEO].tokenCount",
                "output_tokens_by_modality[modality=image|video].tokens",
            ]),
        ),
    ],
    tokens,
    // Gemini Code Assist; the Interactions API, whole and in a stream; and Google's client for Python and its agents.
    elsewhere: &Path::all([
        "response.usageMetadata",
        "usage",
        "interaction.usage",
        "usage_metadata",
    ]),
    bare: &[],
    surcharges: &[],
    tools: &Path::all([
        "candidates[].groundingMetadata.webSearchQueries[]",
        "candidates[].groundingMetadata.retrievalQueries[]",
        "candidates[].groundingMetadata.groundingChunks[].maps",
        // A line of the results of a batch, which costs half: of the Gemini API, in a file or not, and of Vertex AI.
        "key",
        "metadata.key",
        "processed_time",
    ]),
    cost: HasCost::Never,
    // The former at Vertex AI, the latter in the Gemini API.
    tier: &Path::all(["trafficType", "serviceTier", "interaction.service_tier"]),
    // The latter in the Interactions API.
    model: &Path::all(["modelVersion", "model", "interaction.model"]),
    finish: &[
        Finish::Choices("candidates", "finishReason"),
        Finish::Status(&["status", "interaction.status"]),
    ],
    streamed: |chunk| {
        let texts = ["text", "functionCall.name", "functionCall.args", "executableCode.code"];
        path::bytes_of_text(chunk, "candidates[].content.parts[]", &texts)
            + path::bytes_of_text(chunk, "delta", &["text", "arguments", "content.text"])
    },
    is_report: |_| true,
    is_end: |chunk: &Value| {
        path::text(chunk, "candidates[].finishReason").is_some()
            || path::text(chunk, "promptFeedback.blockReason").is_some()
            || path::text(chunk, "event_type").is_some_and(|kind| {
                ["interaction.completed", "interaction.complete"].contains(&kind)
            })
    },
    is_aside: |_| false,
};

fn tokens(counts: &Counts, odd: &mut Odd) -> UsageSnapshot {
    let [prompt, candidates, total, cached, thoughts, tool, heard, heard_cached, rest @ ..] =
        counts.all();
    let [tool_heard, spoken, ..] = rest;
    let sums: [&[_]; 3] = [
        &[prompt, tool, candidates, thoughts],
        &[prompt, candidates, thoughts],
        &[prompt, tool, candidates],
    ];
    // Thoughts cannot be part of candidates that were not reported.
    let possible = if candidates.is_known() { &sums[..] } else { &sums[..2] };
    let inside = total.is_one_of(possible, odd) == 2;
    let answered = candidates.without(&[spoken], odd);
    let written_out = if inside && candidates.holds(&[thoughts, spoken], odd) {
        answered
    } else {
        answered.saturating_add(thoughts.tokens())
    };

    cached.holds(&[heard_cached], odd);
    let fresh = prompt.without(&[cached], odd);
    let (read, heard) = prompt.audio(fresh, heard, heard_cached, odd);
    let tool_read = tool.without(&[tool_heard], odd);
    UsageSnapshot::new(read.saturating_add(tool_read), written_out)
        .cache_read(cached.tokens())
        .input_audio(heard.saturating_add(tool_heard.tokens()))
        .output_audio(spoken.tokens())
        .reasoning(thoughts.tokens())
}
