//! Why an answer finished, in the words of the conventions.

use runtime_usage::FinishReason;
use serde_json::Value as Json;

use super::parts::first;

/// The reason that `whole` tells; where it tells none, what its parts say.
pub(super) fn reason(whole: &Json, parts: &[Json]) -> String {
    let told = first(whole, KEYS).and_then(Json::as_str);
    match told.filter(|told| !told.is_empty()) {
        Some(told) => match FinishReason::of(told) {
            // The conventions keep an unknown word as it is.
            FinishReason::Pause | FinishReason::Other => told.to_ascii_lowercase(),
            known => known.as_str().to_owned(),
        },
        None if parts.iter().any(|part| part["type"] == "tool_call") => "tool_call".to_owned(),
        None => "stop".to_owned(),
    }
}

/// Chats, Anthropic, Gemini and Bedrock, Ollama.
const KEYS: &[&str] =
    &["finish_reason", "stop_reason", "finishReason", "stopReason", "done_reason"];
