//! The provider of a model: a value for `gen_ai.provider.name`.
//!
//! The conventions have a list of values, and one that applies must be used. The callers' own names
//! for their routes, often `primary`, are another thing.

use std::borrow::Cow;

/// The provider of a call, by the name of its route and the name of its model: a value for
/// `gen_ai.provider.name`. A route that is named after no known provider, such as `primary`, says less than
/// the model does.
pub(crate) fn provider_of(route: Option<&str>, model: Option<&str>) -> Option<Cow<'static, str>> {
    let known = route.and_then(known).or_else(|| model.and_then(model_maker));
    known.map(Cow::Borrowed).or_else(|| route.map(|own| Cow::Owned(own.to_owned())))
}

/// The service in front of a model's name, else the maker of the model, where the name tells.
fn model_maker(model: &str) -> Option<&'static str> {
    // `openai/gpt-5`, as gateways write it.
    if let Some((maker, _)) = model.split_once('/')
        && let Some(maker) = known(maker)
    {
        return Some(maker);
    }
    let model = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    // Bedrock's own names: `us.anthropic.claude-…-v1:0`, `amazon.nova-…`.
    if ["anthropic.", "amazon.", "meta.", "cohere.", "ai21."].iter().any(|it| {
        model.starts_with(it) || model.split_once('.').is_some_and(|(_, rest)| rest.starts_with(it))
    }) {
        return Some("aws.bedrock");
    }
    MAKERS.iter().find(|(start, _)| model.starts_with(start)).map(|(_, maker)| *maker)
}

const MAKERS: &[(&str, &str)] = &[
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4-", "openai"),
    ("text-embedding-", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gcp.gemini"),
    ("command", "cohere"),
    ("deepseek-", "deepseek"),
    ("mistral-", "mistral_ai"),
    ("ministral-", "mistral_ai"),
    ("magistral-", "mistral_ai"),
    ("codestral-", "mistral_ai"),
    ("kimi-", "moonshot_ai"),
    ("sonar", "perplexity"),
    ("grok-", "x_ai"),
];

/// The conventions' value for a caller's name of a provider. For services that run others' models and have
/// no value there, the service's own name.
fn known(name: &str) -> Option<&'static str> {
    let name = name.trim().to_ascii_lowercase().replace(['-', ' ', '/'], "_");
    Some(match name.as_str() {
        "openai" => "openai",
        "anthropic" => "anthropic",
        "bedrock" | "aws_bedrock" | "aws.bedrock" | "amazon_bedrock" => "aws.bedrock",
        "azure" | "azure_openai" | "azure.ai.openai" => "azure.ai.openai",
        "azure_ai" | "azure.ai.inference" => "azure.ai.inference",
        "cohere" => "cohere",
        "deepseek" => "deepseek",
        "gemini" | "google" | "gcp.gemini" => "gcp.gemini",
        "gcp.gen_ai" => "gcp.gen_ai",
        "vertex" | "vertex_ai" | "gcp.vertex_ai" => "gcp.vertex_ai",
        "groq" => "groq",
        "watsonx" | "ibm.watsonx.ai" => "ibm.watsonx.ai",
        "mistral" | "mistral_ai" | "mistralai" => "mistral_ai",
        "moonshot" | "moonshot_ai" => "moonshot_ai",
        "perplexity" => "perplexity",
        "xai" | "x_ai" | "grok" => "x_ai",
        "cerebras" => "cerebras",
        "fireworks" | "fireworks_ai" => "fireworks",
        "ollama" => "ollama",
        "openrouter" => "openrouter",
        "together" | "together_ai" => "together",
        "vllm" => "vllm",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_maker_is_read_from_the_name() {
        for (model, expected) in [
            ("gpt-5", Some("openai")),
            ("openai/gpt-5", Some("openai")),
            ("claude-sonnet-4-5", Some("anthropic")),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some("aws.bedrock")),
            ("amazon.nova-pro-v1:0", Some("aws.bedrock")),
            ("openrouter/mistralai/mistral-large", Some("openrouter")),
            ("Gemini-2.5-Pro", Some("gcp.gemini")),
            ("extractive-1", None),
            ("", None),
            ("/", None),
        ] {
            assert_eq!(model_maker(model), expected, "{model}");
        }
    }

    #[test]
    fn provider_is_the_routes_then_the_models_maker() {
        for (route, model, expected) in [
            (Some("Azure OpenAI"), Some("gpt-5"), Some("azure.ai.openai")),
            (Some("groq"), Some("openai/gpt-oss-120b"), Some("groq")),
            (Some("openrouter"), Some("openai/gpt-5"), Some("openrouter")),
            (Some("primary"), Some("gpt-5"), Some("openai")),
            (Some("primary"), Some("house-model"), Some("primary")),
            (None, Some("gpt-5"), Some("openai")),
            (None, Some("house-model"), None),
        ] {
            assert_eq!(provider_of(route, model).as_deref(), expected, "{route:?} {model:?}");
        }
    }
}
