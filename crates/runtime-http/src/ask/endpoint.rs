//! Hosts and paths of providers.

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
    let &(_, kind, streams) = PATHS.iter().find(|(end, ..)| path.ends_with(end))?;
    // A message of a thread is no call; a run of it would be.
    let of_thread = kind == Kind::Messages && path.contains("/threads/");
    if kind != Kind::Invoke {
        return (!of_thread).then_some((kind, streams));
    }
    // Others than Bedrock invoke something, too.
    let (_, model) = path.rsplit_once("/model/")?;
    Some((if model.contains("embed") { Kind::Embedding } else { kind }, streams))
}

/// The model in a path: `/models/M:verb`, `/model/M/converse`, `/deployments/M/…`.
pub(super) fn model(path: &str) -> Option<String> {
    let after = |before: &str| path.rsplit_once(before).map(|(_, rest)| rest);
    let verb = || after("/models/")?.rsplit_once(':');
    let converse = || after("/model/")?.rsplit_once('/');
    let deployment = || after("/deployments/")?.split_once('/');
    let (model, _) = verb().or_else(converse).or_else(deployment)?;
    // Clients of Bedrock escape the colon before a version, and the parts of a name in full.
    let model = model.replace("%3A", ":").replace("%2F", "/");
    Some(model).filter(|model| !model.is_empty())
}

/// The path behind the base of the URL, with another model.
pub(super) fn suffix(path: &str, model: &str, other: &str) -> String {
    for before in ["/models/", "/model/"] {
        let Some((_, rest)) = path.rsplit_once(before) else { continue };
        if let Some(verb) = rest.strip_prefix(model) {
            return format!("{before}{other}{verb}");
        }
    }
    let end = PATHS.iter().find(|(end, ..)| path.ends_with(end));
    end.map_or(path, |(end, ..)| end).to_owned()
}
