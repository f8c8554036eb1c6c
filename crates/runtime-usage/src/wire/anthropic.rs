//! Anthropic's messages: input, cache reads and cache writes do not overlap.
//!
//! `output_tokens` includes the thinking. A stream opens with `message_start`, which has the input and
//! a placeholder for the output; each `message_delta` has the totals so far, and may leave out all
//! but the output.

use super::counts::{Count, Counts, Field, Odd};
use super::finish::Finish;
use super::path::{self, Path};
use super::provider::{HasCost, Provider};
use crate::snapshot::UsageSnapshot;

pub(crate) static ANTHROPIC: Provider = Provider {
    envelope: Some("message"),
    usage: Some(Path::new("usage")),
    fields: &[
        Field::required("input_tokens"),
        Field::required("output_tokens"),
        Field::required("cache_read_input_tokens"),
        Field::required("cache_creation_input_tokens"),
        Field::optional("cache_creation.ephemeral_5m_input_tokens"),
        Field::optional("cache_creation.ephemeral_1h_input_tokens"),
        Field::optional("output_tokens_details.thinking_tokens"),
        Field::optional("iterations[type=compaction].input_tokens"),
        Field::optional("iterations[type=compaction].output_tokens"),
        Field::optional("iterations[type=compaction].cache_read_input_tokens"),
        Field::optional("iterations[type=compaction].cache_creation_input_tokens"),
        Field::optional("iterations[type=compaction].cache_creation.ephemeral_5m_input_tokens"),
        Field::optional("iterations[type=compaction].cache_creation.ephemeral_1h_input_tokens"),
        Field::uncounted("iterations[type=advisor_message].input_tokens"),
        Field::uncounted("iterations[type=advisor_message].output_tokens"),
        // The attempts before that of a fallback are another model's.
        Field::uncounted("iterations[type=fallback_message].output_tokens"),
        Field::uncounted("server_tool_use.web_search_requests"),
        Field::uncounted("server_tool_use.code_execution_requests"),
    ],
    tokens: additive,
    // Lines of the results of a batch, here and at Bedrock, and an event of a managed agent.
    elsewhere: &Path::all(["result.message.usage", "modelOutput.usage", "model_usage"]),
    bare: &[],
    // Fast mode, and inference in the United States only, have factors on all tokens.
    surcharges: &[
        (Path::new("speed"), &["standard"]),
        (Path::new("inference_geo"), &["global", "not_available"]),
    ],
    // Bedrock names no tier in a batch, which costs half. Claude Code sums up turns, and those of other models cost
    // something else.
    tools: &Path::all(["recordId", "total_cost_usd"]),
    // Gateways with Anthropic's form have one.
    cost: HasCost::Sometimes,
    tier: &Path::all(["service_tier"]),
    model: &Path::all(["model"]),
    finish: &[Finish::Answer(&["stop_reason", "delta.stop_reason"])],
    streamed: |event| {
        // The last one is of a compaction.
        path::bytes_of_text(event, "delta", &["text", "thinking", "partial_json", "content"])
    },
    is_report: |event| path::text(event, "type") != Some("message_start"),
    is_end: |event| path::text(event, "delta.stop_reason").is_some() || is_stop(event),
    is_aside: |_| false,
};

fn is_stop(event: &serde_json::Value) -> bool {
    path::text(event, "type") == Some("message_stop")
}

fn additive(counts: &Counts, odd: &mut Odd) -> UsageSnapshot {
    let [input, output, read, written, minutes, hour, thinking, compacting @ ..] = counts.all();
    let (minutes, hour) = by_lifetime(written, minutes, hour, odd);
    let message = UsageSnapshot::new(input.tokens(), output.with(thinking, odd))
        .cache_read(read.tokens())
        .cache_write(minutes)
        .cache_write_1h(hour)
        .reasoning(thinking.tokens());

    // The totals of a message exclude the compaction that came before it.
    let [input, output, read, written, minutes, hour, ..] = compacting;
    let (minutes, hour) = by_lifetime(written, minutes, hour, odd);
    let compaction = UsageSnapshot::new(input.tokens(), output.tokens())
        .cache_read(read.tokens())
        .cache_write(minutes)
        .cache_write_1h(hour);
    message.saturating_add(&compaction)
}

/// The tokens written to the cache for minutes, and for an hour. Without a split it is minutes.
///
/// A stream may report a larger total later, without the split that it started with. The difference
/// is counted as minutes, as is that of a total which contradicts its split.
pub(crate) fn by_lifetime(
    written: Count,
    minutes: Count,
    hour: Count,
    odd: &mut Odd,
) -> (u64, u64) {
    if !minutes.is_known() && !hour.is_known() {
        return (written.tokens(), 0);
    }
    if !minutes.is_known() && hour.tokens() <= written.tokens() {
        // One of the two is told, and the sum.
        return (written.tokens() - hour.tokens(), hour.tokens());
    }
    let repeated = written.is_newer_than(minutes) && written.is_newer_than(hour);
    let split = minutes.tokens().saturating_add(hour.tokens());
    let later = written.tokens().saturating_sub(split);
    if !repeated || later == 0 {
        written.is_one_of(&[&[minutes, hour]], odd);
    }
    (minutes.tokens().saturating_add(later), hour.tokens())
}
