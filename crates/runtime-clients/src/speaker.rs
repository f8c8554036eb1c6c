//! The provider of a reply, by what the reply says of it.

use runtime_resilience::{Headers, Provider};
use serde_json::Value;

/// The headers with which providers sign a reply. The first that fits counts: Azure sends `OpenAI`'s as well, and a
/// gateway passes on those behind it.
const HEADERS: [(&str, Provider); 6] = [
    ("x-litellm-version", Provider::LiteLlm),
    ("x-litellm-call-id", Provider::LiteLlm),
    ("apim-request-id", Provider::Azure),
    ("anthropic-organization-id", Provider::Anthropic),
    ("openai-version", Provider::OpenAi),
    ("x-amzn-errortype", Provider::Bedrock),
];

/// The provider of a reply; `Other` if it says nothing of it.
pub(crate) fn speaker<H: Headers + ?Sized>(headers: &H, body: &str) -> Provider {
    let signed = HEADERS.iter().find(|(name, _)| headers.header(name).is_some());
    signed.map(|(_, provider)| *provider).or_else(|| by_form(body)).unwrap_or(Provider::Other)
}

/// By the forms that errors have at one provider only.
fn by_form(body: &str) -> Option<Provider> {
    let body: Value = serde_json::from_str(body).ok()?;
    let error = body.get("error")?;
    if body.get("type").is_some_and(|kind| kind == "error") {
        return Some(Provider::Anthropic);
    }
    if error.get("metadata").is_some_and(|metadata| metadata.get("provider_name").is_some()) {
        return Some(Provider::OpenRouter);
    }
    let is_googles = error.get("status").is_some_and(Value::is_string)
        && error.get("code").is_some_and(Value::is_u64);
    is_googles.then_some(Provider::Gemini)
}
