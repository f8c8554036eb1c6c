//! `reqwest` and JSON.

use reqwest_middleware::ClientBuilder;
use serde_json::{Value, json};
use techrevati_runtime::OrchestrationSession;
use techrevati_runtime::http_layer::Turns;

use crate::{QUESTION, Result};

/// # Errors
/// The client's, and an error status.
pub async fn chat(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let client = ClientBuilder::new(reqwest::Client::new()).with(Turns::of(session)).build();
    let messages = json!([{ "role": "user", "content": QUESTION }]);
    let body = json!({ "model": model, "messages": messages });
    let call = client.post(format!("{url}/chat/completions")).bearer_auth("sk-1").json(&body);
    let reply: Value = call.send().await?.error_for_status()?.json().await?;
    Ok(reply["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned())
}

/// # Errors
/// The client's, and an error status.
pub async fn stream(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let turns = Turns::of(session).ask_for_usage();
    let client = ClientBuilder::new(reqwest::Client::new()).with(turns).build();
    let messages = json!([{ "role": "user", "content": QUESTION }]);
    let body = json!({ "model": model, "messages": messages, "stream": true });
    let call = client.post(format!("{url}/chat/completions")).bearer_auth("sk-1").json(&body);
    Ok(call.send().await?.error_for_status()?.text().await?)
}
