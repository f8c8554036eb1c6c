//! Why an answer finished, in the words of the conventions.

use serde_json::Value as Json;

use super::parts::first;

/// The reason that `whole` tells; where it tells none, what its parts say.
pub(super) fn reason(whole: &Json, parts: &[Json]) -> String {
    let told = first(whole, KEYS).and_then(Json::as_str);
    match told.filter(|told| !told.is_empty()) {
        Some(told) => word(told),
        None if parts.iter().any(|part| part["type"] == "tool_call") => "tool_call".to_owned(),
        None => "stop".to_owned(),
    }
}

/// Chats, Anthropic, Gemini and Bedrock, Ollama.
const KEYS: &[&str] =
    &["finish_reason", "stop_reason", "finishReason", "stopReason", "done_reason"];

/// Providers' words. The conventions keep an unknown one as it is.
fn word(told: &str) -> String {
    let told = told.to_ascii_lowercase();
    let word = match &*told {
        "end_turn" | "stop_sequence" | "complete" | "completed" | "eos" => "stop",
        "max_tokens" | "max_output_tokens" => "length",
        "refusal" | "safety" | "content_filtered" | "guardrail_intervened" => "content_filter",
        "tool_calls" | "tool_use" | "function_call" => "tool_call",
        other => other,
    };
    word.to_owned()
}
