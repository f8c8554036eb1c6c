//! The places of facts in the bodies of errors.

use super::flat::Flat;
use super::json::Json;
use super::numbers;
use super::provider::Provider;

/// The description of the error: the object or the text in the provider's envelope.
#[inline]
pub(super) fn error<'a, N: Json<'a>>(body: N) -> N {
    let body = event(body);
    if !body.is_object() {
        return body;
    }
    let told = |value: &N| value.is_object() || value.text().is_some();
    let listed = |error: N| error.first_item().unwrap_or(error);
    if let Some(error) = body.get("error").map(listed).filter(told) {
        // A name or a text; the words for people may be beside it.
        return if error.is_object() || message(body).is_none() { error } else { body };
    }
    // A list of errors, as Cloudflare and GraphQL have it.
    if let Some(error) = body.get("errors").and_then(N::first_item).filter(told) {
        return error;
    }
    // MiniMax answers with status 200, as Spark does. OpenRouter has the error of a choice inside it.
    let choice = || body.get("choices")?.first_item()?.get("error");
    let inside = body.get("base_resp").or_else(|| body.get("header")).or_else(choice);
    if let Some(error) = inside.filter(told) {
        return error;
    }
    // The clouds of Tencent and Volcengine.
    let cloud = body.get("Response").or_else(|| body.get("ResponseMetadata"));
    if let Some(error) = cloud.and_then(|around| around.get("Error")).filter(told) {
        return error;
    }
    // Apigee, what FastAPI raises with an object, and CLOVA Studio.
    let raised = ["fault", "detail", "status"].into_iter();
    let raised = raised.filter_map(|name| body.get(name)).find(|raised| raised.is_object());
    if let Some(raised) = raised
        && message(body).is_none()
    {
        return raised.get("error").filter(told).unwrap_or(raised);
    }
    // OpenAI's `response.failed`, the realtime API's `response.done`, and a line of a batch.
    if let Some(response) = body.get("response") {
        let realtime = || response.get("status_details")?.get("error").filter(told);
        let line = || response.get("body")?.get("error");
        if let Some(error) = realtime().or_else(|| response.get("error")).or_else(line) {
            return error;
        }
    }
    // A run of an assistant, and a line of Anthropic's batches.
    let last = body.get("last_error").or_else(|| body.get("result")?.get("error"));
    if let Some(error) = last.filter(told) {
        return error;
    }
    // Bedrock's exceptions in a stream: the name, and the exception under it.
    body.exception().and_then(|name| body.get(name)).unwrap_or(body)
}

/// The error with its words: the one inside a gateway's, or a client's, that has none of its own.
#[inline]
pub(super) fn worded<'a, N: Json<'a>>(body: N) -> (N, Option<&'a str>) {
    let outer = error(body);
    let said = message(outer);
    if said.is_some() {
        return (outer, said);
    }
    let inner = inside(outer);
    (inner, message(inner))
}

#[cold]
fn inside<'a, N: Json<'a>>(error: N) -> N {
    let inner = |error: &N| error.get("error").filter(|inner| inner.is_object());
    let mut errors = std::iter::successors(Some(error), inner);
    errors.find(|error| message(*error).is_some()).or_else(|| inner(&error)).unwrap_or(error)
}

/// Gemini streams arrays.
fn event<'a, N: Json<'a>>(body: N) -> N {
    body.first_item().unwrap_or(body)
}

/// The upstream body that a gateway passes on.
pub(super) enum Nested<'a, N> {
    Object(N),
    /// As text.
    Text(Flat<'a>),
}

/// The upstream body, where a gateway passes it on: in `metadata.raw`, as `OpenRouter` does, or in
/// place of the message.
pub(super) fn nested<'a, N: Json<'a>>(error: N, message: Option<&'a str>) -> Option<Nested<'a, N>> {
    let json = |text: &'a str| {
        let text = text.trim_ascii_start();
        // Parsed only if it looks like one, so that hardly any reply pays for this.
        let body = text.starts_with('{').then(|| Flat::of(text.as_bytes()))?;
        body.root().is_object().then_some(Nested::Text(body))
    };
    let raw = raw(error);
    let object = raw.filter(|raw| raw.is_object()).map(Nested::Object);
    object.or_else(|| json(raw?.text()?)).or_else(|| json(message?))
}

