//! The places of facts in the bodies of errors.

use std::borrow::Cow;

use serde_json::Value;

use super::provider::Provider;

/// A longer body is not read: no error needs it, and an echo of the request may have any size.
const LONGEST: usize = 64 * 1024;

/// The body as JSON, or its plain text; `Null` if it is neither.
pub(super) fn parse(body: &[u8]) -> Value {
    if body.len() > LONGEST {
        return Value::Null;
    }
    // Deep nesting is an error in serde_json, not a stack overflow.
    serde_json::from_slice(body).unwrap_or_else(|_| plain(body))
}

/// A text for people. A page is none, nor is JSON that is cut off.
#[cold]
fn plain(body: &[u8]) -> Value {
    let text = str::from_utf8(body).unwrap_or_default().trim_ascii();
    if text.is_empty() || text.starts_with(['<', '{', '[', '"']) {
        return Value::Null;
    }
    Value::String(text.to_owned())
}

/// The description of the error: the object or the text in the provider's envelope.
#[inline]
pub(super) fn error(body: &Value) -> &Value {
    let body = event(body);
    let Some(fields) = body.as_object() else { return body };
    let told = |value: &&Value| value.is_object() || value.is_string();
    if let Some(error) = fields.get("error").filter(told) {
        return error;
    }
    // A list of errors, as Cloudflare and GraphQL have it.
    if let Some(error) = fields.get("errors").and_then(|errors| errors.get(0)).filter(told) {
        return error;
    }
    // MiniMax answers with status 200.
    if let Some(error) = fields.get("base_resp").filter(told) {
        return error;
    }
    // OpenAI's `response.failed`, and the realtime API's `response.done`.
    if let Some(response) = fields.get("response") {
        let realtime = || response.get("status_details")?.get("error").filter(told);
        if let Some(error) = realtime().or_else(|| response.get("error")) {
            return error;
        }
    }
    // Bedrock's exceptions in a stream: the name, and the exception under it.
    match fields.iter().next() {
        Some((name, value)) if name.ends_with("Exception") => value,
        _ => body,
    }
}

/// Gemini streams arrays.
fn event(body: &Value) -> &Value {
    body.as_array().and_then(|events| events.first()).unwrap_or(body)
}

/// The upstream body, where a gateway passes it on: in `metadata.raw`, as `OpenRouter` does, or in
/// place of the message.
pub(super) fn nested<'a>(error: &'a Value, message: Option<&'a str>) -> Option<Cow<'a, Value>> {
    let json = |text: &str| {
        let text = text.trim_ascii_start();
        // Parsed only if it looks like one, so that hardly any reply pays for this.
        let body = if text.starts_with('{') { parse(text.as_bytes()) } else { Value::Null };
        body.is_object().then_some(Cow::Owned(body))
    };
    match raw(error) {
        Some(raw @ Value::Object(_)) => Some(Cow::Borrowed(raw)),
        Some(Value::String(raw)) => json(raw),
        _ => None,
    }
    .or_else(|| json(message?))
}

/// The answer that `OpenRouter` got from upstream, unchanged: a body, or any text.
pub(super) fn raw(error: &Value) -> Option<&Value> {
    error.get("metadata")?.get("raw")
}

/// The provider of an upstream body, by its form.
pub(super) fn speaker(body: &Value, gateway: Provider) -> Provider {
    let error = error(body);
    match gateway {
        _ if text(body, "type") == Some("error") => Provider::Anthropic,
        _ if text(error, "status").is_some() => Provider::Gemini,
        _ if exception(body, error).is_some() => Provider::Bedrock,
        Provider::OpenRouter => Provider::Other,
        gateway => gateway,
    }
}

/// A text field of the error.
#[inline]
pub(super) fn text<'a>(error: &'a Value, name: &str) -> Option<&'a str> {
    error.as_object()?.get(name)?.as_str()
}

/// The error's message for people.
#[inline]
pub(super) fn message(error: &Value) -> Option<&str> {
    const NAMES: [&str; 10] = [
        "message",
        "Message",
        "detail",
        "msg",
        "status_msg",
        "error_msg",
        "errorMsg",
        "errorMessage",
        "error_description",
        "title",
    ];
    if let Some(text) = error.as_str() {
        return Some(text);
    }
    let fields = error.as_object()?;
    NAMES.into_iter().find_map(|name| match fields.get(name)? {
        Value::String(text) => Some(text.as_str()),
        // FastAPI lists what is wrong with a request.
        Value::Array(problems) => text(problems.first()?, "msg"),
        _ => None,
    })
}

