//! How much text the events of a stream have: of chat completions, of responses and of their imitators.

use serde_json::Value;

use super::super::path;

pub(super) fn chat_text(chunk: &Value) -> u64 {
    let calls = ["name", "arguments"];
    if let Some(choices) = chunk.get("choices") {
        return choices.as_array().into_iter().flatten().map(choice_text).sum();
    }
    let of_cohere = || {
        let first = path::text(chunk, "event_type") == Some("text-generation");
        let texts = if first { &["text"][..] } else { &[] };
        path::bytes_of_text(chunk, "", texts)
            + path::bytes_of_text(chunk, "tool_call_delta", &["name", "parameters", "text"])
    };
    if is_of_response(chunk) {
        response_text(chunk)
    } else {
        // Cohere's second API, its first one, and Mistral's conversations.
        let texts = ["content.text", "content.thinking", "tool_plan"];
        path::bytes_of_text(chunk, "delta.message", &texts)
            + path::bytes_of_text(chunk, "delta.message.tool_calls.function", &calls)
            + of_cohere()
            + path::bytes_of_text(chunk, "", &["content"])
    }
}

fn choice_text(choice: &Value) -> u64 {
    let calls = ["name", "arguments"];
    // Completions without a chat.
    let completed = path::bytes_of_text(choice, "", &["text"]);
    let Some(delta) = choice.get("delta") else { return completed };
    // Servers repeat a thought under other names.
    let thoughts = ["reasoning", "reasoning_content", "reasoning_details[].text"];
    let thought = thoughts.map(|name| path::bytes_of_text(delta, "", &[name])).into_iter().max();
    completed
        + thought.unwrap_or(0)
        + path::bytes_of_text(delta, "", &["content", "refusal"])
        + path::bytes_of_text(delta, "tool_calls[].function", &calls)
        // Calls as they were before.
        + path::bytes_of_text(delta, "function_call", &calls)
}

fn is_of_response(event: &Value) -> bool {
    path::text(event, "type").is_some_and(|kind| kind.starts_with("response."))
}

/// Audio is base64, and its transcript is not billed.
pub(super) fn response_text(event: &Value) -> u64 {
    if path::text(event, "type").is_some_and(|kind| kind.contains("audio")) {
        return 0;
    }
    path::bytes_of_text(event, "delta", &[""])
}