/// The answer that `OpenRouter` got from upstream, unchanged: a body, or any text.
pub(super) fn raw<'a, N: Json<'a>>(error: N) -> Option<N> {
    error.get("metadata")?.get("raw")
}

/// The bodies that a gateway keeps beside its own error.
pub(super) fn upstreams<'a, N: Json<'a>>(body: N) -> impl Iterator<Item = N> {
    const ASIDE: [&str; 4] = ["upstream_details", "upstream_error", "provider_error", "cause"];
    let places = [Some(body), body.get("error")].into_iter().flatten();
    let bodies = places.flat_map(|place| ASIDE.iter().filter_map(move |name| place.get(name)));
    bodies.filter(|body| body.is_object())
}

/// The provider of an upstream body, by its form.
pub(super) fn speaker<'a, N: Json<'a>>(body: N, gateway: Provider) -> Provider {
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
pub(super) fn text<'a, N: Json<'a>>(error: N, name: &str) -> Option<&'a str> {
    error.get(name)?.text()
}

/// The error's message for people.
#[inline]
pub(super) fn message<'a, N: Json<'a>>(error: N) -> Option<&'a str> {
    if let Some(text) = error.text() {
        return Some(text);
    }
    MESSAGES.iter().find_map(|name| told(name, error.get(name)?))
}

/// Another message beside the first, of a body that is no envelope around its error.
#[cold]
pub(super) fn second_message<'a, N: Json<'a>>(body: N) -> Option<&'a str> {
    const BESIDE: [&str; 2] = ["error", "exception"];
    let names = MESSAGES.iter().chain(&BESIDE);
    names.filter_map(|name| told(name, body.get(name)?)).nth(1)
}

static MESSAGES: [&str; 13] = [
    "message",
    "Message",
    "detail",
    "msg",
    "status_msg",
    "status_message",
    "error_msg",
    "errorMsg",
    "errorMessage",
    "error_description",
    "title",
    "faultstring",
    "details",
];

#[inline]
fn told<'a, N: Json<'a>>(name: &str, value: N) -> Option<&'a str> {
    // FastAPI lists what is wrong with a request. Cursor has the words behind a gateway inside.
    let listed = || text(value.first_item()?, "msg");
    let inside = || text(value, "detail").filter(|_| name == "details");
    value.text().or_else(listed).or_else(inside)
}

/// The error's code: a text, or a number that stands for one. Z.ai's imitation of Anthropic's API has the
/// digits in the type.
#[inline]
pub(super) fn code<'a, N: Json<'a>>(error: N) -> Option<&'a str> {
    text(error, "code").or_else(|| other_code(error))
}

/// `OpenRouter`'s own name for the error. The names beside it are those of the API that it imitates, and say less.
pub(super) fn typed<'a, N: Json<'a>>(body: N, error: N) -> Option<&'a str> {
    const NAME: &str = "error_type";
    let inside = || text(error, NAME).filter(|_| error.get("type").is_some());
    let beside = || text(body, NAME).or_else(|| text(body.get("response")?, NAME));
    let metadata = error.get("metadata").and_then(|metadata| text(metadata, NAME));
    metadata
        .or_else(inside)
        .or_else(|| beside().filter(|_| error.is_object() && !error.is_at(body)))
}

#[inline(never)]
fn other_code<'a, N: Json<'a>>(error: N) -> Option<&'a str> {
    const NAMES: [&str; 4] = ["error_code", "errorCode", "reason", "Code"];
    let named = || NAMES.into_iter().find_map(|name| text(error, name));
    let bare = || text(error, "error").filter(|name| !name.contains(' '));
    let digits = || text(error, "type").filter(|text| text.parse::<u32>().is_ok());
    // A text that is nothing but a name.
    let whole = || error.text().filter(|name| !name.contains(' '));
    named().or_else(bare).or_else(digits).or_else(whole).or_else(|| numbered(error))
}

