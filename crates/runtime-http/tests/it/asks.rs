//! What a request asks for.

use bytes::Bytes;
use http::{Method, Uri};
use proptest::prelude::*;
use runtime_http::{Ask, Kind};
use runtime_resilience::Provider;
use runtime_usage::ServiceTier;
use serde_json::json;

fn ask(url: &str, body: &str) -> Option<Ask> {
    let uri: Uri = url.parse().expect("it is a URL");
    Ask::of(&Method::POST, &uri, &Bytes::copy_from_slice(body.as_bytes()))
}

#[test]
fn kinds_of_calls_and_their_providers_are_known_by_the_url() {
    let body = r#"{"model": "m", "messages": []}"#;
    let kind = |url: &str| ask(url, body).map(|ask| (ask.provider, ask.kind, ask.streamed));
    for (url, expected) in [
        ("https://api.openai.com/v1/chat/completions", (Provider::OpenAi, Kind::Chat, false)),
        ("https://api.openai.com/v1/responses", (Provider::OpenAi, Kind::Responses, false)),
        ("https://api.openai.com/v1/embeddings", (Provider::OpenAi, Kind::Embedding, false)),
        (
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            (Provider::Azure, Kind::Chat, false),
        ),
        ("https://api.anthropic.com/v1/messages", (Provider::Anthropic, Kind::Messages, false)),
        (
            "https://us-east5-aiplatform.googleapis.com/v1/p/models/claude@1:streamRawPredict",
            (Provider::Gemini, Kind::Messages, true),
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent",
            (Provider::Gemini, Kind::GenerateContent, true),
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/a.b-v1%3A0/converse-stream",
            (Provider::Bedrock, Kind::Converse, true),
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.a-v1%3A0/invoke",
            (Provider::Bedrock, Kind::Invoke, false),
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke-with-response-stream",
            (Provider::Bedrock, Kind::Invoke, true),
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.titan-embed-text-v2/invoke",
            (Provider::Bedrock, Kind::Embedding, false),
        ),
        ("https://api.openai.com/v1/responses/compact", (Provider::OpenAi, Kind::Responses, false)),
        ("https://api.mistral.ai/v1/fim/completions", (Provider::Mistral, Kind::Chat, false)),
        ("https://api.mistral.ai/v1/agents/completions", (Provider::Mistral, Kind::Chat, false)),
        ("https://api.cohere.com/v2/chat", (Provider::Cohere, Kind::Cohere, false)),
        ("https://api.cohere.com/v1/chat", (Provider::Cohere, Kind::Cohere, false)),
        ("https://api.cohere.com/v2/embed", (Provider::Cohere, Kind::Embedding, false)),
        (
            "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
            (Provider::Qwen, Kind::Chat, false),
        ),
        (
            "https://us-central1-aiplatform.googleapis.com/v1/publishers/mistralai/models/codestral:rawPredict",
            (Provider::Gemini, Kind::Chat, false),
        ),
        (
            "https://us-east5-aiplatform.googleapis.com/v1/publishers/anthropic/models/c:rawPredict",
            (Provider::Gemini, Kind::Messages, false),
        ),
        (
            "https://us-central1-aiplatform.googleapis.com/v1/publishers/google/models/text-embedding-005:predict",
            (Provider::Gemini, Kind::Embedding, false),
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/g:batchEmbedContents",
            (Provider::Gemini, Kind::Embedding, false),
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/interactions",
            (Provider::Gemini, Kind::Interactions, false),
        ),
        (
            "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions",
            (Provider::Bedrock, Kind::Chat, false),
        ),
        ("http://localhost:11434/api/chat", (Provider::Ollama, Kind::Ollama, true)),
        (
            "https://openrouter.ai/api/v1/chat/completions",
            (Provider::OpenRouter, Kind::Chat, false),
        ),
        ("http://127.0.0.1:8000/v1/chat/completions", (Provider::Other, Kind::Chat, false)),
        // Servers redirect it, and clients follow.
        ("http://127.0.0.1:8000/v1/chat/completions/", (Provider::Other, Kind::Chat, false)),
        ("https://notopenai.com/v1/chat/completions", (Provider::Other, Kind::Chat, false)),
    ] {
        assert_eq!(kind(url), Some(expected), "{url}");
    }
}

