//! What a value is: a part of an answer, an answer, an error.

use runtime_usage::UsageFormat;
use serde_json::Value;

/// Whether a value names an error.
pub(super) fn has_error(value: &Value) -> bool {
    let field = |value: &Value, name: &str| value.get(name).is_some_and(told);
    let kind = value.get("type").or_else(|| value.get("object")).and_then(Value::as_str);
    matches!(kind, Some("error" | "response.failed"))
        || field(value, "error")
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
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(errors) => !errors.is_empty(),
        _ => true,
    }
}

/// Whether a part of this type comes before the model has said anything.
pub(super) fn opens(kind: &str) -> bool {
    matches!(
        kind,
        "message_start" | "response.created" | "response.queued" | "response.in_progress"
    )
}

/// Whether a whole body is a response of `OpenAI` that is made in the background.
pub(super) fn is_pending(value: &Value) -> bool {
    let text = |name| value.get(name).and_then(Value::as_str);
    text("object") == Some("response") && matches!(text("status"), Some("queued" | "in_progress"))
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
    NAMES.iter().any(|name| value.get(name).is_some())
        || value.get("message").is_some_and(Value::is_object)
        || value.get("done").is_some()
}

/// Whether a value looks like a part of an answer.
pub(super) fn is_part(format: UsageFormat, value: &Value) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| value.get(name).is_some());
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
