//! Hosts and paths of providers.

use std::fmt::Write as _;
use std::ops::Range;

use http::Uri;
use runtime_resilience::Provider;
use runtime_usage::UsageFormat::{
    self, Anthropic, Bedrock, Gemini, Ollama, OpenAiChat, OpenAiResponses,
};

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
    (".api.aws", Provider::Bedrock),
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

/// An operation of an API.
#[derive(Clone, Copy)]
pub(super) struct Endpoint {
    /// The end of its path.
    end: &'static str,
    pub(super) kind: Kind,
    /// The form of the usage in its replies.
    pub(super) form: UsageFormat,
    /// Whether the path itself asks for a stream.
    pub(super) streams: bool,
}

const fn whole(end: &'static str, kind: Kind, form: UsageFormat) -> Endpoint {
    Endpoint { end, kind, form, streams: false }
}

const fn streamed(end: &'static str, kind: Kind, form: UsageFormat) -> Endpoint {
    Endpoint { end, kind, form, streams: true }
}

/// The first that fits counts. Cohere's usage is read in the form of `OpenAI`, whose imitators have several.
const ENDPOINTS: &[Endpoint] = &[
    whole("/chat/completions", Kind::Chat, OpenAiChat),
    whole("/completions", Kind::Chat, OpenAiChat),
    whole("/responses", Kind::Responses, OpenAiResponses),
    whole("/responses/compact", Kind::Responses, OpenAiResponses),
    whole("/messages", Kind::Messages, Anthropic),
    whole(":rawPredict", Kind::Messages, Anthropic),
    streamed(":streamRawPredict", Kind::Messages, Anthropic),
    whole(":generateContent", Kind::GenerateContent, Gemini),
    streamed(":streamGenerateContent", Kind::GenerateContent, Gemini),
    whole("/interactions", Kind::Interactions, Gemini),
    whole("/converse", Kind::Converse, Bedrock),
    streamed("/converse-stream", Kind::Converse, Bedrock),
    whole("/invoke", Kind::Invoke, Bedrock),
    streamed("/invoke-with-response-stream", Kind::Invoke, Bedrock),
    whole("/v1/chat", Kind::Cohere, OpenAiChat),
    whole("/v2/chat", Kind::Cohere, OpenAiChat),
    whole("/api/chat", Kind::Ollama, Ollama),
    whole("/api/generate", Kind::Ollama, Ollama),
    whole("/embeddings", Kind::Embedding, OpenAiChat),
    whole(":embedContent", Kind::Embedding, Gemini),
    whole(":batchEmbedContents", Kind::Embedding, Gemini),
    whole(":predict", Kind::Embedding, Gemini),
    whole("/v1/embed", Kind::Embedding, OpenAiChat),
    whole("/v2/embed", Kind::Embedding, OpenAiChat),
    whole("/api/embed", Kind::Embedding, Ollama),
];

/// Parts of the names of models at Bedrock that write no text. They are not billed by tokens.
const NO_WRITERS: [&str; 5] = ["rerank", "image", "canvas", "reel", "stability."];

/// The provider of a URL, by its host, or by the part of the path that a gateway passes on to it, or by the port of
/// a local Ollama.
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
    found.or_else(|| passed_on(uri.path())).unwrap_or_else(|| match uri.port_u16() {
        Some(11_434) => Provider::Ollama,
        _ => Provider::Other,
    })
}

/// The provider to which a gateway passes a path on: `/anthropic/v1/messages` of `LiteLLM`.
fn passed_on(path: &str) -> Option<Provider> {
    path.split('/').find_map(|part| match part {
        // Of others, whose API is like it.
        "openai" | "other" => None,
        "vertex_ai" | "vertex-ai" => Some(Provider::Gemini),
        name => name.parse().ok(),
    })
}

/// The operation of this path, if it calls a model.
pub(super) fn of(path: &str) -> Option<Endpoint> {
    let endpoint = *row(path)?;
    let model = || path.get(model_at(path)?);
    let embeds = || model().is_some_and(|model| model.contains("embed"));
    let embedding = Endpoint { kind: Kind::Embedding, ..endpoint };
    match endpoint.end {
        // A message of a thread is no call; a run of it would be.
        "/messages" if path.contains("/threads/") => None,
        ":rawPredict" | ":streamRawPredict" => of_publisher(path, model()?, endpoint),
        // Others than Bedrock converse or invoke something, too.
        _ if before_model(&endpoint) == Some("/model/") => match model()? {
            _ if endpoint.kind == Kind::Invoke && embeds() => Some(embedding),
            model if NO_WRITERS.iter().any(|part| model.contains(part)) => None,
            _ => Some(endpoint),
        },
        // Other models of Vertex AI predict something.
        ":predict" => embeds().then_some(endpoint),
        _ => Some(endpoint),
    }
}

