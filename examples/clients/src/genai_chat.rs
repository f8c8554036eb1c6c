//! `genai` takes no middleware: a turn stands around its call.

use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatRequest};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ServiceTarget};
use techrevati_runtime::usage::UsageSnapshot;
use techrevati_runtime::{OrchestrationSession, Turn};

use crate::{QUESTION, Result};

fn client(url: &str) -> Result<Client> {
    let url = format!("{url}/");
    let target = move |target: ServiceTarget| {
        let mut model = target.model;
        model.adapter_kind = AdapterKind::OpenAI;
        let endpoint = Endpoint::from_owned(url.as_str());
        Ok(ServiceTarget { endpoint, auth: AuthData::from_single("sk-1"), model })
    };
    Ok(Client::builder().with_service_target_resolver_fn(target).build()?)
}

fn tokens(count: Option<i32>) -> u64 {
    count.and_then(|count| count.try_into().ok()).unwrap_or_default()
}

/// # Errors
/// The session's, with the client's inside.
pub async fn chat(session: &OrchestrationSession, url: &str, model: &str) -> Result<String> {
    let client = client(url)?;
    let turn = Turn::model(model).usage_from(|reply: &genai::chat::ChatResponse| {
        let usage = &reply.usage;
        UsageSnapshot::new(tokens(usage.prompt_tokens), tokens(usage.completion_tokens))
    });
    let answer = session.run_turn_recovering(turn, async |attempt| {
        let request = ChatRequest::new(vec![ChatMessage::user(QUESTION)]);
        client.exec_chat(attempt.model(), request, None).await
    });
    Ok(answer.await?.value.first_text().unwrap_or_default().to_owned())
}
