//! `async-openai`: chat completions, streamed ones, and responses.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::ReqwestService;
use async_openai::types::chat::CreateChatCompletionRequest;
use async_openai::types::responses::CreateResponse;
use futures_util::StreamExt;
use serde_json::json;
use techrevati_runtime::OrchestrationSession;
use techrevati_runtime::http_layer::Turns;

use crate::{QUESTION, Result};

fn client(session: &OrchestrationSession, url: &str) -> Client<OpenAIConfig> {
    let turns = Turns::of(session).ask_for_usage();
    let config = OpenAIConfig::new().with_api_base(url).with_api_key("sk-1");
    Client::with_config(config).with_http_service(turns.layer(ReqwestService::default()))
}

fn request(model: &str) -> Result<CreateChatCompletionRequest> {
    let messages = json!([{ "role": "user", "content": QUESTION }]);
    Ok(serde_json::from_value(json!({ "model": model, "messages": messages }))?)
}

/// # Errors
/// The client's.
pub async fn chat(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let reply = client(session, url).chat().create(request(model)?).await?;
    Ok(reply.choices[0].message.content.clone().unwrap_or_default())
}

/// # Errors
/// The client's.
pub async fn stream(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let mut chunks = client(session, url).chat().create_stream(request(model)?).await?;
    let mut text = String::new();
    while let Some(chunk) = chunks.next().await {
        let choice = chunk?.choices.into_iter().next();
        text += &choice.and_then(|choice| choice.delta.content).unwrap_or_default();
    }
    Ok(text)
}

/// # Errors
/// The client's.
pub async fn responses(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let request: CreateResponse =
        serde_json::from_value(json!({ "model": model, "input": QUESTION }))?;
    let reply = client(session, url).responses().create(request).await?;
    Ok(reply.output_text().unwrap_or_default())
}