#[test]
fn what_is_no_call_of_a_model_passes() {
    let body = r#"{"model": "m", "messages": []}"#;
    for url in [
        "https://api.openai.com/v1/files",
        "https://api.openai.com/v1/responses/resp_1/cancel",
        "https://api.openai.com/v1/threads/t/messages",
        "https://api.anthropic.com/v1/messages/count_tokens",
        "https://api.openai.com/v1/models",
        "http://localhost:8000/chain/invoke",
        "http://localhost:8000/bot/converse",
        "https://api.anthropic.com/v1/messages/batches",
        "https://api.openai.com/v1/responses/input_tokens",
        "https://api.openai.com/v1/moderations",
        "https://api.mistral.ai/v1/ocr",
        "https://api.x.ai/v1/chat/deferred-completion/1",
        "https://api.cohere.com/v2/rerank",
        "https://generativelanguage.googleapis.com/v1beta/models/g:countTokens",
        "https://generativelanguage.googleapis.com/v1beta/models/g:batchGenerateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/imagen-4:predict",
        "https://us-east5-aiplatform.googleapis.com/v1/publishers/anthropic/models/count-tokens:rawPredict",
        "https://us-central1-aiplatform.googleapis.com/v1/publishers/mistralai/models/mistral-ocr:rawPredict",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/count-tokens",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/cohere.rerank-v3-5%3A0/invoke",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-canvas-v1%3A0/invoke",
        "https://dashscope.aliyuncs.com/api/v1/services/aigc/text-generation/generation",
        "http://localhost:8080/generate",
    ] {
        assert!(ask(url, body).is_none(), "{url}");
    }
    let uri = "https://api.openai.com/v1/chat/completions".parse().expect("it is a URL");
    assert!(Ask::of(&Method::GET, &uri, body.as_bytes()).is_none(), "it lists stored ones");
    assert!(ask("https://api.openai.com/v1/chat/completions", "no JSON").is_none());
}