/// The error's code, if it is text.
#[inline]
pub(super) fn code(error: &Value) -> Option<&str> {
    const NAMES: [&str; 4] = ["code", "error_code", "errorCode", "reason"];
    NAMES.into_iter().find_map(|name| text(error, name))
}

/// The error's type: beside the text, where the error is one.
#[inline]
pub(super) fn kind<'a>(body: &'a Value, error: &'a Value) -> Option<&'a str> {
    text(error, "type").or_else(|| text(error, "error_type")).or_else(|| text(body, "error_type"))
}

/// The status code in the body, as Gemini and `OpenRouter` have it.
#[inline]
pub(super) fn status(error: &Value) -> Option<u16> {
    const NAMES: [&str; 3] = ["code", "status_code", "status"];
    NAMES.into_iter().find_map(|name| {
        let code = match error.get(name)? {
            Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
            Value::String(text) => text.parse().ok()?,
            _ => return None,
        };
        (400..600).contains(&code).then_some(code)
    })
}

/// The name of an AWS exception in the body.
pub(super) fn exception<'a>(body: &'a Value, error: &'a Value) -> Option<&'a str> {
    text(error, "__type").or_else(|| {
        let (name, _) = body.as_object()?.iter().next()?;
        name.ends_with("Exception").then_some(name)
    })
}

/// `com.amazonaws#ThrottlingException:http://…` → `ThrottlingException`
pub(super) fn exception_name(text: &str) -> &str {
    let text = text.split(':').next().unwrap_or(text);
    text.rsplit('#').next().unwrap_or(text).trim()
}

/// The reason why an answer ended, if there is one.
pub(super) fn stop_reason(body: &Value) -> Option<&str> {
    const PLACES: [&str; 9] = [
        "stop_reason",
        "delta",
        "choices",
        "candidates",
        "incomplete_details",
        "response",
        "stopReason",
        "messageStop",
        "finish_reason",
    ];
    let body = event(body);
    let fields = body.as_object()?;
    // The body of a refusal has few fields, and none of these.
    if !fields.keys().any(|name| PLACES.contains(&name.as_str())) {
        return None;
    }
    let place = |name: &str| fields.get(name);
    text(body, "stop_reason")
        // Anthropic's streams.
        .or_else(|| text(place("delta")?, "stop_reason"))
        .or_else(|| text(place("choices")?.get(0)?, "finish_reason"))
        .or_else(|| text(place("candidates")?.get(0)?, "finishReason"))
        // OpenAI's responses, whole and in a stream.
        .or_else(|| text(place("incomplete_details")?, "reason"))
        .or_else(|| text(place("response")?.get("incomplete_details")?, "reason"))
        .or_else(|| text(place("response")?.get("status_details")?, "reason"))
        // Bedrock's, whole and in a stream.
        .or_else(|| text(body, "stopReason"))
        .or_else(|| text(place("messageStop")?, "stopReason"))
        // Cohere's.
        .or_else(|| text(body, "finish_reason"))
        .or_else(|| text(place("delta")?, "finish_reason"))
}

/// Why Gemini blocked a prompt.
pub(super) fn block_reason(body: &Value) -> Option<&str> {
    text(event(body).get("promptFeedback")?, "blockReason")
}

/// `google.rpc.RetryInfo` of the body.
pub(super) fn retry_delay(body: &Value) -> Option<&str> {
    details(error(body)).find_map(|detail| text(detail, "retryDelay"))
}

/// `google.rpc.ErrorInfo` of the error.
pub(super) fn reason(error: &Value) -> Option<&str> {
    details(error).find_map(|detail| text(detail, "reason"))
}

/// `google.rpc.QuotaFailure` of the error: every limit that was hit.
pub(super) fn quota_ids(error: &Value) -> impl Iterator<Item = &str> {
    let violations = details(error).filter_map(|detail| detail.get("violations")?.as_array());
    violations.flatten().filter_map(|violation| text(violation, "quotaId"))
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error.get("details").and_then(Value::as_array).into_iter().flatten()
}
