//! What a value is: a part of an answer, an answer, an error.

use runtime_usage::UsageFormat;
use serde_json::Value;

use crate::ask::Kind;

/// Whether a value names an error.
pub(super) fn has_error(value: &Value) -> bool {
    let field = |value: &Value, name: &str| value.get(name).is_some_and(told);
    let kind = value.get("type").or_else(|| value.get("object")).and_then(Value::as_str);
    matches!(kind, Some("error" | "response.failed"))
        || field(value, "error")
        // Of Cohere, at the end of a stream.
        || value.get("delta").is_some_and(|delta| field(delta, "error"))
        || value.get("response").is_some_and(of_response)
        || value.get("choices").and_then(|choices| choices.get(0)?.get("error")).is_some_and(told)
        || value.get("base_resp").is_some_and(of_base)
}

/// Of the Responses API, and of the realtime API.
fn of_response(response: &Value) -> bool {
    let details = response.get("status_details").and_then(|details| details.get("error"));
    [response.get("error"), details].into_iter().flatten().any(told)
}

/// Of `MiniMax`.
fn of_base(base: &Value) -> bool {
    base.get("status_code").and_then(Value::as_i64).is_some_and(|code| code != 0)
}

/// Whether an error is one, and not the absence of one.
fn told(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(errors) => !errors.is_empty(),
        _ => true,
    }
}

/// The type of an event.
fn kind(value: &Value) -> &str {
    let kind = value.get("type").or_else(|| value.get("event_type"));
    kind.and_then(Value::as_str).unwrap_or_default()
}

/// Whether an event only says that the connection is alive.
pub(super) fn is_alive(value: &Value) -> bool {
    matches!(kind(value), "ping" | "keepalive")
}

/// Whether a part comes before the model has said anything: of another route, a client would see the same.
pub(super) fn opens(value: &Value) -> bool {
    const KINDS: [&str; 9] = [
        "message_start",
        "message-start",
        "response.created",
        "response.queued",
        "response.in_progress",
        "interaction.created",
        "interaction.start",
        "interaction.status_update",
        "stream-start",
    ];
    let choices = value.get("choices").and_then(Value::as_array);
    KINDS.contains(&kind(value))
        || value.get("messageStart").is_some()
        // Azure first tells what its filters say of the prompt.
        || choices.is_some_and(|choices| !value.get("usage").is_some_and(told) && choices.iter().all(is_blank))
}

/// Whether a choice has a role at most.
fn is_blank(choice: &Value) -> bool {
    let Some(delta) = choice.get("delta").and_then(Value::as_object) else { return false };
    let said = delta.iter().any(|(name, value)| name != "role" && told(value));
    !said && !choice.get("finish_reason").is_some_and(told)
}

/// Whether nothing comes after this part.
pub(super) fn ends(value: &Value) -> bool {
    matches!(kind(value), "message_stop" | "stream-end")
}

/// The part of an event that has its counts. Cohere's first API has the whole answer in its last event.
pub(super) fn counted(of: Kind, value: &Value) -> &Value {
    value.get("response").filter(|_| of == Kind::Cohere).unwrap_or(value)
}

/// Whether a whole body only says that an answer is being made: in the background at `OpenAI` and Gemini, deferred
/// at xAI, asynchronously at Perplexity and Z.ai.
pub(super) fn is_pending(value: &Value) -> bool {
    let text = |name| value.get(name).and_then(Value::as_str);
    let is_kept = matches!(text("object"), Some("response" | "interaction"));
    let is_under_way = matches!(text("status"), Some("queued" | "in_progress"));
    let tells = ["request_id", "task_status", "status"].iter().any(|name| text(name).is_some());
    (is_kept && is_under_way) || (tells && !is_answer(value))
}

/// Whether a whole body looks like an answer.
pub(super) fn is_answer(value: &Value) -> bool {
    const NAMES: [&str; 10] = [
        "choices",
        "usage",
        "content",
        "output",
        "candidates",
        "usageMetadata",
        "promptFeedback",
        "embedding",
        "embeddings",
        "data",
    ];
    NAMES.iter().any(|name| value.get(name).is_some_and(|field| !field.is_null()))
        || value.get("message").is_some_and(Value::is_object)
        || value.get("done").is_some()
}

/// Whether a value looks like a part of an answer.
pub(super) fn is_part(of: Kind, format: UsageFormat, value: &Value) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| value.get(name).is_some());
    match of {
        // Not every maker's form is known.
        Kind::Invoke => return true,
        Kind::Cohere | Kind::Interactions => return has(&["type", "event_type"]),
        _ => {}
    }
    match format {
        UsageFormat::OpenAiChat | UsageFormat::OpenRouter => has(&["choices", "usage"]),
        UsageFormat::OpenAiResponses | UsageFormat::Anthropic => has(&["type"]),
        UsageFormat::Gemini => has(&["candidates", "usageMetadata", "promptFeedback"]),
        UsageFormat::Ollama => has(&["done", "message", "response"]),
        // Events may be wrapped in their names or not.
        UsageFormat::Bedrock => has(&[
            "messageStart",
            "contentBlockStart",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata",
            "role",
            "contentBlockIndex",
            "stopReason",
            "usage",
        ]),
        _ => true,
    }
}