/// The name that stands for the number of an error, if it is a known one.
fn numbered<'a, N: Json<'a>>(error: N) -> Option<&'static str> {
    const FIELDS: [&str; 3] = ["status_code", "error_code", "code"];
    let is_status = |number: &i64| (400..600).contains(number);
    FIELDS.into_iter().find_map(|field| {
        let number = error.get(field)?.number()?.as_i64();
        known(field, number.filter(|number| !is_status(number))?)
    })
}

fn known(field: &str, number: i64) -> Option<&'static str> {
    let is_it = |name: &&str| {
        let told = name.strip_prefix(field).and_then(|rest| rest.strip_prefix(' '));
        told.is_some_and(|told| told.parse() == Ok(number))
    };
    numbers::KNOWN.iter().copied().flatten().copied().find(is_it)
}

/// The error's type: beside the text, where the error is one.
#[inline]
pub(super) fn kind<'a, N: Json<'a>>(body: N, error: N) -> Option<&'a str> {
    text(error, "type").or_else(|| text(error, "error_type")).or_else(|| text(body, "error_type"))
}

/// The status code in the body, as Gemini and `OpenRouter` have it, or beside the error.
#[inline]
pub(super) fn status<'a, N: Json<'a>>(body: N, worded: N) -> Option<u16> {
    status_of(worded).or_else(|| status_of(error(body))).or_else(|| status_of(body))
}

fn status_of<'a, N: Json<'a>>(error: N) -> Option<u16> {
    const NAMES: [&str; 6] =
        ["code", "status_code", "status", "statusCode", "http_status", "upstream_status"];
    NAMES.into_iter().find_map(|name| {
        let told = error.get(name)?;
        let code = match told.text() {
            Some(text) => text.parse().ok()?,
            None => u16::try_from(told.number()?.as_u64()?).ok()?,
        };
        (400..600).contains(&code).then_some(code)
    })
}

/// The name of an AWS exception in the body.
pub(super) fn exception<'a, N: Json<'a>>(body: N, error: N) -> Option<&'a str> {
    text(error, "__type").or_else(|| body.exception())
}

/// `com.amazonaws#ThrottlingException:http://…` → `ThrottlingException`
pub(super) fn exception_name(text: &str) -> &str {
    let text = text.split(':').next().unwrap_or(text);
    text.rsplit('#').next().unwrap_or(text).trim()
}

/// The reason why an answer ended, if there is one.
pub(super) fn stop_reason<'a, N: Json<'a>>(body: N) -> Option<&'a str> {
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
    // The body of a refusal has few fields, and none of these.
    if !body.names()?.any(|name| PLACES.contains(&name)) {
        return None;
    }
    let place = |name: &str| body.get(name);
    text(body, "stop_reason")
        // Anthropic's streams.
        .or_else(|| text(place("delta")?, "stop_reason"))
        .or_else(|| text(place("choices")?.first_item()?, "finish_reason"))
        .or_else(|| text(place("candidates")?.first_item()?, "finishReason"))
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
pub(super) fn block_reason<'a, N: Json<'a>>(body: N) -> Option<&'a str> {
    text(event(body).get("promptFeedback")?, "blockReason")
}

/// `google.rpc.RetryInfo` of the body.
pub(super) fn retry_delay<'a, N: Json<'a>>(body: N) -> Option<&'a str> {
    details(error(body)).find_map(|detail| text(detail, "retryDelay"))
}

/// `google.rpc.ErrorInfo` of the error.
pub(super) fn reason<'a, N: Json<'a>>(error: N) -> Option<&'a str> {
    details(error).find_map(|detail| text(detail, "reason"))
}

/// `google.rpc.QuotaFailure` of the error: every limit that was hit.
pub(super) fn quota_ids<'a, N: Json<'a>>(error: N) -> impl Iterator<Item = &'a str> {
    let violations = details(error).filter_map(|detail| detail.get("violations")?.items());
    violations.flatten().filter_map(|violation| text(violation, "quotaId"))
}

fn details<'a, N: Json<'a>>(error: N) -> impl Iterator<Item = N> {
    error.get("details").and_then(N::items).into_iter().flatten()
}