/// At Vertex AI each publisher's models have a form of their own: Anthropic's, or `OpenAI`'s.
fn of_publisher(path: &str, model: &str, endpoint: Endpoint) -> Option<Endpoint> {
    let publisher = path.split_once("/publishers/").map_or("anthropic", |(_, name)| name);
    if model == "count-tokens" || model.contains("ocr") {
        None
    } else if publisher.starts_with("anthropic") {
        Some(endpoint)
    } else {
        Some(Endpoint { kind: Kind::Chat, form: OpenAiChat, ..endpoint })
    }
}

fn row(path: &str) -> Option<&'static Endpoint> {
    let path = path.trim_end_matches('/');
    ENDPOINTS.iter().find(|endpoint| path.ends_with(endpoint.end))
}

/// The model in a path: `/models/M:verb`, `/model/M/converse`, `/deployments/M/…`.
pub(super) fn model(path: &str) -> Option<String> {
    // Clients of Bedrock escape the colon before a version, and the parts of a name in full.
    let own = || Some(path[model_at(path)?].replace("%3A", ":").replace("%2F", "/"));
    own().or_else(|| tuned(path).map(str::to_owned))
}

/// The endpoint of a tuned Gemini at Vertex AI, which stands where others name the model: `/endpoints/ID:verb`.
pub(super) fn tuned(path: &str) -> Option<&str> {
    let endpoint = row(path).filter(|endpoint| endpoint.kind == Kind::GenerateContent)?;
    let (_, id) = path.rsplit_once("/endpoints/")?;
    id.trim_end_matches('/').strip_suffix(endpoint.end)
}

/// The path with another model, if it names one, or `follows` as the deployments of a gateway do.
pub(super) fn with_model(path: &str, other: &str, follows: bool) -> Option<String> {
    let at = model_at(path).filter(|_| follows || names_model(path))?;
    Some(format!("{}{}{}", &path[..at.start], escaped(other), &path[at.end..]))
}

/// The path behind the base of the URL, with another model.
pub(crate) fn suffix(path: &str, other: &str) -> String {
    let Some(endpoint) = row(path) else { return path.to_owned() };
    let end = endpoint.end;
    match before_model(endpoint) {
        Some(before) => format!("{before}{}{end}", escaped(other)),
        None => end.to_owned(),
    }
}

/// Whether the path of the call itself names the model, and not its base.
pub(super) fn names_model(path: &str) -> bool {
    row(path).is_some_and(|endpoint| before_model(endpoint).is_some())
}

/// Whether an Azure deployment is a part of the path. It belongs to the base, and its name is not the model's, but
/// at `LiteLLM`.
pub(crate) fn has_deployment(path: &str) -> bool {
    DEPLOYMENTS.iter().any(|before| path.contains(before))
}

/// Of Azure, and of `OpenAI` before it. `LiteLLM` has both.
const DEPLOYMENTS: [&str; 2] = ["/deployments/", "/engines/"];

fn model_at(path: &str) -> Option<Range<usize>> {
    let path = path.trim_end_matches('/');
    let endpoint = row(path)?;
    let behind = |before: &str| Some(path.rfind(before)? + before.len());
    let at = if let Some(before) = before_model(endpoint) {
        behind(before)?..path.len() - endpoint.end.len()
    } else {
        let start = DEPLOYMENTS.iter().find_map(|before| behind(before))?;
        // A name at LiteLLM may have parts. Azure's own data stand behind it.
        let end = path.len() - endpoint.end.len();
        start..path.get(start..end)?.trim_end_matches("/extensions").len() + start
    };
    (at.start < at.end).then_some(at)
}

/// What stands before the model in paths that end so.
fn before_model(endpoint: &Endpoint) -> Option<&'static str> {
    match endpoint.kind {
        _ if endpoint.end.starts_with(':') => Some("/models/"),
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
