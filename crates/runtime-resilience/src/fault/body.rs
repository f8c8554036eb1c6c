//! Where the bodies of errors keep what.

use serde_json::Value;

/// A longer body is not read: no error needs it, and what echoes the request may be of any size.
const LONGEST: usize = 64 * 1024;

/// The body as JSON; `Null` if it is none.
pub(super) fn parse(body: &[u8]) -> Value {
    if body.len() > LONGEST {
        return Value::Null;
    }
    // Deep nesting is an error of serde_json's, not a stack overflow.
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// What describes the error: the object, or the text, that the provider's envelope holds.
#[inline]
pub(super) fn error(body: &Value) -> &Value {
    // Gemini streams arrays.
    let body = body.as_array().and_then(|events| events.first()).unwrap_or(body);
    let Some(fields) = body.as_object() else { return body };
    let told = |value: &&Value| value.is_object() || value.is_string();
    if let Some(error) = fields.get("error").filter(told) {
        return error;
    }
    // OpenAI's `response.failed`.
    if let Some(error) = fields.get("response").and_then(|response| response.get("error")) {
        return error;
    }
    // Bedrock's exceptions in a stream: the name, and the exception under it.
    match fields.iter().next() {
        Some((name, value)) if name.ends_with("Exception") => value,
        _ => body,
    }
}

/// A text field of the error.
#[inline]
pub(super) fn text<'a>(error: &'a Value, name: &str) -> Option<&'a str> {
    error.as_object()?.get(name)?.as_str()
}

/// What the error says to people.
#[inline]
pub(super) fn message(error: &Value) -> Option<&str> {
    error.as_str().or_else(|| text(error, "message")).or_else(|| text(error, "Message"))
}

/// A status code that the body brings along: those of Gemini and `OpenRouter` do.
#[inline]
pub(super) fn status(error: &Value) -> Option<u16> {
    let code = u16::try_from(error.get("code")?.as_u64()?).ok()?;
    (400..600).contains(&code).then_some(code)
}

/// The name of an AWS exception that stands in the body.
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

/// Why an answer ended, if that is told as a reason.
pub(super) fn stop_reason(body: &Value) -> Option<&str> {
    text(body, "stop_reason").or_else(|| text(body.get("choices")?.get(0)?, "finish_reason"))
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
