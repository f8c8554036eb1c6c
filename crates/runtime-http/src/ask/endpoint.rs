//! Hosts and paths of providers.

use std::fmt::Write as _;
use std::ops::Range;

use http::Uri;
use runtime_resilience::Provider;

use super::Kind;

/// The ends of hosts. The first that fits counts.
const HOSTS: &[(&str, Provider)] = &[
    ("models.inference.ai.azure.com", Provider::GitHub),
    (".openai.azure.com", Provider::Azure),
    (".services.ai.azure.com", Provider::Azure),
    (".cognitiveservices.azure.com", Provider::Azure),
    (".openai.com", Provider::OpenAi),
    (".anthropic.com", Provider::Anthropic),
    ("generativelanguage.googleapis.com", Provider::Gemini),
    ("aiplatform.googleapis.com", Provider::Gemini),
    (".amazonaws.com", Provider::Bedrock),
    ("openrouter.ai", Provider::OpenRouter),
    (".x.ai", Provider::XAi),
    (".mistral.ai", Provider::Mistral),
    (".groq.com", Provider::Groq),
    (".deepseek.com", Provider::DeepSeek),
    (".moonshot.ai", Provider::Moonshot),
    (".moonshot.cn", Provider::Moonshot),
    (".aliyuncs.com", Provider::Qwen),
    (".z.ai", Provider::Zai),
    (".bigmodel.cn", Provider::Zai),
    (".minimax.io", Provider::MiniMax),
    (".minimaxi.com", Provider::MiniMax),
    (".baidubce.com", Provider::Baidu),
    (".together.xyz", Provider::Together),
    (".together.ai", Provider::Together),
    (".fireworks.ai", Provider::Fireworks),
    (".cohere.com", Provider::Cohere),
    (".cohere.ai", Provider::Cohere),
    (".cerebras.ai", Provider::Cerebras),
    (".perplexity.ai", Provider::Perplexity),
    (".githubcopilot.com", Provider::GitHub),
    ("models.github.ai", Provider::GitHub),
    (".huggingface.co", Provider::HuggingFace),
];

/// The ends of paths. `true` if the path itself asks for a stream. The first that fits counts.
const PATHS: &[(&str, Kind, bool)] = &[
    ("/chat/completions", Kind::Chat, false),
    ("/completions", Kind::Chat, false),
    ("/responses", Kind::Responses, false),
    ("/messages", Kind::Messages, false),
    (":rawPredict", Kind::Messages, false),
    (":streamRawPredict", Kind::Messages, true),
    (":generateContent", Kind::GenerateContent, false),
    (":streamGenerateContent", Kind::GenerateContent, true),
    ("/converse", Kind::Converse, false),
    ("/converse-stream", Kind::Converse, true),
    ("/invoke", Kind::Invoke, false),
    ("/invoke-with-response-stream", Kind::Invoke, true),
    ("/api/chat", Kind::Ollama, false),
    ("/api/generate", Kind::Ollama, false),
    ("/embeddings", Kind::Embedding, false),
    (":embedContent", Kind::Embedding, false),
    (":batchEmbedContents", Kind::Embedding, false),
    ("/api/embed", Kind::Embedding, false),
];

/// The provider of a URL, by its host, or by the port of a local Ollama.
pub(crate) fn provider(uri: &Uri) -> Provider {
    let Some(host) = uri.host() else { return Provider::Other };
    let is_in = |end: &str| {
        let own = end.strip_prefix('.').unwrap_or(end);
        let front = host.len().checked_sub(own.len());
        let Some((front, back)) = front.and_then(|front| host.split_at_checked(front)) else {
            return false;
        };
        back.eq_ignore_ascii_case(own)
            && (front.is_empty() || front.ends_with('.') || front.ends_with('-'))
    };
    let found = HOSTS.iter().find(|(end, _)| is_in(end)).map(|(_, provider)| *provider);
    found.unwrap_or_else(|| match uri.port_u16() {
        Some(11_434) => Provider::Ollama,
        _ => Provider::Other,
    })
}

/// The kind of call, and whether the path itself asks for a stream.
pub(super) fn kind(path: &str) -> Option<(Kind, bool)> {
    let &(_, kind, streams) = row(path)?;
    // A message of a thread is no call; a run of it would be.
    let of_thread = kind == Kind::Messages && path.contains("/threads/");
    if kind != Kind::Invoke {
        return (!of_thread).then_some((kind, streams));
    }
    // Others than Bedrock invoke something, too.
    let (_, model) = path.rsplit_once("/model/")?;
    Some((if model.contains("embed") { Kind::Embedding } else { kind }, streams))
}

fn row(path: &str) -> Option<&'static (&'static str, Kind, bool)> {
    let path = path.trim_end_matches('/');
    PATHS.iter().find(|(end, ..)| path.ends_with(end))
}

/// The model in a path: `/models/M:verb`, `/model/M/converse`, `/deployments/M/…`.
pub(super) fn model(path: &str) -> Option<String> {
    // Clients of Bedrock escape the colon before a version, and the parts of a name in full.
    Some(path[model_at(path)?].replace("%3A", ":").replace("%2F", "/"))
}

/// The path with another model, if it names one.
pub(super) fn with_model(path: &str, other: &str) -> Option<String> {
    let at = model_at(path)?;
    Some(format!("{}{}{}", &path[..at.start], escaped(other), &path[at.end..]))
}

/// The path behind the base of the URL, with another model.
pub(crate) fn suffix(path: &str, other: &str) -> String {
    let Some((end, kind, _)) = row(path) else { return path.to_owned() };
    match before_model(end, *kind) {
        Some(before) if model_at(path).is_some() => format!("{before}{}{end}", escaped(other)),
        _ => (*end).to_owned(),
    }
}

/// Whether the path of the call itself names the model, and not its base.
pub(super) fn names_model(path: &str) -> bool {
    row(path).is_some_and(|(end, kind, _)| before_model(end, *kind).is_some())
}

fn model_at(path: &str) -> Option<Range<usize>> {
    let path = path.trim_end_matches('/');
    let (end, kind, _) = row(path)?;
    let behind = |before: &str| Some(path.rfind(before)? + before.len());
    let at = if let Some(before) = before_model(end, *kind) {
        behind(before)?..path.len() - end.len()
    } else {
        let start = behind("/deployments/")?;
        start..start + path[start..].find('/')?
    };
    (at.start < at.end).then_some(at)
}

/// What stands before the model in paths that end so. An Azure deployment is a part of the base instead.
fn before_model(end: &str, kind: Kind) -> Option<&'static str> {
    match kind {
        _ if end.starts_with(':') => Some("/models/"),
        Kind::Converse | Kind::Invoke => Some("/model/"),
        _ => None,
    }
}

/// The name of a model as a part of a path.
fn escaped(model: &str) -> String {
    model.bytes().fold(String::with_capacity(model.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            escaped.push(byte.into());
        } else {
            // A string takes everything.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}
