//! `rig`: a model, through a client of `reqwest-middleware`.

use futures_util::StreamExt;
use reqwest_middleware::ClientBuilder;
use rig_core::providers::openai::OpenAIConfig;
use rig_reqwest::ReqwestMiddlewareClient;
use techrevati_runtime::OrchestrationSession;
use techrevati_runtime::http_layer::Turns;

use crate::{QUESTION, Result};

/// # Errors
/// The client's.
pub async fn chat(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let turns = Turns::of(session);
    let client = ClientBuilder::new(reqwest::Client::new()).with(turns).build();
    let mut config = OpenAIConfig::new("sk-1");
    url.clone_into(&mut config.base_url);
    let model = config.connect(ReqwestMiddlewareClient::from(client)).chat(model);
    let reply = model.call(QUESTION).await?;
    Ok(format!("{reply:?}"))
}

/// # Errors
/// The client's.
pub async fn stream(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let turns = Turns::of(session);
    let client = ClientBuilder::new(reqwest::Client::new()).with(turns).build();
    let mut config = OpenAIConfig::new("sk-1");
    url.clone_into(&mut config.base_url);
    let model = config.connect(ReqwestMiddlewareClient::from(client)).chat(model);
    let mut items = model.stream(QUESTION)?;
    let mut said = Vec::new();
    while let Some(item) = items.next().await {
        said.push(format!("{:?}", item?));
    }
    Ok(said.concat())
}
