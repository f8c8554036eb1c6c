//! Gemini's `usageMetadata`: the prompt includes cached tokens. Thoughts and tool prompts are separate.
//!
//! In the reference of Vertex AI the total is the sum of all four. In the reference of the Gemini API
//! it excludes tool prompts. Both are accepted. Some models count the thoughts as candidates, which
//! the total reveals.

use serde_json::Value;

use super::counts::{Counts, Field};
use super::error::ReportedUsageError;
use super::path;
use super::provider::Provider;
use crate::snapshot::UsageSnapshot;

pub(crate) static GEMINI: Provider = Provider {
    envelope: None,
    usage: Some("usageMetadata"),
    fields: &[
        Field::required("promptTokenCount"),
        Field::required("candidatesTokenCount"),
        Field::total("totalTokenCount"),
        Field::optional("cachedContentTokenCount"),
        Field::optional("thoughtsTokenCount"),
        Field::optional("toolUsePromptTokenCount"),
        Field::optional("promptTokensDetails[modality=AUDIO].tokenCount"),
        Field::optional("cacheTokensDetails[modality=AUDIO].tokenCount"),
        Field::optional("toolUsePromptTokensDetails[modality=AUDIO].tokenCount"),
        Field::optional("candidatesTokensDetails[modality=AUDIO].tokenCount"),
    ],
    tokens,
    odd: |counts| readings(counts).1.then_some("totalTokenCount"),
    elsewhere: &[],
    has_cost: false,
    tier: "trafficType",
    model: "modelVersion",
    streamed: |chunk| {
        let texts = ["text", "functionCall.name", "functionCall.args"];
        path::bytes_of_text(chunk, "candidates[].content.parts[]", &texts)
    },
    is_report: |_| true,
    is_end: |chunk: &Value| {
        path::text(chunk, "candidates[].finishReason").is_some()
            || path::text(chunk, "promptFeedback.blockReason").is_some()
    },
};

fn tokens(counts: &Counts) -> Result<UsageSnapshot, ReportedUsageError> {
    let [prompt, candidates, _, cached, thoughts, tool, heard, heard_cached, tool_heard, rest @ ..] =
        counts.all();
    let [spoken, ..] = rest;
    prompt.holds(&[cached])?;
    prompt.holds(&[heard])?;
    cached.holds(&[heard_cached])?;
    tool.holds(&[tool_heard])?;
    candidates.holds(&[spoken])?;
    let (sum, _) = readings(counts);
    let answered = candidates.tokens().saturating_sub(spoken.tokens());
    let written_out = if sum == 2 {
        candidates.holds(&[thoughts, spoken])?;
        answered
    } else {
        answered.saturating_add(thoughts.tokens())
    };

    let fresh = prompt.tokens().saturating_sub(cached.tokens());
    // Audio that does not fit beside the cached tokens was cached itself.
    let heard = heard.tokens().saturating_sub(heard_cached.tokens());
    let heard = if prompt.is_known() { heard.min(fresh) } else { heard };
    let read = fresh.saturating_sub(heard);
    let tool_read = tool.tokens().saturating_sub(tool_heard.tokens());
    Ok(UsageSnapshot::new(read.saturating_add(tool_read), written_out)
        .cache_read(cached.tokens())
        .input_audio(heard.saturating_add(tool_heard.tokens()))
        .output_audio(spoken.tokens())
        .reasoning(thoughts.tokens()))
}

/// Which of the sums equals the total, and whether none does. Counts that are reported are kept then.
fn readings(counts: &Counts) -> (usize, bool) {
    let [prompt, candidates, total, _, thoughts, tool, ..] = counts.all();
    let readings: [&[_]; 3] = [
        &[prompt, tool, candidates, thoughts],
        &[prompt, candidates, thoughts],
        &[prompt, tool, candidates],
    ];
    // Thoughts cannot be part of candidates that were not reported.
    let possible = if candidates.is_known() { &readings[..] } else { &readings[..2] };
    total.is_one_of(possible).map_or((0, true), |sum| (sum, false))
}
