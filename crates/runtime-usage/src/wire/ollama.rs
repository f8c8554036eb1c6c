//! Ollama's own API: two counts, which are left out if they are zero or unknown, and how much of the first was
//! cached.
//!
//! A stream has them on its last line, which is `done`.

use serde_json::Value;

use super::counts::{Counts, Field, Odd};
use super::finish::Finish;
use super::path::{self, Path};
use super::provider::{HasCost, Provider};
use crate::snapshot::UsageSnapshot;

pub(crate) static OLLAMA: Provider = Provider {
    envelope: None,
    usage: None,
    fields: &[
        Field::required("prompt_eval_count"),
        Field::required("eval_count"),
        Field::optional("prompt_eval_cached_count"),
    ],
    tokens,
    elsewhere: &[],
    bare: &[],
    surcharges: &[],
    tools: &[],
    cost: HasCost::Never,
    tier: &Path::all(["service_tier"]),
    model: &Path::all(["model"]),
    finish: &[Finish::Answer(&["done_reason"])],
    streamed: |line| {
        path::bytes_of_text(line, "message", &["content", "thinking"])
            + path::bytes_of_text(line, "message.tool_calls[].function", &["name", "arguments"])
            + path::bytes_of_text(line, "", &["response", "thinking"])
    },
    is_report: is_done,
    is_end: is_done,
    is_aside: |_| false,
};

fn tokens(counts: &Counts, odd: &mut Odd) -> UsageSnapshot {
    let [read, written, cached, ..] = counts.all();
    UsageSnapshot::new(read.without(&[cached], odd), written.tokens()).cache_read(cached.tokens())
}

fn is_done(line: &Value) -> bool {
    line.get("done").and_then(Value::as_bool) == Some(true)
}
