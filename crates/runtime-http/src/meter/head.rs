//! What the head of a reply says of its usage.

use http::HeaderMap;
use runtime_usage::{ReportedUsage, UsageFormat};
use serde_json::{Map, Value};

/// The counts of Bedrock's `InvokeModel`, whose body is the model maker's and may have none, under the names of
/// `Converse`.
///
/// The API reference has no word of them. What Amazon sends is known from recorded replies and from the
/// instrumentations of `OpenTelemetry`, which read the same four.
const COUNTS: [(&str, &str); 4] = [
    ("x-amzn-bedrock-input-token-count", "inputTokens"),
    ("x-amzn-bedrock-output-token-count", "outputTokens"),
    ("x-amzn-bedrock-cache-read-input-token-count", "cacheReadInputTokens"),
    ("x-amzn-bedrock-cache-write-input-token-count", "cacheWriteInputTokens"),
];

/// The usage in the head of a reply.
pub(super) fn usage(headers: &HeaderMap) -> Option<ReportedUsage> {
    let told = COUNTS.iter().filter_map(|(header, name)| {
        let count: u64 = headers.get(*header)?.to_str().ok()?.trim().parse().ok()?;
        Some(((*name).to_owned(), count.into()))
    });
    let told: Map<String, Value> = told.collect();
    let usage = (!told.is_empty()).then(|| Value::from_iter([("usage", Value::Object(told))]))?;
    UsageFormat::Bedrock.read(&usage).ok()
}
