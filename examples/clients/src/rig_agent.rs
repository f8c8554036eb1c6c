//! `rig`: a model, and an agent with a tool, through a client of `reqwest-middleware`.

use std::convert::Infallible;

use futures_util::StreamExt;
use reqwest_middleware::ClientBuilder;
use rig_agent::AgentBuilder;
use rig_core::providers::openai::OpenAIConfig;
use rig_core::tool::PortableTool;
use rig_reqwest::ReqwestMiddlewareClient;
use serde_json::{Value, json};
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

/// The agent's tool.
struct Words;

impl PortableTool for Words {
    const NAME: &'static str = "count_words";
    type Args = Value;
    type Output = usize;
    type Error = Infallible;

    fn description(&self) -> String {
        "Counts the words of a text.".to_owned()
    }

    fn parameters(&self) -> Value {
        let properties = json!({ "text": { "type": "string" } });
        json!({ "type": "object", "properties": properties, "required": ["text"] })
    }

    async fn call(&self, args: Value) -> std::result::Result<usize, Infallible> {
        Ok(args["text"].as_str().unwrap_or_default().split_whitespace().count())
    }
}

/// # Errors
/// The client's.
pub async fn agent(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let turns = Turns::of(session);
    let client = ClientBuilder::new(reqwest::Client::new()).with(turns).build();
    let mut config = OpenAIConfig::new("sk-1");
    url.clone_into(&mut config.base_url);
    let model = config.connect(ReqwestMiddlewareClient::from(client)).chat(model);
    let agent = AgentBuilder::new(model).tool(Words).default_max_turns(3).build();
    Ok(format!("{:?}", agent.prompt(QUESTION).await?))
}
