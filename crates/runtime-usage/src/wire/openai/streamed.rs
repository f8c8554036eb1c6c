//! How much text the events of a stream have: of chat completions, of responses and of their imitators.

use serde_json::Value;

use super::super::path;

const CALL: [&str; 2] = ["name", "arguments"];

pub(super) fn chat_text(chunk: &Value) -> u64 {
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
            + path::bytes_of_text(chunk, "delta.message.tool_calls.function", &CALL)
            + of_cohere()
            // TGI's own.
            + path::bytes_of_text(chunk, "token", &["text"])
            + path::bytes_of_text(chunk, "", &["content"])
    }
}

fn choice_text(choice: &Value) -> u64 {
    // Completions without a chat.
    let completed = path::bytes_of_text(choice, "", &["text"]);
    let delta = choice.get("delta").and_then(Value::as_object).into_iter().flatten();
    let (mut answered, mut thought) = (completed, 0);
    for (name, value) in delta.filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "content" | "refusal" => answered += path::bytes_within(value),
            // Servers repeat a thought under other names.
            "reasoning" | "reasoning_content" => thought = path::bytes_within(value).max(thought),
            "reasoning_details" => {
                thought = path::bytes_of_text(choice, "delta.reasoning_details[]", &["text"])
                    .max(thought);
            }
            "tool_calls" => {
                answered += path::bytes_of_text(choice, "delta.tool_calls[].function", &CALL);
            }
            // Calls as they were before.
            "function_call" => answered += path::bytes_of_text(value, "", &CALL),
            _ => {}
        }
    }
    answered + thought
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
