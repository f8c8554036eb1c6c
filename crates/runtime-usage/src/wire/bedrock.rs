//! Bedrock's Converse API: input, cache reads and cache writes do not overlap.
//!
//! The reference defines the total as input plus output. Real answers include the cache as well.
//! Both are accepted. An answer of `InvokeModel` has the counts of the model's maker, and those of Anthropic are
//! Bedrock's but for the spelling. A stream has the usage in one `metadata` event at its end. A stream of
//! `InvokeModelWithResponseStream` has the form of the model's maker, and Amazon's counts in its last
//! part, whoever that is. Sonic counts speech and text in each of its events, so far.

use serde_json::Value;

use super::anthropic::by_lifetime;
use super::counts::{Counts, Field, Odd};
use super::finish::Finish;
use super::path::{self, Path};
use super::provider::{HasCost, Provider};
use crate::snapshot::UsageSnapshot;

pub(crate) static BEDROCK: Provider = Provider {
    envelope: Some("metadata"),
    usage: Some(Path::new("usage")),
    fields: &[
        Field::required("inputTokens").also(&Path::all(["inputTokenCount", "totalInputTokens"])),
        Field::required("outputTokens").also(&Path::all(["outputTokenCount", "totalOutputTokens"])),
        Field::total("totalTokens"),
        Field::optional("cacheReadInputTokens").also(&Path::all(["cacheReadInputTokenCount"])),
        Field::optional("cacheWriteInputTokens")
            .also(&Path::all(["cacheWriteInputTokenCount", "cache_creation_input_tokens"])),
        Field::optional("cacheDetails[ttl=5m].inputTokens")
            .also(&Path::all(["cache_creation.ephemeral_5m_input_tokens"])),
        Field::optional("cacheDetails[ttl=1h].inputTokens")
            .also(&Path::all(["cache_creation.ephemeral_1h_input_tokens"])),
        Field::optional("details.total.input.speechTokens"),
        Field::optional("details.total.output.speechTokens"),
        // `OpenAI`, AI21, Llama and Titan, invoked.
        Field::optional("prompt_tokens")
            .also(&Path::all(["prompt_token_count", "inputTextTokenCount"])),
        Field::optional("completion_tokens")
            .also(&Path::all(["generation_token_count", "results[].tokenCount"])),
    ],
    tokens,
    elsewhere: &Path::all([
        "amazon-bedrock-invocationMetrics",
        "event.usageEvent",
        "modelOutput.usage",
    ]),
    bare: &[],
    // Inference of optimised latency has prices of its own.
    surcharges: &[(Path::new("performanceConfig.latency"), &["standard"])],
    // A line of the results of a batch, which costs half, and guardrails, which are billed by units of text.
    tools: &Path::all(["recordId", "trace.guardrail"]),
    cost: HasCost::Never,
    tier: &Path::all(["serviceTier.type"]),
    model: &Path::all(["model"]),
    finish: &[
        Finish::Choices("choices", "finish_reason"),
        Finish::Answer(&[
            "stopReason",
            "messageStop.stopReason",
            "stop_reason",
            "completionReason",
        ]),
    ],
    streamed: |event| {
        let shapes = [event.get("contentBlockDelta"), Some(event)];
        shapes.into_iter().flatten().map(text).sum()
    },
    is_report: |_| true,
    is_end: |event| {
        let mut body = BEDROCK.body(event);
        BEDROCK.usage_in(&mut body).is_some()
    },
    is_aside: |_| false,
};

fn tokens(counts: &Counts, odd: &mut Odd) -> UsageSnapshot {
    let [input, output, total, read, written, minutes, hour, heard, spoken, theirs @ ..] =
        counts.all();
    let [input, output] = [(input, theirs[0]), (output, theirs[1])]
        .map(|(own, theirs)| if own.is_known() { own } else { theirs });
    total.is_one_of(&[&[input, output, read, written], &[input, output]], odd);
    let (minutes, hour) = by_lifetime(written, minutes, hour, odd);
    UsageSnapshot::new(input.without(&[heard], odd), output.without(&[spoken], odd))
        .cache_read(read.tokens())
        .cache_write(minutes)
        .cache_write_1h(hour)
        .input_audio(heard.tokens())
        .output_audio(spoken.tokens())
}

/// Some clients unwrap the events. The others are of Llama, Titan, Mistral and Cohere, invoked.
fn text(event: &Value) -> u64 {
    path::bytes_of_text(event, "delta", &["text", "toolUse.input", "reasoningContent.text"])
        + path::bytes_of_text(event, "", &["generation", "outputText", "outputs[].text", "text"])
}