#[test]
fn request_of_another_service_is_no_call() {
    // It would be sent again, and elsewhere, when it fails.
    for (url, body) in [
        ("https://discord.com/api/v10/channels/1/messages", r#"{"content": "Hello"}"#),
        ("https://our.test/api/chat", r#"{"message": "Hello"}"#),
        ("https://our.test/v1/chat", r#"{"model": "m", "input": "Hello"}"#),
        ("https://forms.test/forms/7/responses", r#"{"answers": []}"#),
        ("https://our.test/crm/interactions", r#"{"customer": 7}"#),
    ] {
        assert!(ask(url, body).is_none(), "{url}");
    }
    // A stored prompt has a model, and so has an agent.
    for (url, body) in [
        ("https://api.openai.com/v1/responses", r#"{"prompt": {"id": "pmpt_1"}}"#),
        ("https://api.mistral.ai/v1/agents/completions", r#"{"agent_id": "ag:1"}"#),
        ("https://generativelanguage.googleapis.com/v1beta/interactions", r#"{"agent": "a"}"#),
    ] {
        assert_eq!(ask(url, body).map(|ask| ask.model.to_string()).as_deref(), Some("unknown"));
    }
}

#[test]
fn limits_and_tiers_are_known_by_their_names() {
    let chat =
        |body: &str| ask("https://api.openai.com/v1/chat/completions", body).expect("a call");
    let limit = |body: &str| chat(body).max_output;
    assert_eq!(limit(r#"{"model":"m"}"#), None);
    assert_eq!(limit(r#"{"max_tokens":10,"model":"m"}"#), Some(10));
    assert_eq!(limit(r#"{"max_tokens":10,"max_completion_tokens":20,"n":3}"#), Some(60));
    assert_eq!(limit(r#"{"max_output_tokens":null}"#), None);
    assert_eq!(limit(r#"{"generationConfig":{"maxOutputTokens":7}}"#), Some(7));
    assert_eq!(limit(r#"{"inferenceConfig":{"maxTokens":8}}"#), Some(8));
    assert_eq!(limit(r#"{"options":{"num_predict":9}}"#), Some(9));
    assert_eq!(limit(r#"{"prompt":"","max_gen_len":10}"#), Some(10));
    assert_eq!(limit(r#"{"textGenerationConfig":{"maxTokenCount":11}}"#), Some(11));
    assert_eq!(limit(r#"{"inferenceConfig":{"max_new_tokens":12}}"#), Some(12));
    let tier = |body: &str| chat(body).tier;
    assert_eq!(tier(r#"{"service_tier":"flex"}"#), ServiceTier::Flex);
    assert_eq!(tier(r#"{"serviceTier":{"type":"priority"}}"#), ServiceTier::Priority);
    assert_eq!(tier(r#"{"service_tier":"auto"}"#), ServiceTier::Standard);
}

#[test]
fn model_is_in_the_body_or_in_the_path() {
    let model = |url: &str, body: &str| ask(url, body).expect("a call").model.to_string();
    let chat = "https://api.openai.com/v1/chat/completions";
    assert_eq!(model(chat, r#"{"messages":[{"model":"inner"}],"model":"gpt-5"}"#), "gpt-5");
    assert_eq!(model(chat, r#"{"model":"gpt\u002d5"}"#), "gpt-5");
    assert_eq!(model(chat, r#"{"model":null}"#), "unknown");
    let path = "https://x.openai.azure.com/openai/deployments/mine/chat/completions";
    assert_eq!(model(path, "{}"), "mine");
    let path = "https://x.openai.azure.com/openai/deployments/mine/extensions/chat/completions";
    assert_eq!(model(path, "{}"), "mine");
    let path = "http://litellm:4000/openai/deployments/groq/llama-3.3/chat/completions";
    assert_eq!(model(path, "{}"), "groq/llama-3.3");
    let path = "http://litellm:4000/engines/groq/llama-3.3/chat/completions";
    assert_eq!(model(path, "{}"), "groq/llama-3.3");
    let path =
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent";
    assert_eq!(model(path, "{}"), "gemini-2.5-pro");
    let path = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova/converse";
    assert_eq!(model(path, "{}"), "us.amazon.nova");
}

#[test]
fn gateway_names_in_the_path_where_it_passes_a_call_on() {
    let body = r#"{"model": "m", "messages": []}"#;
    for (path, expected) in [
        ("anthropic/v1/messages", Provider::Anthropic),
        ("gemini/v1beta/models/m:generateContent", Provider::Gemini),
        (
            "vertex_ai/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
            Provider::Gemini,
        ),
        ("bedrock/model/m/converse", Provider::Bedrock),
        ("cohere/v2/chat", Provider::Cohere),
        ("azure/openai/deployments/m/chat/completions", Provider::Azure),
        ("v1/account/gateway/groq/chat/completions", Provider::Groq),
        // The API of many.
        ("openai/v1/chat/completions", Provider::Other),
        ("v1/chat/completions", Provider::Other),
    ] {
        let ask = ask(&format!("http://gateway.test:4000/{path}"), body).expect(path);
        assert_eq!(ask.provider, expected, "{path}");
    }
    // A host says more.
    let ask = ask("https://api.openai.com/groq/v1/chat/completions", body).expect("a call");
    assert_eq!(ask.provider, Provider::OpenAi);
}

#[test]
fn fields_are_found_whatever_stands_in_the_values() {
    let model = |body: &str| {
        let ask = ask("https://api.openai.com/v1/chat/completions", body)?;
        Some(ask.model.to_string())
    };
    let found = Some("m".to_owned());
    for body in [
        r#" { "messages" : [ {"content": "a \"model\": \"x\", } ] \\"} , {"n": [1, {}]} ] , "model" : "m" } "#,
        r#"{"a":null,"b":-1.5e3,"c":"\\","d":"\\\"","e":{},"f":[],"g":true,"model":"m"}"#,
        "{\"text\":\"Grüße 🌍 {[\",\n\"model\":\"m\"}",
    ] {
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
        assert_eq!(model(body), found, "{body}");
    }
    for body in ["", "[]", "7", "{", r#"{"model":"m""#, r#"{"model":"m\"}"#, r#"{"model"}"#] {
        assert_eq!(model(body), None, "{body}");
    }
}

#[test]
fn file_in_a_request_is_no_text() {
    let chat =
        |body: &str| ask("https://api.openai.com/v1/chat/completions", body).expect("a call");
    assert_eq!(chat(r#"{"model":"12345"}"#).input_estimate, 5);
    let data = "iVBORw0KGgo".repeat(20_000);
    for part in [
        format!(r#"{{"image_url":{{"url":"data:image/png;base64,{data}"}}}}"#),
        format!(r#"{{"source":{{"type":"base64","data":"{data}"}}}}"#),
        format!(r#"{{"inlineData":{{"mimeType":"image/png","data": "{data}"}}}}"#),
    ] {
        let estimate = chat(&format!(r#"{{"model":"m","messages":[{part}]}}"#)).input_estimate;
        assert!((1_000..1_100).contains(&estimate), "{estimate} for {}", &part[..60]);
    }
    let text = "no file, but words ".repeat(10_000);
    assert_eq!(chat(&format!(r#"{{"data":"{text}"}}"#)).input_estimate, 47_503);
}

proptest! {
    #[test]
    fn any_text_is_passed_over(before in ".*", after in ".*", name in "[a-z\"\\\\ü]{1,8}") {
        let fields = |text: &str| json!([text, {"model": text, text: [text]}]).to_string();
        let (before, after) = (fields(&before), fields(&after));
        let body = format!(r#"{{"messages":{before},"model":{},"tools":{after}}}"#, json!(name));
        let ask = ask("https://api.openai.com/v1/chat/completions", &body).expect("a call");
        prop_assert_eq!(&*ask.model, &*name);
    }
}
